"""Answers that were given without a record: counted, and written down when the disk takes writes again.

The count also lies in a small file, `WRITER.missed`, made when the disk was still well and written over in place, which needs no new
room. Who finds such a file of a process that is gone writes its gap down instead. Not covered: a process that dies while not even
that file can be written, such as on a disk that answers every write with an error or was mounted read-only; and a file system that
needs room to write in place (btrfs, ZFS, snapshots) when it is full.
"""

from __future__ import annotations

import json
import os
import re
import uuid
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boxwright.serving.journal.own_file import create_locked
from boxwright.store.fs import Fs, write_all

ENDING = ".missed"
_BYTES = 4096
_TRIES = 10
_UNKNOWN = -1  # the number of a gap whose file cannot be read
_NAME = re.compile(rf"[0-9a-f]{{16}}{re.escape(ENDING)}")


@dataclass
class Missed:
    """Answers without a record since the last gap that was written down.

    Attributes:
        writer: whose they are, 16 hexadecimal digits.
        number: of the gap; a gap that a failing disk took twice counts once.
        count: how many; 0 where nobody knows any more.
        begins, ends: when the first and last were given, seconds since 1970.
        cause: what the disk said.
    """

    writer: str
    number: int = 0
    count: int = 0
    begins: float = 0.0
    ends: float = 0.0
    cause: str = ""

    def add(self, at: float, cause: str) -> None:
        """One more."""
        self.begins = min(self.begins, at) if self.count else at
        self.ends = max(self.ends, at) if self.count else at
        self.cause = self.cause or cause[:300]
        self.count += 1

    def as_json(self) -> bytes:
        """The payload of a gap."""
        return json.dumps(vars(self)).encode()


class MissedFile:
    """The file beside the segments, made by `renew`; every failure of it is passed over, because it is only the second line."""

    def __init__(self, fs: Fs, folder: Path, writer: str) -> None:
        self._fs, self._path, self._handle = fs, folder / f"{writer}{ENDING}", -1

    def _open(self) -> None:
        for _ in range(_TRIES):
            with suppress(OSError):
                try:
                    self._handle = create_locked(self._fs, self._path, os.O_RDWR)
                except FileNotFoundError:
                    continue  # another process took it for one that was left behind
                write_all(self._fs, self._handle, bytes(_BYTES))
            return

    def renew(self, missed: Missed) -> None:
        """Make the file again where it was deleted or moved, and note what is not written down yet."""
        with suppress(OSError):
            if self._handle >= 0 and self._fs.is_at(self._handle, self._path):
                return
        if self._handle >= 0:
            with suppress(OSError):
                self._fs.close(self._handle)
            self._handle = -1
        self._open()
        if self._handle < 0:  # ours, closed with a count that is still there
            with suppress(OSError):
                self._handle = self._fs.open(self._path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        if missed.count:
            self.note(missed)

    def note(self, missed: Missed) -> None:
        """What is not written down yet."""
        if self._handle < 0:
            self._open()
        if self._handle >= 0:
            with suppress(OSError):
                self._fs.write_at(self._handle, _sealed(missed), 0)

    def close(self, *, empty: bool) -> None:
        """Let go; the file stays for the next process unless it is empty."""
        if self._handle >= 0:
            with suppress(OSError):
                if empty:
                    self._fs.unlink(self._path)
            with suppress(OSError):
                self._fs.close(self._handle)
            self._handle = -1


def take_over(fs: Fs, folder: Path, own: str, write: Callable[[Missed], None]) -> int:
    """Write down what processes that are gone could not, and take their files away; how many answers that were.

    Args:
        fs: the disk.
        folder: the journal's.
        own: our writer, whose file is left alone.
        write: puts a gap into the journal; raises what it likes, and the file stays.
    """
    total = 0
    for name in fs.names(folder):
        if _NAME.fullmatch(name) and name != f"{own}{ENDING}":
            total += _take_over(fs, folder / name, write)
    return total


def _take_over(fs: Fs, path: Path, write: Callable[[Missed], None]) -> int:
    """What is not understood is never erased: it is renamed, and counts as a gap of unknown size."""
    with suppress(OSError):
        handle = fs.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
        try:
            if not fs.lock(handle, wait=False) or not fs.is_at(handle, path):
                return 0  # its process lives, or another was faster
            writer, data = path.name.removesuffix(ENDING), fs.read_at(handle, _BYTES + 1, 0)
            found = _unsealed(data, writer)
            if found is None and data.strip(b"\0"):
                now = os.fstat(handle).st_mtime
                write(Missed(writer, _UNKNOWN, 0, now, now, "the count of answers without a record is damaged"))
                fs.rename(path, path.with_name(f"{path.name}.unread-{uuid.uuid4().hex[:16]}"))
                return 0
            if found is not None and found.count:
                write(found)
            fs.unlink(path)
            return found.count if found is not None else 0
        finally:
            fs.close(handle)
    return 0


def _sealed(missed: Missed) -> bytes:
    text = missed.as_json()
    return (b"%08x" % zlib.crc32(text) + text).ljust(_BYTES, b"\0")


def _unsealed(data: bytes, writer: str) -> Missed | None:
    """What a file says; None where it says nothing, or nothing that can be trusted."""
    if len(data) > _BYTES:
        return None
    text = data.rstrip(b"\0")
    with suppress(ValueError, TypeError, KeyError, OverflowError, RecursionError):
        if int(text[:8], 16) == zlib.crc32(text[8:]):
            found: dict[str, Any] = json.loads(text[8:])
            begins, ends = float(found["begins"]), float(found["ends"])
            if int(found["count"]) < 0:
                return None
            return Missed(writer, int(found["number"]), int(found["count"]), begins, ends, str(found["cause"]))
    return None
