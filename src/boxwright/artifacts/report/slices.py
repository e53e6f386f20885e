"""What a report says of parts of the data: slices by condition, and slices found to be weak."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from boxwright.spec import Observed


@dataclass(frozen=True)
class SliceResult:
    """One value of one condition.

    Attributes:
        condition, value: which.
        images: in it.
        objects: annotations asked for in it.
        ap50, precision, recall: with intervals.
        errors: code of an ErrorKind to how many.
    """

    condition: str
    value: str
    images: int
    objects: int
    ap50: Observed
    precision: Observed
    recall: Observed
    errors: Mapping[str, int]


@dataclass(frozen=True)
class WeakSlice:
    """A slice in which more goes wrong than elsewhere.

    Attributes:
        what: objects `missed`, or answered detections that are `false`.
        slice: condition (or `class`) to value, one or two.
        support: objects or detections inside.
        groups: groups that have any of them.
        rate: share that goes wrong inside.
        elsewhere: the same outside.
        excess: errors more than there would be, were the slice like the rest.
        p: one-sided.
    """

    what: Literal["missed", "false"]
    slice: Mapping[str, str]
    support: int
    groups: int
    rate: float
    elsewhere: float
    excess: float
    p: float

    @property
    def named(self) -> str:
        """Such as `lighting=dim, class=open`."""
        return ", ".join(f"{name}={value}" for name, value in self.slice.items())


@dataclass(frozen=True)
class WeakSlices:
    """The slices found weak by looking at all of them.

    Attributes:
        found: the most errors in excess first.
        searched: how many slices were compared.
        rate: expected share of false finds among those found.
    """

    found: tuple[WeakSlice, ...] = ()
    searched: int = 0
    rate: float = 0.0
