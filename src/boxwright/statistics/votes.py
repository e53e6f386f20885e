"""How much each group counts where groups are few and of unequal size.

An interval for new groups asks how groups differ. If one group of six contains 60 % of the objects, the pooled figure is mostly
that group's, six groups tell as much as 2.6 of one size (`effective_groups`), and Student's t makes the interval several times
too wide. Weighing groups alike asks the same question with six votes. A group of m objects has m / (m + HALF_A_VOTE) of a vote:
a group of very few objects says little about itself, and many groups of a few objects each are weighed by their objects, as
the pooled figure weighs them. benchmarks/few_groups.py compares this with the pooled figure, with whole votes, and with
random effects.

Where groups are of one size, votes change nothing. Where the uneven ones are worth EVEN_ENOUGH or more of one size, nothing is
gained by them, and the pooled figure is kept.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

HALF_A_VOTE = 30.0  # objects
EVEN_ENOUGH = 20.0  # effective groups


def effective_groups(sizes: NDArray) -> NDArray[np.float64]:
    """(n,) how many groups of one size the uneven ones are worth, (sum m)^2 / sum m^2 (Kish, Survey Sampling, 1965).

    Args:
        sizes: (groups, n) objects of each group, for n figures; 0 where nothing is in any.
    """
    total, squared = sizes.sum(axis=0, dtype=np.float64), np.square(sizes, dtype=np.float64).sum(axis=0)
    return np.divide(np.square(total), squared, out=np.zeros_like(total), where=squared > 0)


def vote_weights(group: NDArray, objects: NDArray, *, half_a_vote: float = HALF_A_VOTE) -> NDArray[np.float64]:
    """(images,) weight of each image; ones where the groups are even enough. The weighted number of objects stays.

    Args:
        group: (images,) number of each image's group, from 0.
        objects: (images,) objects of each.
        half_a_vote: objects at which a group has half a vote, 0 or more; 0 gives each group one vote.
    """
    sizes = np.bincount(group, objects, int(group.max(initial=-1)) + 1)
    if not sizes.any() or effective_groups(sizes[:, None])[0] >= EVEN_ENOUGH:
        return np.ones(len(group))
    per_object = 1 / np.maximum(sizes + half_a_vote, 1.0)
    return (per_object * sizes.sum() / (per_object @ sizes))[group]
