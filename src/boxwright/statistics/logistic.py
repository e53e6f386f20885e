"""Logistic regression with few columns, by Newton steps that are halved until they gain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from boxwright.statistics.odds import sigmoid

_STEPS = 50


def fit_logistic(
    columns: NDArray,
    target: NDArray,
    *,
    start: NDArray,
    weight: NDArray | float = 1.0,
    offset: NDArray | float = 0.0,
    ridge: NDArray | float = 0.0,
    towards: NDArray | float = 0.0,
) -> NDArray[np.float64]:
    """Coefficients (k,) with the least weighted cross entropy of sigmoid(columns @ coefficients + offset).

    Args:
        columns: (n, k).
        target: (n,) shares in [0, 1].
        start: (k,) where to begin.
        weight: (n,) what each row stands for.
        offset: (n,) added to the log odds.
        ridge: (k,) pull on each coefficient, as half its square times this.
        towards: (k,) where the pull leads.
    """
    ridge = np.broadcast_to(np.asarray(ridge, np.float64), start.shape)

    def loss(coefficients: NDArray) -> float:
        value, pull = columns @ coefficients + offset, coefficients - towards
        return float(np.sum(weight * (np.logaddexp(0, value) - target * value)) + 0.5 * np.sum(ridge * pull * pull))

    at, best = np.asarray(start, np.float64), loss(start)
    for _ in range(_STEPS):
        p = sigmoid(columns @ at + offset)
        curvature = columns.T @ (columns * (weight * p * (1 - p))[:, None]) + np.diag(ridge + 1e-9)
        step = np.linalg.solve(curvature, columns.T @ (weight * (target - p)) - ridge * (at - towards))
        while np.abs(step).max() > 1e-10 and loss(at + step) > best:
            step = step / 2
        at = at + step
        before, best = best, loss(at)
        if before - best <= 1e-12 * max(1.0, abs(best)):
            break
    return at


def fit_platt(odds: NDArray, true: NDArray, *, least_slope: float) -> tuple[float, float]:
    """(a, b) of sigmoid(a odds + b) with the least cross entropy, a at least `least_slope` (Platt 1999).

    Targets are softened as Platt does, to (true + 1) / (true + 2) and 1 / (false + 2), so that parted scores give no
    infinite slope.

    Args:
        odds: (n,) log odds of the scores.
        true: (n,) bool, or shares in [0, 1].
        least_slope: above 0.
    """
    true = np.asarray(true, np.float64)
    yes, no = float(true.sum()), float((1 - true).sum())
    target = true * (yes + 1) / (yes + 2) + (1 - true) / (no + 2)
    columns = np.stack([odds, np.ones_like(odds)], axis=1)
    a, b = fit_logistic(columns, target, start=np.array([1.0, 0.0]))
    if a >= least_slope:
        return float(a), float(b)
    (b,) = fit_logistic(columns[:, 1:], target, start=np.zeros(1), offset=least_slope * odds)
    return least_slope, float(b)
