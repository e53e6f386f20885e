"""Disks that fail: doubles of `Fs` that do the real thing until they are told not to.

`Failing` refuses the n-th call of a kind, or all from it on, as SQLite's tests do: a scenario is run for n = 1, 2, 3 and so on until it
gets through without a failure. `Unsynced` is a disk whose power can be cut: what was not flushed is gone, names of new files included.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from boxwright.store.fs import Fs

CALLS = ("open", "write", "write_at", "fsync", "fdatasync", "replace", "rename", "truncate", "unlink", "mkdir")


class Failing(Fs):
    """Refuses the n-th of its calls (from 1), or that and all later ones.

    Args:
        n: which call; 0 for none.
        calls: those that count.
        code: the error, such as errno.ENOSPC.
        from_then_on: whether the disk stays broken until `mend`.
        half: take half of the bytes of the write that fails, and fail the next one.
    """

    def __init__(
        self, n: int, calls: tuple[str, ...] = CALLS, *, code: int = errno.EIO, from_then_on: bool = False,
        half: bool = False,
    ) -> None:  # fmt: skip
        self.n, self.calls, self.code, self.from_then_on, self.half = n, calls, code, from_then_on, half
        self.count = self.failed = 0
        self._next = False

    def mend(self) -> None:
        """From now on the disk is well."""
        self.n = 0
        self._next = False

    def refuses(self, call: str) -> bool:
        """Whether this call fails; it is counted."""
        if call not in self.calls:
            return False
        if self._next and call == "write":
            self._next = False
            self.failed += 1
            return True
        self.count += 1
        fails = bool(self.n) and (self.count >= self.n if self.from_then_on else self.count == self.n)
        self.failed += fails
        return fails

    def _check(self, call: str) -> None:
        if self.refuses(call):
            raise OSError(self.code, os.strerror(self.code))

    def open(self, path: Path, flags: int, mode: int = 0o600) -> int:
        self._check("open")
        return super().open(path, flags, mode)

    def write(self, handle: int, data: bytes | memoryview) -> int:
        if self.refuses("write"):
            if self.half and len(data) > 1 and not self.from_then_on and not self._next:
                self._next = True  # takes some of it, and then no more
                return super().write(handle, data[: len(data) // 2])
            if self.half and self.from_then_on and len(data) > 1:
                super().write(handle, data[: len(data) // 2])
            raise OSError(self.code, os.strerror(self.code))
        return super().write(handle, data)

    def write_at(self, handle: int, data: bytes, offset: int) -> int:
        self._check("write_at")
        return super().write_at(handle, data, offset)

    def fsync(self, handle: int) -> None:
        self._check("fsync")

    def fdatasync(self, handle: int) -> None:
        self._check("fdatasync")

    def replace(self, source: Path, target: Path) -> None:
        self._check("replace")
        super().replace(source, target)

    def rename(self, source: Path, target: Path) -> None:
        self._check("rename")
        super().rename(source, target)

    def truncate(self, handle: int, size: int) -> None:
        self._check("truncate")
        super().truncate(handle, size)

    def unlink(self, path: Path) -> None:
        self._check("unlink")
        super().unlink(path)

    def mkdir(self, path: Path, mode: int = 0o777) -> None:
        self._check("mkdir")
        super().mkdir(path, mode)


def disks(**options: object) -> Iterator[Failing]:
    """A disk that fails the first call, one that fails the second, and so on, until one had nothing to fail any more."""
    n = 0
    while True:
        n += 1
        disk = Failing(n, **options)  # type: ignore[arg-type]
        yield disk
        if disk.failed == 0:
            return


def positions(scenario: Callable[[Failing], None], **options: object) -> int:
    """Run a scenario on each of the disks; how many calls were failed, each in turn."""
    tried = 0
    for disk in disks(**options):
        scenario(disk)
        tried += disk.failed > 0
    return tried


class Unsynced(Fs):
    """A disk whose power is cut by `cut_power`: only what was flushed is still there.

    Flushed are the bytes of a file as of its last fsync, and the names in a folder as of the folder's last fsync. Names that were never
    seen before the disk was made count as flushed.
    """

    def __init__(self) -> None:
        self._paths: dict[int, Path] = {}
        self._bytes: dict[int, bytes] = {}  # inode to what is flushed
        self._names: dict[Path, dict[str, int]] = {}  # folder to the flushed names of files and folders

    def open(self, path: Path, flags: int, mode: int = 0o600) -> int:
        self._remember(path.parent)
        handle = super().open(path, flags, mode)
        self._paths[handle] = path
        if path.is_dir():
            self._remember(path)
        else:
            self._bytes.setdefault(os.fstat(handle).st_ino, b"")
        return handle

    def close(self, handle: int) -> None:
        self._paths.pop(handle, None)
        super().close(handle)

    def fsync(self, handle: int) -> None:
        path = self._paths[handle]
        if path.is_dir():
            self._names[path] = self._listing(path)
        else:
            size = os.fstat(handle).st_size
            reader = os.open(f"/proc/self/fd/{handle}", os.O_RDONLY)
            self._bytes[os.fstat(handle).st_ino] = os.pread(reader, size, 0)
            os.close(reader)

    fdatasync = fsync

    def replace(self, source: Path, target: Path) -> None:
        self._remember(target.parent)
        super().replace(source, target)

    def rename(self, source: Path, target: Path) -> None:
        self._remember(target.parent)
        super().rename(source, target)

    def unlink(self, path: Path) -> None:
        self._remember(path.parent)
        super().unlink(path)

    def mkdir(self, path: Path, mode: int = 0o777) -> None:
        self._remember(path.parent)
        super().mkdir(path, mode)
        self._names[path] = {}

    def cut_power(self, root: Path, into: Path) -> Path:
        """What is found of a folder afterwards, rebuilt in a folder that is not there yet."""
        into.mkdir(parents=True)
        inodes = {path.stat().st_ino: path for path in root.rglob("*")}
        for name, inode in self._names.get(root, self._listing(root)).items():
            path = inodes.get(inode)
            if path is not None and path.is_dir():
                self.cut_power(path, into / name)
            elif inode in self._bytes:
                (into / name).write_bytes(self._bytes[inode])
            elif path is not None:
                (into / name).write_bytes(path.read_bytes())
        return into

    def _remember(self, folder: Path) -> None:
        if folder not in self._names and folder.is_dir():
            self._names[folder] = self._listing(folder)

    @staticmethod
    def _listing(folder: Path) -> dict[str, int]:
        found: dict[str, int] = {}
        for path in folder.iterdir():
            with suppress(FileNotFoundError):  # others work in the folders above ours
                found[path.name] = path.lstat().st_ino
        return found
