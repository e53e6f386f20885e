"""A file's bytes, read once, from a plain file and nothing else.

What is checked must be what is used, so it is read once and kept. A pipe in the place of a file would keep the reader waiting for ever, a
symbolic link would lead elsewhere; both are refused, also when they took the file's place a moment ago.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from boxwright.errors import StoreError


def read_plain_file(path: Path, *, most_bytes: int) -> bytes:
    """The bytes of a plain file.

    Raises:
        StoreError: it is not there, is no plain file, cannot be read, or has more than `most_bytes`.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise StoreError(f"'{path}' must be a plain file; found something else.")
            if status.st_size > most_bytes:
                raise StoreError(f"'{path}' has {status.st_size} bytes; at most {most_bytes} are read.")
            return file.read(status.st_size)  # reading up to a limit would allocate the limit
    except OSError as error:
        raise StoreError(f"'{path}' cannot be read as a plain file: {error.strerror or error}.") from error
