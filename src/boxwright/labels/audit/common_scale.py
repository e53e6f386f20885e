"""Scores of any detector on one scale: how often detections ranked like this agree with a label.

Detectors differ in what a score means; some never exceed 0.5. Only the order of scores is used: detections are ranked
within the file, and isotonic regression (pool adjacent violators) turns the rank into the share that lies on a label of
its class at IoU 0.5. Each class has its own curve, drawn towards that of all classes where it has few detections. So any
rising transform of the scores gives the same result. The labels may be wrong in places; that lowers the top of the curve
a little and does not change the order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from boxwright.boxes import grouped
from boxwright.statistics import isotonic

_SHRINK = 200.0  # detections of a class that weigh as much as all classes together
_LEAST, _MOST = 0.002, 0.998
_RANK_SHARE = 0.002  # keeps the order among detections that share a step of the curve


def ranks(score: NDArray) -> NDArray[np.float64]:
    """(n,) share of scores below, ties sharing their middle; in (0, 1)."""
    if not len(score):
        return np.zeros(0)
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    return ((np.cumsum(counts) - 0.5 * counts) / len(score))[inverse]


def share_agreeing(rank: NDArray, class_id: NDArray, agrees: NDArray, *, classes: int) -> NDArray[np.float64]:
    """(n,) share of detections ranked like this that agree with a label, in (0, 1); rises with the rank in a class.

    Args:
        rank: (n,) in (0, 1), see `ranks`.
        class_id: (n,).
        agrees: (n,) bool, whether the detection takes a label of its class.
        classes: how many classes there are.
    """
    if not len(rank):
        return np.zeros(0)
    pooled = isotonic(rank, agrees)
    found = pooled.copy()
    by_class, starts = grouped(class_id, classes)
    for c in range(classes):
        mine = by_class[starts[c] : starts[c + 1]]
        if len(mine):
            share = len(mine) / (len(mine) + _SHRINK)
            found[mine] = share * isotonic(rank[mine], agrees[mine]) + (1 - share) * pooled[mine]
    return np.clip(found, _LEAST, _MOST) * (1 - _RANK_SHARE) + _RANK_SHARE * rank
