"""Confidence intervals from replicates; none leaves the range of its metric, and each contains its figure.

An interval is the figure plus and minus Student's t times sqrt(n / (n - 1)) times the replicates' standard deviation, where n
is the number of groups of one size that the uneven ones are worth (`effective_groups`). Shares are told on the log odds of
(N share + 1/2) / (N + 1), N the objects, which stretch out what is crowded together next to 1; differences on their own
scale. In simulation (benchmarks/intervals.py) this held the truth more often than percentiles, which lie beside the figure
where AP of rare classes is biased, and than BCa.

Where groups are few and of unequal size, the replicates weigh groups alike (`votes`) and the interval stands around the figure
weighed so, its centre; it is stretched to the figure itself where that lies beyond an end.

A share that is the same in every replicate (all right, or all wrong) has no spread to resample; there Wilson's interval on
the number of groups stands in (`wilson`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from boxwright.statistics.normal import normal_share_below
from boxwright.statistics.student import t_quantile


def share_intervals(
    value: NDArray,
    spread: NDArray,
    *,
    objects: NDArray,
    groups: NDArray,
    confidence: float,
    centre: NDArray | None = None,
) -> tuple[NDArray, NDArray]:
    """(n,) lower and upper ends of n shares in [0, 1]; NaN where there is no interval, equal where nothing varies.

    Args:
        value: (n,) shares.
        spread: (r, n) replicates, NaN where undefined.
        objects: (n,) objects they rest on.
        groups: (n,) effective groups.
        confidence: in (0.5, 1).
        centre: (n,) what the replicates are spread around; the shares themselves when None.
    """
    count = np.maximum(objects, 1.0)
    centre = value if centre is None else centre

    def log_odds(share: NDArray) -> NDArray:
        inner = (count * share + 0.5) / (count + 1)
        return np.log(inner / (1 - inner))

    reach = _reach(log_odds(spread), groups, confidence)
    with np.errstate(over="ignore"):
        ends = [1 / (1 + np.exp(-(log_odds(centre) + side * reach))) for side in (-1, 1)]
    low, high = (np.clip((end * (count + 1) - 0.5) / count, 0.0, 1.0) for end in ends)
    low, high = np.minimum(low, value), np.maximum(high, value)
    return np.where(reach == 0, value, low), np.where(reach == 0, value, high)


def plain_intervals(
    value: NDArray,
    spread: NDArray,
    *,
    groups: NDArray,
    confidence: float,
    within: tuple[float, float],
    centre: NDArray | None = None,
) -> tuple[NDArray, NDArray]:
    """The same on the figures' own scale: differences, gains, counts an image.

    Args:
        value, spread, groups, confidence, centre: as for `share_intervals`.
        within: least and largest value such a figure can have, such as (-1, 1) for a difference of shares.
    """
    reach = _reach(spread, groups, confidence)
    centre = value if centre is None else centre
    low, high = (np.clip(centre + side * reach, *within) for side in (-1, 1))
    low, high = np.minimum(low, value), np.maximum(high, value)
    return np.where(reach == 0, value, low), np.where(reach == 0, value, high)


def _reach(spread: NDArray, groups: NDArray, confidence: float) -> NDArray[np.float64]:
    """(n,) half an interval's width; NaN where most replicates are undefined or one group holds nearly everything."""
    defined = np.isfinite(spread).sum(axis=0)
    enough = (defined >= max(20, len(spread) // 2)) & (groups >= 2)
    n = np.where(enough, groups, 2.0)
    with np.errstate(invalid="ignore"):
        mean = np.where(np.isfinite(spread), spread, 0).sum(axis=0) / np.maximum(defined, 1)
        squared = np.where(np.isfinite(spread), np.square(spread - mean), 0).sum(axis=0) / np.maximum(defined - 1, 1)
    deviation = np.where(squared < 1e-24, 0.0, np.sqrt(squared))
    return np.where(enough, t_quantile(0.5 + confidence / 2, n - 1) * np.sqrt(n / (n - 1)) * deviation, np.nan)


def percentile_interval(values: NDArray, *, confidence: float, groups: int) -> tuple[float | None, float | None]:
    """Percentile interval from the replicates of one figure, taken further out for few groups (Hesterberg, The American
    Statistician 69, 2015, section 3.3); None when most of them left it undefined. For figures without a value of their own.

    Args:
        values: (r,) replicates; NaN where undefined.
        confidence: in (0.5, 1).
        groups: how many groups were resampled.
    """
    found = np.sort(values[np.isfinite(values)])
    if len(found) < max(20, len(values) // 2):
        return None, None
    tail = _tail(confidence, groups)
    low, high = np.quantile(found, [tail, 1 - tail])
    return float(low), float(high)


def _tail(confidence: float, groups: int) -> float:
    """Share cut off at each end: Phi(-sqrt(n / (n - 1)) t), t of n - 1 degrees of freedom."""
    if groups < 2:
        return (1 - confidence) / 2
    t = t_quantile(0.5 + confidence / 2, groups - 1)
    return normal_share_below(float(-np.sqrt(groups / (groups - 1)) * t))
