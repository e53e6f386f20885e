"""Records of the journal as columns, some thousand at a time, so that a long journal never lies in memory as objects.

A record that is no event (a field is missing or of another type, a box is not finite, a class id means no class) is left out and
counted. What is wrong in one record costs no other.
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
_OPTIONAL = ("file_name", "camera")
_WRONG = (KeyError, TypeError, ValueError, OverflowError, AttributeError, pa.ArrowException)


@dataclass(frozen=True)
class EventColumns:
    """Events and their detections, whichever bundles answered.

    Attributes:
        events: one row per event, as EVENT_SCHEMA.
        detections: of each event, their class_id by the event's own list of classes.
        class_lists: the lists of class names met, each once.
        list_of: (n,) int64 which of them the class ids of an event mean.
        wrong: how many records were left out because they are no events.
        first_wrong: what was wrong with the first of them, or empty.
    """

    events: pa.Table
    detections: DetectionColumns
    class_lists: tuple[tuple[str, ...], ...]
    list_of: NDArray[np.int64]
    wrong: int = 0
    first_wrong: str = ""

    def __len__(self) -> int:
        return len(self.list_of)

    @property
    def at(self) -> NDArray[np.float64]:
        """(n,) when each was answered, seconds since 1970."""
        return self.events.column("at").to_numpy()

    def take(self, rows: NDArray) -> EventColumns:
        """The same for some events, in the order given."""
        return replace(
            self,
            events=self.events.take(pa.array(rows, pa.int64())),
            detections=self.detections.take(rows),
            list_of=self.list_of[rows],
        )


def columns_of(
    records: Iterable[dict[str, Any]], *, since: float = float("-inf"), until: float = float("inf")
) -> EventColumns:
    """The events among some records, in the order of the records.

    Args:
        records: as the server wrote them; taken CHUNK at a time.
        since, until: seconds since 1970, from inclusive to exclusive; what was answered outside is left out.
    """
    known: dict[tuple[str, ...], int] = {}
    found: list[EventColumns] = []
    wrong, first_wrong = 0, ""
    waiting = iter(records)
    while chunk := list(islice(waiting, CHUNK)):
        for piece in _pieces(chunk, known):
            if isinstance(piece, EventColumns):
                inside = (piece.at >= since) & (piece.at < until)
                found.append(piece if inside.all() else piece.take(np.flatnonzero(inside)))
            else:
                wrong, first_wrong = wrong + 1, first_wrong or piece
    return _joined(found, tuple(known), wrong, first_wrong)


def _pieces(chunk: Sequence[dict[str, Any]], known: dict[tuple[str, ...], int]) -> Iterable[EventColumns | str]:
    """The chunk as columns; where a record is wrong each record by itself, and a sentence instead of the wrong ones."""
    try:
        return [_as_columns(chunk, known)]
    except _WRONG as error:
        if len(chunk) == 1:
            return [f"{type(error).__name__}: {error}"]
        half = len(chunk) // 2
        return chain(_pieces(chunk[:half], known), _pieces(chunk[half:], known))


def _as_columns(chunk: Sequence[dict[str, Any]], known: dict[tuple[str, ...], int]) -> EventColumns:
    """All of the chunk; one of _WRONG when any record in it is no event."""
    counts = [len(r["score"]) for r in chunk]
    if [len(r["boxes_xyxy"]) for r in chunk] != counts or [len(r["class_id"]) for r in chunk] != counts:
        raise ValueError("there must be a box, a score and a class_id for each detection")
    boxes = np.array(list(chain.from_iterable(r["boxes_xyxy"] for r in chunk)), np.float64)
    boxes = boxes.reshape(-1, 4) if len(boxes) else np.zeros((0, 4))
    score = np.array(list(chain.from_iterable(r["score"] for r in chunk)), np.float64)
    class_id = pa.array(chain.from_iterable(r["class_id"] for r in chunk), pa.int32()).to_numpy(zero_copy_only=False)
    if not (len(boxes) == len(score) == len(class_id) and np.isfinite(boxes).all()):
        raise ValueError("a box must be four finite numbers")
    if not ((score >= 0) & (score <= 1)).all():
        raise ValueError("a score must lie in [0, 1]")
    lists = [_class_list(r["class_names"]) for r in chunk]
    size = np.repeat(np.array([len(one) for one in lists], np.int64), counts)
    if not ((class_id >= 0) & (class_id < size)).all():
        raise ValueError("a class_id means no class of the record's class_names")
    fields: dict[str, Any] = {
        field.name: [r.get(field.name) or "" for r in chunk] if field.name in _OPTIONAL
        else [r[field.name] for r in chunk]
        for field in EVENT_SCHEMA if field.name != "detections"
    }  # fmt: skip
    events = pa.Table.from_pydict({**fields, "detections": counts}, schema=EVENT_SCHEMA)
    if any(events.column(name).null_count for name in events.column_names) or not _finite(events):
        raise ValueError("a field of the event is missing or not finite")
    return EventColumns(
        events=events,
        detections=DetectionColumns(offsets_from_counts(counts), boxes, score, class_id),
        class_lists=(),
        list_of=np.array([known.setdefault(one, len(known)) for one in lists], np.int64),
    )


def _class_list(names: Any) -> tuple[str, ...]:
    found = tuple(names)
    if isinstance(names, str) or not all(isinstance(name, str) for name in found):
        raise TypeError("class_names must be a list of names")
    return found


def _finite(events: pa.Table) -> bool:
    return all(
        np.isfinite(events.column(field.name).to_numpy()).all()
        for field in EVENT_SCHEMA
        if pa.types.is_floating(field.type)
    )


def _joined(
    found: Sequence[EventColumns], class_lists: tuple[tuple[str, ...], ...], wrong: int, first_wrong: str
) -> EventColumns:
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
        wrong=wrong,
        first_wrong=first_wrong,
    )
