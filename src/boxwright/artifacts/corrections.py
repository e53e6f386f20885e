"""Corrections: what people answered. For each reviewed picture, all the boxes it should have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import pyarrow as pa

from boxwright.artifacts.artifact import Artifact, Parts

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
        ("attributes", pa.list_(pa.string())),  # JSON object per box; older corrections lack the column
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
    answers: pa.Table

    def __len__(self) -> int:
        return len(self.answers)

    def parts(self) -> Parts:
        return Parts({"class_names": list(self.class_names)}, {"answers": self.answers.cast(self._schema)})

    @property
    def _schema(self) -> pa.Schema:
        """CORRECTION_SCHEMA, without what was not known yet when these corrections were saved: they keep their digest."""
        return pa.schema([column for column in CORRECTION_SCHEMA if column.name in self.answers.column_names])

    @classmethod
    def from_parts(cls, parts: Parts, made_from: Mapping[str, str]) -> Self:
        return cls(
            class_names=tuple(parts.document["class_names"]),
            answers=parts.tables["answers"],
            made_from=made_from,
        )
