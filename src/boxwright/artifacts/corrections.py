"""Corrections: what people answered. For each reviewed picture, all the boxes it should have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from boxwright.artifacts.artifact import Artifact
from boxwright.artifacts.codec import table

CORRECTION_SCHEMA = pa.schema(
    [
        ("item", pa.string()),
        ("picture", pa.string()),  # digest
        ("file_name", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("conditions", pa.string()),  # JSON object
        ("reviewer", pa.string()),
        ("answered_at", pa.float64()),
        ("in_time", pa.bool_()),
        ("class_id", pa.list_(pa.int32())),
        ("x1", pa.list_(pa.float64())),
        ("y1", pa.list_(pa.float64())),
        ("x2", pa.list_(pa.float64())),
        ("y2", pa.list_(pa.float64())),
        ("ignore", pa.list_(pa.bool_())),
        ("attributes", pa.list_(pa.string())),  # JSON object per box
    ]
)


@dataclass(frozen=True, eq=False, kw_only=True)
class Corrections(Artifact):
    """Answers to review items.

    Attributes:
        class_names: by class_id.
        answers: one per answered picture, as CORRECTION_SCHEMA.
    """

    kind: ClassVar[str] = "corrections"

    class_names: tuple[str, ...]
    answers: pa.Table = table(CORRECTION_SCHEMA)

    def __len__(self) -> int:
        return len(self.answers)
