"""The spec's rule on a list of possible thresholds: which one it takes, and what a choice is worth.

Both work on counts alone, for one list or for many at once (bootstrap replicates), so that the choice on val and its
cross-validation follow the same rule.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from boxwright.spec.spec import OperatingPointClause


def follow(rule: OperatingPointClause, hits: NDArray, shown: NDArray, objects: NDArray | float) -> tuple:
    """Which threshold the rule takes.

    Args:
        rule: the spec's.
        hits: (..., n) true detections at or above each threshold, thresholds falling.
        shown: (..., n) all detections at or above it.
        objects: (...) annotations asked for, above 0.

    Returns:
        (...) index of the threshold, and (...) whether the rule could be kept; where not, it is the best F1.
    """
    objects = np.asarray(objects, np.float64)[..., None]
    best = np.argmax(2 * hits / np.maximum(shown + objects, 1e-12), axis=-1)
    if rule.choose == "best_f1":
        return best, np.ones_like(best, np.bool_)
    if rule.choose == "least_cost":
        cost = rule.cost.false_alarm * (shown - hits) + rule.cost.miss * (objects - hits)
        return np.argmin(cost, axis=-1), np.ones_like(best, np.bool_)
    if rule.choose == "least_precision":
        able = (hits >= rule.least * shown - 1e-9) & (shown > 0)
        wanted = able.shape[-1] - 1 - np.argmax(able[..., ::-1], axis=-1)
    else:
        able = hits >= rule.least * objects - 1e-9
        wanted = np.argmax(able, axis=-1)
    kept = able.any(axis=-1)
    return np.where(kept, wanted, best), kept


def worth(rule: OperatingPointClause, hits: NDArray, shown: NDArray, objects: NDArray) -> NDArray[np.float64]:
    """(...) what a choice is worth by the rule, more is better; all arguments are counts of the same shape.

    best_f1: F1. least_cost: the cost saved, per object. least_precision and least_recall: what is kept, as far as it was
    asked for, plus the other of the two, so that a shortfall weighs as much as what it buys.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(shown > 0, hits / shown, 1.0)
        recall = np.where(objects > 0, hits / objects, 1.0)
        if rule.choose == "best_f1":
            return np.where(shown + objects > 0, 2 * hits / (shown + objects), 1.0)
        if rule.choose == "least_cost":
            cost = rule.cost.false_alarm * (shown - hits) + rule.cost.miss * (objects - hits)
            return -cost / np.maximum(objects, 1)
    if rule.choose == "least_precision":
        return np.minimum(precision, rule.least) + recall
    return np.minimum(recall, rule.least) + precision
