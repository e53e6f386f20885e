"""What another library wrote is on the disk before anything relies on it.

Lance writes data, versions and tags without waiting for the disk, so after a power cut a tag could be there and its rows not.
`flushing` stands around such writes: it lists the table's folder before, and waits for the disk at what is new or changed since.
Data and deletions go first, then transactions, then versions, then tags, each with its folder; whatever the disk holds, nothing on it
refers to something it lacks.

A writer that is killed before it has flushed leaves a file beside the table, NAME.unflushed; the next one then flushes the whole
table, because its own version builds on what the dead one wrote. The file is on the disk before Lance writes, and contains the number of
the version until then. Not covered: the order in which Lance itself writes within one commit; a power cut in the middle of one leaves a
version that nobody relies on, and that may not open. The next writer puts it aside (`set_aside`), by that number.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from boxwright.errors import StoreError
from boxwright.store.fs import present_fs

_ORDER = (
    "data",
    "_deletions",
    "_indices",
    "_transactions",
    "_versions",
    "_refs",
)  # who refers comes after what it refers to
UNFLUSHED = ".unflushed"

_State = dict[str, tuple[int, int, int]]  # path in the folder to inode, change time in ns, size


def sync(path: Path) -> None:
    """Wait until the file, or the entries of the folder, are on the disk."""
    fs = present_fs()
    handle = fs.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fs.fsync(handle)
    finally:
        fs.close(handle)


def sync_all(folder: Path) -> None:
    """Wait until everything that was written to the folder's file system is on the disk; cheaper than many `sync`.

    Raises:
        OSError: it could not be written.
    """
    call = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if call is None:
        os.sync()
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        if call(handle):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(folder))
    finally:
        os.close(handle)


@contextmanager
def flushing(folder: Path, *, version: int = 0) -> Iterator[Callable[[], None]]:
    """What is written into the folder in the block is on the disk when the block ends well.

    Args:
        folder: of the table.
        version: the table's newest version now, written down for who comes after a power cut.

    Yields:
        a function that flushes what was written until now: call it between two writes of which the second refers to the first.

    Raises:
        StoreError: the disk refuses; what the block itself raises comes through as it is.
    """
    unflushed = folder.with_suffix(UNFLUSHED)
    known: _State = {}
    was_there = False

    def flush() -> None:
        nonlocal known, was_there
        try:
            now = _state(folder)
            _sync_all(folder, _changed(known, now))
            if not was_there and folder.exists():
                sync(folder.parent)
                was_there = True
        except OSError as error:
            raise _not_flushed(folder, error) from error
        known = now

    if os.path.lexists(unflushed):
        flush()  # before its number is replaced
    else:
        known, was_there = _state(folder), folder.exists()
    try:
        unflushed.write_text(f"{version}\n")
        sync(unflushed)
        sync(unflushed.parent)
    except OSError as error:
        raise _not_flushed(folder, error) from error
    yield flush
    flush()
    try:
        unflushed.unlink(missing_ok=True)
        sync(unflushed.parent)  # else a power cut brings it back, with a number that is too old by then
    except OSError as error:
        raise _not_flushed(folder, error) from error


def version_before(folder: Path) -> int | None:
    """The version that a table had before a writer that was stopped; None where none was, or it is not known."""
    try:
        return int(folder.with_suffix(UNFLUSHED).read_bytes())
    except (OSError, ValueError):
        return None


def is_unflushed(folder: Path) -> bool:
    """Whether a writer of the table was stopped before its flush, or is at work now."""
    return os.path.lexists(folder.with_suffix(UNFLUSHED))


def _not_flushed(folder: Path, error: OSError) -> StoreError:
    return StoreError(f"What was written to '{folder}' cannot be put on the disk: {error.strerror or error}.")


def _state(folder: Path) -> _State:
    """Every file below the folder, those that are still being written left out."""
    found: _State = {}
    waiting = [(folder, "")]
    while waiting:
        current, prefix = waiting.pop()
        try:
            entries = list(os.scandir(current))
        except FileNotFoundError:
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                waiting.append((current / entry.name, f"{prefix}{entry.name}/"))
            elif not is_temporary(entry.name):
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                found[prefix + entry.name] = (status.st_ino, status.st_ctime_ns, status.st_size)
    return found


def is_temporary(name: str) -> bool:
    """Whether a file in a table is one that Lance renames when it is whole."""
    return name.startswith(".tmp") or "#" in name or ".tmp." in name


def _changed(before: _State, now: _State) -> list[str]:
    """Paths that are new, differ or are gone, those that are referred to first."""
    paths = [path for path in now.keys() | before.keys() if before.get(path) != now.get(path)]
    return sorted(paths, key=lambda path: (rank(path), path))


def rank(path: str) -> int:
    """Where in the order of flushing a file of a table stands, by its path in the table; what is referred to is lower."""
    first = path.split("/")[0]
    return _ORDER.index(first) if first in _ORDER else -1


def _sync_all(folder: Path, paths: Iterable[str]) -> None:
    """Flush files, and the folders that name them up to `folder`, one rank after the other."""
    by_rank: dict[int, list[str]] = {}
    for path in paths:
        by_rank.setdefault(rank(path), []).append(path)
    for level in sorted(by_rank):
        parents: set[Path] = set()
        for path in by_rank[level]:
            whole = folder / path
            if whole.exists():
                sync(whole)
            parents |= {parent for parent in whole.parents if parent == folder or folder in parent.parents}
        for parent in sorted(parents, key=lambda parent: -len(parent.parts)):
            if parent.exists():
                sync(parent)
