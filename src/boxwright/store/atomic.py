"""Writes that happen wholly or not at all.

A file is written under a temporary name beside its target, flushed to the disk and renamed; a folder likewise. A
history is appended to, one line a write, under a lock, and flushed before the call returns. All of it goes through
`Fs`, and what the disk refuses becomes a StoreError: nothing was written then, or what was there before is still there.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from boxwright.errors import StoreError
from boxwright.store.fs import Fs, make_folders, present_fs, sync_folder, sync_way, write_all

_BLOCK = 4096


def write_bytes(path: str | Path, data: bytes) -> None:
    """The file `path` holds exactly `data`, or what it held before.

    Raises:
        StoreError: it cannot be written.
    """
    fs, path = present_fs(), Path(path)
    temporary = path.with_name(f".{path.name[:200]}.{uuid.uuid4().hex[:8]}")
    try:
        make_folders(fs, path.parent)
        try:
            _write_new(fs, temporary, data, mode=0o644)
            fs.replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                fs.unlink(temporary)
            raise
        sync_folder(fs, path.parent)
    except OSError as error:
        raise _not_written(path, error) from error


def write_json(path: str | Path, value: Any) -> None:
    """The file holds `value` as indented JSON with a final line break."""
    write_bytes(path, (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())


@contextmanager
def new_folder(target: Path, *, top: Path | None = None) -> Iterator[Path]:
    """A temporary folder that becomes `target` when the block ends well; an existing `target` is left as it is.

    Args:
        target: the folder.
        top: a folder above it, such as the store's; the names on the way from there are on the disk too, whoever made them.

    Raises:
        StoreError: the folder cannot be made; what the block itself raises comes through as it is.
    """
    fs = present_fs()
    temporary = target.with_name(f".{target.name[:200]}.{uuid.uuid4().hex[:8]}")
    try:
        make_folders(fs, target.parent)
        fs.mkdir(temporary, 0o755)
    except OSError as error:
        raise _not_written(target, error) from error
    try:
        yield temporary
        try:
            _sync_below(fs, temporary)
            os.chmod(temporary, 0o755)
            try:
                fs.rename(temporary, target)
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY) or not target.is_dir():
                    raise
            sync_way(fs, target.parent, top or target)
        except OSError as error:
            raise _not_written(target, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def append_line(
    path: str | Path, line: str, *, after: Callable[[str | None], bool] | None = None, top: Path | None = None
) -> bool:
    """One more line at the end of a history, on the disk when this returns; writers take turns.

    Args:
        path: of the history.
        line: without its line break.
        after: given the last line (None for an empty history) while no other can write; the line is only written where
            it answers True.
        top: a folder above the history, such as the store's; see `new_folder`.

    Returns:
        whether the line was written.

    Raises:
        StoreError: it cannot be written; the history ends as before, or, if not even that can be had, with the whole line.
    """
    fs, path = present_fs(), Path(path)
    try:
        make_folders(fs, path.parent)
        handle = fs.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            fs.lock(handle)
            end = _drop_torn_line(fs, handle)
            if after is not None and not after(_last_line(fs, handle, end)):
                return False
            try:
                write_all(fs, handle, line.encode() + b"\n")
                fs.fsync(handle)
                if end == 0:  # new, or made by a call that failed before the name was on the disk
                    sync_way(fs, path.parent, top or path)
            except OSError:
                with suppress(OSError):  # else the next writer drops a torn line, and a whole one stays
                    fs.truncate(handle, end)
                raise
        finally:
            fs.close(handle)
    except OSError as error:
        raise _not_written(path, error) from error
    return True


def _not_written(path: Path, error: OSError) -> StoreError:
    why = error.strerror or error
    above = Path(os.fsdecode(error.filename)) if error.filename else path
    other = f" ('{above}')" if above in path.parents else ""
    return StoreError(f"'{path}' cannot be written: {why}{other}.")


def _write_new(fs: Fs, path: Path, data: bytes, *, mode: int) -> None:
    """A file that was not there before, on the disk when this returns."""
    handle = fs.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        write_all(fs, handle, data)
        fs.fsync(handle)
    finally:
        fs.close(handle)


def _sync_below(fs: Fs, folder: Path) -> None:
    """Put a folder's files, and the names of its files, on the disk."""
    for path in folder.rglob("*"):
        if path.is_dir():
            sync_folder(fs, path)
        elif path.is_file():
            handle = fs.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fs.fsync(handle)
            finally:
                fs.close(handle)
    sync_folder(fs, folder)


def _last_line(fs: Fs, handle: int, end: int) -> str | None:
    """The last line of a history whose torn tail is gone; None where there is none."""
    begin, tail = end, b""
    while begin > 0 and tail.count(b"\n") < 2:
        size = min(_BLOCK, begin)
        begin -= size
        tail = fs.read_at(handle, size, begin) + tail
    return tail.split(b"\n")[-2].decode(errors="replace") if tail else None


def _drop_torn_line(fs: Fs, handle: int) -> int:
    """Cut off what follows the last line break: a writer died there, and its call never returned. The length after it."""
    end = fs.size(handle)
    start = end
    while start > 0:
        begin = max(0, start - _BLOCK)
        found = fs.read_at(handle, start - begin, begin).rfind(b"\n")
        if found >= 0:
            start = begin + found + 1
            break
        start = begin
    if start < end:
        fs.truncate(handle, start)
    return start
