"""Whole groups are dealt to train, val and test so that each side comes near its share.

Groups are the connected sets of pictures that agree in the spec's conditions or hold the same encoded picture. Golden
and challenge sets take theirs first (`sets.py`). The rest is dealt largest first, each to the side that lacks most,
counting pictures, every class and every stratum. Pictures the source already put on a side stay there when the spec
asks for nothing else (`side` is honoured by `from_source`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import SIDES, Dataset, Split
from boxwright.errors import SplitError
from boxwright.spec import Spec
from boxwright.splitting.sets import take_sets

_EMPTY = "(none)"


def split(
    dataset: Dataset,
    spec: Spec,
    *,
    from_source: bool = False,
    keep: Split | None = None,
    lists: Mapping[str, Sequence[str]] | None = None,
) -> Split:
    """Sides for every picture of a dataset.

    Args:
        dataset: the pictures, their conditions and annotations.
        spec: its split clause and its sets.
        from_source: take the sides the source files gave; pictures without one are dealt among train and val.
        keep: an earlier version's split: groups it knows stay where they were, so that what judged before still judges.
        lists: set to the file names of its pictures, for sets that `where` does not pick.

    Raises:
        SplitError: a group would straddle, or there are too few groups for the sides that are wanted.
    """
    groups = group_names(dataset, spec.split.group_by)
    straddling: dict[str, dict[str, int]] = {}
    if from_source and spec.split.straddling == "report":
        groups, straddling = _parted(dataset, groups)
    taken = take_sets(dataset, groups, spec, lists=lists or {}, keep=keep)
    fixed = {**_fixed_sides(dataset, groups, from_source, keep, taken.set_of), **taken.set_of}
    shares = {"train": spec.split.train, "val": spec.split.val, "test": spec.split.test}
    if from_source and "test" in fixed.values():
        shares["test"] = 0.0
    wanted = [side for side in SIDES if shares[side] > 0]
    free = len(set(groups)) - len(fixed)
    missing = [side for side in wanted if side not in fixed.values()]
    if free < len(missing):
        by = ", ".join(spec.split.group_by) or "picture"
        raise SplitError(
            f"Dataset '{dataset.name}' has {len(set(groups))} groups by {by}, {free} of them free; {', '.join(missing)} "
            f"need at least one each. Group by something finer in `split.group_by`, or add data."
        )
    side_of = _deal(dataset, groups, spec, shares, fixed)
    sides = tuple(side_of[group] for group in groups)
    return Split(
        image_ids=dataset.image_ids,
        side=sides,
        group=tuple(groups),
        summary={
            **_summary(dataset, groups, sides, spec, from_source),
            "straddling": straddling,
            **({"sets": dict(taken.told)} if taken.told else {}),
        },
        made_from={"dataset": dataset.digest},
    )


def _parted(dataset: Dataset, groups: list[str]) -> tuple[list[str], dict[str, dict[str, int]]]:
    """Groups that the source files put on several sides, parted by side; and pictures per side of each such group."""
    given = [side or "(not given)" for side in dataset.rows.column("side").to_pylist()]
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for group, side in zip(groups, given, strict=True):
        counts[group][side] += 1
    straddling = {group: dict(sides) for group, sides in sorted(counts.items()) if len(sides) > 1}
    parted = [f"{group} ({side})" if group in straddling else group for group, side in zip(groups, given, strict=True)]
    return parted, straddling


def group_names(dataset: Dataset, group_by: Sequence[str]) -> list[str]:
    """(n,) group of each picture; pictures with the same bytes are joined, whatever their conditions.

    Raises:
        SplitError: a picture lacks a condition that groups.
    """
    keys = []
    for name, conditions in zip(dataset.file_names, dataset.conditions, strict=True):
        missing = [key for key in group_by if conditions.get(key) in (None, "")]
        if missing:
            raise SplitError(
                f"Picture '{name}' has no '{missing[0]}', which `split.group_by` asks for. "
                f"Give it with `ingest --conditions FILE`, or group by something else."
            )
        keys.append("/".join(str(conditions[key]) for key in group_by) if group_by else name)
    parent: dict[str, str] = {key: key for key in keys}

    def root(key: str) -> str:
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    first: dict[str, str] = {}
    for key, digest in zip(keys, dataset.picture_digests, strict=True):
        if digest and digest in first:
            parent[root(key)] = root(first[digest])
        elif digest:
            first[digest] = key
    return [root(key) for key in keys]


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
) -> dict[str, str]:
    """Group to side, the largest groups first, each to the side that it helps most; groups of sets take no part."""
    loads = _loads(dataset, spec.split.stratify_by)  # (n, features)
    dealt = np.array([fixed.get(group, SIDES[0]) in SIDES for group in groups], np.bool_)
    names = sorted({group for group, part in zip(groups, dealt, strict=True) if part})
    index = {name: i for i, name in enumerate(names)}
    of_group = np.zeros((len(names), loads.shape[1]))
    np.add.at(of_group, [index[g] for g, part in zip(groups, dealt, strict=True) if part], loads[dealt])
    total = np.maximum(of_group.sum(axis=0), 1e-9)
    target = np.array([shares[side] for side in SIDES])[:, None] * total  # (3, features)
    have = np.zeros_like(target)
    side_of = dict(fixed)
    for name in names:
        if name in fixed:
            have[SIDES.index(fixed[name])] += of_group[index[name]]
    free = [name for name in names if name not in fixed]
    rng = np.random.default_rng(spec.split.seed)
    order = rng.permutation(len(free))
    order = sorted(order, key=lambda i: -of_group[index[free[i]], 0])
    for i in order:
        load = of_group[index[free[i]]]
        cost = [_excess(have, target, total, load, s) if shares[SIDES[s]] > 0 else np.inf for s in range(len(SIDES))]
        empty = [s for s in range(len(SIDES)) if shares[SIDES[s]] > 0 and SIDES[s] not in side_of.values()]
        left = sum(name not in side_of for name in free)
        options = empty if empty and left <= len(empty) else range(len(SIDES))
        best = min(options, key=lambda s: cost[s])
        side_of[free[i]] = SIDES[best]
        have[best] += load
    return side_of


def _excess(have: NDArray, target: NDArray, total: NDArray, load: NDArray, side: int) -> float:
    """How far from the targets all sides would be, if the load went to `side`."""
    after = have.copy()
    after[side] += load
    miss = (after - target) / total
    return float((np.maximum(miss, 0) ** 2 * 4 + np.maximum(-miss, 0) ** 2).sum())


def _loads(dataset: Dataset, stratify_by: str | None) -> NDArray[np.float64]:
    """(n, features) pictures, annotations per class, and stratum of each picture."""
    n = len(dataset)
    columns = dataset.annotations
    classes = np.zeros((n, len(dataset.class_names)))
    np.add.at(classes, (columns.image_index, columns.class_id), 1.0)
    strata = [str(c.get(stratify_by) or _EMPTY) for c in dataset.conditions] if stratify_by else [_EMPTY] * n
    values = sorted(set(strata))
    one_hot = np.array([[float(s == v) for v in values] for s in strata]).reshape(n, len(values))
    return np.concatenate([np.ones((n, 1)), classes, one_hot], axis=1)


def _summary(
    dataset: Dataset, groups: list[str], sides: Sequence[str], spec: Spec, from_source: bool
) -> dict[str, Any]:
    all_sides = (*SIDES, *sorted(set(sides) - set(SIDES)))
    per_class = np.zeros((len(all_sides), len(dataset.class_names)), np.int64)
    columns = dataset.annotations
    side_index = np.array([all_sides.index(s) for s in sides], np.int64)
    np.add.at(per_class, (side_index[columns.image_index], columns.class_id), 1)
    groups_on = defaultdict(set)
    for group, side in zip(groups, sides, strict=True):
        groups_on[side].add(group)
    images = Counter(sides)
    return {
        "group_by": list(spec.split.group_by),
        "from_source": from_source,
        "seed": spec.split.seed,
        "images": {side: images.get(side, 0) for side in all_sides},
        "groups": {side: len(groups_on[side]) for side in all_sides},
        "objects": {
            side: {name: int(per_class[s, c]) for c, name in enumerate(dataset.class_names)}
            for s, side in enumerate(all_sides)
        },
    }
