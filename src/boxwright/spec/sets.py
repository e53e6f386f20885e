"""Golden and challenge sets: pictures kept aside, and the rules for naming them.

A golden set is what must always hold; it is looked at sparingly, and each look is counted, because every choice made
after a look fits the set a little better than it fits the world. A challenge set is a collection of hard cases and may
be looked at freely. Pictures of either never train, choose or test.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from boxwright.spec.clause import Name, Value
from boxwright.spec.document import Section

if TYPE_CHECKING:
    from boxwright.spec.requirement import Requirement
    from boxwright.spec.spec import ConditionClause

SIDES = ("train", "val", "test", "any")  # what a set cannot be called


class SetClause(Section):
    """One set; clauses of acceptance ask for figures on it by `set=name`."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,49}$")]
    kind: Literal["golden", "challenge"]  # looked at sparingly and each look counted; or hard cases, looked at freely
    where: dict[
        Name, Value
    ] = {}  # conditions to values, all must hold; empty: `boxwright split --set NAME=FILE` lists them
    straddling: Literal["refuse", "take"] = "refuse"  # groups of which only a part belongs: refuse, or take them whole


def check_sets(sets: Sequence[SetClause], conditions: Iterable[ConditionClause], group_by: Sequence[str]) -> None:
    """ValueError unless every set has a name of its own and is picked by conditions that come with the pictures."""
    names = [clause.name for clause in sets]
    if len(set(names)) < len(names):
        raise ValueError(f"set '{next(name for name in names if names.count(name) > 1)}' is listed twice")
    if reserved := set(SIDES) & set(names):
        raise ValueError(f"a set cannot be called '{min(reserved)}'; choose another name")
    listed = {condition.name: condition for condition in conditions}
    for clause in sets:
        for name, value in clause.where.items():
            if name not in listed and name not in group_by:
                raise ValueError(
                    f"set '{clause.name}' names '{name}', which is neither in conditions nor in split.group_by"
                )
            if name in listed and listed[name].source == "measured":
                raise ValueError(
                    f"set '{clause.name}': '{name}' is measured; sets are picked by conditions that come with the pictures"
                )
            if name in listed and listed[name].labels and value not in listed[name].labels:
                known = ", ".join(listed[name].labels)
                raise ValueError(f"set '{clause.name}': '{name}' has no slice '{value}' (it has {known})")


def check_named(sets: Sequence[SetClause], requirements: Iterable[Requirement], sides: Iterable[str]) -> None:
    """ValueError unless every set that a clause of acceptance or of coverage names is declared."""
    names = [clause.name for clause in sets]
    declared = f"it declares {', '.join(names)}" if names else "it declares none, see `sets`"
    for requirement in requirements:
        if requirement.on_set not in (None, *names):
            raise ValueError(
                f"acceptance clause '{requirement.text}' names the unknown set '{requirement.on_set}' ({declared})"
            )
    for side in sides:
        if side not in (*SIDES, *names):
            raise ValueError(f"coverage: split must be one of {', '.join(SIDES)} or a set, found '{side}'")
