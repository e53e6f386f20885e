"""The segments of a journal: which files they are, whose, and in which order; and one that is being written.

A segment is `TIME-WRITER-NUMBER.journal` in the journal's folder, or `TIME-PID.journal` as the format of before named it. Its first
frame says whose it is, so that a renamed file is still found in its place. Its writer holds a lock on it for as long as it writes.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from boxwright.plain_text import printable
from boxwright.serving.journal.event import Wrong, read_object
from boxwright.serving.journal.frame import Frame
from boxwright.serving.journal.own_file import create_locked
from boxwright.serving.journal.scan import read_frames
from boxwright.store.fs import Fs, sync_folder, write_all

ENDING = ".journal"
_LOOK = 1 << 16
_LOOK_EVERY_S = 1.0
_FIRST = 3  # frames that are looked at to know a segment
_OLD_NAME = re.compile(r"([0-9]{1,20})-([0-9]{1,10})")


@dataclass(frozen=True)
class Named:
    """A segment by what its first frame says.

    Attributes:
        path: of the file.
        writer: `new` and a number, or `old` and the process's number: whose records are in one order.
        epoch, first: of its first record; (0, 0) in the format of before.
        begins_at, written_at: seconds since 1970, by the writer's and the file system's clock.
        size: bytes.
        process: of an old segment's writer, else None.
    """

    path: Path
    writer: tuple[str, int]
    epoch: int
    first: int
    begins_at: float
    written_at: float
    size: int
    process: int | None

    @property
    def order(self) -> tuple[int, int, str]:
        """Its place among its writer's segments; the same for copies of one segment."""
        return self.epoch, self.first, self.path.name if self.process is not None else ""


def named_segments(
    folder: Path, unreadable: MutableMapping[str, str], *, newer_than: float = float("-inf")
) -> list[Named]:
    """The segments of a journal.

    Args:
        folder: the journal's.
        unreadable: takes the name of what cannot be read, and why.
        newer_than: seconds since 1970; those last written before are left out and not even opened.

    Raises:
        OSError: the folder cannot be read.
    """
    found = []
    for name in sorted(n for n in os.listdir(folder) if n.endswith(ENDING)):
        try:
            status = (folder / name).stat()
            if status.st_mtime >= newer_than:
                found.append(_named(folder / name, status))
        except FileNotFoundError:
            continue  # deleted meanwhile, by retention
        except OSError as error:
            unreadable[printable(name[:300])] = str(error.strerror or error)
    return found


def _named(path: Path, status: os.stat_result) -> Named:
    if not stat.S_ISREG(status.st_mode):  # a pipe would keep us waiting
        raise OSError("it is not a file")
    old = _OLD_NAME.fullmatch(path.name.removesuffix(ENDING))
    opened_at, process = (int(old[1]) / 1e9, int(old[2])) if old else (status.st_mtime, 0)
    frames = list(
        islice((found for found in read_frames(path, buffer_bytes=_LOOK) if isinstance(found, Frame)), _FIRST)
    )
    begins_at = min([opened_at] + [at for at in map(_moment, frames) if at is not None])
    if not frames or frames[0].seq < 0:
        return Named(path, ("old", process), 0, 0, begins_at, status.st_mtime, status.st_size, process)
    writer, epoch, first = frames[0].writer, frames[0].epoch, frames[0].seq
    return Named(path, ("new", writer), epoch, first, begins_at, status.st_mtime, status.st_size, None)


def _moment(frame: Frame) -> float | None:
    """When a frame says it was written."""
    with suppress(Wrong):
        at = read_object(frame.payload).get("at")
        if isinstance(at, int | float) and 0 <= at <= 1e11:
            return float(at)
    return None


class OpenSegment:
    """A segment that this process writes; whoever holds it lets one thread at a time in.

    Args:
        fs: the disk.
        path: of a file that is not there yet.
        begin: the bytes it begins with.
        flush: wait for the disk, here and at every record.

    Raises:
        FileNotFoundError: the folder is gone, or another process deleted the file; another can be tried.
        OSError: it cannot be made; what there is of it was taken away again, or holds no record.
    """

    def __init__(self, fs: Fs, path: Path, begin: bytes, *, flush: bool) -> None:
        self.path, self.size, self.usable = path, len(begin), True
        self._fs, self._flush = fs, flush
        self._handle = create_locked(fs, path, os.O_WRONLY | os.O_APPEND)
        try:
            self._looked_at = time.monotonic()
            self._comparable = fs.is_at(self._handle, path)  # not where a file system makes up its inodes
            write_all(fs, self._handle, begin)
            if flush:
                fs.fsync(self._handle)
                sync_folder(fs, path.parent)
        except BaseException:
            self.close()
            with suppress(OSError):
                fs.unlink(path)
            raise

    def append(self, frame: bytes) -> None:
        """Write one frame.

        Raises:
            OSError: it is not there. Where that is not sure, `usable` is False and nothing may follow in this segment.
        """
        try:
            write_all(self._fs, self._handle, frame)
        except BaseException:
            self._cut_back()
            raise
        if self._flush:
            try:
                self._fs.fdatasync(self._handle)
            except BaseException:
                self._cut_back()
                self.usable = False  # asked again, the system may say yes without having written what it dropped
                raise
        self.size += len(frame)

    def in_place(self, *, look: bool = False) -> bool:
        """Whether the file still is where it was made: not where it was deleted, or moved with its folder.

        Args:
            look: now; else once a second, because looking for a path costs as much as a write.
        """
        now = time.monotonic()
        if not look and now - self._looked_at < _LOOK_EVERY_S:
            return True
        self._looked_at = now
        with suppress(OSError):  # what cannot be asked is for the write to find out
            if self._comparable:
                return self._fs.is_at(self._handle, self.path)
            return not self._fs.is_deleted(self._handle)
        return True

    def deleted(self) -> bool:
        """Whether the file has no name any more, so that what was written to it is not in the journal."""
        with suppress(OSError):
            return self._fs.is_deleted(self._handle)
        return False

    def _cut_back(self) -> None:
        try:
            self._fs.truncate(self._handle, self.size)
        except OSError:
            self.usable = False

    def close(self) -> None:
        """Let go of the file."""
        with suppress(OSError):
            self._fs.close(self._handle)


def following(segment: Named, segments: list[Named]) -> int | None:
    """The number of the first record after a segment, where a later segment of its writer's epoch says so."""
    same = [s.first for s in segments if (s.writer, s.epoch) == (segment.writer, segment.epoch)]
    return min((first for first in same if first > segment.first), default=None)


def sizes_of(folder: Path) -> Iterator[int]:
    """Bytes of each segment that is there."""
    for path in folder.glob(f"*{ENDING}"):
        with suppress(OSError):  # deleted meanwhile, or a link to nowhere
            yield path.stat().st_size
