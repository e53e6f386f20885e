"""The one Detector: encoded picture or pixels in, detections out, as the bundle's contract says.

Evaluation, the gate's latency and the server all use this class and nothing else. Floor, suppression and the most
detections a picture go by the model's own scores; calibration maps the scores of what is left, so that a class keeps its
order and classes become comparable. Golden pictures and parity are held against the model's own scores.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Bundle
from boxwright.artifacts.calibration import ClassCalibration
from boxwright.boxes import match_greedy, paired_iou, pairwise_iou
from boxwright.detections import Detections
from boxwright.errors import BoxError, ModelError, OutputError, ParityError, StoreError, TimeExceeded
from boxwright.graphs import Expected, Limits, prove_model
from boxwright.images import Placement, letterbox, read_picture
from boxwright.images.read import MAX_PIXELS
from boxwright.inference.decode import decode_counted
from boxwright.inference.session import Session
from boxwright.inference.thresholds import Thresholds

MAX_MODEL_BYTES = 2_000_000_000  # protobuf's own limit is 2 GiB
MAX_SIDE_PX = 8192
MAX_GOLDEN_BYTES = 1 << 28  # of one golden image as it is encoded
MAX_GOLDEN_ANSWERS_BYTES = 1 << 25
MAX_GOLDEN = 64  # export keeps 8
MAX_GOLDEN_INPUT_PIXELS = 1 << 29  # of all golden images laid into the input: 8 of the largest input
RUN_SECONDS = 60.0  # no picture takes a detector that long; a graph that loops for ever would
# what reading golden answers that are not golden answers may raise
_DAMAGE = (OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError, BoxError)
GOLDEN_IOU = 0.98
GOLDEN_SCORE = 0.02


def _ignore(*_stage: str) -> None:
    """What is done at the end of a stage where nobody asks."""


class Detector:
    """A bundle, ready to answer.

    Its model is read once; the bytes whose digest the bundle names are tested in a child process (`graphs`) and then loaded.

    Args:
        bundle: what to load.
        threads: CPU threads of one run.
        check_golden: answer the bundle's golden pictures first, and refuse to exist when the answers differ.
        raw_scores: leave the contract's calibration out, as the proof of parity does.
        seconds: time limit of a run, where `detect` is not given another.
        limits: what the model may take to be opened for the first time; None: `graphs.Limits()`.
        between: called between two steps of loading; what it raises ends it.

    Raises:
        StoreError: the bundle's files are damaged or have changed.
        ModelError: the model must not be loaded; a kind of StoreError.
        ParityError: a golden picture is answered differently.

    Attributes:
        left_out: how many boxes at or above the floor nothing could be seen of, by why: `outside`, `no_area`.
    """

    def __init__(
        self, bundle: Bundle, *, threads: int = 1, check_golden: bool = False, raw_scores: bool = False,
        seconds: float = RUN_SECONDS, limits: Limits | None = None, between: Callable[[], object] = _ignore,
    ) -> None:  # fmt: skip
        self.bundle = bundle
        self.contract = bundle.contract
        self.left_out: Counter[str] = Counter()
        self._counting = threading.Lock()
        self._seconds = seconds
        self._thresholds = Thresholds(bundle.contract)
        self._calibration = None if raw_scores else bundle.contract.calibration
        self._check_input_size()
        golden = _golden(bundle) if check_golden else {}
        self._session = self._open((self._placed_golden(name)[0] for name in golden), threads, limits, between)
        for name, wanted in golden.items():  # laid into the input once more, so that memory holds one at a time
            between()
            self._answer_golden(name, *self._placed_golden(name), wanted)

    def read(
        self, data: bytes, *, name: str, max_pixels: int = MAX_PIXELS, one_frame: bool = False
    ) -> NDArray[np.uint8]:
        """The pixels of an encoded picture, by the bit depth of the contract; arguments and errors as `read_picture`."""
        depth = self.contract.bit_depth
        return read_picture(data, name=name, max_pixels=max_pixels, bit_depth=depth, one_frame=one_frame)

    def detect(
        self, picture: NDArray[np.uint8], *, seconds: float | None = None, lap: Callable[[str], object] = _ignore
    ) -> Detections:
        """Detections whose raw score reaches the contract's floor, in descending (calibrated) score.

        Args:
            picture: (h, w, 3) uint8 RGB, upright, of any size.
            seconds: time limit of the model's run; None: the detector's own.
            lap: called at the end of each stage with its name: `pre` (letterbox), `infer` (the network), `post` (boxes).

        Raises:
            OutputError: the model's output breaks the contract; `kind` says how.
            TimeExceeded: the run was stopped at its time limit.
        """
        placed, placement = letterbox(picture, input_hw=self.contract.input_hw)
        lap("pre")
        found = self._calibrated(self._detect_raw(placed[None], [placement], seconds, lap)[0])
        lap("post")
        return found

    def detect_many(self, pictures: Sequence[NDArray[np.uint8]], *, seconds: float | None = None) -> list[Detections]:
        """The same for several pictures in one run."""
        if not pictures:
            return []
        placed = [letterbox(p, input_hw=self.contract.input_hw) for p in pictures]
        found = self._detect_raw(np.stack([p for p, _ in placed]), [placement for _, placement in placed], seconds)
        return [self._calibrated(one) for one in found]

    def answered(self, detections: Detections, conditions: Mapping[str, str] | None = None) -> NDArray[np.bool_]:
        """(n,) which detections reach their score threshold; all when none was chosen.

        Args:
            detections: of one picture, as `detect` gives them.
            conditions: what is known of the picture, such as its camera; a value the contract knows has thresholds of
                its own, any other goes by the class's.
        """
        return self._thresholds.answered(detections, conditions)

    def _detect_raw(
        self,
        placed: NDArray[np.uint8],
        placements: Sequence[Placement],
        seconds: float | None = None,
        lap: Callable[[str], object] = _ignore,
    ) -> list[Detections]:
        """Detections with the model's own scores of letterboxed pictures (n, h, w, 3)."""
        boxes, scores = self._session.run(placed, seconds=self._seconds if seconds is None else seconds)
        lap("infer")
        found = []
        for i, placement in enumerate(placements):
            detections, left_out = decode_counted(boxes[i], scores[i], placement, self.contract.output)
            found.append(detections)
            if left_out.any:
                with self._counting:
                    self.left_out.update(asdict(left_out))
        return found

    def _calibrated(self, detections: Detections) -> Detections:
        return calibrated(detections, self._calibration, class_names=self.contract.class_names)

    def _check_input_size(self) -> None:
        """Every picture is laid into an input of the contract's size before the model is asked; it must be a size one can make."""
        if not all(1 <= side <= MAX_SIDE_PX for side in self.contract.input_hw):
            height, width = self.contract.input_hw
            raise ModelError(
                f"The contract of bundle {self.bundle.digest[:12]} says that its input is {height} by {width} pixels; "
                f"expected sides of 1 to {MAX_SIDE_PX}.",
                reason="size",
            )

    def _open(
        self,
        test_pictures: Iterable[NDArray[np.uint8]],
        threads: int,
        limits: Limits | None,
        between: Callable[[], object],
    ) -> Session:
        """The session, of a model that has passed the tests in a child process."""
        data = self.bundle.read_file("model.onnx", most_bytes=MAX_MODEL_BYTES)
        expected = Expected(len(self.contract.class_names), self.contract.input_hw, self.contract.output.score_floor)
        try:
            prove_model(data, expected, images=test_pictures, limits=limits)
            between()
            return Session(data, expected, threads=threads)
        except ModelError as error:
            raise ModelError(
                f"The model of bundle {self.bundle.digest[:12]} was not loaded: {error}.",
                reason=error.reason,
                kind=error.kind,
            ) from error

    def _placed_golden(self, name: str) -> tuple[NDArray[np.uint8], Placement]:
        """One golden picture, letterboxed, and its placement."""
        try:
            data = self.bundle.read_file(f"golden/{name}", most_bytes=MAX_GOLDEN_BYTES)
        except (OSError, ValueError, KeyError) as error:
            raise _damaged_golden(self.bundle, error) from error
        return letterbox(self.read(data, name=name), input_hw=self.contract.input_hw)

    def _answer_golden(self, name: str, picture: NDArray[np.uint8], placement: Placement, wanted: Detections) -> None:
        try:
            found = self._detect_raw(picture[None], [placement])[0]
        except (OutputError, TimeExceeded) as error:
            raise ModelError(
                f"The model of bundle {self.bundle.digest[:12]} cannot answer golden picture '{name}': {error}",
                reason="output" if isinstance(error, OutputError) else "time", kind=getattr(error, "kind", ""),
            ) from error  # fmt: skip
        complaint = compare_detections(
            wanted, found, above=max(0.1, self.contract.output.score_floor + GOLDEN_SCORE),
            least_iou=GOLDEN_IOU, most_score_difference=GOLDEN_SCORE,
        )  # fmt: skip
        if complaint:
            raise ParityError(f"Golden picture '{name}' is answered differently here: {complaint}.")


