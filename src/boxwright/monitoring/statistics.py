"""Two samples compared: the Kolmogorov-Smirnov test, and Holm's correction for asking many questions at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_TERMS = 100


def ks_statistic(a: NDArray, b: NDArray) -> float:
    """Largest distance between the two empirical distribution functions, in [0, 1]."""
    a, b = np.sort(a), np.sort(b)
    both = np.concatenate([a, b])
    below_a = np.searchsorted(a, both, "right") / len(a)
    below_b = np.searchsorted(b, both, "right") / len(b)
    return float(np.abs(below_a - below_b).max())


def ks_p_value(statistic: float, n: int, m: int) -> float:
    """Chance of a distance at least this large between samples of one distribution (two-sided).

    Kolmogorov's asymptotic distribution with Stephens' correction for small samples (Stephens, JRSS B 32, 1970).
    """
    root = np.sqrt(n * m / (n + m))
    x = (root + 0.12 + 0.11 / root) * statistic
    if x < 0.2:
        return 1.0
    k = np.arange(1, _TERMS + 1)
    return float(np.clip(2 * np.sum((-1.0) ** (k - 1) * np.exp(-2 * k**2 * x**2)), 0.0, 1.0))


def holm(p_values: NDArray) -> NDArray[np.float64]:
    """(n,) p-values corrected so that the chance of any false rejection stays what is asked of one (Holm, 1979)."""
    n = len(p_values)
    order = np.argsort(p_values)
    raised = np.maximum.accumulate((n - np.arange(n)) * p_values[order])
    corrected = np.empty(n)
    corrected[order] = np.minimum(raised, 1.0)
    return corrected


def effect(value: NDArray, reference: NDArray) -> float:
    """Difference of means in standard deviations of the reference; of a constant reference, in its own unit."""
    spread = float(np.std(reference))
    difference = float(np.mean(value) - np.mean(reference))
    return difference / spread if spread > 1e-9 else difference
