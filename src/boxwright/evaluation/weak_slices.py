"""Slices where the detector is worse than elsewhere, found by looking at all of them, with false discovery controlled.

Every value of every condition, and every pair of values of two conditions, is compared with everything outside of it: the
share of objects missed, and the share of answered detections that are wrong. The spread comes from the groups that may
not straddle a split (a ratio estimator's residuals, summed per group), so a bad clip is not taken for a bad condition.
One-sided p-values go through Benjamini and Hochberg (JRSS B 57, 1995) at a rate of 0.1. Slices with too little support,
or too few groups inside, are not looked at; nor are pairs with a class where there are many classes. What remains is ranked by errors in excess: how many fewer there would be,
were the slice like the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Matches
from boxwright.artifacts.report import WeakSlice, WeakSlices
from boxwright.evaluation.diagnose import Diagnosis
from boxwright.evaluation.slices import Axis
from boxwright.statistics import benjamini_hochberg, group_numbers, t_upper_tail

FALSE_DISCOVERY = 0.1
LEAST_SUPPORT = 30
_LEAST_GROUPS = 5
_MOST_PAIRS = 1000


@dataclass(frozen=True)
class Side:
    """What can go wrong on one side: objects can be missed, answered detections can be wrong.

    Attributes:
        what: `missed` or `false`.
        wrong: (n,) bool.
        group: (n,) number of the group, from 0.
        codes: per axis (n,) codes, see Axis.
    """

    what: Literal["missed", "false"]
    wrong: NDArray
    group: NDArray
    codes: tuple[NDArray, ...]


def weak_slices(
    matches: Matches,
    point: Diagnosis,
    axes: Sequence[Axis],
    *,
    groups: Sequence[str],
    least_support: int = LEAST_SUPPORT,
    false_discovery: float = FALSE_DISCOVERY,
) -> WeakSlices:
    """Weak slices at the operating point.

    Args:
        matches: the match tables.
        point: diagnosis of the answered detections.
        axes: conditions to search, alone and in pairs; classes are searched too.
        groups: (images,) what may not straddle a split.
        least_support: objects or detections a slice must hold.
        false_discovery: expected share of false finds among those listed.
    """
    classes = Axis(
        "class", tuple(matches.class_names), None,
        matches.objects.column("class_id").to_numpy(), matches.detections.column("class_id").to_numpy(),
    )  # fmt: skip
    every = (classes, *(a for a in axes if a.name != "class"))
    records = [
        record for side in _sides(matches, point, every, groups) for record in _compared(side, every, least_support)
    ]
    kept = benjamini_hochberg(np.array([r.p for r in records]), rate=false_discovery)
    found = sorted((r for r, keep in zip(records, kept, strict=True) if keep), key=lambda r: -r.excess)
    return WeakSlices(tuple(_not_explained(found)), len(records), false_discovery)


def _sides(matches: Matches, point: Diagnosis, axes: Sequence[Axis], groups: Sequence[str]) -> Iterator[Side]:
    group = group_numbers(groups)
    asked = np.flatnonzero(point.state >= 0)
    of_objects = group[matches.objects.column("image").to_numpy()]
    yield Side("missed", point.state[asked] > 0, of_objects[asked], tuple(a.objects[asked] for a in axes))
    shown = np.flatnonzero((point.true | (point.kind >= 0)) & point.counts)
    of_detections = group[matches.detections.column("image").to_numpy()]
    yield Side("false", ~point.true[shown], of_detections[shown], tuple(a.detections[shown] for a in axes))


def _compared(side: Side, axes: Sequence[Axis], least: int) -> Iterator[WeakSlice]:
    """One record per slice with enough support inside and outside."""
    total, groups = len(side.wrong), int(side.group.max(initial=-1)) + 1
    inside_of: dict[tuple[int, int], NDArray] = {}
    for a, axis in enumerate(axes):
        for code in range(len(axis.labels)):
            inside = side.codes[a] == code
            if least <= inside.sum():
                inside_of[a, code] = inside
    names = [((a, code),) for a, code in inside_of]
    pairs = [(one, two) for one, two in combinations(inside_of, 2) if one[0] != two[0]]
    if len(pairs) > _MOST_PAIRS:  # many classes: each by itself, and pairs of conditions
        pairs = [(one, two) for one, two in pairs if axes[one[0]].name != "class"]
    names += pairs[:_MOST_PAIRS]
    for parts in names:
        inside = inside_of[parts[0]] if len(parts) == 1 else inside_of[parts[0]] & inside_of[parts[1]]
        support = int(inside.sum())
        if support < least or total - support < least:
            continue
        holding = int((np.bincount(side.group[inside], minlength=groups) > 0).sum())
        if holding < _LEAST_GROUPS:
            continue
        rate, elsewhere, t = _contrast(side.wrong, inside, side.group, groups)
        yield WeakSlice(
            what=side.what,
            slice={axes[a].name: axes[a].labels[code] for a, code in parts},
            support=support,
            groups=holding,
            rate=rate,
            elsewhere=elsewhere,
            excess=support * (rate - elsewhere),
            p=float(t_upper_tail(t, holding - 1)[0]),
        )


def _contrast(wrong: NDArray, inside: NDArray, group: NDArray, groups: int) -> tuple[float, float, float]:
    """Share wrong inside and outside, and the difference over its standard error from the groups' residuals."""
    n_in, n_out = int(inside.sum()), int((~inside).sum())
    rate, elsewhere = float(wrong[inside].mean()), float(wrong[~inside].mean())
    residual = np.where(inside, (wrong - rate) / n_in, -(wrong - elsewhere) / n_out)
    per_group = np.bincount(group, residual, groups)
    spread = np.sqrt(groups / max(groups - 1, 1) * np.square(per_group).sum())
    if spread == 0:  # all alike on each side: the spread that as many groups could hide (a half added to both counts)
        held_in, held_out = (len(np.unique(group[side])) for side in (inside, ~inside))
        shares = [((n * share + 0.5) / (n + 1), n) for share, n in ((rate, held_in), (elsewhere, held_out))]
        spread = np.sqrt(sum(share * (1 - share) / n for share, n in shares))
    return rate, elsewhere, (rate - elsewhere) / float(spread)


def _not_explained(found: list[WeakSlice]) -> list[WeakSlice]:
    """Leave out pairs that say no more than one of their halves already listed: a rate not higher by a tenth."""
    single = {(r.what, *next(iter(r.slice.items()))): r.rate for r in found if len(r.slice) == 1}

    def says_more(record: WeakSlice) -> bool:
        halves = [single.get((record.what, *item)) for item in record.slice.items()]
        return len(record.slice) == 1 or all(h is None or record.rate > 1.1 * h for h in halves)

    return [record for record in found if says_more(record)]
