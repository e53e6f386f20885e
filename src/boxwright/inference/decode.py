"""Raw cells to detections: floor, suppression, the way back to the original picture.

The one place where a model's output becomes boxes; training, export's parity proof, evaluation and serving all call it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from boxwright.boxes import suppress
from boxwright.detections import Detections
from boxwright.images import Placement
from boxwright.spec.spec import OutputClause

_BEFORE_SUPPRESSION = 3000


def decode(boxes: NDArray, scores: NDArray, placement: Placement, output: OutputClause) -> Detections:
    """Detections of one picture in the original's pixels, in descending score.

    Args:
        boxes: (cells, 4) xyxy in input pixels.
        scores: (cells, classes) in [0, 1].
        placement: how the picture was laid into the input.
        output: floor, suppression, most detections.
    """
    cell, class_id = np.nonzero(scores >= output.score_floor)
    score = scores[cell, class_id]
    if len(score) > _BEFORE_SUPPRESSION:
        best = np.argsort(-score, kind="stable")[:_BEFORE_SUPPRESSION]
        cell, class_id, score = cell[best], class_id[best], score[best]
    original = placement.to_original(boxes[cell].astype(np.float64))
    finite = np.isfinite(original).all(axis=1) & (original[:, 2:] > original[:, :2]).all(axis=1)
    original, score, class_id = original[finite], score[finite], class_id[finite]
    rule = output.suppression
    if rule.method == "none":
        kept = np.argsort(-score, kind="stable")
    else:
        kept = suppress(original, score, class_id, iou_threshold=rule.iou_threshold, across_classes=rule.across_classes)
    kept = kept[: output.max_detections]
    return Detections(original[kept], np.clip(score[kept], 0, 1), class_id[kept])
