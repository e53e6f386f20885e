"""Precision and recall at score thresholds: counts per picture and class, then any weighting of pictures.

A detection counts when its score reaches the threshold of its class, or the one its class has under the picture's
condition. It is true when it took an annotation at IoU 0.5
(greedy matching by score makes this the same as matching only the detections that count). Ignored annotations, and
detections on them, count for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Matches
from boxwright.artifacts.condition_thresholds import spelled, threshold_rows
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

    def with_total(self) -> tuple[NDArray, NDArray, NDArray]:
        """The three tables with one more column, the sum over classes."""
        return _with_sum(self.true), _with_sum(self.false), _with_sum(self.objects)


def _with_sum(table: NDArray) -> NDArray:
    return np.concatenate([table, table.sum(axis=1, keepdims=True)], axis=1)


def operating_bit(matches: Matches) -> np.uint64:
    """Mask of the packed bit for IoU 0.5 over all areas."""
    thresholds = np.asarray(matches.iou_thresholds)
    return np.uint64(1) << np.uint64(int(np.argmin(np.abs(thresholds - OPERATING_IOU))))


def least_scores(
    matches: Matches,
    score_thresholds: Mapping[str, float],
    condition_thresholds: Mapping[str, Mapping[str, Mapping[str, float]]] | None = None,
) -> NDArray[np.float64]:
    """(detections,) the score each detection has to reach to be answered; 0 for classes without a threshold.

    Args:
        matches: the match tables; a condition's values are read from the table `images`.
        score_thresholds: class name to least score.
        condition_thresholds: condition to value to class name to the least score that replaces it there; the rule is that of
            whoever answers (`inference.Thresholds`).

    Raises:
        InputError: the thresholds depend on several conditions, or on one that no caller can send.
    """
    of_class, condition, by_value = threshold_rows(matches.class_names, score_thresholds, condition_thresholds or {})
    class_id = matches.detections.column("class_id").to_numpy()
    least = of_class[class_id]
    if condition not in matches.images.column_names:
        return least
    values = np.array([spelled(value or "") for value in matches.images.column(condition).to_pylist()], dtype=object)
    here = values[matches.detections.column("image").to_numpy()]
    for value, special in by_value.items():
        least = np.where(here == value, special[class_id], least)
    return least


def answered(matches: Matches, least: NDArray) -> NDArray[np.bool_]:
    """(detections,) which reach the score asked of them."""
    return matches.detections.column("score").to_numpy() >= least


def count(
    matches: Matches,
    passes: NDArray,
    *,
    detection_mask: NDArray | None = None,
    object_mask: NDArray | None = None,
) -> Counts:
    """Counts at an operating point.

    Args:
        matches: the match tables.
        passes: (detections,) bool, those that are answered.
        detection_mask: (detections,) bool, those that belong to the slice; all when None.
        object_mask: (objects,) bool, likewise.
    """
    detections, objects = matches.detections, matches.objects
    bit = operating_bit(matches)
    class_id = detections.column("class_id").to_numpy()
    counts_here = passes & (detections.column("ignored").to_numpy() & bit == 0)
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
        return np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float32)

    return Counts(table(cell_d[counts_here & hit]), table(cell_d[counts_here & ~hit]), table(cell_o[asked]))


def figures(true: NDArray, false: NDArray, objects: NDArray, images: NDArray) -> dict[str, NDArray]:
    """precision, recall, f1 and false_alarms_per_image from totals of any one shape; NaN where undefined."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "precision": true / (true + false),
            "recall": true / objects,
            "f1": 2 * true / (true + false + objects),
            "false_alarms_per_image": false / images,
        }
