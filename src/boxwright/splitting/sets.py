"""Golden and challenge sets take whole groups before anything is dealt.

What belongs to a set is said by the spec's `where` or by a list of file names. A group of which only a part belongs is
refused, or taken whole where the set says so. With an earlier split, groups never leave their set; a set that is new
may take groups from train, val and test, because they then only lose the right to be learnt from.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from boxwright.artifacts import SIDES, Dataset, Split
from boxwright.artifacts.split import SetOrigin
from boxwright.errors import SplitError
from boxwright.spec import Spec
from boxwright.spec.sets import SetClause


@dataclass(frozen=True)
class Taken:
    """What the sets took.

    Attributes:
        set_of: group to the set it is in.
        told: set to how it came about, for the summary.
    """

    set_of: Mapping[str, str] = field(default_factory=dict)
    told: Mapping[str, SetOrigin] = field(default_factory=dict)


def take_sets(
    dataset: Dataset, groups: Sequence[str], spec: Spec, *, lists: Mapping[str, Sequence[str]], keep: Split | None
) -> Taken:
    """The groups of every set of the spec, and of those an earlier split knows.

    Args:
        dataset: the pictures.
        groups: (n,) group of each.
        spec: its sets.
        lists: set to the file names of its pictures, for sets that are listed.
        keep: an earlier split; its sets stay.

    Raises:
        SplitError: two sets want one group, only a part of a group belongs, or a set has no picture.
    """
    if unknown := set(lists) - {clause.name for clause in spec.sets}:
        raise SplitError(f"'{min(unknown)}' is no set of the spec; declare it under `sets` in spec.yaml.")
    before = _sides_before(dataset, groups, keep)
    set_of = {group: side for group, side in before.items() if side not in SIDES}
    told = {name: origin for name, origin in _sets_of(keep).items() if name in set_of.values()}
    for clause in spec.sets:
        wanted = _wanted(clause, dataset, groups, lists.get(clause.name), set_of)
        for group in wanted:
            if set_of.setdefault(group, clause.name) != clause.name:
                raise SplitError(
                    f"Group '{group}' is asked for by the set '{clause.name}' and is in the set '{set_of[group]}'; "
                    f"a group is in one set."
                )
        listed = len(lists[clause.name]) if clause.name in lists else told.get(clause.name, SetOrigin()).listed
        told[clause.name] = replace(_told(clause, groups, wanted, before), listed=listed)
    return Taken(set_of, told)


def _wanted(
    clause: SetClause,
    dataset: Dataset,
    groups: Sequence[str],
    names: Sequence[str] | None,
    set_of: Mapping[str, str],
) -> dict[str, int]:
    """Group to how many of its pictures belong to the set."""
    belongs = _listed(clause, dataset, names) if names is not None else _met(clause, dataset)
    found = Counter(group for group, inside in zip(groups, belongs, strict=True) if inside)
    kept = {group for group, name in set_of.items() if name == clause.name}
    if not found and not kept:
        raise SplitError(_nothing(clause))
    size = Counter(groups)
    parted = [group for group in found if found[group] < size[group] and group not in kept]
    if parted and clause.straddling == "refuse":
        group = min(parted)
        raise SplitError(
            f"Set '{clause.name}' takes {found[group]} of the {size[group]} images of group '{group}' "
            f"({len(parted)} groups are parted like this). A group is whole on one side: pick the set by what does not "
            f"change within a group, or say `straddling: take` for it in spec.yaml to take such groups whole."
        )
    return dict(found)


def _met(clause: SetClause, dataset: Dataset) -> list[bool]:
    """(n,) whether a picture meets all conditions of the set; none does where none are given."""
    return [
        bool(clause.where) and all(str(c.get(name, "")) == value for name, value in clause.where.items())
        for c in dataset.conditions
    ]


def _listed(clause: SetClause, dataset: Dataset, names: Sequence[str]) -> list[bool]:
    """(n,) whether a picture is listed, by its file name or by the end of it where only one picture has that."""
    by_end: dict[str, list[str]] = defaultdict(list)
    for name in dataset.file_names:
        by_end[PurePosixPath(name).name].append(name)
    whole, chosen = set(dataset.file_names), set()
    for name in names:
        found = [name] if name in whole else by_end.get(name, [])
        if len(found) != 1:
            count = f"{len(found)} pictures end in it; write the whole name" if found else "no picture is called so"
            raise SplitError(f"Set '{clause.name}' lists '{name}', but in dataset '{dataset.name}' {count}.")
        chosen.add(found[0])
    return [name in chosen for name in dataset.file_names]


def _nothing(clause: SetClause) -> str:
    if not clause.where:
        return (
            f"Set '{clause.name}' is declared without `where`; list its pictures with `boxwright split --set "
            f"{clause.name}=FILE`, and hand that split on with --keep."
        )
    asked = ", ".join(f"{name}={value}" for name, value in sorted(clause.where.items()))
    return f"Set '{clause.name}' is empty: no picture has {asked}. Mend `sets` in spec.yaml, or add such pictures."


def _sides_before(dataset: Dataset, groups: Sequence[str], keep: Split | None) -> dict[str, str]:
    """Side of each group that an earlier split knows; where its pictures differ, a set comes first."""
    if keep is None:
        return {}
    known = dict(zip(keep.image_ids.tolist(), keep.side, strict=True))
    sides: dict[str, str] = {}
    for image, group in zip(dataset.image_ids.tolist(), groups, strict=True):
        side = known.get(image)
        if side is None:
            continue
        earlier = sides.setdefault(group, side)
        if earlier not in SIDES and side not in (*SIDES, earlier):
            raise SplitError(
                f"Group '{group}' joins pictures of the sets '{earlier}' and '{side}'; a group is in one set."
            )
        if earlier in SIDES and side not in SIDES:
            sides[group] = side
    return sides


def _sets_of(keep: Split | None) -> Mapping[str, SetOrigin]:
    return keep.summary.sets if keep is not None else {}


def _told(clause: SetClause, groups: Sequence[str], wanted: Mapping[str, int], before: Mapping[str, str]) -> SetOrigin:
    """What the summary says of a set."""
    size = Counter(groups)
    new = [group for group in wanted if before.get(group) != clause.name]
    moved: Counter[str] = Counter()
    for group in new:
        if group in before:
            moved[before[group]] += size[group]
    return SetOrigin(
        clause.kind, dict(clause.where), sum(size[group] - wanted[group] for group in new), dict(sorted(moved.items()))
    )
