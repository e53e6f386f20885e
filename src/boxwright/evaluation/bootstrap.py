"""How sure a figure is: resample the groups that may not straddle a split, not single pictures.

Pictures of one board, camera or clip resemble each other; treating them as independent makes intervals too narrow. A
replicate draws as many groups as there are, with replacement; a picture's weight is how often its group was drawn.
Intervals are percentiles. Fewer than LEAST_GROUPS groups that hold anything of a slice give no interval: percentiles of
so few are not to be trusted. A share that is the same in every replicate (all right, or all wrong) has no spread to
resample; there Wilson's interval on the number of groups stands in (Wilson, JASA 22, 1927).
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

REPLICATES = 400
LEAST_GROUPS = 5


def group_weights(groups: list[str], *, replicates: int = REPLICATES, seed: int = 0) -> NDArray[np.float64] | None:
    """(replicates, images) how often each picture's group was drawn; None for too few groups."""
    names, index = np.unique(np.array(groups, dtype=object), return_inverse=True)
    if len(names) < LEAST_GROUPS:
        return None
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=replicates)
    return drawn[:, index].astype(np.float64)


def interval(values: NDArray, *, confidence: float) -> tuple[float | None, float | None]:
    """Percentile interval of replicate figures; None when most replicates left the figure undefined."""
    defined = values[np.isfinite(values) & (values > -1)]
    if len(defined) < max(20, len(values) // 2):
        return None, None
    tail = (1 - confidence) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)


def wilson(share: float, groups: int, *, confidence: float) -> tuple[float, float]:
    """Wilson's interval of a share seen in so many independent groups."""
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    centre = (share + z * z / (2 * groups)) / (1 + z * z / groups)
    half = z / (1 + z * z / groups) * np.sqrt(share * (1 - share) / groups + z * z / (4 * groups * groups))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))
