"""Precision and recall at score thresholds: counts per picture and class, then any weighting of pictures.

A detection counts when its score reaches its class's threshold. It is true when it took an annotation at IoU 0.5
(greedy matching by score makes this the same as matching only the detections that count). Ignored annotations, and
detections on them, count for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Matches
from boxwright.evaluation.match import OPERATING_IOU


@dataclass(frozen=True)
class Counts:
    """Counts per picture and class, each (images, classes).

    Attributes:
        true: detections that took an annotation.
        false: detections that took none.
        objects: annotations asked for.
    """

    true: NDArray
    false: NDArray
    objects: NDArray

    def only_class(self, class_id: int | None) -> Counts:
        """The same counts of one class, or of all when None."""
        if class_id is None:
            return self
        keep = slice(class_id, class_id + 1)
        return Counts(self.true[:, keep], self.false[:, keep], self.objects[:, keep])


def operating_bit(matches: Matches) -> np.uint64:
    """Mask of the packed bit for IoU 0.5 over all areas."""
    thresholds = np.asarray(matches.iou_thresholds)
    return np.uint64(1) << np.uint64(int(np.argmin(np.abs(thresholds - OPERATING_IOU))))


def thresholds_by_class(matches: Matches, score_thresholds: Mapping[str, float]) -> NDArray[np.float64]:
    """(K,) threshold by class_id; 0 where none is given."""
    return np.array([score_thresholds.get(name, 0.0) for name in matches.class_names])


def count(
    matches: Matches,
    thresholds: NDArray,
    *,
    detection_mask: NDArray | None = None,
    object_mask: NDArray | None = None,
) -> Counts:
    """Counts at thresholds.

    Args:
        matches: the match tables.
        thresholds: (K,) least score by class_id.
        detection_mask: (detections,) bool, those that belong to the slice; all when None.
        object_mask: (objects,) bool, likewise.
    """
    detections, objects = matches.detections, matches.objects
    bit = operating_bit(matches)
    class_id = detections.column("class_id").to_numpy()
    counts_here = detections.column("score").to_numpy() >= thresholds[class_id]
    counts_here &= detections.column("ignored").to_numpy() & bit == 0
    if detection_mask is not None:
        counts_here &= detection_mask
    hit = detections.column("hit").to_numpy() & bit != 0
    asked = objects.column("left_out").to_numpy() & np.uint64(1) == 0
    if object_mask is not None:
        asked &= object_mask
    shape = (len(matches.images), len(matches.class_names))
    cell_d = detections.column("image").to_numpy().astype(np.int64) * shape[1] + class_id
    cell_o = objects.column("image").to_numpy().astype(np.int64) * shape[1] + objects.column("class_id").to_numpy()

    def table(cells: NDArray) -> NDArray:
        return np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)

    return Counts(table(cell_d[counts_here & hit]), table(cell_d[counts_here & ~hit]), table(cell_o[asked]))


def figures(counts: Counts, weights: NDArray) -> dict[str, NDArray]:
    """precision, recall, f1 and false_alarms_per_image under one or many weightings, NaN where undefined.

    Args:
        counts: per picture and class; classes are summed.
        weights: (b, images).

    Returns:
        name to (b,).
    """
    true, false, objects = (weights @ part.sum(axis=1) for part in (counts.true, counts.false, counts.objects))
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "precision": true / (true + false),
            "recall": true / objects,
            "f1": 2 * true / (true + false + objects),
            "false_alarms_per_image": false / weights.sum(axis=1),
        }
