"""Greedy matching of detections to annotations, by descending score.

The plain rule, for comparing two sets of boxes on one picture. COCO's rule with crowds, areas and ten thresholds is an
evaluation's business and lives in `evaluation/match.py`.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from boxwright.boxes.coords import Array


def match_greedy(iou: Array, score: Array, *, iou_threshold: float) -> NDArray[np.int32]:
    """Annotation taken by each detection, or -1.

    Detections choose in descending score; each takes the free annotation it overlaps most.

    Args:
        iou: (n, m) overlap of n detections with m annotations, in [0, 1].
        score: (n,) in any order; ties keep their input order.
        iou_threshold: least overlap that counts, inclusive.

    Returns:
        (n,) int32 index into the annotations; no annotation is taken twice.
    """
    if iou.shape[1] == 0:
        return np.full(iou.shape[0], -1, np.int32)
    return _match(np.ascontiguousarray(iou, np.float64), np.argsort(-score, kind="stable"), iou_threshold)


@numba.njit(cache=True, nogil=True)
def _match(iou: NDArray, order: NDArray, iou_threshold: float) -> NDArray:
    taken = np.zeros(iou.shape[1], np.bool_)
    match = np.full(iou.shape[0], -1, np.int32)
    for i in order:
        best = -1
        for j in range(iou.shape[1]):
            if not taken[j] and iou[i, j] >= iou_threshold and (best < 0 or iou[i, j] > iou[i, best]):
                best = j
        if best >= 0:
            taken[best] = True
            match[i] = best
    return match
