"""Writes that happen wholly or not at all.

A file is written under a temporary name beside its target, flushed to the disk and renamed; a folder likewise. A
history is appended to, one line a write, under a lock, and flushed before the call returns.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from boxwright.store.flush import make_folders, sync

_BLOCK = 4096


def write_bytes(path: str | Path, data: bytes) -> None:
    """The file `path` holds exactly `data`, or what it held before."""
    path = Path(path)
    make_folders(path.parent)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync(path.parent)


def write_json(path: str | Path, value: Any) -> None:
    """The file holds `value` as indented JSON with a final line break."""
    write_bytes(path, (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A temporary folder that becomes `target` when the block ends well; an existing `target` is left as it is."""
    make_folders(target.parent)
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        yield temporary
        for path in (*temporary.rglob("*"), temporary):
            sync(path)
        os.chmod(temporary, 0o755)
        try:
            os.rename(temporary, target)
        except OSError:
            if not target.is_dir():
                raise
        sync(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def append_line(path: str | Path, line: str, *, after: Callable[[str | None], bool] | None = None) -> bool:
    """One more line at the end of a history, on the disk when this returns; writers take turns.

    Args:
        path: of the history.
        line: without its line break.
        after: given the last line (None for an empty history) while no other can write; the line is only written where
            it answers True.

    Returns:
        whether the line was written.
    """
    path = Path(path)
    make_folders(path.parent)
    with path.open("ab+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        _drop_torn_line(file)
        if after is not None and not after(_last_line(file)):
            return False
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
        sync(path.parent)  # where the history is new, its name too
    return True


def _last_line(file: BinaryIO) -> str | None:
    """The last line of a history whose torn tail is gone; None where there is none."""
    end = file.seek(0, os.SEEK_END)
    begin, tail = end, b""
    while begin > 0 and tail.count(b"\n") < 2:
        begin = max(0, begin - _BLOCK)
        file.seek(begin)
        tail = file.read(end - begin)
    file.seek(0, os.SEEK_END)
    return tail.split(b"\n")[-2].decode(errors="replace") if tail else None


def _drop_torn_line(file: BinaryIO) -> None:
    """Cut off what follows the last line break: a writer died there, and its call never returned."""
    end = file.seek(0, os.SEEK_END)
    start = end
    while start > 0:
        begin = max(0, start - _BLOCK)
        file.seek(begin)
        found = file.read(start - begin).rfind(b"\n")
        if found >= 0:
            start = begin + found + 1
            break
        start = begin
    if start < end:
        file.truncate(start)
    file.seek(0, os.SEEK_END)
