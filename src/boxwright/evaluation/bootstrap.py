"""How sure a figure is: resample the groups that may not straddle a split, not single pictures.

Pictures of one board, camera or clip resemble each other; treating them as independent makes intervals too narrow. A
replicate draws as many groups as there are, with replacement; a picture's weight is how often its group was drawn.
Intervals are percentiles, taken further out for few groups as a t interval is wider than a normal one (Hesterberg, The
American Statistician 69, 2015, section 3.3). Fewer than LEAST_GROUPS groups that hold anything of a slice give no
interval: percentiles of so few are not to be trusted. A share that is the same in every replicate (all right, or all
wrong) has no spread to resample; there Wilson's interval on the number of groups stands in (Wilson, JASA 22, 1927).
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


def interval(values: NDArray, *, confidence: float, groups: int) -> tuple[float | None, float | None]:
    """Interval from the replicates of one figure; None when most of them left it undefined.

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
    return NormalDist().cdf(-np.sqrt(groups / (groups - 1)) * t)
