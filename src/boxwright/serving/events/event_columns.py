"""Records of the journal as columns, some thousand at a time, so that a long journal never lies in memory as objects.

The reader of the journal has checked each record (`journal/event.py`); here it is only put another way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from boxwright.artifacts import EVENT_SCHEMA
from boxwright.detections import DetectionColumns, offsets_from_counts

CHUNK = 4096  # records that are objects at the same time


@dataclass(frozen=True)
class EventColumns:
    """Events and their detections, whichever bundles answered.

    Attributes:
        events: one row per event, as EVENT_SCHEMA.
        detections: of each event, their class_id by the event's own list of classes.
        class_lists: the lists of class names met, each once.
        list_of: (n,) int64 which of them the class ids of an event mean.
    """

    events: pa.Table
    detections: DetectionColumns
    class_lists: tuple[tuple[str, ...], ...]
    list_of: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.list_of)

    def take(self, rows: NDArray) -> EventColumns:
        """The same for some events, in the order given."""
        return replace(
            self,
            events=self.events.take(pa.array(rows, pa.int64())),
            detections=self.detections.take(rows),
            list_of=self.list_of[rows],
        )


def columns_of(records: Iterable[dict[str, Any]]) -> EventColumns:
    """The events that records tell of, in their order; the records are taken CHUNK at a time."""
    known: dict[tuple[str, ...], int] = {}
    waiting, found = iter(records), []
    while chunk := list(islice(waiting, CHUNK)):
        found.append(_as_columns(chunk, known))
    return _joined(found, tuple(known))


def _as_columns(chunk: Sequence[dict[str, Any]], known: dict[tuple[str, ...], int]) -> EventColumns:
    counts = [len(r["score"]) for r in chunk]
    boxes = np.array(list(chain.from_iterable(r["boxes_xyxy"] for r in chunk)), np.float64).reshape(-1, 4)
    detections = DetectionColumns(
        offsets=offsets_from_counts(counts),
        boxes_xyxy=boxes,
        score=np.array(list(chain.from_iterable(r["score"] for r in chunk)), np.float64),
        class_id=np.array(list(chain.from_iterable(r["class_id"] for r in chunk)), np.int32),
    )
    fields = {f.name: [r[f.name] for r in chunk] for f in EVENT_SCHEMA if f.name != "detections"}
    return EventColumns(
        events=pa.Table.from_pydict({**fields, "detections": counts}, schema=EVENT_SCHEMA),
        detections=detections,
        class_lists=(),
        list_of=np.array([known.setdefault(tuple(r["class_names"]), len(known)) for r in chunk], np.int64),
    )


def _joined(found: Sequence[EventColumns], class_lists: tuple[tuple[str, ...], ...]) -> EventColumns:
    parts = [one.detections for one in found]
    return EventColumns(
        events=pa.concat_tables([EVENT_SCHEMA.empty_table(), *(one.events for one in found)]).combine_chunks(),
        detections=DetectionColumns(
            offsets=offsets_from_counts(np.concatenate([np.zeros(0, np.int64), *(np.diff(p.offsets) for p in parts)])),
            boxes_xyxy=np.concatenate([np.zeros((0, 4)), *(p.boxes_xyxy for p in parts)]),
            score=np.concatenate([np.zeros(0), *(p.score for p in parts)]),
            class_id=np.concatenate([np.zeros(0, np.int32), *(p.class_id for p in parts)]),
        ),
        class_lists=class_lists,
        list_of=np.concatenate([np.zeros(0, np.int64), *(one.list_of for one in found)]),
    )
