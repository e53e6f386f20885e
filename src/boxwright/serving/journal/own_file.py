"""A new file of this process, made and locked, so that no other process takes it for one that a dead process left behind."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

from boxwright.store.fs import Fs

_LOOKS = 200  # at a lock that another process holds for a moment, to find out whether anybody writes
_PAUSE_S = 0.005


def create_locked(fs: Fs, path: Path, flags: int) -> int:
    """The handle of a file that was not there before and that we hold alone.

    Between making a file and locking it another process may lock it first, and even delete it as left over.

    Args:
        fs: the disk.
        path: of the file.
        flags: how to open it; O_CREAT, O_EXCL and O_CLOEXEC are added.

    Raises:
        FileNotFoundError: it was deleted meanwhile, or its folder is gone; make another.
        OSError: it cannot be made, or another process holds it for longer than a look takes.
    """
    handle = fs.open(path, flags | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        if not locked(fs, handle):
            raise OSError(errno.EAGAIN, f"another process holds the lock of the new file '{path.name}'")
        if fs.is_deleted(handle):
            raise FileNotFoundError(errno.ENOENT, f"the new file '{path.name}' was deleted by another process")
    except BaseException:
        fs.close(handle)
        raise
    return handle


def locked(fs: Fs, handle: int) -> bool:
    """Whether we hold the lock of a file now; others may hold it for as long as a look takes."""
    for _ in range(_LOOKS):
        try:
            if fs.lock(handle, wait=False):
                return True
        except OSError:
            return True  # a file system without locks: then nothing is ever deleted there
        time.sleep(_PAUSE_S)
    return False
