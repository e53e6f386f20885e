"""The one seam between what must not be lost and the disk: the calls that can fail, and nothing else.

Journal, names and artifacts write through `Fs`. A test hands in a double that fails the n-th call, takes fewer bytes than it
was given, or forgets what was never flushed; the rest of the code is the real one. Reading does not go through it, except
where a write depends on what is read.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path


class Fs:
    """The operating system's own calls; each raises OSError as that does."""

    def open(self, path: Path, flags: int, mode: int = 0o600) -> int:
        """A handle."""
        return os.open(path, flags, mode)

    def close(self, handle: int) -> None:
        os.close(handle)

    def write(self, handle: int, data: bytes | memoryview) -> int:
        """How many bytes were taken: fewer than given where the disk is full."""
        return os.write(handle, data)

    def write_at(self, handle: int, data: bytes, offset: int) -> int:
        """The same over what lies at an offset, which needs no new room on most file systems."""
        return os.pwrite(handle, data, offset)

    def read_at(self, handle: int, size: int, offset: int) -> bytes:
        return os.pread(handle, size, offset)

    def size(self, handle: int) -> int:
        """Bytes in an open file."""
        return os.fstat(handle).st_size

    def is_at(self, handle: int, path: Path) -> bool:
        """Whether the open file is what lies at the path; False where nothing does."""
        try:
            return os.path.samestat(os.lstat(path), os.fstat(handle))
        except (FileNotFoundError, NotADirectoryError):
            return False

    def is_deleted(self, handle: int) -> bool:
        """Whether the open file has no name any more: what is written to it is gone once it is closed."""
        return os.fstat(handle).st_nlink == 0

    def truncate(self, handle: int, size: int) -> None:
        os.ftruncate(handle, size)

    def fsync(self, handle: int) -> None:
        os.fsync(handle)

    def fdatasync(self, handle: int) -> None:
        os.fdatasync(handle)

    def replace(self, source: Path, target: Path) -> None:
        os.replace(source, target)

    def rename(self, source: Path, target: Path) -> None:
        """As `replace`; a folder that is not empty is not replaced."""
        os.rename(source, target)

    def unlink(self, path: Path) -> None:
        os.unlink(path)

    def mkdir(self, path: Path, mode: int = 0o777) -> None:
        os.mkdir(path, mode)

    def names(self, folder: Path) -> list[str]:
        """What lies in a folder, sorted."""
        return sorted(os.listdir(folder))

    def lock(self, handle: int, *, wait: bool = True) -> bool:
        """Hold an open file alone until it is closed; False where another holds it and we do not wait."""
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        return True

    def free_bytes(self, folder: Path) -> int:
        """Room that is left for us on the folder's disk."""
        found = os.statvfs(folder)
        return found.f_bavail * found.f_frsize


_PRESENT: ContextVar[Fs] = ContextVar("boxwright_fs", default=Fs())  # noqa: B039  it has no state


def present_fs() -> Fs:
    """What writes go through here: the real one, unless `using` says otherwise."""
    return _PRESENT.get()


@contextmanager
def using(fs: Fs) -> Iterator[Fs]:
    """Within the block, and in its thread only, writes go through `fs`; for tests of failures."""
    token = _PRESENT.set(fs)
    try:
        yield fs
    finally:
        _PRESENT.reset(token)


def write_all(fs: Fs, handle: int, data: bytes) -> None:
    """Write everything; OSError where the disk takes no more, and part of it may lie there then."""
    rest = memoryview(data)
    while len(rest):
        taken = fs.write(handle, rest)
        if taken <= 0:
            raise OSError(f"{len(data) - len(rest)} of {len(data)} bytes were taken")
        rest = rest[taken:]


def sync_folder(fs: Fs, folder: Path) -> None:
    """Put on the disk which files a folder has: without it a power cut can take a new file's name away."""
    handle = fs.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fs.fsync(handle)
    finally:
        fs.close(handle)


def sync_names(fs: Fs, folder: Path) -> None:
    """Put on the disk that a folder exists: its name in the folder above, and so on up to the file system's root.

    A folder that is there says nothing about that: whoever made it may have died, or failed, before its name was flushed. A folder above
    that we may not read, or that lies on a file system mounted read-only, was not made by us and is passed over.

    Raises:
        OSError: the disk refused.
    """
    folder = folder.resolve()
    device = folder.stat().st_dev
    for above in folder.parents:
        if above.stat().st_dev != device:
            return
        try:
            sync_folder(fs, above)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise


def make_folders(fs: Fs, folder: Path, *, mode: int = 0o777, sync: bool = True) -> None:
    """The folder and those above it that are missing; those that are there are left as they are."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for one in reversed(missing):
        try:
            fs.mkdir(one, mode)
        except FileExistsError:
            if not one.is_dir():
                raise
        if sync:
            try:
                sync_folder(fs, one.parent)
            except OSError:
                with suppress(OSError):  # else the next caller finds it, and takes its name to be on the disk
                    os.rmdir(one)
                raise


def sync_way(fs: Fs, folder: Path, top: Path) -> None:
    """Put on the disk the names of the folder and of those above it, up to and including `top`'s, where `top` is above it.

    A folder that is there may have been made by a call that failed before its name was on the disk.
    """
    sync_folder(fs, folder)
    for one in (folder, *folder.parents):
        if one != top and top not in one.parents:
            return
        try:
            sync_folder(fs, one.parent)
        except PermissionError:  # above the store, a folder that we may pass through and not read
            if one != top:
                raise
