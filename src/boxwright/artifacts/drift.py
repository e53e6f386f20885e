"""Drift: per window, condition and feature, how far traffic is from the reference, and whether that rings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import pyarrow as pa

from boxwright.artifacts.artifact import Artifact, Parts

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

    rows: pa.Table
    summary: Mapping[str, Any]

    @property
    def alarms(self) -> list[dict[str, Any]]:
        """The rows that ring, oldest first."""
        return [row for row in self.rows.to_pylist() if row["alarm"]]

    def parts(self) -> Parts:
        return Parts({"summary": dict(self.summary)}, {"rows": self.rows.cast(DRIFT_SCHEMA)})

    @classmethod
    def from_parts(cls, parts: Parts, made_from: Mapping[str, str]) -> Self:
        return cls(rows=parts.tables["rows"], summary=parts.document["summary"], made_from=made_from)
