"""A stretch of the journal as events: whose they are, and in whose classes.

A class id means what the bundle that answered says it means. Bundles in one journal may number their classes differently, so
detections of several bundles are joined by the name of their class, never by its number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from boxwright.artifacts import EVENT_SCHEMA, Events
from boxwright.artifacts.predictions import detection_table
from boxwright.detections import DetectionColumns, offsets_from_counts
from boxwright.errors import ServingError
from boxwright.serving.journal import Reading, read_records


@dataclass(frozen=True)
class Answering:
    """What one bundle did in a stretch.

    Attributes:
        bundle: its digest.
        class_names: by its class_id.
        events: how many images it answered.
    """

    bundle: str
    class_names: tuple[str, ...]
    events: int


@dataclass(frozen=True)
class Stretch:
    """Records of the journal, in the order of answering.

    Attributes:
        records: as the server wrote them.
        reading: what the journal does not have, or has damaged.
    """

    records: Sequence[dict[str, Any]]
    reading: Reading = field(default_factory=Reading)

    def answering(self) -> list[Answering]:
        """The bundles that answered, in the order in which they first did."""
        counts: dict[tuple[str, tuple[str, ...]], int] = {}
        for record in self.records:
            key = (record["bundle"], tuple(record["class_names"]))
            counts[key] = counts.get(key, 0) + 1
        return [Answering(bundle, names, count) for (bundle, names), count in counts.items()]

    def of_bundle(self, bundle: str) -> Stretch:
        """Only what this bundle answered."""
        return replace(self, records=[record for record in self.records if record["bundle"] == bundle])

    def events(self, class_names: Sequence[str] | None = None) -> Events:
        """The records as tables.

        Args:
            class_names: by class_id of the result. None: the classes of all bundles, each once, in the order met.

        Raises:
            ServingError: a bundle answers with a class that is not among these.
        """
        of_bundles = {tuple(record["class_names"]) for record in self.records}
        met = (tuple(record["class_names"]) for record in self.records)
        names = tuple(class_names) if class_names is not None else tuple(dict.fromkeys(n for of in met for n in of))
        position = {of: _positions(of, names) for of in of_bundles}
        columns = DetectionColumns(
            offsets=offsets_from_counts([len(r["score"]) for r in self.records]),
            boxes_xyxy=np.array([b for r in self.records for b in r["boxes_xyxy"]], np.float64).reshape(-1, 4),
            score=np.array([s for r in self.records for s in r["score"]], np.float64),
            class_id=np.concatenate([np.zeros(0, np.int32), *(position[tuple(r["class_names"])][r["class_id"]] for r in self.records)]),
        )  # fmt: skip
        rows = [{**{f.name: r.get(f.name) for f in EVENT_SCHEMA}, "detections": len(r["score"])} for r in self.records]
        events = pa.Table.from_pylist(rows, schema=EVENT_SCHEMA)
        return Events(class_names=names, events=events, detections=detection_table(columns))


def read_stretch(folder: Path, *, since: float = 0.0, until: float = float("inf")) -> Stretch:
    """The records of a stretch of time, in the order of answering, whatever the clock did meanwhile.

    Args:
        folder: the journal's.
        since, until: seconds since 1970; from inclusive to exclusive.

    Raises:
        ServingError: there is no journal.
    """
    if not folder.is_dir():
        raise ServingError(f"There is no journal in '{folder}'; serve with `--journal` first.")
    reading = Reading()
    return Stretch(list(read_records(folder, since=since, until=until, reading=reading)), reading)


def read_events(
    folder: Path, *, since: float = 0.0, until: float = float("inf"), class_names: Sequence[str] | None = None
) -> Events:
    """The events of a stretch of time, in the order of answering, whichever bundle answered; see `Stretch.events`."""
    return read_stretch(folder, since=since, until=until).events(class_names)


def _positions(of_bundle: Sequence[str], names: Sequence[str]) -> NDArray[np.int32]:
    """(K,) class_id in `names` of each class of a bundle."""
    missing = [name for name in of_bundle if name not in names]
    if missing:
        raise ServingError(
            f"A bundle in this journal answers with the class '{missing[0]}', which is not among {', '.join(names)}; "
            "ask for the events of one bundle."
        )
    return np.array([names.index(name) for name in of_bundle], np.int32)
