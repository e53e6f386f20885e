"""When pixels confirm a guessed group: enough pairs that look alike, nearly all inside of one group, and not by chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

LEAST_PAIRS = 10  # found in the pixels, before a guessed group is believed
AGREEMENT = 0.9  # of these pairs that must lie in one guessed group
MOST_CHANCE = 0.3  # of two images drawn at random lying in one


def confirmed_by(groups: Sequence[str | None], pairs: Sequence[tuple[int, int]]) -> bool:
    """Whether pairs of positions, found in the pixels, confirm the (n,) groups."""
    enough = len(pairs) >= LEAST_PAIRS and agreeing(groups, pairs) >= AGREEMENT * len(pairs)
    return enough and chance_of(groups) <= MOST_CHANCE


def agreeing(groups: Sequence[str | None], pairs: Sequence[tuple[int, int]]) -> int:
    """How many pairs lie in one group."""
    return sum(groups[a] == groups[b] and groups[a] is not None for a, b in pairs)


def chance_of(groups: Sequence[str | None]) -> float:
    """Chance that two images drawn at random lie in one group."""
    sizes = np.array(list(Counter(g for g in groups if g is not None).values()), np.float64)
    return float(np.square(sizes).sum() / max(len(groups), 1) ** 2)
