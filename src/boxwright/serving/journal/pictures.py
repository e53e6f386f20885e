"""Pictures that are kept beside the segments: one file each, by the digest of its bytes."""

from __future__ import annotations

import os
import re
import stat
import uuid
from contextlib import suppress
from pathlib import Path

from boxwright.errors import ServingError
from boxwright.store.fs import Fs, sync_folder, write_all

FOLDER = "pictures"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_FRESH_S = 3600.0  # a picture that is met again counts as new, so that retention counts from when it was last seen


def kept_picture(folder: Path, digest: str) -> Path:
    """Where a picture of the journal lies, if it was kept; ServingError for what is no digest."""
    if not _DIGEST.fullmatch(digest):
        raise ServingError(f"'{digest[:80]}' is no picture's digest (64 hexadecimal digits).")
    return folder / FOLDER / digest


def is_digest(name: str) -> bool:
    """Whether a file among the pictures is one."""
    return _DIGEST.fullmatch(name) is not None


def keep(fs: Fs, path: Path, data: bytes, *, now: float, flush: bool) -> int:
    """Write a picture that may be there already, whole or as a power cut left it; how many bytes the folder grew by.

    Args:
        fs: the disk.
        path: as `kept_picture` gives it.
        data: the encoded picture.
        now: seconds since 1970.
        flush: wait for the disk.

    Raises:
        OSError: it cannot be written; nothing of it is there.
    """
    try:
        status = path.stat()
        before = status.st_size
    except OSError:
        status, before = None, 0  # what keeps us from looking will keep us from writing, and say so
    if status is not None and stat.S_ISREG(status.st_mode) and before == len(data) and _renewed(path, status, now):
        if flush:  # whoever wrote it may not have waited, or the disk refused then
            _sync(fs, path)
        return 0
    temporary = path.with_name(f".{path.name[:16]}.{uuid.uuid4().hex[:16]}")
    try:
        handle = fs.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            write_all(fs, handle, data)
            if flush:
                fs.fsync(handle)
        finally:
            fs.close(handle)
        fs.replace(temporary, path)
        if flush:
            sync_folder(fs, path.parent)
    except BaseException:
        with suppress(OSError):
            fs.unlink(temporary)
        raise
    return len(data) - before


def remove(fs: Fs, path: Path, written_at: float) -> None:
    """Delete a picture that is as old as retention found it; one that was met again meanwhile stays.

    Args:
        fs: the disk.
        path: of the picture.
        written_at: seconds since 1970, as it was found.

    Raises:
        OSError: it cannot be deleted, and is still there.
    """
    aside = path.with_name(f".{path.name[:16]}.{uuid.uuid4().hex[:16]}")
    fs.replace(path, aside)  # who meets it from now on writes it anew
    try:
        if aside.stat().st_mtime <= written_at:
            fs.unlink(aside)
            return
    except BaseException:
        with suppress(OSError):
            fs.replace(aside, path)
        raise
    fs.replace(aside, path)


def _renewed(path: Path, status: os.stat_result, now: float) -> bool:
    """Whether a picture that was found is still there, and counts as new from now on."""
    if now - status.st_mtime > _FRESH_S:
        try:
            os.utime(path)
        except FileNotFoundError:  # retention was faster
            return False
        except OSError:
            pass
    return True


def _sync(fs: Fs, path: Path) -> None:
    handle = fs.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fs.fsync(handle)
    finally:
        fs.close(handle)
    sync_folder(fs, path.parent)
