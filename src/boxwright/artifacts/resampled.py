"""How intervals were made, said beside every set of intervals."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Resampled:
    """What was resampled, and how often.

    Attributes:
        unit: `group` or `picture`.
        groups: how many of them there were.
        replicates: how often groups were drawn; 0 when there were too few for intervals.
        confidence: of the intervals.
        these_replicates: how often pictures were drawn within the groups; 0 where each picture is a group.
        effective_groups: how many groups of one weight they are worth; None where not told, as below.
        largest_share: of the objects, in the largest group.
        weighed: groups `as they are`, or `alike`.
    """

    unit: str
    groups: int
    replicates: int
    confidence: float
    these_replicates: int = 0
    effective_groups: float | None = None
    largest_share: float | None = None
    weighed: str = ""
