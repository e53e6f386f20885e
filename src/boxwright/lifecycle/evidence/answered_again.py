"""Some of the judged images, answered again by the bundle and held against the stored predictions.

Which images is decided by the operating system's entropy at this moment, so nobody can know them when predictions are stored. If a
share p of the images carries detections that are not the bundle's own, n images find one with probability 1 - (1 - p)^n: 32 images
find a forged tenth in 97 of 100 tries, a forged hundredth in 28. A few forged images among many are beyond it.

The tolerance is that of golden images (decision 0003), as another processor or runtime answers within it. Detections below the
score from which golden images are compared are counted too: over the whole sample at most MOST_UNPAIRED of them may lack a partner.
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
from boxwright.inference import Detector, compare_detections
from boxwright.inference.detector import GOLDEN_IOU, GOLDEN_SCORE
from boxwright.lifecycle.evidence.gathered import Evidence
from boxwright.lifecycle.evidence.pieces import UNUSABLE, Judged, Pieces, told
from boxwright.store import Store, digest_of_bytes

SAMPLE = 32  # images of each report
SECONDS = 20.0  # for all reports together; what is begun is finished
LEAST = 4  # images of each report, however long they take
MOST_UNPAIRED = 0.05  # of the detections of a sample, those of low score included
_LEAST_COMPARED = 0.1  # as golden images: below, detections are only counted
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
        answered += _answer_side(
            Pieces(store, evidence.verdict), store, one, detector, images, seconds / len(of_bundle)
        )
    return answered


def _answer_side(pieces: Pieces, store: Store, one: Judged, detector: Detector, images: int, seconds: float) -> int:
    until, unpaired, detections, done = time.monotonic() + seconds, 0, 0, 0
    floor = detector.contract.output.score_floor
    above = max(_LEAST_COMPARED, floor + GOLDEN_SCORE)
    for name, data, stored in _drawn(pieces, store, one, images):
        if done >= LEAST and time.monotonic() > until:
            break
        try:
            found = detector.detect(detector.read(data, name=name))
        except UNUSABLE as error:
            raise pieces.refuse(f"image '{name}' cannot be answered again: {told(error)}") from error
        complaint = compare_detections(
            stored, found, above=above, least_iou=GOLDEN_IOU, most_score_difference=GOLDEN_SCORE
        )
        if complaint:
            raise pieces.refuse(
                f"the stored predictions ({one.predictions.digest[:12]}) are not what the bundle answers: on image '{name}' of "
                f"'{one.side}' {complaint}",
                "Predict again: `boxwright predict`, then evaluate and gate; or `boxwright turn`.",
            )
        unpaired += _unpaired(stored, found) + _unpaired(found, stored)
        detections += len(stored) + len(found)
        done += 1
    if unpaired > max(2, MOST_UNPAIRED * detections):
        raise pieces.refuse(
            f"the stored predictions ({one.predictions.digest[:12]}) are not what the bundle answers: {unpaired} of {detections} "
            f"detections on {done} images of '{one.side}' have no partner",
            "Predict again: `boxwright predict`, then evaluate and gate; or `boxwright turn`.",
        )
    return done


def _drawn(pieces: Pieces, store: Store, one: Judged, images: int) -> Iterator[tuple[str, bytes, Detections]]:
    """File name, encoded image and stored detections of images drawn at random, without replacement."""
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
        yield name, data, Detections(columns.boxes_xyxy, columns.score, columns.class_id)


def _unpaired(one: Detections, other: Detections) -> int:
    """Detections of one answer, of any score, without a partner of their class and score in the other."""
    if not len(one) or not len(other):
        return len(one)
    iou = pairwise_iou(one.boxes_xyxy, other.boxes_xyxy) * (one.class_id[:, None] == other.class_id[None, :])
    partner = match_greedy(iou, one.score, iou_threshold=_PAIR_IOU)
    return int(((partner < 0) | (np.abs(one.score - other.score[partner]) > GOLDEN_SCORE)).sum())
