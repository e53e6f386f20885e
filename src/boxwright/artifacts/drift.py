"""Drift: per window, condition and feature, how far traffic is from the reference, and whether that rings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import pyarrow as pa

from boxwright.artifacts.artifact import Artifact
from boxwright.artifacts.codec import table
from boxwright.spec.spec import MonitoringClause

DRIFT_SCHEMA = pa.schema(
    [
        ("window", pa.int32()),  # 0 is the oldest
        ("begins", pa.float64()),  # seconds since 1970
        ("ends", pa.float64()),
        ("slice", pa.string()),  # `all`, or condition=value
        ("feature", pa.string()),
        ("events", pa.int32()),
        ("reference", pa.float64()),  # mean, or percentile, of the reference
        ("value", pa.float64()),  # the same of the window
        ("effect", pa.float64()),  # in reference standard deviations
        ("p_value", pa.float64()),  # corrected for all tests of the window; 1 for plain limits
        ("limit", pa.float64()),  # least effect, or the limit itself
        ("alarm", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class OtherBundle:
    """A bundle whose events are left out: its digest, how many they are, and whether it has the same classes in the same order."""

    bundle: str
    events: int
    same_classes: bool


@dataclass(frozen=True)
class UnknownSource:
    """A value of the monitored condition that neither reference nor spec know.

    Attributes:
        slice: `condition=value`.
        events: with it.
        first_at, last_at: seconds since 1970.
        near: the known value that it may be a slip of, or empty.
    """

    slice: str
    events: int
    first_at: float
    last_at: float
    near: str = ""


@dataclass(frozen=True)
class SilentSource:
    """A value of the reference that traffic has no more.

    Attributes:
        slice: `condition=value`.
        events: with it.
        last_at: seconds since 1970; None where there was none.
        events_since: of others.
    """

    slice: str
    events: int
    last_at: float | None
    events_since: int


@dataclass(frozen=True)
class NotCompared:
    """What had too few images on one side.

    Attributes:
        slice: `all`, or `condition=value`.
        feature: None for all of them.
        side: `events` or `reference`.
        windows: in which.
        most: images with a value that there were, in the window with most of them.
        needed: for a comparison.
    """

    slice: str
    feature: str | None
    side: Literal["events", "reference"]
    windows: tuple[int, ...]
    most: int
    needed: int


@dataclass(frozen=True)
class DriftSummary:
    """What came of a look.

    Attributes:
        outcome: `alarm`, also for unknown and silent sources; `quiet` only where something was compared.
        events, reference_pictures, windows, comparisons: how many.
        settings: the spec's.
        alarms: in words.
        first_alarm_window: None without an alarm.
        cannot_compare: in words.
        not_compared: values of the condition that the reference hardly has.
        unknown, silent: sources that are new, and that stopped.
        unnamed: events that name no source although the reference does.
        too_few: what had too few images.
        other_bundles: whose events are left out.
    """

    outcome: Literal["alarm", "quiet", "too few to compare"] = "too few to compare"
    events: int = 0
    reference_pictures: int = 0
    windows: int = 0
    comparisons: int = 0
    settings: MonitoringClause = field(default_factory=MonitoringClause)
    alarms: tuple[str, ...] = ()
    first_alarm_window: int | None = None
    cannot_compare: tuple[str, ...] = ()
    not_compared: tuple[str, ...] = ()
    unknown: tuple[UnknownSource, ...] = ()
    silent: tuple[SilentSource, ...] = ()
    unnamed: int = 0
    too_few: tuple[NotCompared, ...] = ()
    other_bundles: tuple[OtherBundle, ...] = ()


@dataclass(frozen=True, eq=False, kw_only=True)
class Drift(Artifact):
    """The monitor's look at a stretch of events.

    Attributes:
        rows: as DRIFT_SCHEMA.
        summary: what came of it.
    """

    kind: ClassVar[str] = "drift"

    rows: pa.Table = table(DRIFT_SCHEMA)
    summary: DriftSummary = field(default_factory=DriftSummary)

    @property
    def alarms(self) -> list[dict[str, Any]]:
        """The rows that ring, oldest first."""
        return [row for row in self.rows.to_pylist() if row["alarm"]]
