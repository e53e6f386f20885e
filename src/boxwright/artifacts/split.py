"""Split: which side each picture is on. Groups never straddle.

`train` learns, `val` chooses (early stop, thresholds), `test` judges. Golden and challenge sets are further sides: their
pictures do none of this, and clauses of acceptance ask for figures on them by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from boxwright.artifacts.artifact import Artifact, Parts
from boxwright.artifacts.codec import plain, typed
from boxwright.errors import SplitError

SIDES = ("train", "val", "test")


@dataclass(frozen=True)
class SetOrigin:
    """How a golden or challenge set came about.

    Attributes:
        kind: which of the two.
        where: condition to value of the pictures that belong.
        taken_along: pictures that came because their groups are taken whole.
        moved_from: side to pictures that were on it before.
        listed: pictures that were named one by one.
    """

    kind: Literal["golden", "challenge"] = "golden"
    where: Mapping[str, str] = field(default_factory=dict)
    taken_along: int = 0
    moved_from: Mapping[str, int] = field(default_factory=dict)
    listed: int = 0


@dataclass(frozen=True)
class ApartPair:
    """Two pictures that resemble each other, and the sides they are on."""

    a: str
    b: str
    side_a: str
    side_b: str


@dataclass(frozen=True)
class Resembling:
    """Pairs of pictures that resemble each other: how many, how many of them on two sides, and the first of those."""

    pairs: int
    on_two_sides: int
    first: tuple[ApartPair, ...] = ()


@dataclass(frozen=True)
class SplitSummary:
    """What was done, and why.

    Attributes:
        why: in words, where it is not by the spec alone.
        group_by: conditions that groups are made by.
        from_source: whether the source files' sides were taken.
        seed: of the dealing.
        images, groups: side to how many.
        objects: side to class name to annotations.
        straddling: group that the source files put on several sides, to side to pictures.
        sets: name to how it came about.
        unmet: what could not be satisfied, in words.
        near_duplicates, overlaps: pairs of pictures; None where they were not looked for.
    """

    why: str = ""
    group_by: tuple[str, ...] = ()
    from_source: bool = False
    seed: int | None = None
    images: Mapping[str, int] = field(default_factory=dict)
    groups: Mapping[str, int] = field(default_factory=dict)
    objects: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    straddling: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    sets: Mapping[str, SetOrigin] = field(default_factory=dict)
    unmet: tuple[str, ...] = ()
    near_duplicates: Resembling | None = None
    overlaps: Resembling | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Split(Artifact):
    """Sides of a dataset.

    Attributes:
        image_ids: (n,) int64.
        side: (n,) one of SIDES, or the name of a set.
        group: (n,) name of the group each picture belongs to.
        summary: what was done, and why.
    """

    kind: ClassVar[str] = "split"

    image_ids: NDArray
    side: tuple[str, ...]
    group: tuple[str, ...]
    summary: SplitSummary = field(default_factory=SplitSummary)

    def __post_init__(self) -> None:
        sides_of: dict[str, set[str]] = {}
        for group, side in zip(self.group, self.side, strict=True):
            sides_of.setdefault(group, set()).add(side)
        for group, sides in sides_of.items():
            if len(sides) > 1:
                counts = ", ".join(
                    f"{side} ({sum(g == group and s == side for g, s in zip(self.group, self.side, strict=True))} images)"
                    for side in sorted(sides)
                )
                raise SplitError(
                    f"Group '{group}' is in {counts}. Keep a group on one side; see `split.group_by` in spec.yaml."
                )

    @cached_property
    def sides(self) -> tuple[str, ...]:
        """SIDES, then the names of the sets that hold pictures."""
        return (*SIDES, *sorted(set(self.side) - set(SIDES)))

    def kind_of_set(self, side: str) -> str | None:
        """`golden` or `challenge`, golden where nothing is said; None for train, val and test."""
        return None if side in SIDES else self.summary.sets.get(side, SetOrigin()).kind

    def ids(self, side: str) -> NDArray[np.int64]:
        """Image ids of one side, rising."""
        if side not in self.sides:
            raise SplitError(f"This split has the sides {', '.join(self.sides)}; found '{side}'.")
        return np.sort(self.image_ids[np.array(self.side, dtype=object) == side])

    def groups_of(self, image_ids: NDArray) -> list[str]:
        """Group of each image id."""
        by_id = dict(zip(self.image_ids.tolist(), self.group, strict=True))
        return [by_id[i] for i in np.asarray(image_ids).tolist()]

    def parts(self) -> Parts:
        table = pa.table({"image_id": self.image_ids, "side": list(self.side), "group": list(self.group)})
        return Parts({"summary": plain(self.summary, SplitSummary)}, {"images": table})

    @classmethod
    def from_parts(cls, parts: Parts, made_from: Mapping[str, str]) -> Self:
        table = parts.tables["images"]
        return cls(
            image_ids=table.column("image_id").to_numpy(),
            side=tuple(table.column("side").to_pylist()),
            group=tuple(table.column("group").to_pylist()),
            summary=typed(parts.document["summary"], SplitSummary),
            made_from=made_from,
        )
