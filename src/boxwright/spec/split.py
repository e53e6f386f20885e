"""Who trains, who chooses, who judges: the spec's `split` clause."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator, model_validator

from boxwright.spec.clause import GrownSection, Name, Seed, Share, seconds_from


class SplitClause(GrownSection):
    """Who trains, who chooses, who judges."""

    later = ("deal", "near_duplicates", "overlaps", "time", "time_gap", "time_per")

    group_by: tuple[Name, ...] = ()  # conditions whose equal values must stay on one side; empty: every picture alone
    train: Share = 0.7
    val: Share = 0.15
    test: Share = 0.15
    straddling: Literal["refuse", "report"] = "refuse"  # groups that the source files themselves put on two sides
    stratify_by: Name | tuple[Name, ...] | None = None  # conditions that each side should hold in like shares
    seed: Seed = 0
    deal: Literal["largest_first", "balanced"] = "largest_first"  # balanced also searches, for class by condition
    near_duplicates: Literal["off", "report", "together"] = "off"  # look at the pictures; together: one group
    overlaps: Literal["off", "report", "together"] = "off"  # images that share a part at another place; the same
    time: Name | None = None  # condition that holds the time a picture was taken: ISO 8601, or seconds
    time_gap: str | None = None  # between pictures of two sides, such as 10min; what is nearer is one group
    time_per: Name | None = None  # condition, such as camera, within which the gap is asked for; None: over all

    @field_validator("time_gap")
    @classmethod
    def _duration(cls, value: str | None) -> str | None:
        if value is not None:
            seconds_from(value)
        return value

    @model_validator(mode="after")
    def _whole(self) -> SplitClause:
        if self.train <= 0:
            raise ValueError("train must be more than 0: something has to be learnt from")
        if abs(self.train + self.val + self.test - 1) > 1e-6:
            raise ValueError(f"train, val and test must add up to 1, found {self.train + self.val + self.test:g}")
        if self.time_gap is not None and self.time is None:
            raise ValueError("time_gap needs `time`, the condition that holds when a picture was taken")
        return self

    @property
    def strata(self) -> tuple[str, ...]:
        """Conditions to stratify by."""
        return (self.stratify_by,) if isinstance(self.stratify_by, str) else tuple(self.stratify_by or ())