def _golden(bundle: Bundle) -> dict[str, Detections]:
    """Golden picture to its expected answer; StoreError where these are damaged, ModelError where there are too many."""
    if "golden/answers.json" not in bundle.golden:
        return {}
    try:
        listed = json.loads(bundle.read_file("golden/answers.json", most_bytes=MAX_GOLDEN_ANSWERS_BYTES))
        _check_golden_number(bundle, len(listed))
        return {
            name: Detections(expected["boxes_xyxy"], expected["score"], expected["class_id"])
            for name, expected in listed.items()
        }
    except _DAMAGE as error:
        raise _damaged_golden(bundle, error) from error


def _check_golden_number(bundle: Bundle, count: int) -> None:
    height, width = bundle.contract.input_hw
    most = min(MAX_GOLDEN, MAX_GOLDEN_INPUT_PIXELS // (height * width))
    if count > most:
        raise ModelError(
            f"Bundle {bundle.digest[:12]} has {count} golden pictures; expected at most {most} of its input of {height} by "
            f"{width} pixels. Export it again with fewer.",
            reason="size",
        )


def _damaged_golden(bundle: Bundle, error: Exception) -> StoreError:
    return StoreError(
        f"The golden pictures of bundle {bundle.digest[:12]} are damaged: {type(error).__name__}: {error}."
    )


def calibrated(
    detections: Detections, calibration: Mapping[str, ClassCalibration] | None, *, class_names: Sequence[str]
) -> Detections:
    """The detections with calibrated scores, in descending order of these; ties keep their order.

    Args:
        detections: with raw scores.
        calibration: class name to its map; a class without one keeps its scores. None: nothing is changed.
        class_names: by class_id.
    """
    if not calibration:
        return detections
    score = detections.score.astype(np.float64)
    for class_id, name in enumerate(class_names):
        mine = detections.class_id == class_id
        if name in calibration and mine.any():
            score[mine] = calibration[name].apply(score[mine])
    mapped = Detections(detections.boxes_xyxy, score, detections.class_id)
    return mapped[np.argsort(-mapped.score, kind="stable")]


def compare_detections(
    expected: Detections, found: Detections, *, above: float, least_iou: float, most_score_difference: float
) -> str:
    """What differs between two answers to one picture, in words; empty when nothing does.

    Every detection of either side scored above `above` must have a partner of its class on the other side with at
    least `least_iou` and at most `most_score_difference`.
    """
    for one, other, what in ((expected, found, "missing"), (found, expected, "extra")):
        rows = np.flatnonzero(one.score > above + (most_score_difference if what == "extra" else 0))
        iou = pairwise_iou(one.boxes_xyxy[rows], other.boxes_xyxy) if len(other) else np.zeros((len(rows), 0))
        iou = iou * (one.class_id[rows][:, None] == other.class_id[None, :])
        partner = match_greedy(iou, one.score[rows], iou_threshold=least_iou)
        if (partner < 0).any():
            row = rows[np.argmin(partner)]
            nearest = float(iou[np.argmin(partner)].max(initial=0))
            return (
                f"{what} box {np.round(one.boxes_xyxy[row], 1).tolist()} of class {one.class_id[row]}, "
                f"score {one.score[row]:.3f} (nearest partner has IoU {nearest:.3f})"
            )
        difference = np.abs(one.score[rows] - other.score[partner])
        if len(rows) and difference.max() > most_score_difference:
            return f"a score differs by {difference.max():.4f}"
    return ""


def agreement(expected: Detections, found: Detections, *, above: float) -> tuple[int, int, float, float]:
    """How two answers agree above a score: detections compared, unmatched, least IoU, largest score difference."""
    rows = np.flatnonzero(expected.score > above)
    if not len(rows):
        return 0, 0, 1.0, 0.0
    if not len(found):
        return len(rows), len(rows), 0.0, 1.0
    iou = pairwise_iou(expected.boxes_xyxy[rows], found.boxes_xyxy)
    iou = iou * (expected.class_id[rows][:, None] == found.class_id[None, :])
    partner = match_greedy(iou, expected.score[rows], iou_threshold=0.5)
    ok = partner >= 0
    if not ok.any():
        return len(rows), len(rows), 0.0, 1.0
    ious = paired_iou(expected.boxes_xyxy[rows[ok]], found.boxes_xyxy[partner[ok]])
    differences = np.abs(expected.score[rows[ok]] - found.score[partner[ok]])
    return len(rows), int((~ok).sum()), float(ious.min()), float(differences.max())
