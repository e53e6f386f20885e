"""Whole groups are dealt to train, val and test so that each side comes near its share.

Groups are the connected sets of pictures that agree in the spec's conditions or hold the same encoded picture, and where
the spec asks for it of near-duplicates and of neighbours in time (`groups.py`). Golden and challenge sets take theirs first
(`sets.py`). The rest is dealt, counting pictures, every class and every stratum (`deal.py`); what could not be satisfied is
said (`unmet.py`). Pictures the source already put on a side stay there when the spec
asks for nothing else (`side` is honoured by `from_source`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from boxwright.artifacts import SIDES, Dataset, Split
from boxwright.artifacts.split import ApartPair, Resembling, SplitSummary
from boxwright.errors import SplitError
from boxwright.spec import Spec
from boxwright.splitting.deal import balanced, largest_first
from boxwright.splitting.fingerprint import fingerprints
from boxwright.splitting.groups import group_names, loads, ties_in_time
from boxwright.splitting.near import near_pairs
from boxwright.splitting.overlap import overlaps
from boxwright.splitting.sets import take_sets
from boxwright.splitting.unmet import unmet

_MOST_NAMED = 20


def split(
    dataset: Dataset,
    spec: Spec,
    *,
    from_source: bool = False,
    keep: Split | None = None,
    lists: Mapping[str, Sequence[str]] | None = None,
    read: Callable[[str], bytes] | None = None,
) -> Split:
    """Sides for every picture of a dataset.

    Args:
        dataset: the pictures, their conditions and annotations.
        spec: its split clause and its sets.
        from_source: take the sides the source files gave; pictures without one are dealt among train and val.
        keep: an earlier version's split: groups it knows stay where they were, so that what judged before still judges.
        lists: set to the file names of its pictures, for sets that `where` does not pick.
        read: a picture's digest to its bytes, where the spec asks to look for near-duplicates.

    Raises:
        SplitError: a group would straddle, or there are too few groups for the sides that are wanted.
    """
    alike = near_duplicates(dataset, read) if spec.split.near_duplicates != "off" else []
    shared = shared_parts(dataset, read) if spec.split.overlaps != "off" else []
    ties = (alike if spec.split.near_duplicates == "together" else []) + (
        shared if spec.split.overlaps == "together" else []
    )
    groups = group_names(dataset, spec.split.group_by, ties=[*ties, *ties_in_time(dataset, spec.split)])
    straddling: dict[str, dict[str, int]] = {}
    if from_source and spec.split.straddling == "report":
        groups, straddling = _parted(dataset, groups)
    taken = take_sets(dataset, groups, spec, lists=lists or {}, keep=keep)
    fixed = {**_fixed_sides(dataset, groups, from_source, keep, taken.set_of), **taken.set_of}
    shares = {"train": spec.split.train, "val": spec.split.val, "test": spec.split.test}
    if from_source and "test" in fixed.values():
        shares["test"] = 0.0
    _check_enough_groups(dataset, spec, groups, fixed, shares)
    side_of, told = _deal(dataset, groups, spec, shares, fixed)
    sides = tuple(side_of[group] for group in groups)
    return Split(
        image_ids=dataset.image_ids,
        side=sides,
        group=tuple(groups),
        summary=replace(
            _summary(dataset, groups, sides, spec, from_source),
            straddling=straddling,
            sets=taken.told,
            unmet=tuple(told),
            near_duplicates=_resembling(dataset, alike, sides) if spec.split.near_duplicates != "off" else None,
            overlaps=_resembling(dataset, shared, sides) if spec.split.overlaps != "off" else None,
        ),
        made_from={"dataset": dataset.digest},
    )


def _check_enough_groups(
    dataset: Dataset, spec: Spec, groups: Sequence[str], fixed: Mapping[str, str], shares: Mapping[str, float]
) -> None:
    """SplitError unless there is a free group for every side that is wanted and has none yet."""
    free = len(set(groups)) - len(fixed)
    missing = [side for side in SIDES if shares[side] > 0 and side not in fixed.values()]
    if free < len(missing):
        by = ", ".join(spec.split.group_by) or "picture"
        by += " and time" if spec.split.time_gap else ""
        raise SplitError(
            f"Dataset '{dataset.name}' has {len(set(groups))} groups by {by}, {free} of them free; {', '.join(missing)} "
            f"need at least one each. Group by something finer in `split.group_by`, or add data."
        )


def near_duplicates(dataset: Dataset, read: Callable[[str], bytes] | None) -> list[tuple[int, int]]:
    """Pairs of positions of pictures that are near-duplicates.

    Raises:
        SplitError: the pictures are not at hand.
    """
    here, pictures = _at_hand(dataset, read, "near_duplicates")
    found = near_pairs(fingerprints(pictures), pictures)
    return [(here[a], here[b]) for a, b in zip(found.a.tolist(), found.b.tolist(), strict=True)]


def shared_parts(dataset: Dataset, read: Callable[[str], bytes] | None) -> list[tuple[int, int]]:
    """Pairs of positions of images that show the same part of a scene at another place.

    Raises:
        SplitError: the images are not at hand.
    """
    here, pictures = _at_hand(dataset, read, "overlaps")
    found = overlaps(pictures)
    return [(here[a], here[b]) for a, b in zip(found.a.tolist(), found.b.tolist(), strict=True)]


def _at_hand(
    dataset: Dataset, read: Callable[[str], bytes] | None, key: str
) -> tuple[list[int], list[Callable[[], bytes]]]:
    """Positions of the images that can be read, and how."""
    digests = dataset.picture_digests
    here = [row for row, digest in enumerate(digests) if digest]
    if read is None or not here:
        raise SplitError(
            f"`split.{key}` asks to look at the pictures, but they are not at hand; say `off`, or split a data set "
            f"whose pictures are in the store."
        )
    return here, [partial(read, digests[row]) for row in here]


def _resembling(dataset: Dataset, alike: list[tuple[int, int]], sides: Sequence[str]) -> Resembling:
    """How many pairs there are, and which of them lie on two sides."""
    apart = [(a, b) for a, b in alike if sides[a] != sides[b]]
    names = dataset.file_names
    first = tuple(ApartPair(names[a], names[b], sides[a], sides[b]) for a, b in apart[:_MOST_NAMED])
    return Resembling(len(alike), len(apart), first)


def _parted(dataset: Dataset, groups: list[str]) -> tuple[list[str], dict[str, dict[str, int]]]:
    """Groups that the source files put on several sides, parted by side; and pictures per side of each such group."""
    given = [side or "(not given)" for side in dataset.rows.column("side").to_pylist()]
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for group, side in zip(groups, given, strict=True):
        counts[group][side] += 1
    straddling = {group: dict(sides) for group, sides in sorted(counts.items()) if len(sides) > 1}
    parted = [f"{group} ({side})" if group in straddling else group for group, side in zip(groups, given, strict=True)]
    return parted, straddling


def _fixed_sides(
    dataset: Dataset, groups: list[str], from_source: bool, keep: Split | None, set_of: Mapping[str, str]
) -> dict[str, str]:
    """Side of each group, in no set, that is settled before anything is dealt."""
    fixed: dict[str, str] = {}
    known: dict[int, str] = {}
    if keep is not None:
        known = dict(zip(keep.image_ids.tolist(), keep.side, strict=True))
    elif from_source:
        known = {
            i: s for i, s in zip(dataset.image_ids.tolist(), dataset.rows.column("side").to_pylist(), strict=True) if s
        }
    for image, group, name in zip(dataset.image_ids.tolist(), groups, dataset.file_names, strict=True):
        side = known.get(image)
        if side is None or group in set_of:
            continue
        if fixed.setdefault(group, side) != side:
            raise SplitError(
                f"Group '{group}' straddles the given sides: '{name}' is in {side}, others are in {fixed[group]}. "
                f"Keep a group on one side; see `split.group_by` in spec.yaml."
            )
    return fixed


def _deal(
    dataset: Dataset, groups: list[str], spec: Spec, shares: dict[str, float], fixed: dict[str, str]
) -> tuple[dict[str, str], list[str]]:
    """Group to side, and what could not be satisfied; groups of sets take no part."""
    searched = spec.split.deal == "balanced"
    table, features = loads(dataset, spec.split.strata, crossed=searched)  # (n, features)
    dealt = np.array([fixed.get(group, SIDES[0]) in SIDES for group in groups], np.bool_)
    names = sorted({group for group, part in zip(groups, dealt, strict=True) if part})
    index = {name: i for i, name in enumerate(names)}
    of_group = np.zeros((len(names), table.shape[1]))
    np.add.at(of_group, [index[g] for g, part in zip(groups, dealt, strict=True) if part], table[dealt])
    settled = np.array([SIDES.index(fixed[name]) if name in fixed else -1 for name in names], np.int64)
    if searched:
        classes = [f for f, feature in enumerate(features) if feature.startswith("class ") and " with " not in feature]
        side = balanced(of_group, shares, settled, seed=spec.split.seed, rare=classes)
    else:
        side = largest_first(of_group, shares, settled, seed=spec.split.seed)
    told = unmet(of_group, features, side, shares, searched=searched) if len(names) else []
    return {**fixed, **{name: SIDES[s] for name, s in zip(names, side.tolist(), strict=True)}}, told


def _summary(dataset: Dataset, groups: list[str], sides: Sequence[str], spec: Spec, from_source: bool) -> SplitSummary:
    all_sides = (*SIDES, *sorted(set(sides) - set(SIDES)))
    per_class = np.zeros((len(all_sides), len(dataset.class_names)), np.int64)
    columns = dataset.annotations
    side_index = np.array([all_sides.index(s) for s in sides], np.int64)
    np.add.at(per_class, (side_index[columns.image_index], columns.class_id), 1)
    groups_on = defaultdict(set)
    for group, side in zip(groups, sides, strict=True):
        groups_on[side].add(group)
    images = Counter(sides)
    return SplitSummary(
        group_by=tuple(spec.split.group_by),
        from_source=from_source,
        seed=spec.split.seed,
        images={side: images.get(side, 0) for side in all_sides},
        groups={side: len(groups_on[side]) for side in all_sides},
        objects={
            side: {name: int(per_class[s, c]) for c, name in enumerate(dataset.class_names)}
            for s, side in enumerate(all_sides)
        },
    )
