"""Reading the journal: every answer once, in the order of answering, and an account of what is not there.

Within a writer the order is that of its sequence numbers, whatever its clock did meanwhile; the writers are merged by time. A reader
needs no lock: what is being written is at most an unfinished frame at the end of a segment. An account says how many records are
missing by the holes in the sequence numbers; what was lost behind a writer's last record leaves no hole, unless the writer was
closed and said so.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, TypeGuard

from boxwright.errors import ServingError
from boxwright.plain_text import printable
from boxwright.serving.journal.event import Wrong, read_event, read_object
from boxwright.serving.journal.frame import Frame, Kind
from boxwright.serving.journal.handles import Handles
from boxwright.serving.journal.scan import Damage, read_frames
from boxwright.serving.journal.segments import ENDING, Named, named_segments
from boxwright.serving.journal.sequences import Sequence

_CLOCK_SLACK_S = 2 * 86400.0  # a segment that was last written this long before a stretch has no record of it
_MOST_PLACES = 100
_LATEST = 1e11  # seconds since 1970, beyond the calendar

Record = dict[str, Any]


@dataclass(frozen=True)
class Gap:
    """Answers that were given without a record.

    Attributes:
        count: how many; 0 where the server's count was damaged, so that nobody knows.
        begins, ends: when the first and the last of them were given, seconds since 1970.
        cause: what the disk said.
    """

    count: int
    begins: float
    ends: float
    cause: str


@dataclass(frozen=True)
class Place:
    """Where bytes could not be read.

    Attributes:
        segment: its file's name.
        offset, size: the bytes.
    """

    segment: str
    offset: int
    size: int


@dataclass
class Reading:
    """The account of a reading; whole once the last record was taken.

    Attributes:
        records: answers that were given back.
        duplicates: of these, met once more (a segment that was copied).
        lost: numbers that a writer used and that are nowhere.
        damaged: kind to how many whole frames made no sense and were left out.
        gaps: answers given without a record, as the server wrote them down.
        skipped_bytes: in no whole frame.
        unfinished: frames at the end of segments whose writer was stopped; they were never acknowledged.
        deleted_segments: by retention, as the journal says itself.
        unreadable: segment to why it could not be read at all.
        places: of the skipped bytes; the first hundred.
    """

    records: int = 0
    duplicates: int = 0
    lost: int = 0
    damaged: Counter[str] = field(default_factory=Counter)
    gaps: list[Gap] = field(default_factory=list)
    skipped_bytes: int = 0
    unfinished: int = 0
    deleted_segments: int = 0
    unreadable: dict[str, str] = field(default_factory=dict)
    places: list[Place] = field(default_factory=list)

    @property
    def missed(self) -> int:
        """Answers without a record, over all gaps."""
        return sum(gap.count for gap in self.gaps)

    @property
    def whole(self) -> bool:
        """Whether every answer that was given is here."""
        return not (self.lost or self.damaged or self.gaps or self.skipped_bytes or self.unreadable)

    def sentence(self) -> str:
        """What is not there, in one sentence; empty where nothing is missing."""
        parts = []
        if self.lost:
            parts.append(f"{_number(self.lost, 'record')} lost (missing sequence numbers)")
        if self.damaged:
            kinds = ", ".join(f"{count} {kind}" for kind, count in self.damaged.most_common())
            parts.append(f"{_number(self.damaged.total(), 'damaged record')} left out ({kinds})")
        if self.skipped_bytes:
            first = f", first in {self.places[0].segment} at byte {self.places[0].offset}" if self.places else ""
            parts.append(f"{_number(self.skipped_bytes, 'byte')} in no record{first}")
        if self.unreadable:
            name, why = next(iter(self.unreadable.items()))
            parts.append(f"{_number(len(self.unreadable), 'segment')} unreadable ({name}: {why})")
        if self.gaps:
            begins, ends = min(gap.begins for gap in self.gaps), max(gap.ends for gap in self.gaps)
            unknown = sum(gap.count == 0 for gap in self.gaps)
            more = f" and {_number(unknown, 'gap')} of unknown size" if unknown else ""
            parts.append(
                f"{_number(self.missed, 'answer')}{more} given without a record between {_moment(begins)} and {_moment(ends)} UTC "
                f"({self.gaps[0].cause})"
            )
        return f"the journal is not complete: {'; '.join(parts)}" if parts else ""

    def as_json(self) -> dict[str, Any]:
        """The account for a program."""
        return {
            "sentence": self.sentence(),
            "records": self.records, "duplicates": self.duplicates, "lost": self.lost, "damaged": dict(self.damaged),
            "gaps": [vars(gap) for gap in self.gaps], "skipped_bytes": self.skipped_bytes, "unfinished": self.unfinished,
            "deleted_segments": self.deleted_segments, "unreadable": dict(self.unreadable),
            "places": [vars(place) for place in self.places],
        }  # fmt: skip


def read_records(
    folder: Path, *, since: float = 0.0, until: float = float("inf"), reading: Reading | None = None
) -> Iterator[Record]:
    """The answers in a journal, each once, in the order of answering.

    Whatever bytes the folder holds, nothing but a ServingError comes out of it; what makes no sense is left out and counted.

    Args:
        folder: the journal's.
        since, until: seconds since 1970, from inclusive to exclusive, by the server's clock when it answered. Segments that ended long
            before are not read and not accounted for.
        reading: is filled with the account.

    Raises:
        ServingError: the folder cannot be read.
    """
    account = reading if reading is not None else Reading()
    sources = _Sources(account, folder)
    for at, record in sources.merged(_streams(folder, since - _CLOCK_SLACK_S, account)):
        if since <= at < until:
            account.records += 1
            yield record
    sources.settle(since)


def _streams(folder: Path, newer_than: float, account: Reading) -> list[list[Named]]:
    """The segments of each writer in the order in which it wrote them; writers by when they began."""
    try:
        segments = named_segments(folder, account.unreadable, newer_than=newer_than)
    except OSError as error:
        raise ServingError(f"The journal in '{folder}' cannot be read: {error.strerror or error}.") from error
    segments = sorted(segments, key=lambda s: (s.writer, s.order))
    streams = [list(of_writer) for _, of_writer in groupby(segments, key=lambda s: s.writer)]
    return sorted(streams, key=lambda stream: (stream[0].begins_at, stream[0].path.name))


class _Sources:
    """The writers of a journal while they are read."""

    def __init__(self, account: Reading, folder: Path) -> None:
        self._account, self._folder, self._handles = account, folder, Handles()
        self._read: dict[str, int] = {}  # segment to how many bytes it had when it was read
        self._accounts: list[dict[str, Any]] = []  # of retention
        self._withdrawn: set[tuple[str, str]] = set()  # account and segment that was not deleted after all
        self._sequences: dict[tuple[int, int], Sequence] = {}
        self._old: set[int] = set()
        self._gaps: dict[tuple[str, str], Gap] = {}

    def merged(self, streams: list[list[Named]]) -> Iterator[tuple[float, Record]]:
        """When it was answered, and the record, of all writers; each is opened when its time has come."""
        waiting = streams[::-1]
        heap: list[tuple[float, int, float, Record, Iterator[tuple[float, float, Record]]]] = []

        def push(number: int, source: Iterator[tuple[float, float, Record]]) -> None:
            following = next(source, None)
            if following is not None:
                latest, at, record = following
                heapq.heappush(heap, (latest, number, at, record, source))

        while heap or waiting:
            while waiting and (not heap or waiting[-1][0].begins_at <= heap[0][0]):
                push(-len(waiting), self._of_writer(waiting.pop()))
            if heap:
                _, number, at, record, source = heapq.heappop(heap)
                yield at, record
                push(number, source)

    def settle(self, since: float) -> None:
        """What is missing, once everything was read."""
        if any(next(sequence.holes(), None) is not None for sequence in self._sequences.values()):
            self._look_for_accounts()
        gone = self._deleted()
        for key, sequence in self._sequences.items():
            holes = sequence.holes(without=gone.get(key, ()))
            self._account.lost += sum(hole.end - hole.begin for hole in holes if hole.last_at >= since)
        self._account.gaps.extend(g for g in sorted(self._gaps.values(), key=lambda g: g.begins) if g.ends >= since)

    def _look_for_accounts(self) -> None:
        """Another process may have deleted segments while we read, and have said so behind what we read."""
        with suppress(OSError):
            for path in self._folder.glob(f"*{ENDING}"):
                with suppress(OSError):
                    if path.is_file() and self._read.get(path.name) != path.stat().st_size:
                        for found in read_frames(path):
                            if isinstance(found, Frame) and found.kind == Kind.RETENTION:
                                with suppress(Wrong):
                                    self._note_retention(found)

    def _deleted(self) -> dict[tuple[int, int], set[tuple[int, int]]]:
        """Writer and epoch to the numbers that retention deleted. An account is written before the deletion, so that a process that is
        killed between leaves no loss; a segment that is there all the same, or whose deletion was withdrawn, does not count."""
        gone: dict[tuple[int, int], set[tuple[int, int]]] = {}
        names: set[str] = set()
        for account in self._accounts:
            for entry in account["segments"]:
                name = str(entry.get("segment"))
                if (str(account.get("account")), name) in self._withdrawn or _is_there(self._folder, name):
                    continue
                names.add(name)
                epoch, first, following = (entry.get(key) for key in ("epoch", "first", "next"))
                if isinstance(epoch, int) and isinstance(first, int) and isinstance(following, int):
                    gone.setdefault((_writer(entry.get("writer")), epoch), set()).add((first, following))
        self._account.deleted_segments = len(names)
        return gone

    def _of_writer(self, segments: list[Named]) -> Iterator[tuple[float, float, Record]]:
        """The latest time so far, its own time, and each record of one writer; copies of a segment are read side by side."""
        latest, last_at = 0.0, segments[0].begins_at
        for _, same in groupby(segments, key=lambda s: s.order):
            copies = list(same)
            frames = (
                self._frames(copies[0]) if len(copies) == 1 else heapq.merge(*map(self._frames, copies), key=_order)
            )
            for frame in frames:
                try:
                    event = self._taken(frame, last_at)
                except Wrong as wrong:
                    self._account.damaged[wrong.kind] += 1
                    continue
                if event is not None:
                    last_at = event["at"]
                    latest = max(latest, last_at)
                    yield latest, last_at, event

    def _frames(self, segment: Named) -> Iterator[Frame]:
        try:
            self._read[segment.path.name] = segment.path.stat().st_size
            for found in read_frames(segment.path, handles=self._handles):
                if isinstance(found, Frame):
                    yield found
                elif found.unfinished:
                    self._account.unfinished += 1
                else:
                    self._skipped(segment, found)
        except FileNotFoundError:
            pass  # deleted meanwhile, by retention, which says so
        except OSError as error:
            self._account.unreadable[printable(segment.path.name[:300])] = str(error.strerror or error)

    def _skipped(self, segment: Named, damage: Damage) -> None:
        self._account.skipped_bytes += damage.size
        if len(self._account.places) < _MOST_PLACES:
            self._account.places.append(Place(printable(segment.path.name[:300]), damage.offset, damage.size))

    def _taken(self, frame: Frame, last_at: float) -> Record | None:
        """The record in a frame; None where it is something else, or was met before. Wrong where it makes no sense."""
        if frame.seq < 0:
            return self._taken_old(frame)
        sequence = self._sequences.setdefault((frame.writer, frame.epoch), Sequence())
        if frame.kind in (Kind.OPENING, Kind.CLOSING):
            sequence.mark(frame.seq, last_at)
            return None
        event: Record | None = None
        try:
            if frame.kind == Kind.RECORD:
                event = read_event(frame.payload)
            elif frame.kind == Kind.GAP:
                self._note_gap(frame)
            elif frame.kind == Kind.RETENTION:
                self._note_retention(frame)
            elif frame.kind != Kind.PROBE:
                raise Wrong("of an unknown kind")
        finally:  # a record that makes no sense is there all the same
            new = sequence.add(frame.seq, event["at"] if event else last_at, frame.checksum)
        if event is not None and not new:
            self._account.duplicates += 1
        return event if new else None

    def _taken_old(self, frame: Frame) -> Record | None:
        event, known = read_event(frame.payload), hash(frame.payload)
        if known in self._old:
            self._account.duplicates += 1
            return None
        self._old.add(known)
        return event

    def _note_gap(self, frame: Frame) -> None:
        found = read_object(frame.payload)
        count, begins, ends, cause = (found.get(key) for key in ("count", "begins", "ends", "cause"))
        if not (_sane(count) and _sane(begins) and _sane(ends) and isinstance(cause, str)):
            raise Wrong("not a gap")
        gap = Gap(int(count), float(begins), float(ends), printable(cause[:300]))
        key = (str(found.get("writer")), str(found.get("number")))
        self._gaps[key] = max(self._gaps.get(key, gap), gap, key=lambda g: g.count)

    def _note_retention(self, frame: Frame) -> None:
        found = read_object(frame.payload)
        segments, withdrawn = found.get("segments"), found.get("withdrawn")
        if isinstance(segments, list):
            self._accounts.append({**found, "segments": [entry for entry in segments if isinstance(entry, dict)]})
        for name in withdrawn if isinstance(withdrawn, list) else []:
            self._withdrawn.add((str(found.get("account")), str(name)))


def _is_there(folder: Path, name: str) -> bool:
    try:
        return "/" not in name and (folder / name).exists()
    except (OSError, ValueError):
        return False


def _order(frame: Frame) -> tuple[int, int]:
    return frame.epoch, frame.seq


def _writer(text: object) -> int:
    try:
        return int(str(text)[:16], 16)
    except ValueError:
        return 0


def _sane(value: object) -> TypeGuard[float]:
    return type(value) in (int, float) and 0 <= value <= _LATEST  # type: ignore[operator]


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"


def _number(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"
