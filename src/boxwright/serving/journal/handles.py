"""Many files read side by side with few open handles: the one that was not used for longest is closed, and opened again when its turn comes.

A journal whose writers ran under one wrong clock, or at the same time, is read from all of them at once, and a process may open a
thousand files or so.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any, BinaryIO, cast

_MOST = 64


class Handles:
    """Opens files for reading.

    Args:
        most: handles that are open at the same time.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._open: dict[_File, int] = {}  # the one used last comes last

    def open(self, path: Path, *, buffer_bytes: int) -> BinaryIO:
        """A file to read; FileNotFoundError at a later read where it was deleted meanwhile, OSError where it cannot be opened."""
        file = _File(self, path)
        self.of(file)
        return cast(BinaryIO, io.BufferedReader(file, buffer_bytes))

    def of(self, file: _File) -> int:
        """The file's handle."""
        handle = self._open.pop(file, None)
        if handle is None:
            while len(self._open) >= self._most:
                self.forget(next(iter(self._open)))
            handle = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
        self._open[file] = handle
        return handle

    def forget(self, file: _File) -> None:
        """Close the file's handle."""
        handle = self._open.pop(file, None)
        if handle is not None:
            os.close(handle)


class _File(io.RawIOBase):
    def __init__(self, handles: Handles, path: Path) -> None:
        self.path = path
        self._handles, self._at = handles, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        taken = os.preadv(self._handles.of(self), [buffer], self._at)
        self._at += taken
        return taken

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        begin = {os.SEEK_SET: 0, os.SEEK_CUR: self._at}.get(whence)
        self._at = offset + (os.fstat(self._handles.of(self)).st_size if begin is None else begin)
        return self._at

    def close(self) -> None:
        self._handles.forget(self)
        super().close()
