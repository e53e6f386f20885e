"""Overlap of boxes: intersection over union, every pair or row by row.

Boxes are `xyxy` in continuous pixels. An empty box overlaps nothing: its IoU is 0, not NaN.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from boxwright.boxes.coords import Array, area


def pairwise_iou(boxes_a: Array, boxes_b: Array) -> Array:
    """(n, m) intersection over union of each of n boxes with each of m boxes, in [0, 1]."""
    low = np.maximum(boxes_a[:, None, :2], boxes_b[None, :, :2])  # (n, m, 2)
    high = np.minimum(boxes_a[:, None, 2:], boxes_b[None, :, 2:])  # (n, m, 2)
    size = np.maximum(high - low, 0)
    return _ratio(size[..., 0] * size[..., 1], area(boxes_a)[:, None], area(boxes_b)[None, :])


def paired_iou(boxes_a: Array, boxes_b: Array) -> Array:
    """(n,) intersection over union of row i of `boxes_a` with row i of `boxes_b`, in [0, 1]."""
    size = np.maximum(np.minimum(boxes_a[:, 2:], boxes_b[:, 2:]) - np.maximum(boxes_a[:, :2], boxes_b[:, :2]), 0)
    return _ratio(size[:, 0] * size[:, 1], area(boxes_a), area(boxes_b))


def _ratio(intersection: NDArray, area_a: NDArray, area_b: NDArray) -> NDArray:
    union = area_a + area_b - intersection
    return np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)


@numba.njit(cache=True, nogil=True)
def iou_of_two(a, b):
    """Intersection over union of two boxes of 4 numbers each; for use inside compiled loops."""
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    both = w * h
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)
