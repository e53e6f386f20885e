"""A file's bytes, read once, from a plain file and nothing else.

What is checked must be what is used, so it is read once and kept. A pipe in the place of a file would keep the reader waiting for ever, a
symbolic link would lead elsewhere; both are refused, also when they took the file's place a moment ago.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from boxwright.errors import StoreError

PLAIN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # no link is followed, no pipe makes us wait


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A plain file, opened to be read; OSError for anything else, also for a link that took its place."""
    with os.fdopen(os.open(path, os.O_RDONLY | PLAIN), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is no file", str(path))
        yield file


def read_text(path: Path) -> str:
    """The text of a file; a link to one is followed.

    Raises:
        OSError: it is not there, is no file, or cannot be read.
        ValueError: it is no UTF-8.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe would keep the reader waiting
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no file", str(path))
        return file.read().decode()


def read_plain_file(path: Path, *, most_bytes: int) -> bytes:
    """The bytes of a plain file.

    Raises:
        StoreError: it is not there, is no plain file, cannot be read, or has more than `most_bytes`.
    """
    try:
        with opened(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size > most_bytes:
                raise StoreError(f"'{path}' has {size} bytes; at most {most_bytes} are read.")
            return file.read(size)  # reading up to a limit would allocate the limit
    except OSError as error:
        raise StoreError(f"'{path}' cannot be read as a plain file: {error.strerror or error}.") from error
