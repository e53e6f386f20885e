"""Some of the judged images, answered again by the bundle and held against the stored predictions.

Which images is decided by the operating system's entropy at this moment, so nobody can know them when predictions are stored. If a
share p of the images carries detections that are not the bundle's own, n images find one with probability 1 - (1 - p)^n: 32 images
find a forged tenth in 97 of 100 tries, a forged hundredth in 28. A few forged images among many are beyond it.

Every detection that is answered, which is from the lowest score threshold of the contract on, must have a partner on the other side: of
its class, at IoU 0.98, with nearly its score (SCORE_SHARE of the range of scores). Fainter ones are counted, as the order of near
equals changes with the processor: at most MOST_UNPAIRED of them may lack a partner. What can be moved within these tolerances is
held by a second rule: AP, precision and recall over the sample, of the bundle's answers now and of the stored ones, are the same
within MOST_DIFFERENCE.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Dataset
from boxwright.boxes import match_greedy, pairwise_iou
from boxwright.detections import Detections
from boxwright.inference import Detector, Thresholds, compare_detections
from boxwright.inference.detector import GOLDEN_IOU, GOLDEN_SCORE
from boxwright.lifecycle.evidence.gathered import Evidence
from boxwright.lifecycle.evidence.pieces import UNUSABLE, Judged, Pieces, told
from boxwright.lifecycle.evidence.sampled_figures import other_figure
from boxwright.store import Store, digest_of_bytes

SAMPLE = 32  # images of each report
SECONDS = 20.0  # for all reports together; what is begun is finished
LEAST = 4  # images of each report, however long they take
MOST_UNPAIRED = 0.05  # of the detections of a sample, those that are not answered included
MOST_DIFFERENCE = 0.02  # of a figure over the sample
SCORE_SHARE = 0.02  # of the range of all scores of a report: how far the scores of partners may be apart
_LEAST_APART = 1e-4  # what arithmetic on another processor does to a score, whatever the range
_PAIR_IOU = 0.9


def answer_again(
    store: Store, evidence: Evidence, detector: Detector, *, images: int = SAMPLE, seconds: float = SECONDS
) -> int:
    """Let the bundle answer some judged images again; how many it answered.

    Args:
        store: with the images.
        evidence: of the bundle, as `gather` gives it.
        detector: of the bundle, or of a baseline whose reports are to be sampled.
        images: of each report at most; all where fewer were judged.
        seconds: to spend at most, beyond LEAST images of each report.

    Raises:
        NotReleasable: the stored predictions are not what this bundle answers, or an image is missing or is another.
    """
    of_bundle = [one for one in evidence.judged if one.bundle.digest == detector.bundle.digest]
    answered = 0
    for one in of_bundle:
        answered += _answer_side(store, evidence, one, detector, images, seconds / len(of_bundle))
    return answered


def _answer_side(store: Store, evidence: Evidence, one: Judged, detector: Detector, images: int, seconds: float) -> int:
    pieces, until = Pieces(store, evidence.verdict), time.monotonic() + seconds
    if finer := _finer_than_answers(one):
        raise _not_its_answers(pieces, one, finer)
    apart = _apart(one)
    above = max(Thresholds(detector.contract).lowest, detector.contract.output.score_floor + apart) - _LEAST_APART
    before: dict[int, Detections] = {}
    now: dict[int, Detections] = {}
    unpaired = 0
    for image_id, name, data, stored in _drawn(pieces, store, one, images):
        if len(now) >= LEAST and time.monotonic() > until:
            break
        try:
            found = detector.detect(detector.read(data, name=name))
        except UNUSABLE as error:
            raise pieces.refuse(f"image '{name}' cannot be answered again: {told(error)}") from error
        if complaint := compare_detections(
            stored, found, above=above, least_iou=GOLDEN_IOU, most_score_difference=apart
        ):
            raise _not_its_answers(pieces, one, f"on image '{name}' of '{one.side}' {complaint}")
        unpaired += _unpaired(stored, found, apart) + _unpaired(found, stored, apart)
        before[image_id], now[image_id] = stored, found
    detections = sum(len(found) for found in (*before.values(), *now.values()))
    if unpaired > max(2, MOST_UNPAIRED * detections):
        counted = f"{unpaired} of {detections} detections on {len(now)} images of '{one.side}' have no partner"
        raise _not_its_answers(pieces, one, counted)
    dataset = pieces.get(Dataset, one.dataset, f"the dataset of the {one.role}")
    if found := other_figure(one, dataset, evidence.spec.conditions, before, now, most=MOST_DIFFERENCE):
        raise _not_its_answers(pieces, one, f"on {len(now)} images of '{one.side}' {found}")
    return len(now)


def _finer_than_answers(one: Judged) -> str:
    """Numbers that no detector answers: in a fraction that float32 does not have, equal scores can be put into any order."""
    columns = one.predictions.columns
    for name, values in (("score", columns.score), ("coordinate", columns.boxes_xyxy)):
        exact = values.astype(np.float32) == values
        if not exact.all():
            return f"the {name} {float(values.flat[int(np.argmin(exact))])!r} is no float32, and theirs are"
    return ""


def _apart(one: Judged) -> float:
    """How far the scores of partners may be apart: a share of the range of all scores, as a narrow range is ranked as finely."""
    score = one.predictions.columns.score
    return max(_LEAST_APART, min(GOLDEN_SCORE, SCORE_SHARE * float(np.ptp(score)))) if len(score) else _LEAST_APART


def _not_its_answers(pieces: Pieces, one: Judged, how: str) -> Exception:
    return pieces.refuse(
        f"the stored predictions ({one.predictions.digest[:12]}) are not what the bundle answers: {how}",
        "Predict again: `boxwright predict`, then evaluate and gate; or `boxwright turn`.",
    )


def _drawn(pieces: Pieces, store: Store, one: Judged, images: int) -> Iterator[tuple[int, str, bytes, Detections]]:
    """Image id, file name, encoded image and stored detections of images drawn at random, without replacement."""
    dataset = pieces.get(Dataset, one.dataset, f"the dataset of the {one.role}")
    judged: NDArray[np.int64] = one.matches.images.column("image_id").to_numpy()
    rng = np.random.default_rng(secrets.randbits(128))
    ids = rng.choice(judged, size=min(images, len(judged)), replace=False)
    row_of = {int(image): row for row, image in enumerate(one.predictions.image_ids)}
    for image_id in ids.tolist():
        row = int(dataset.positions(np.array([image_id]))[0])
        name, digest = dataset.file_names[row], dataset.picture_digests[row]
        try:
            data = store.pictures.read(digest)
        except UNUSABLE as error:
            raise pieces.refuse(f"image '{name}' is not at hand: {told(error)}") from error
        if digest_of_bytes(data) != digest:
            raise pieces.refuse(f"image '{name}' in the store is not the one that was ingested ({digest[:12]})")
        columns = one.predictions.columns.take(np.array([row_of[image_id]], np.int64))
        yield image_id, name, data, Detections(columns.boxes_xyxy, columns.score, columns.class_id)


def _unpaired(one: Detections, other: Detections, apart: float) -> int:
    """Detections of one answer, of any score, without a partner of their class and score in the other."""
    if not len(one) or not len(other):
        return len(one)
    iou = pairwise_iou(one.boxes_xyxy, other.boxes_xyxy) * (one.class_id[:, None] == other.class_id[None, :])
    partner = match_greedy(iou, one.score, iou_threshold=_PAIR_IOU)
    return int(((partner < 0) | (np.abs(one.score - other.score[partner]) > apart)).sum())
