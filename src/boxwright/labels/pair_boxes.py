"""Which annotation of one version is which of the other, on pictures both hold.

In this order: the same box of the same class under the same id; the same box of the same class under another id (it was
renumbered); where ids are believed, the same id anywhere; and of what is left, the pairs with at least `least_iou` that are
the most, and among those of the largest sum of IoU, a box of the same class counting a little more.

Ids are believed when at least nine of ten boxes that are exactly the same on both sides also have the same id. Files whose
ids are only positions lose that as soon as one box is taken out, and are then compared by place.
"""

from __future__ import annotations

from typing import Literal

import numba
import numpy as np
from numpy.typing import NDArray

from boxwright.boxes import iou_of_two, pair_up
from boxwright.detections import AnnotationColumns

By = Literal["auto", "ids", "place"]
LEAST_IOU = 0.5
_BELIEVED = 0.9
_A_PAIR, _SAME_CLASS = 10.0, 0.2137  # one more pair outweighs any overlap; a class outweighs a little of it


def pair_boxes(
    before: AnnotationColumns, after: AnnotationColumns, *, by: By, unchanged: int, least_iou: float
) -> tuple[NDArray[np.int64], bool]:
    """Row of `before` that each row of `after` was, or -1; and whether ids were believed.

    Args:
        before, after: the same pictures in the same order, class_ids of one list of classes.
        by: `ids` and `place` settle whether ids are believed.
        unchanged: boxes on other pictures that are the same, ids included.
        least_iou: of a pair that is found by place.
    """
    sides = (before.offsets, before.boxes_xyxy, before.class_id, before.annotation_id,
             after.offsets, after.boxes_xyxy, after.class_id, after.annotation_id)  # fmt: skip
    partner, same, renumbered = _exact(*sides)
    believed = by == "ids" or (by == "auto" and same + unchanged >= _BELIEVED * (same + unchanged + renumbered))
    _rest(*sides, partner, believed, least_iou)
    return partner, believed


@numba.njit(cache=True, nogil=True)
def _equal(box_a, class_a, box_b, class_b):
    if class_a != class_b:
        return False
    return box_a[0] == box_b[0] and box_a[1] == box_b[1] and box_a[2] == box_b[2] and box_a[3] == box_b[3]


@numba.njit(cache=True, nogil=True)
def _exact(offsets_a, box_a, class_a, id_a, offsets_b, box_b, class_b, id_b):
    """Pairs that are exactly the same; how many of them under the same id and under another."""
    partner = np.full(len(box_b), -1, np.int64)
    taken = np.zeros(len(box_a), np.bool_)
    counts = np.zeros(2, np.int64)
    for p in range(len(offsets_b) - 1):
        for other in range(2):
            for j in range(offsets_b[p], offsets_b[p + 1]):
                if partner[j] >= 0:
                    continue
                for i in range(offsets_a[p], offsets_a[p + 1]):
                    if taken[i] or (other == 0 and id_a[i] != id_b[j]):
                        continue
                    if _equal(box_a[i], class_a[i], box_b[j], class_b[j]):
                        partner[j], taken[i] = i, True
                        counts[other] += 1
                        break
    return partner, counts[0], counts[1]


@numba.njit(cache=True, nogil=True)
def _rest(offsets_a, box_a, class_a, id_a, offsets_b, box_b, class_b, id_b, partner, believed, least_iou):
    """Pair up what is not exactly the same; fills `partner`."""
    taken = np.zeros(len(box_a), np.bool_)
    for j in range(len(partner)):
        if partner[j] >= 0:
            taken[partner[j]] = True
    for p in range(len(offsets_b) - 1):
        a, b = np.empty(offsets_a[p + 1] - offsets_a[p], np.int64), np.empty(offsets_b[p + 1] - offsets_b[p], np.int64)
        if believed:
            for j in range(offsets_b[p], offsets_b[p + 1]):
                for i in range(offsets_a[p], offsets_a[p + 1]):
                    if partner[j] < 0 and not taken[i] and id_a[i] == id_b[j]:
                        partner[j], taken[i] = i, True
        n, m = 0, 0
        for i in range(offsets_a[p], offsets_a[p + 1]):
            if not taken[i]:
                a[n] = i
                n += 1
        for j in range(offsets_b[p], offsets_b[p + 1]):
            if partner[j] < 0:
                b[m] = j
                m += 1
        if n == 0 or m == 0:
            continue
        gain = np.zeros((n, m))
        for x in range(n):
            for y in range(m):
                iou = iou_of_two(box_a[a[x]], box_b[b[y]])
                if iou > 0 and iou >= least_iou:
                    gain[x, y] = _A_PAIR + iou + (_SAME_CLASS if class_a[a[x]] == class_b[b[y]] else 0.0)
        chosen = pair_up(gain)
        for x in range(n):
            if chosen[x] >= 0:
                partner[b[chosen[x]]] = a[x]
