"""How sure a figure is: resample the groups that may not straddle a split, not single pictures.

Pictures of one board, camera or clip resemble each other; treating them as independent makes intervals too narrow. A
replicate draws as many groups as there are, with replacement; a picture's weight is how often its group was drawn.

An interval is the figure plus and minus Student's t times sqrt(n / (n - 1)) times the replicates' standard deviation, where n
is the number of groups of one size that the uneven ones are worth, (sum m)^2 / sum m^2 of m objects each (Kish, Survey
Sampling, 1965). Shares are told on the log-odds of (N share + 1/2) / (N + 1), N the objects, which stretch out what is crowded
together next to 1; differences on their own scale. In simulation (benchmarks/intervals.py) this held the truth more often than
percentiles, which lie beside the figure where AP of rare classes is biased, and than BCa.

Fewer than LEAST_GROUPS groups that hold anything of a slice give no interval. A share that is the same in every replicate (all
right, or all wrong) has no spread to resample; there Wilson's interval on the number of groups stands in (JASA 22, 1927).
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from boxwright.evaluation.student import t_quantile

REPLICATES = 1000
LEAST_REPLICATES = 200
LEAST_GROUPS = 5
_MOST_WEIGHTS = 50_000_000  # replicates times pictures kept in memory
_MOST_STEPS = 200_000_000  # replicates times detections walked, for one figure of a report


def group_weights(groups: Sequence[str], *, replicates: int = REPLICATES, seed: int = 0) -> NDArray[np.float32] | None:
    """(replicates, images) how often each picture's group was drawn; None for too few groups."""
    names, index = np.unique(np.array(groups, dtype=object).astype(str), return_inverse=True)
    if len(names) < LEAST_GROUPS:
        return None
    replicates = min(replicates, max(LEAST_REPLICATES, _MOST_WEIGHTS // len(groups)))
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=replicates)
    return drawn.astype(np.float32)[:, index]


def replicates_for(detections: int) -> int:
    """How many replicates a report draws: fewer for very many detections, where each is dear and intervals are narrow."""
    return max(LEAST_REPLICATES, min(REPLICATES, _MOST_STEPS // max(detections, 1)))


def effective_groups(sizes: NDArray) -> NDArray[np.float64]:
    """(n,) how many groups of one size the uneven ones are worth; 0 where nothing is in any.

    Args:
        sizes: (groups, n) objects of each group, for n figures.
    """
    total, squared = sizes.sum(axis=0, dtype=np.float64), np.square(sizes, dtype=np.float64).sum(axis=0)
    return np.divide(np.square(total), squared, out=np.zeros_like(total), where=squared > 0)


def share_intervals(
    value: NDArray, spread: NDArray, *, objects: NDArray, groups: NDArray, confidence: float
) -> tuple[NDArray, NDArray]:
    """(n,) lower and upper ends of n shares in [0, 1]; NaN where there is no interval, equal where nothing varies.

    Args:
        value: (n,) shares.
        spread: (r, n) replicates, NaN where undefined.
        objects: (n,) objects they rest on.
        groups: (n,) effective groups.
        confidence: in (0.5, 1).
    """
    count = np.maximum(objects, 1.0)

    def log_odds(share: NDArray) -> NDArray:
        inner = (count * share + 0.5) / (count + 1)
        return np.log(inner / (1 - inner))

    reach = _reach(log_odds(spread), groups, confidence)
    with np.errstate(over="ignore"):
        ends = [1 / (1 + np.exp(-(log_odds(value) + side * reach))) for side in (-1, 1)]
    low, high = (np.clip((end * (count + 1) - 0.5) / count, 0.0, 1.0) for end in ends)
    return np.where(reach == 0, value, low), np.where(reach == 0, value, high)


def plain_intervals(value: NDArray, spread: NDArray, *, groups: NDArray, confidence: float) -> tuple[NDArray, NDArray]:
    """The same on the figures' own scale: differences, gains, counts a picture."""
    reach = _reach(spread, groups, confidence)
    return value - reach, value + reach


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


def interval(values: NDArray, *, confidence: float, groups: int) -> tuple[float | None, float | None]:
    """Percentile interval from the replicates of one figure, taken further out for few groups (Hesterberg, The American
    Statistician 69, 2015, section 3.3); None when most of them left it undefined. For figures without a value of their own.

    Args:
        values: (r,) replicates; NaN where undefined.
        confidence: in (0.5, 1).
        groups: how many groups were resampled.
    """
    low, high = intervals(values[:, None], confidence=confidence, groups=np.array([groups]))
    return (None, None) if np.isnan(low[0]) else (float(low[0]), float(high[0]))


def intervals(values: NDArray, *, confidence: float, groups: NDArray) -> tuple[NDArray, NDArray]:
    """The same for many figures at once.

    Args:
        values: (r, n) replicates of n figures.
        confidence: in (0.5, 1).
        groups: (n,) how many groups each figure's replicates resample.

    Returns:
        (n,) lower and (n,) upper ends, NaN where most replicates left the figure undefined.
    """
    ordered = np.sort(values, axis=0)  # NaN last
    defined = np.isfinite(values).sum(axis=0)
    tail = np.array([_tail(confidence, int(n)) for n in groups])
    enough = defined >= max(20, len(values) // 2)
    columns = np.arange(values.shape[1])

    def at(share: NDArray) -> NDArray:
        place = share * np.maximum(defined - 1, 0)
        below = np.floor(place).astype(np.int64)
        above = np.minimum(below + 1, np.maximum(defined - 1, 0))
        part = place - below
        return np.where(enough, ordered[below, columns] * (1 - part) + ordered[above, columns] * part, np.nan)

    return at(tail), at(1 - tail)


def wilson(share: float, groups: int, *, confidence: float) -> tuple[float, float]:
    """Wilson's interval of a share seen in so many independent groups."""
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    centre = (share + z * z / (2 * groups)) / (1 + z * z / groups)
    half = z / (1 + z * z / groups) * np.sqrt(share * (1 - share) / groups + z * z / (4 * groups * groups))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def _tail(confidence: float, groups: int) -> float:
    """Share cut off at each end: Phi(-sqrt(n / (n - 1)) t), t of n - 1 degrees of freedom."""
    if groups < 2:
        return (1 - confidence) / 2
    t = t_quantile(0.5 + confidence / 2, groups - 1)
    return NormalDist().cdf(float(-np.sqrt(groups / (groups - 1)) * t))
