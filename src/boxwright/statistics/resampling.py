"""Bootstrap weightings: resample the groups that may not straddle a split, not single images.

Images of one board, camera or clip resemble each other; treating them as independent makes intervals too narrow. A replicate
draws as many groups as there are, with replacement; an image's weight is how often its group was drawn.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

REPLICATES = 1000
LEAST_REPLICATES = 200
LEAST_GROUPS = 5  # fewer give no interval
_MOST_WEIGHTS = 50_000_000  # replicates times images kept in memory
_MOST_STEPS = 200_000_000  # replicates times detections walked, for one figure of a report


def group_numbers(groups: Sequence[str]) -> NDArray[np.int64]:
    """(n,) number of each entry's group, from 0, in the order of their names."""
    return np.unique(np.array(groups, dtype=object).astype(str), return_inverse=True)[1].astype(np.int64)


def draws(groups: int, *, replicates: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """(replicates, groups) how often each group is drawn when as many are drawn, with replacement, as there are."""
    return rng.multinomial(groups, np.full(groups, 1 / max(groups, 1)), size=replicates)


def group_weights(groups: Sequence[str], *, replicates: int = REPLICATES, seed: int = 0) -> NDArray[np.float32] | None:
    """(replicates, images) how often each image's group was drawn; None for too few groups."""
    index = group_numbers(groups)
    count = int(index.max(initial=-1)) + 1
    if count < LEAST_GROUPS:
        return None
    replicates = min(replicates, max(LEAST_REPLICATES, _MOST_WEIGHTS // len(groups)))
    drawn = draws(count, replicates=replicates, rng=np.random.default_rng(seed))
    return drawn.astype(np.float32)[:, index]


def replicates_for(detections: int) -> int:
    """How many replicates a report draws: fewer for very many detections, where each is dear and intervals are narrow."""
    return max(LEAST_REPLICATES, min(REPLICATES, _MOST_STEPS // max(detections, 1)))


def effective_groups(sizes: NDArray) -> NDArray[np.float64]:
    """(n,) how many groups of one size the uneven ones are worth, (sum m)^2 / sum m^2 (Kish, Survey Sampling, 1965).

    Args:
        sizes: (groups, n) objects of each group, for n figures; 0 where nothing is in any.
    """
    total, squared = sizes.sum(axis=0, dtype=np.float64), np.square(sizes, dtype=np.float64).sum(axis=0)
    return np.divide(np.square(total), squared, out=np.zeros_like(total), where=squared > 0)
