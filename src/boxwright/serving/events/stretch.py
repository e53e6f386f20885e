"""A stretch of the journal as events: whose they are, and in whose classes.

A class id means what the bundle that answered says it means. Bundles in one journal may number their classes differently, so
detections of several bundles are joined by the name of their class, never by its number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from boxwright.artifacts import Events
from boxwright.artifacts.predictions import detection_table
from boxwright.errors import ServingError
from boxwright.serving.events.event_columns import EventColumns, columns_of
from boxwright.serving.journal import Reading, read_records

_STRANGE = "of other classes than its bundle"
_SHOWN = 20  # class names in a sentence


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
    """Events of the journal, in the order of answering.

    Attributes:
        columns: what the records say.
        reading: what the journal does not have, or has damaged.
    """

    columns: EventColumns
    reading: Reading = field(default_factory=Reading)

    @classmethod
    def of(cls, records: Iterable[dict[str, Any]]) -> Stretch:
        """The events among some records, in their order."""
        return cls(columns_of(records))

    def __len__(self) -> int:
        return len(self.columns)

    def answering(self) -> list[Answering]:
        """The bundles that answered, in the order in which they first did."""
        lists = self.columns.class_lists
        encoded = self._bundles().dictionary_encode()
        key = encoded.indices.to_numpy().astype(np.int64) * max(len(lists), 1) + self.columns.list_of
        _, first, counts = np.unique(key, return_index=True, return_counts=True)
        return [
            Answering(encoded.dictionary[key[i] // len(lists)].as_py(), lists[key[i] % len(lists)], int(count))
            for i, count in sorted(zip(first.tolist(), counts.tolist(), strict=True))
        ]

    def of_bundle(self, bundle: str, class_names: Sequence[str] | None = None) -> Stretch:
        """Only what this bundle answered.

        Args:
            bundle: its digest.
            class_names: of its contract. A record that names the bundle and other classes is not its own: it is left out and counted
                as damaged.
        """
        mine = pc.equal(self._bundles(), bundle).to_numpy(zero_copy_only=False)  # pyright: ignore
        if class_names is None:
            return replace(self, columns=self.columns.take(np.flatnonzero(mine)))
        known = np.array([one == tuple(class_names) for one in self.columns.class_lists], np.bool_)
        own = mine & known[self.columns.list_of] if len(known) else mine
        strange = Counter({_STRANGE: int((mine & ~own).sum())})
        return Stretch(
            self.columns.take(np.flatnonzero(own)), replace(self.reading, damaged=self.reading.damaged + strange)
        )

    def events(self, class_names: Sequence[str] | None = None) -> Events:
        """The records as tables.

        Args:
            class_names: by class_id of the result. None: the classes of all bundles, each once, in the order met.

        Raises:
            ServingError: a bundle answers with a class that is not among these.
        """
        columns, used = self.columns, list(dict.fromkeys(self.columns.list_of.tolist()))
        met = dict.fromkeys(name for one in used for name in columns.class_lists[one])
        names = tuple(class_names) if class_names is not None else tuple(met)
        place: dict[str, int] = {}
        for number, name in enumerate(names):
            place.setdefault(name, number)
        of_list = {one: _positions(columns.class_lists[one], place) for one in used}
        begins, flat, length = np.zeros(len(columns.class_lists), np.int64), [np.zeros(0, np.int32)], 0
        for one, positions in of_list.items():
            begins[one] = length
            flat.append(positions)
            length += len(positions)
        detections = columns.detections
        own = begins[columns.list_of][detections.image_index] + detections.class_id
        joined = replace(detections, class_id=np.concatenate(flat)[own])
        return Events(class_names=names, events=columns.events, detections=detection_table(joined))

    def _bundles(self) -> pa.Array:
        """(n,) digest of the bundle that answered each."""
        return pa.concat_arrays([pa.array([], pa.string()), *self.columns.events.column("bundle").chunks])


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
    return Stretch(columns_of(read_records(folder, since=since, until=until, reading=reading)), reading)


def read_events(
    folder: Path, *, since: float = 0.0, until: float = float("inf"), class_names: Sequence[str] | None = None
) -> Events:
    """The events of a stretch of time, in the order of answering, whichever bundle answered; see `Stretch.events`."""
    return read_stretch(folder, since=since, until=until).events(class_names)


def _positions(of_bundle: Sequence[str], place: Mapping[str, int]) -> NDArray[np.int32]:
    """(K,) where each class of a bundle stands."""
    missing = next((name for name in of_bundle if name not in place), None)
    if missing is not None:
        shown = ", ".join([*islice(place, _SHOWN), *(["..."] if len(place) > _SHOWN else [])])
        raise ServingError(
            f"A bundle in this journal answers with the class '{missing[:100]}', which is not among {shown}; "
            "ask for the events of one bundle."
        )
    return np.array([place[name] for name in of_bundle], np.int32)
