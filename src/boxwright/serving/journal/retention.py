"""What is deleted when: whole segments and pictures beyond their age, and the oldest where the journal has outgrown its budget.

Pictures go before records. Age is what the journal can witness (`ages`): a clock that jumps ahead makes nothing older by
more than a week, or a tenth of the time that files are kept for. A segment that a living process writes is never touched: its writer
holds a lock on it, and a segment of the format of before counts as open while a process of its number runs. A journal may keep millions
of pictures: they are looked at one by one, and only those that may go are remembered, so that a look takes the same memory however many
there are.
"""

from __future__ import annotations

import heapq
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from boxwright.serving.journal.ages import Ages, order
from boxwright.serving.journal.own_file import locked
from boxwright.serving.journal.pictures import FOLDER, is_digest, remove
from boxwright.serving.journal.segments import Named, named_segments
from boxwright.store.fs import Fs

DAY_S = 86400.0
MOST_PICTURES = 50_000  # that go at once; the next look finds the others
_LEFT_OVER_S = 3600.0  # a temporary file this old has no writer any more
_MOST_UNSEEN_S = 7 * DAY_S  # counted of a stretch in which nothing was written: a tenth of the limit, a day to a week
Why = Literal["age", "budget"]


@dataclass(frozen=True)
class Keeping:
    """How long and how much.

    Attributes:
        days: of records.
        picture_days: of pictures; they never outlive the records by more than a segment.
        max_bytes: of both together; None: no budget.
    """

    days: float = 400.0
    picture_days: float = 30.0
    max_bytes: int | None = None


KEEPING = Keeping()
"""Where nothing else is said."""


@dataclass(frozen=True, slots=True)
class File:
    """A picture on the disk."""

    folder: Path
    name: str
    size: int
    written_at: float

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.folder / self.name


@dataclass(frozen=True)
class Trimmed:
    """What a look at the journal found and chose.

    Attributes:
        segments: to delete, oldest first, and why.
        pictures: the same.
        kept_segments: how many segments stay.
        kept_bytes: of segments and pictures that stay.
    """

    segments: tuple[tuple[Named, Why], ...]
    pictures: tuple[tuple[File, Why], ...]
    kept_segments: int
    kept_bytes: int

    def as_json(self, at: float, following: Callable[[Named], int | None]) -> dict[str, Any]:
        """What the journal says about it; `following` gives the number after a segment's last record, where known."""
        return {
            "at": at,
            "segments": [
                {
                    "segment": s.path.name, "why": why, "bytes": s.size, "written_at": s.written_at,
                    "writer": f"{s.writer[1]:016x}", "epoch": s.epoch, "first": s.first, "next": following(s),
                }
                for s, why in self.segments
            ],
            "pictures": len(self.pictures),
            "picture_bytes": sum(picture.size for picture, _ in self.pictures),
        }  # fmt: skip


def choose(fs: Fs, folder: Path, keeping: Keeping, *, now: float) -> tuple[Trimmed, list[Named]]:
    """What should go, and all segments; nothing is deleted here.

    Raises:
        OSError: the folder cannot be read.
    """
    segments = sorted(named_segments(folder, {}), key=lambda s: (order(s.written_at), s.order))
    closed = [s for s in segments if not _is_open(fs, s)]
    moments = {at for s in segments for at in (s.begins_at, s.written_at)} | _hours(folder / FOLDER, now)
    is_old = _is_older_than(keeping.days * DAY_S, moments, now)
    is_old_picture = _is_older_than(min(keeping.picture_days, keeping.days) * DAY_S, moments, now)
    picture_bytes = 0

    def may_go() -> Iterator[File]:
        nonlocal picture_bytes
        for picture in _pictures(folder / FOLDER, now):
            picture_bytes += picture.size
            if keeping.max_bytes is not None or is_old_picture(picture.written_at):
                yield picture

    pictures = heapq.nsmallest(MOST_PICTURES, may_go(), key=lambda p: order(p.written_at))
    gone: dict[Path, tuple[Named, Why]] = {s.path: (s, "age") for s in closed if is_old(s.written_at)}
    gone_pictures: list[tuple[File, Why]] = [(p, "age") for p in pictures if is_old_picture(p.written_at)]
    kept = sum(s.size for s in segments if s.path not in gone) + picture_bytes - sum(p.size for p, _ in gone_pictures)
    if keeping.max_bytes is not None:
        for picture in pictures[len(gone_pictures) :]:
            if kept > keeping.max_bytes:
                gone_pictures.append((picture, "budget"))
                kept -= picture.size
        for segment in (
            closed if len(gone_pictures) < MOST_PICTURES else ()
        ):  # while there are pictures, no record goes for room
            if kept > keeping.max_bytes and segment.path not in gone:
                gone[segment.path] = (segment, "budget")
                kept -= segment.size
    return Trimmed(tuple(gone.values()), tuple(gone_pictures), len(segments) - len(gone), kept), segments


def _hours(folder: Path, now: float) -> set[float]:
    """The ends of the hours in which pictures were written: as many as there were hours, however many pictures."""
    return {math.ceil(picture.written_at / 3600) * 3600.0 for picture in _pictures(folder, now)}


def _is_older_than(age: float, moments: Iterable[float], now: float) -> Callable[[float], bool]:
    """Whether what was written at a moment is older than so many seconds."""
    ages = Ages(moments, now=now, most=max(DAY_S, min(_MOST_UNSEEN_S, age / 10)))
    return lambda moment: ages.of(moment) > age


def delete(fs: Fs, chosen: Trimmed) -> tuple[dict[str, str], dict[str, str]]:
    """Delete what was chosen; the names of segments, and of pictures, that could not be, and why."""
    pictures = {p.path: partial(remove, fs, p.path, p.written_at) for p, _ in chosen.pictures}
    return _stayed({s.path: partial(_delete_held, fs, s.path) for s, _ in chosen.segments}), _stayed(pictures)


def _stayed(deletions: Mapping[Path, Callable[[], None]]) -> dict[str, str]:
    found = {}
    for path, deletion in deletions.items():
        try:
            deletion()
        except FileNotFoundError:
            pass  # another process was faster
        except OSError as error:
            found[path.name] = str(error.strerror or error)
    return found


def _delete_held(fs: Fs, path: Path) -> None:
    """Delete a segment while its lock is held, so that no process begins to write a file that goes."""
    handle = fs.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if not locked(fs, handle):
            raise OSError("a process writes it")
        fs.unlink(path)
    finally:
        fs.close(handle)


def _is_open(fs: Fs, segment: Named) -> bool:
    """Whether a living process writes it, or that cannot be found out."""
    if segment.process is not None and segment.process != os.getpid() and _lives(segment.process):
        return True
    try:
        handle = fs.open(segment.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return not fs.lock(handle, wait=False)
        finally:
            fs.close(handle)
    except OSError:
        return True


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return process != 0


def _pictures(folder: Path, now: float) -> Iterator[File]:
    """The pictures; what a stopped writer left half is deleted on the way."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                status = entry.stat(follow_symlinks=False)
                if is_digest(entry.name):
                    yield File(folder, entry.name, status.st_size, status.st_mtime)
                elif entry.name.startswith(".") and now - status.st_mtime > _LEFT_OVER_S:
                    os.unlink(entry.path)
