"""Which box before is which box after, when a person may have moved some and given others another class.

First what stayed: the same class, no further than `same_px` apart. Then of what is left, moved boxes (their class,
IoU 0.5 or more) and boxes in place that were given another class (IoU 0.8 or more); of all pairings the one with the most pairs,
boxes of one class before others, and the most overlap.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from boxwright.boxes.assignment import best_pairs
from boxwright.boxes.overlap import pairwise_iou

_MOVED, _IN_PLACE = 0.5, 0.8  # IoU at which a changed box is known again: of its class, of another
_A_PAIR, _SAME_CLASS = 10.0, 5.0  # one more pair outweighs a class, a class any overlap


def recognised(
    before_xyxy: NDArray,
    before_class: NDArray,
    after_xyxy: NDArray,
    after_class: NDArray,
    *,
    same_px: float,
    apart: NDArray | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """For each box after, the box before that it is, or -1; and whether it stayed as it was.

    Args:
        before_xyxy, before_class: (n, 4) and (n,).
        after_xyxy, after_class: (m, 4) and (m,), finite.
        same_px: how far a box that stayed may be off, in pixels.
        apart: (m, n) how far boxes are apart, in pixels; None: by the corner coordinate that is furthest off.

    Returns:
        (m,) int64 and (m,) bool; no box before is taken twice.
    """
    before, after = (np.asarray(b, np.float64).reshape(-1, 4) for b in (before_xyxy, after_xyxy))
    found = np.full(len(after), -1, np.int64)
    if not len(before) or not len(after):
        return found, np.zeros(len(after), np.bool_)
    alike = np.equal.outer(np.asarray(after_class), np.asarray(before_class))  # (m, n)
    far = np.abs(after[:, None] - before[None]).max(axis=2) if apart is None else apart  # (m, n)
    found = best_pairs(np.where(alike & (far <= same_px), _A_PAIR + 1 - far / (same_px + 1), 0.0))
    stayed = found >= 0
    asked, free = np.flatnonzero(~stayed), np.setdiff1d(np.arange(len(before)), found[stayed])
    if len(asked) and len(free):
        overlap, same_class = pairwise_iou(after[asked], before[free]), alike[np.ix_(asked, free)]
        known = overlap >= np.where(same_class, _MOVED, _IN_PLACE)
        chosen = best_pairs(np.where(known, _A_PAIR + _SAME_CLASS * same_class + overlap, 0.0))
        found[asked[chosen >= 0]] = free[chosen[chosen >= 0]]
    return found, stayed
