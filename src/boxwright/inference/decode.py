"""Raw cells to detections: floor, suppression, the way back to the original picture.

The one place where a model's output becomes boxes; training, export's parity proof, evaluation and serving all call it. What a
bundle answers was checked before (`graphs.check_outputs`); a network in training was not, so a box that is not finite is left out
here. Whatever is left out is counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from boxwright.boxes import suppress
from boxwright.detections import Detections
from boxwright.images import Placement
from boxwright.spec.spec import OutputClause

_BEFORE_SUPPRESSION = 3000  # the best scored that go into suppression, or more where more may be answered


@dataclass(frozen=True)
class LeftOut:
    """Boxes at or above the floor that are no detection, because nothing of them can be seen.

    Attributes:
        outside: they lie outside the picture, in the letterbox's border or beyond.
        no_area: their width or height is 0.
        not_finite: a coordinate is infinite or not a number; only from a network in training.
    """

    outside: int = 0
    no_area: int = 0
    not_finite: int = 0

    @property
    def any(self) -> bool:
        """Whether there was one."""
        return bool(self.outside or self.no_area or self.not_finite)


def decode(boxes: NDArray, scores: NDArray, placement: Placement, output: OutputClause) -> Detections:
    """Detections of one picture in the original's pixels, in descending score.

    Args:
        boxes: (cells, 4) xyxy in input pixels.
        scores: (cells, classes) in [0, 1].
        placement: how the picture was laid into the input.
        output: floor, suppression, most detections.
    """
    return decode_counted(boxes, scores, placement, output)[0]


def decode_counted(
    boxes: NDArray, scores: NDArray, placement: Placement, output: OutputClause
) -> tuple[Detections, LeftOut]:
    """The same, and how many boxes were left out because nothing of them can be seen; arguments as `decode`."""
    flat = np.flatnonzero(
        scores >= output.score_floor
    )  # on 80 classes fifteen times faster than np.nonzero of two axes
    cell, class_id = np.divmod(flat, scores.shape[1])
    score = scores[cell, class_id]
    most = max(_BEFORE_SUPPRESSION, output.max_detections)
    if len(score) > most:
        best = np.argsort(-score, kind="stable")[:most]
        cell, class_id, score = cell[best], class_id[best], score[best]
    given = boxes[cell].astype(np.float64)
    original = placement.to_original(given)
    visible = np.isfinite(given).all(axis=1) & (original[:, 2:] > original[:, :2]).all(axis=1)
    left_out = LeftOut() if visible.all() else _left_out(given[~visible])
    original, score, class_id = original[visible], score[visible], class_id[visible]
    rule = output.suppression
    if rule.method == "none":
        kept = np.argsort(-score, kind="stable")
    else:
        kept = suppress(original, score, class_id, iou_threshold=rule.iou_threshold, across_classes=rule.across_classes)
    kept = kept[: output.max_detections]
    return Detections(original[kept], np.clip(score[kept], 0, 1), class_id[kept]), left_out


def _left_out(given: NDArray) -> LeftOut:
    """Why boxes (k, 4) in input pixels cannot be seen in the picture."""
    finite = np.isfinite(given).all(axis=1)
    area = finite & (given[:, 2:] > given[:, :2]).all(axis=1)
    return LeftOut(outside=int(area.sum()), no_area=int((finite & ~area).sum()), not_finite=int((~finite).sum()))
