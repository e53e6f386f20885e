"""A copy of a store in another folder: backup, restore, and moving house. A second run copies only what is new.

The store may be written meanwhile. It is listed first, in the order that `listing` argues for, so that what is listed fits together;
then it is copied in the order in which writers write: pictures, rows, tags, artifacts, the journal, histories last. A copy that is
stopped therefore has names only for what it has whole. It says that it is unfinished (`copied`), and the same command goes on.

The copy must be an earlier copy of the same store: each history in it begins the store's history of the same name, and its tables
have no file that the store's lack. Lines carry times and Lance's files random names, so that no two stores share them, and a copy
that was written to by itself is refused before anything is changed. Nothing is deleted from a copy: what a store has lost, it keeps.

Every file is on the disk before it takes its name, some hundred at a time. Files that never change are known by their path; a segment of the journal
that has grown is copied again. With `verify`, an artifact is loaded and a picture hashed from the copy, each once.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shlex
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path

from boxwright.errors import InputError, StoreError
from boxwright.store.below import entries_below
from boxwright.store.check import (
    Fault,
    Kept,
    Kinds,
    ReadJournal,
    check,
    of_histories,
    of_pictures,
    of_records,
    of_tables,
)
from boxwright.store.copied import Copied
from boxwright.store.digest import digest_of_file
from boxwright.store.earlier_copy import (
    alone,
    beginning,
    make_target,
    moved_on,
    refuse_diverged,
    refuse_links,
    refuse_nested,
    stale,
)
from boxwright.store.flush import sync
from boxwright.store.fs import make_folders, present_fs, write_all
from boxwright.store.health import left_over
from boxwright.store.lacking import lacking
from boxwright.store.listing import File, Listing, links_in_artifact, list_store
from boxwright.store.place import Folder
from boxwright.store.plain_file import PLAIN, opened
from boxwright.store.store import Store
from boxwright.store.unnamed import Unnamed

Tell = Callable[[str, int, int], None]
_MIB = 1 << 20


@dataclass(frozen=True)
class Copy:
    """What a run of `copy` did.

    Attributes:
        files, size: that it wrote, and their bytes.
        artifacts: that are new in the copy.
        verified: whether everything in the copy was read and matches its digest, in this run or one before, and there is no fault.
        faults: damage in the store, or on the way; what is damaged is not in the copy under its name.
        strange: what lies in the store's folder, is no part of a store, and was not copied.
    """

    files: int
    size: int
    artifacts: int
    verified: bool
    faults: tuple[Fault, ...]
    strange: tuple[Path, ...]


def copy(
    source: Path, target: Path, kinds: Kinds, *, verify: bool = True, tell: Tell, journal: ReadJournal | None = None
) -> Copy:
    """Make `target` a copy of the store in `source`, or bring it up to date.

    Args:
        source: folder of a store.
        target: an empty folder, one that does not exist, or an earlier copy.
        kinds: name of each kind of artifact to its class.
        verify: read what was copied again and compare it with its digests.
        tell: told what is being done, how much of it is done, and of how much.
        journal: reads the records of a journal's folder, see `check`.

    Raises:
        StoreError: the source is no whole store; the target is something else, was changed by itself, is being copied to now, or
            cannot be written (a full disk, for one). What was copied is kept, and the same command goes on.
    """
    source, target = source.resolve(), target.resolve()
    refuse_nested(source, target)
    try:
        made = make_target(target, like=source)
        with alone(target):
            try:
                earlier = Copied.read(target)
                if earlier is None and any(target.iterdir()):
                    raise StoreError(
                        f"'{target}' is not empty, and no copy that `boxwright store copy` made; nothing was written. "
                        f"Name a folder that is empty or does not exist."
                    )
                refuse_links(target)
                listing = list_store(source)
                refuse_diverged(source, target, listing)
                run = _Run(source, target, listing, kinds, tell, verify, journal)
                run.refuse_too_large()
            except BaseException:
                if made:
                    target.rmdir()
                raise
            return run(earlier)
    except (OSError, StoreError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        if isinstance(cause, OSError):
            raise StoreError(_stopped(source, target, cause)) from error
        raise


class _Run:
    """One run of the copying."""

    def __init__(
        self, source: Path, target: Path, listing: Listing, kinds: Kinds, tell: Tell, verify: bool,
        journal: ReadJournal | None,
    ) -> None:  # fmt: skip
        self._source, self._target, self._listing, self._kinds = source, target, listing, kinds
        self._tell, self._verify, self._journal = tell, verify, journal
        self._store = Store(Folder(target))  # by its place: it is unfinished, and this is what finishes it
        self._kept = Kept(self._store)
        self._waiting = Unnamed(target)
        self._files, self._done, self._artifacts = 0, 0, 0
        self._stale = stale(target, listing)
        self._missing = lacking(source, target, listing, {path for path, _ in self._stale})
        self._faults: list[Fault] = [
            Fault(
                f"'{link}' is a link; what it leads to is not copied.", f"put what it leads to in its place: '{link}'"
            )
            for link in listing.links
        ]

    def __call__(self, earlier: Copied | None) -> Copy:
        trusted = earlier is None or earlier.verified
        now = Copied(
            str(self._source), time.time(), verified=False,  # so that a run that is stopped leaves everything to be read
            verified_pictures=earlier.verified_pictures if earlier else 0,
        )  # fmt: skip
        if earlier is not None and earlier.finished is None:
            _clear(self._target)
        now.write(self._target)
        for path, aside in self._stale:
            path.rename(aside)
        for file in self._missing.files:
            self._copy(file, shrinks=False)
        for key, content in self._missing.small.items():
            self._write(key, content)
        self._waiting.name()
        for (kind, digest), parts in self._missing.artifacts.items():
            self._artifact(kind, digest, parts)
        for file in self._missing.journal:
            self._copy(file)
        self._waiting.name()
        if self._verify and trusted:
            now = self._read_again(now)
        for history in self._listing.histories:
            self._extend(history)
        whole = replace(now, finished=time.time())
        whole.write(self._target)
        if self._verify and trusted:
            self._faults += of_histories(Store(self._target))
        elif self._verify:  # what an earlier run did not read again, or found damaged, is read now
            found = check(self._target, self._kinds, tell=self._tell, journal=self._journal)
            self._faults += found.faults
            whole = replace(whole, verified_pictures=0 if found.faults else found.pictures)
        faults = tuple(dict.fromkeys(self._faults))
        if self._verify:
            whole = replace(whole, verified=not faults)
            whole.write(self._target)
        return Copy(self._files, self._done, self._artifacts, whole.verified, faults, self._listing.strange)

    def refuse_too_large(self) -> None:
        """StoreError where the copy would not fit."""
        free = shutil.disk_usage(self._target).free
        if self._missing.size > free:
            raise StoreError(
                f"'{self._target}' has {_size(free)} left, and {_size(self._missing.size)} are to be copied; nothing was "
                f"written. Make room or name a folder on another disk."
            )

    def _copy(self, file: File, *, shrinks: bool = True) -> bool:
        """One file, up to the length that was listed; whether it is still there. A torn end may be cut off one that `shrinks`."""
        try:
            with opened(self._source / file.key) as given, self._fresh(file.key) as written:
                copied = _copy_bytes(given.fileno(), written, file.size)
                if copied < file.size and not shrinks:
                    raise _Shortened(copied)
                os.fchmod(written, os.fstat(given.fileno()).st_mode & 0o777)
                os.utime(written, ns=(file.mtime_ns, file.mtime_ns))
        except FileNotFoundError:
            if (self._source / file.key).exists():
                raise
            return False  # past its retention, or retired
        except _Shortened as error:
            self._faults.append(
                Fault(
                    f"'{self._source / file.key}' had {file.size:,} bytes, and {error} when it was copied; it is not in the copy.",
                    f"copy '{file.key}' from a backup of the store",
                )
            )
            return False
        self._count(file.size)
        return True

    def _write(self, key: str, content: bytes) -> None:
        with self._fresh(key) as written:
            write_all(present_fs(), written, content)
            os.fchmod(written, _mode(self._source / key))
        self._count(len(content))

    @contextmanager
    def _fresh(self, key: str) -> Iterator[int]:
        """A file to fill that is to be named when the block ends well."""
        path = self._target / key
        self._folders(path.parent)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".tmp")
        try:
            yield handle
            size = os.fstat(handle).st_size
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        finally:
            os.close(handle)
        self._waiting.add(Path(temporary), path, size)

    def _folders(self, folder: Path) -> None:
        """The folder, and those above it in the copy, with the modes they have in the store."""
        missing = list(takewhile(lambda one: not one.exists(), (folder, *folder.parents)))
        for one in reversed(missing):
            make_folders(present_fs(), one)
            original = self._source / one.relative_to(self._target)
            if original.is_dir():
                one.chmod(original.stat().st_mode & 0o777)

    def _artifact(self, kind: str, digest: str, parts: list[File]) -> None:
        """One artifact, under its name only once it is whole and, where asked for, loads."""
        key = f"artifacts/{kind}/{digest}"
        place = self._target / key
        self._folders(place.parent)
        folder = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{digest}."))
        links = links_in_artifact(self._source / key)
        wrong = f"'{links[0]}' is a link, and what it leads to is not copied." if links else None
        for file in parts:
            inside = folder / Path(file.key).relative_to(key)
            make_folders(present_fs(), inside.parent, sync=False)
            try:
                with opened(self._source / file.key) as given, inside.open("xb") as written:
                    if _copy_bytes(given.fileno(), written.fileno(), file.size) < file.size:
                        wrong = f"'{self._source / file.key}' became shorter while it was copied."
                    os.fchmod(written.fileno(), os.fstat(given.fileno()).st_mode & 0o777)
            except FileNotFoundError:
                if (self._source / file.key).exists():
                    raise
                wrong = f"'{self._source / file.key}' vanished while it was copied."
            self._count(file.size)
        if wrong is None and self._verify:
            wrong = self._wrong_with(kind, digest, folder)
        if wrong is not None:
            self._put_aside(folder, kind, digest, wrong)
            return
        folder.chmod(0o755)
        self._waiting.add(folder, place, sum(file.size for file in parts))
        self._artifacts += 1

    def _put_aside(self, folder: Path, kind: str, digest: str, wrong: str) -> None:
        """Keep what is damaged beside its place, where the next run looks at the store's again."""
        if not (self._source / "artifacts" / kind / digest).exists():
            shutil.rmtree(folder)  # the store has retired it meanwhile
            return
        kept = folder.with_name(f".damaged-0-{digest}")
        if kept.exists():
            shutil.rmtree(kept)
        folder.rename(kept)
        self._faults.append(Fault(wrong, f"its copy is kept as '{kept}'; see `boxwright store check` of the store"))

    def _wrong_with(self, kind: str, digest: str, folder: Path) -> str | None:
        if kind not in self._kinds:
            unknown = f"The {kind} {digest[:12]} is of a kind this version does not know; it was copied and not read."
            self._faults.append(Fault(unknown, "pip install -U boxwright"))
            return None
        try:
            artifact = self._store.load(folder, self._kinds[kind], digest=digest)
            if self._kinds[kind].rows_in_table:
                self._faults += self._kept.missing(artifact)
        except InputError as error:
            return f"{kind} {digest[:12]}: {error}"
        return None

    def _read_again(self, now: Copied) -> Copied:
        """Read what was not read in this copy before: pictures, what writers build on, records of the journal."""
        count, faults = of_pictures(self._store, now.verified_pictures, self._tell)
        self._faults += [*faults, *of_tables(self._target)]
        if any(not file.key.startswith("journal/pictures/") for file in self._missing.journal):
            self._faults += of_records(self._target / "journal", self._journal)
        for file in self._missing.journal:
            path = self._target / file.key
            if file.key.startswith("journal/pictures/") and path.exists() and digest_of_file(path) != path.name:
                wrong = f"'{self._source / file.key}' has other bytes than its name, its digest, says."
                self._faults.append(Fault(wrong, f"rm {shlex.quote(str(self._source / file.key))}"))
        return now if faults else replace(now, verified_pictures=count)

    def _extend(self, history: File) -> None:
        """Add the lines that the copy's history lacks, under the lock that whoever writes a history takes."""
        path = self._target / history.key
        wanted = beginning(self._source / history.key, history.size)
        self._folders(path.parent)
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | PLAIN, 0o644), "ab+") as file:
            os.fchmod(file.fileno(), _mode(self._source / history.key))
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            there = file.read()
            if not wanted.startswith(there):
                raise StoreError(moved_on(self._target, [path]))
            if len(there) == len(wanted):
                return
            file.write(wanted[len(there) :])
            file.flush()
            os.fsync(file.fileno())
        sync(path.parent)
        self._count(len(wanted) - len(there))

    def _count(self, size: int) -> None:
        self._files += 1
        self._done += size
        self._tell("copy (MiB)", self._done // _MIB, max(self._missing.size // _MIB, 1))


class _Shortened(Exception):
    """A file that never changes had fewer bytes than it was listed with; the argument is how many."""


def _clear(target: Path) -> None:
    """Delete what a stopped copying left under temporary names; nobody else writes to an unfinished copy."""
    for entry in entries_below(target):
        if entry.name.startswith(".tmp") and not entry.is_dir(follow_symlinks=False):
            Path(entry.path).unlink(missing_ok=True)
    for path in left_over(target):
        if not path.name.startswith(".damaged-"):
            shutil.rmtree(path)


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode & 0o777
    except FileNotFoundError:
        return 0o644


def _copy_bytes(reading: int, writing: int, size: int) -> int:
    """The first `size` bytes of a file, by the kernel where it can; how many there were."""
    left = size
    while left > 0:
        sent = os.sendfile(writing, reading, None, min(left, 64 * _MIB))
        if sent == 0:
            break
        left -= sent
    return size - left


def _size(count: int) -> str:
    return f"{count / (1 << 30):.1f} GiB" if count >= 1 << 30 else f"{count / _MIB:.1f} MiB"


def _stopped(source: Path, target: Path, error: OSError) -> str:
    again = f"boxwright store copy {shlex.quote(str(source))} {shlex.quote(str(target))}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"'{target}' has no room left. What was copied is kept; make room and run the same command again: {again}"
        )
    where = f" ('{error.filename}')" if error.filename else ""
    return (
        f"Copying to '{target}' stopped: {error.strerror or error}{where}. What was copied is kept; when that is mended, "
        f"run the same command again: {again}"
    )
