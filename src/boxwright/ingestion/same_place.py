"""Pairs of boxes in the same place, found by a sweep from left to right; its work is bounded whatever the boxes are."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

_MOST_PAIRS = 10_000
_MOST_STEPS = 20_000_000


def same_place(boxes_xyxy: NDArray[np.float64], iou: float) -> list[tuple[int, int, float]]:
    """(i, j, IoU) of every pair with at least this IoU, i < j, in rising order; at most 10,000.

    Args:
        boxes_xyxy: (n, 4).
        iou: least overlap, above 0.
    """
    order = np.argsort(boxes_xyxy[:, 0], kind="stable")
    found, overlap = _sweep(np.ascontiguousarray(boxes_xyxy[order]), iou, _MOST_PAIRS, _MOST_STEPS)
    pairs = np.sort(order[found], axis=1) if len(found) else np.zeros((0, 2), np.int64)
    ranked = np.lexsort((pairs[:, 1], pairs[:, 0]))
    return [(int(pairs[k, 0]), int(pairs[k, 1]), float(overlap[k])) for k in ranked]


@numba.njit(cache=True, nogil=True)
def _sweep(boxes, iou, most_pairs, most_steps):
    """Boxes in rising x1: a partner with that IoU begins before (1 - IoU) of the box's width is over."""
    found = np.empty((64, 2), np.int64)
    overlap = np.empty(64)
    count, steps = 0, 0
    for i in range(len(boxes)):
        width, height = boxes[i, 2] - boxes[i, 0], boxes[i, 3] - boxes[i, 1]
        reach = boxes[i, 0] + (1 - iou) * width
        for j in range(i + 1, len(boxes)):
            if boxes[j, 0] > reach:
                break
            steps += 1
            if steps > most_steps or count == most_pairs:
                return found[:count], overlap[:count]
            w = min(boxes[i, 2], boxes[j, 2]) - max(boxes[i, 0], boxes[j, 0])
            h = min(boxes[i, 3], boxes[j, 3]) - max(boxes[i, 1], boxes[j, 1])
            if w <= 0 or h <= 0:
                continue
            both = width * height + (boxes[j, 2] - boxes[j, 0]) * (boxes[j, 3] - boxes[j, 1]) - w * h
            if w * h >= iou * both:
                if count == len(found):
                    more = np.empty((2 * count, 2), np.int64)
                    more[:count] = found
                    found = more
                    wider = np.empty(2 * count)
                    wider[:count] = overlap
                    overlap = wider
                found[count, 0], found[count, 1], overlap[count] = i, j, w * h / both
                count += 1
    return found[:count], overlap[:count]


@numba.njit(cache=True, nogil=True)
def untroubled(boxes, bounds, sizes_hw, crowd, iou, most):
    """Per picture: whether all boxes span something inside of it and no two that are no crowds are in the same place.

    Args:
        boxes: (n, 4) xyxy of all pictures, one after another.
        bounds: (pictures + 1,) where each picture's boxes begin.
        sizes_hw: (pictures, 2).
        crowd: (n,).
        iou: from which on two boxes are in the same place.
        most: boxes of a picture; one with more is not called untroubled, and left to the sweep.
    """
    fine = np.ones(len(sizes_hw), np.bool_)
    for p in range(len(sizes_hw)):
        if bounds[p + 1] - bounds[p] > most:
            fine[p] = False
            continue
        for i in range(bounds[p], bounds[p + 1]):
            x1, y1, x2, y2 = boxes[i]
            if not (x1 >= 0 and y1 >= 0 and x2 <= sizes_hw[p, 1] and y2 <= sizes_hw[p, 0] and x1 < x2 and y1 < y2):
                fine[p] = False
            for j in range(i + 1, bounds[p + 1]):
                w = min(x2, boxes[j, 2]) - max(x1, boxes[j, 0])
                h = min(y2, boxes[j, 3]) - max(y1, boxes[j, 1])
                if w <= 0 or h <= 0 or crowd[i] or crowd[j]:
                    continue
                both = (x2 - x1) * (y2 - y1) + (boxes[j, 2] - boxes[j, 0]) * (boxes[j, 3] - boxes[j, 1]) - w * h
                if w * h >= iou * both:
                    fine[p] = False
    return fine
