"""What a split could not satisfy, in sentences: a class that a side lacks, a share that groups do not allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import SIDES

_OFF = 0.05  # of all pictures: a share that is further off is told
_MOST_TOLD = 50


def unmet(
    of_group: NDArray[np.float64],
    names: Sequence[str],
    side: NDArray[np.int64],
    shares: Mapping[str, float],
    *,
    searched: bool,
) -> list[str]:
    """Sentences, the gravest first; at most 50.

    Args:
        of_group: (groups, features) what each holds.
        names: of the features; `pictures` first, then `class ...` and `condition=value`.
        side: (groups,) position in SIDES.
        shares: side to its share.
        searched: whether the dealing was a search; otherwise the remedy is named.
    """
    wanted = [s for s, name in enumerate(SIDES) if shares[name] > 0]
    have = np.stack([of_group[side == s].sum(axis=0) for s in range(len(SIDES))])  # (3, features)
    found = []
    for f, name in enumerate(names):
        absent = [SIDES[s] for s in wanted if have[s, f] == 0]
        holding = int((of_group[:, f] > 0).sum())
        if not absent or not holding or " with " in name or name == "pictures":
            continue
        if holding < len(wanted):
            found.append(f"{name} is in {holding} group{'s' * (holding > 1)} only: it cannot be on {_and(absent)} too.")
        else:
            remedy = "" if searched else "; `split.deal: balanced` looks for a better dealing"
            found.append(f"{name} is in {holding} groups, but none of them came to {_and(absent)}{remedy}.")
    pictures = of_group[:, 0]
    for s in wanted:
        share = float(have[s, 0] / max(pictures.sum(), 1e-9))
        if abs(share - shares[SIDES[s]]) > _OFF:
            found.append(
                f"{SIDES[s]} has {share:.0%} of the pictures, {shares[SIDES[s]]:.0%} were asked for: "
                f"there are {len(pictures)} groups, the largest holds {pictures.max() / max(pictures.sum(), 1e-9):.0%}."
            )
    return found[:_MOST_TOLD]


def _and(words: Sequence[str]) -> str:
    return " and ".join(words)
