"""Non-maximum suppression: of boxes that overlap too much, keep the best scored.

Greedy and exact: a box is compared only with boxes already kept, so memory is O(n). Ties in score keep their input
order, which makes the result the same on every machine. Crowded scenes need a high `iou_threshold`; the spec's output
contract holds it. Soft-NMS and fusion are not here yet.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from boxwright.boxes.coords import Array


def suppress(
    boxes_xyxy: Array,
    score: Array,
    class_id: NDArray[np.integer],
    *,
    iou_threshold: float,
    across_classes: bool = False,
) -> NDArray[np.int64]:
    """Indices of the boxes that stay, in descending score.

    Args:
        boxes_xyxy: (n, 4) boxes.
        score: (n,) scores.
        class_id: (n,) classes; boxes of different classes leave each other alone unless `across_classes`.
        iou_threshold: a box goes when its IoU with a kept box is above this, in [0, 1].

    Returns:
        (k,) int64 indices, k <= n.
    """
    if len(score) == 0:
        return np.zeros(0, np.int64)
    order = np.argsort(-score, kind="stable")
    group = np.zeros(len(score), np.int64) if across_classes else class_id.astype(np.int64)
    kept = _greedy(
        np.ascontiguousarray(boxes_xyxy[order], np.float64), group[order], int(group.max()) + 1, iou_threshold
    )
    return order[kept]


@numba.njit(cache=True, nogil=True)
def _greedy(boxes: NDArray, group: NDArray, classes: int, iou_threshold: float) -> NDArray:
    """Positions kept of boxes sorted by descending score; each class walks its own chain of kept boxes."""
    n = len(boxes)
    last_kept = np.full(classes, -1, np.int64)  # head of each class's chain
    previous = np.empty(n, np.int64)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept = np.empty(n, np.int64)
    count = 0
    for i in range(n):
        x1, y1, x2, y2 = boxes[i, 0], boxes[i, 1], boxes[i, 2], boxes[i, 3]
        j = last_kept[group[i]]
        free = True
        while j >= 0:
            w = min(x2, boxes[j, 2]) - max(x1, boxes[j, 0])
            if w > 0:
                h = min(y2, boxes[j, 3]) - max(y1, boxes[j, 1])
                if h > 0:
                    both = w * h
                    if both > iou_threshold * (areas[i] + areas[j] - both):
                        free = False
                        break
            j = previous[j]
        if free:
            previous[i] = last_kept[group[i]]
            last_kept[group[i]] = i
            kept[count] = i
            count += 1
    return kept[:count]
