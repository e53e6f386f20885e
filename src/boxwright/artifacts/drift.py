"""Drift: per window, condition and feature, how far traffic is from the reference, and whether that rings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa

from boxwright.artifacts.artifact import Artifact
from boxwright.artifacts.codec import table

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


@dataclass(frozen=True, eq=False, kw_only=True)
class Drift(Artifact):
    """The monitor's look at a stretch of events.

    Attributes:
        rows: as DRIFT_SCHEMA.
        summary: settings used, windows, alarms in words.
    """

    kind: ClassVar[str] = "drift"

    rows: pa.Table = table(DRIFT_SCHEMA)
    summary: Mapping[str, Any]

    @property
    def alarms(self) -> list[dict[str, Any]]:
        """The rows that ring, oldest first."""
        return [row for row in self.rows.to_pylist() if row["alarm"]]
