"""Two samples compared by their distribution functions: Kolmogorov and Smirnov."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def distribution_gaps(a: NDArray, b: NDArray) -> NDArray[np.float64]:
    """(n + m,) share of `a` at or below each of both samples' values, less the share of `b`."""
    a, b = np.sort(a), np.sort(b)
    both = np.concatenate([a, b])
    return np.searchsorted(a, both, "right") / len(a) - np.searchsorted(b, both, "right") / len(b)


def ks_statistic(a: NDArray, b: NDArray) -> float:
    """Largest distance between the two empirical distribution functions, in [0, 1]."""
    return float(np.abs(distribution_gaps(a, b)).max())


def ks_p_value(statistic: float, n: int, m: int) -> float:
    """Chance of a distance at least this large between samples of one distribution (two-sided).

    Kolmogorov's asymptotic distribution with Stephens' correction for small samples (Stephens, JRSS B 32, 1970).
    """
    from scipy.special import kolmogorov

    root = np.sqrt(n * m / (n + m))
    return float(kolmogorov((root + 0.12 + 0.11 / root) * statistic))
