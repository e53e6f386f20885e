"""Split: which side each picture is on. Groups never straddle.

`train` learns, `val` chooses (early stop, thresholds), `test` judges. Golden and challenge sets are further sides: their
pictures do none of this, and clauses of acceptance ask for figures on them by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from boxwright.artifacts.artifact import Artifact, Parts
from boxwright.errors import SplitError

SIDES = ("train", "val", "test")


@dataclass(frozen=True, eq=False, kw_only=True)
class Split(Artifact):
    """Sides of a dataset.

    Attributes:
        image_ids: (n,) int64.
        side: (n,) one of SIDES, or the name of a set.
        group: (n,) name of the group each picture belongs to.
        summary: what was done and why, for people; under `sets` the kind of each set.
    """

    kind: ClassVar[str] = "split"

    image_ids: NDArray
    side: tuple[str, ...]
    group: tuple[str, ...]
    summary: Mapping[str, Any]

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
        return None if side in SIDES else self.summary.get("sets", {}).get(side, {}).get("kind", "golden")

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
        return Parts({"summary": dict(self.summary)}, {"images": table})

    @classmethod
    def from_parts(cls, parts: Parts, made_from: Mapping[str, str]) -> Self:
        table = parts.tables["images"]
        return cls(
            image_ids=table.column("image_id").to_numpy(),
            side=tuple(table.column("side").to_pylist()),
            group=tuple(table.column("group").to_pylist()),
            summary=parts.document["summary"],
            made_from=made_from,
        )
