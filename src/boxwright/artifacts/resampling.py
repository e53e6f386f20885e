"""How intervals were made, said beside every set of intervals."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Resampling:
    """What was resampled, and how often.

    Attributes:
        unit: `group` or `picture`.
        groups: how many of them there were.
        replicates: how often; 0 when there were too few for intervals.
        confidence: of the intervals.
    """

    unit: str
    groups: int
    replicates: int
    confidence: float
