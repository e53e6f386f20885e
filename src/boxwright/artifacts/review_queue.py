"""ReviewQueue: what people should look at, why, and by when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import pyarrow as pa

from boxwright.artifacts.artifact import Artifact, Parts

QUEUE_SCHEMA = pa.schema(
    [
        ("item", pa.string()),  # id of the item: the event's id
        ("picture", pa.string()),  # digest
        ("file_name", pa.string()),
        ("camera", pa.string()),
        ("priority", pa.string()),  # P0 first
        ("reason", pa.string()),  # uncertain, novel, random
        ("value", pa.float64()),  # how uncertain or novel, in [0, 1]
        ("selected_at", pa.float64()),  # seconds since 1970
        ("due_at", pa.float64()),
        ("proposal", pa.string()),  # JSON: the bundle's detections, to start from
    ]
)


@dataclass(frozen=True, eq=False, kw_only=True)
class ReviewQueue(Artifact):
    """Items in the order in which people should take them.

    Attributes:
        class_names: by class_id.
        items: as QUEUE_SCHEMA.
        summary: how many of what, and how they were chosen.
    """

    kind: ClassVar[str] = "review_queue"

    class_names: tuple[str, ...]
    items: pa.Table
    summary: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.items)

    def parts(self) -> Parts:
        document = {"class_names": list(self.class_names), "summary": dict(self.summary)}
        return Parts(document, {"items": self.items.cast(QUEUE_SCHEMA)})

    @classmethod
    def from_parts(cls, parts: Parts, made_from: Mapping[str, str]) -> Self:
        document = parts.document
        return cls(
            class_names=tuple(document["class_names"]),
            items=parts.tables["items"],
            summary=document["summary"],
            made_from=made_from,
        )
