"""Groups to sides, so that each side comes near its share of everything that is counted.

`largest_first`: groups in falling size, each to the side where it brings all sides nearest to their shares. `balanced` goes on
from there, and from dealings in other orders: groups move to other sides and trade places as long as that brings the sides
nearer, measured by sum (observed - expected)^2 / expected over sides and features (Pearson's chi-square), which weighs a rare
class as much as a common one; a side without a class that it could have costs extra. Whole groups only: an optimum is not
promised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numba
import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import SIDES

_STARTS = 6
_PASSES = 30
_PARTNERS = 24  # groups of other sides with which a group tries to trade, per pass
_MANY = 5_000  # groups from which one start has to do
_ABSENT = 4.0  # what a class costs on a side that has none of it, beside its chi-square
_PICTURES = 4.0  # weight of the number of pictures among the features


def largest_first(
    of_group: NDArray[np.float64], shares: Mapping[str, float], fixed: NDArray[np.int64], *, seed: int
) -> NDArray[np.int64]:
    """(groups,) position in SIDES of each group.

    Args:
        of_group: (groups, features) what each holds; the first feature is its pictures.
        shares: side to its share; a side without one gets nothing.
        fixed: (groups,) position of the side that is settled, or -1.
        seed: breaks ties of size.
    """
    total = np.maximum(of_group.sum(axis=0), 1e-9)
    wanted = np.array([shares[side] for side in SIDES])
    target = wanted[:, None] * total  # (3, features)
    have = np.zeros_like(target)
    side = fixed.copy()
    for s in range(len(SIDES)):
        for row in np.flatnonzero(fixed == s):
            have[s] += of_group[row]
    free = np.flatnonzero(fixed < 0)
    order = np.random.default_rng(seed).permutation(len(free))
    order = sorted(order, key=lambda i: -of_group[free[i], 0])
    held = np.bincount(fixed[fixed >= 0], minlength=len(SIDES))
    eye = np.eye(len(SIDES))[:, :, None]  # (candidate, side, 1)
    for done, i in enumerate(order):
        load = of_group[free[i]]
        miss = (have + eye * load - target) / total  # (candidate, side, features)
        cost = (np.maximum(miss, 0) ** 2 * 4 + np.maximum(-miss, 0) ** 2).reshape(len(SIDES), -1).sum(axis=1)
        cost[wanted <= 0] = np.inf
        empty = [s for s in range(len(SIDES)) if wanted[s] > 0 and not held[s]]
        options = empty if empty and len(free) - done <= len(empty) else range(len(SIDES))
        best = min(options, key=lambda s: cost[s])
        side[free[i]] = best
        have[best] += load
        held[best] += 1
    return side


def balanced(
    of_group: NDArray[np.float64],
    shares: Mapping[str, float],
    fixed: NDArray[np.int64],
    *,
    seed: int,
    rare: Sequence[int] = (),
) -> NDArray[np.int64]:
    """(groups,) position in SIDES of each group, after a search; arguments as for `largest_first`.

    Args:
        rare: features, such as classes, that should not be absent from any side.
    """
    wanted = np.array([shares[side] for side in SIDES])
    weights = np.ones(of_group.shape[1])
    weights[0] = _PICTURES
    extra = np.zeros(of_group.shape[1])
    extra[list(rare)] = _ABSENT
    rng = np.random.default_rng(seed)
    best, least = np.zeros(0, np.int64), np.inf
    for start in range(_STARTS if len(of_group) < _MANY else 1):
        side = largest_first(of_group, shares, fixed, seed=seed + 7919 * start)
        if start:
            side = _shaken(side, fixed, rng)
        cost = _search(
            of_group, wanted, weights, extra, side, fixed >= 0, int(rng.integers(1 << 31)), _PASSES, _PARTNERS
        )
        if cost < least - 1e-9:
            best, least = side, cost
    return best


def _shaken(side: NDArray[np.int64], fixed: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """The same sizes with the free groups in another order."""
    shaken = side.copy()
    free = np.flatnonzero(fixed < 0)
    shaken[free] = shaken[rng.permutation(free)]
    return shaken


@numba.njit(cache=True)
def _of_side(have, expected, weights, extra, s):
    """Cost of one side: weighted chi-square, and what it lacks."""
    total = 0.0
    for f in range(have.shape[1]):
        e = expected[s, f]
        if e <= 0:
            continue
        d = have[s, f] - e
        total += weights[f] * d * d / e
        if extra[f] > 0 and have[s, f] <= 0:
            total += extra[f]
    return total


@numba.njit(cache=True)
def _search(loads, wanted, weights, extra, side, settled, seed, passes, partners):
    """Move and trade groups while that lowers the cost; `side` is changed in place. Returns the cost."""
    np.random.seed(seed)
    n, features = loads.shape
    sides = len(wanted)
    expected = np.zeros((sides, features))
    have = np.zeros((sides, features))
    held = np.zeros(sides, np.int64)
    for g in range(n):
        held[side[g]] += 1
        for f in range(features):
            have[side[g], f] += loads[g, f]
    for s in range(sides):
        for f in range(features):
            expected[s, f] = wanted[s] * have[:, f].sum()
    cost = np.zeros(sides)
    for s in range(sides):
        cost[s] = _of_side(have, expected, weights, extra, s)
    for _ in range(passes):
        changed = False
        for g in np.random.permutation(n):
            if settled[g]:
                continue
            a = side[g]
            if held[a] > 1:
                for b in range(sides):
                    if b == a or wanted[b] <= 0:
                        continue
                    have[a] -= loads[g]
                    have[b] += loads[g]
                    of_a = _of_side(have, expected, weights, extra, a)
                    of_b = _of_side(have, expected, weights, extra, b)
                    if of_a + of_b < cost[a] + cost[b] - 1e-9:
                        cost[a], cost[b] = of_a, of_b
                        held[a] -= 1
                        held[b] += 1
                        side[g] = b
                        a = b
                        changed = True
                        break
                    have[a] += loads[g]
                    have[b] -= loads[g]
            for _try in range(partners):
                h = np.random.randint(n)
                b = side[h]
                if settled[h] or b == a:
                    continue
                have[a] += loads[h] - loads[g]
                have[b] += loads[g] - loads[h]
                of_a = _of_side(have, expected, weights, extra, a)
                of_b = _of_side(have, expected, weights, extra, b)
                if of_a + of_b < cost[a] + cost[b] - 1e-9:
                    cost[a], cost[b] = of_a, of_b
                    side[g], side[h] = b, a
                    a = b
                    changed = True
                    continue
                have[a] -= loads[h] - loads[g]
                have[b] -= loads[g] - loads[h]
        if not changed:
            break
    return cost.sum()
