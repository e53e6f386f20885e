"""Events: what a server saw and answered, read from its journal."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import pyarrow as pa

from boxwright.artifacts.artifact import Artifact
from boxwright.artifacts.codec import table
from boxwright.detections import DetectionColumns, offsets_from_counts

EVENT_SCHEMA = pa.schema(
    [
        ("event_id", pa.string()),
        ("at", pa.float64()),  # seconds since 1970, UTC
        ("bundle", pa.string()),  # digest that answered
        ("picture", pa.string()),  # digest of the body
        ("file_name", pa.string()),  # as the client called it, or empty
        ("camera", pa.string()),  # as the client said, or empty
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("brightness", pa.float64()),
        ("contrast", pa.float64()),
        ("sharpness", pa.float64()),
        ("latency_ms", pa.float64()),
        ("detections", pa.int32()),  # logged, at or above the score floor
    ]
)


@dataclass(frozen=True, eq=False, kw_only=True)
class Events(Artifact):
    """A stretch of the journal.

    Attributes:
        class_names: by class_id of the bundles that answered.
        events: one row per answered picture, as EVENT_SCHEMA, in the order of answering.
        detections: columns x1, y1, x2, y2, score, class_id; rows in the order of `events`.
    """

    kind: ClassVar[str] = "events"

    class_names: tuple[str, ...]
    events: pa.Table = table(EVENT_SCHEMA)
    detections: pa.Table = table()

    def __len__(self) -> int:
        return len(self.events)

    @cached_property
    def columns(self) -> DetectionColumns:
        """All detections as flat columns, one picture per event."""
        x1, y1, x2, y2 = (self.detections.column(name).to_numpy() for name in ("x1", "y1", "x2", "y2"))
        return DetectionColumns(
            offsets=offsets_from_counts(self.events.column("detections").to_numpy()),
            boxes_xyxy=np.stack([x1, y1, x2, y2], axis=1),
            score=self.detections.column("score").to_numpy(),
            class_id=self.detections.column("class_id").to_numpy(),
        )
