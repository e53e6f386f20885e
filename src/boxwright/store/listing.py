"""What a store consists of at one moment, listed so that it fits together although others write meanwhile.

A writer adds pictures, then rows, then the tag, then the artifact's folder, then the line of a name. What refers is therefore listed
before what it refers to: histories, artifacts, tags and versions, pictures. Whatever a listed line stands for was there before the
line, and nothing of it is ever changed or deleted, so it is there when its turn to be listed comes. Histories only grow; of them the
length up to the last whole line is listed. What lies in the journal is listed with its length and time, segments before the pictures
that their records refer to. The few small files of a table that do change (tags, and Lance's hint of the newest
version) are read while the table's lock is held, as its writers hold it.

Locks, temporary files, what writers that were stopped left, and unfinished runs (`work/`) are not part of a store. Links are not
followed; they and what is no part of a store are listed apart, to be told.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from boxwright.errors import StoreError
from boxwright.store.below import entries_below
from boxwright.store.copied import RECORD
from boxwright.store.flush import is_temporary, rank, version_before
from boxwright.store.set_aside import manifests, tags
from boxwright.store.store import Store

_BLOCK = 1 << 16
_DIGEST = re.compile(r"[0-9a-f]{64}")
_LOGS = ("reviews.jsonl", "ledger.jsonl")
_ROOT = {"artifacts", "tables", "names", "journal", *_LOGS}
_NO_PART = {"work", RECORD}
_HINT = "latest_version_hint.json"


def refuse_no_store(root: Path) -> None:
    """StoreError for a folder that is not there, or has nothing of a store in it: a wrong path must not be called whole."""
    if not root.is_dir():
        raise StoreError(f"There is no store at '{root}'.")
    if not any((root / part).exists() for part in _ROOT):
        raise StoreError(
            f"'{root}' is no store: it has neither artifacts nor names. Name the folder that --store names."
        )


@dataclass(frozen=True)
class File:
    """A file to copy.

    Attributes:
        key: path in the store.
        size: bytes of it that were there.
        mtime_ns: when it was last written.
    """

    key: str
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Table:
    """A Lance table.

    Attributes:
        key: path in the store.
        files: that never change, what is referred to first.
        small: path in the store to content, of the files that change.
        untold: files that make versions of a writer that was stopped, and the tags of such versions. No call returned for them, and
            they may be damaged; they are not part of the store.
    """

    key: str
    files: tuple[File, ...]
    small: dict[str, bytes]
    untold: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Listing:
    """A store at one moment.

    Attributes:
        histories: of names and the two logs, up to their last whole line.
        artifacts: (kind, digest).
        tables: of rows, then that of pictures.
        journal: segments and what lies beside them, as long as they were; then kept pictures.
        links: that were not followed, so that what they lead to is missing.
        strange: what is no part of a store.
    """

    histories: tuple[File, ...]
    artifacts: tuple[tuple[str, str], ...]
    tables: tuple[Table, ...]
    journal: tuple[File, ...]
    links: tuple[Path, ...]
    strange: tuple[Path, ...]


@dataclass
class _Aside:
    """What was met and is not listed."""

    links: list[Path] = field(default_factory=list)
    strange: list[Path] = field(default_factory=list)


def list_store(root: Path) -> Listing:
    """What the store consists of now.

    Raises:
        StoreError: the folder is an unfinished copy.
    """
    store, aside = Store(root), _Aside()
    names = [file.key for file in _files(root, "names", aside) if file.key.endswith(".jsonl")]
    histories = [_whole_lines(root, key) for key in (*_LOGS, *sorted(names)) if _is_plain(root / key)]
    artifacts = [(kind, digest) for kind in store.kinds() for digest in store.digests(kind)]
    tables = tables_of(root, aside)
    segments = [file for file in _files(root, "journal", aside) if not file.key.startswith("journal/pictures/")]
    kept = [file for file in _files(root, "journal/pictures", aside) if _DIGEST.fullmatch(Path(file.key).name)]
    for entry in os.scandir(root):
        if entry.is_symlink():
            aside.links.append(root / entry.name)
        elif entry.name not in _ROOT | _NO_PART and not entry.name.startswith("."):
            aside.strange.append(root / entry.name)
    return Listing(
        tuple(histories), tuple(one for one in artifacts if _is_artifact(root, one, aside)), tuple(tables), (*segments, *kept),
        tuple(sorted(set(aside.links))), tuple(sorted(set(aside.strange))),
    )  # fmt: skip


def tables_of(root: Path, aside: _Aside | None = None) -> list[Table]:
    """The tables in a folder, which need not be a whole store; links are put aside."""
    return [_table(root, key, aside or _Aside()) for key in table_keys(root)]


def files_of_artifact(root: Path, kind: str, digest: str) -> list[File]:
    """The files of an artifact's folder; links, which no artifact may have, are left out."""
    return list(_files(root, f"artifacts/{kind}/{digest}", _Aside(), hidden=True))


def links_in_artifact(folder: Path) -> list[Path]:
    """Links on the way to an artifact's folder, from `artifacts` on, and below it."""
    on_the_way = [path for path in (folder.parent.parent, folder.parent, folder) if path.is_symlink()]
    return on_the_way or links_below(folder)


def links_below(folder: Path) -> list[Path]:
    """Links in a folder; none is followed."""
    return sorted(Path(entry.path) for entry in entries_below(folder) if entry.is_symlink())


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _is_artifact(root: Path, artifact: tuple[str, str], aside: _Aside) -> bool:
    """Whether it is a folder in the store, and no link on the way to it leads elsewhere."""
    kind, digest = artifact
    way = [root / "artifacts", root / "artifacts" / kind, root / "artifacts" / kind / digest]
    links = [path for path in way if path.is_symlink()]
    aside.links += links
    if not links and not (_DIGEST.fullmatch(digest) and way[-1].is_dir()):
        aside.strange.append(way[-1])
    return not links and bool(_DIGEST.fullmatch(digest)) and way[-1].is_dir()


def table_keys(root: Path) -> list[str]:
    """Tables of rows, and then that of pictures, by their paths; the name of a dataset may have several parts."""
    found, waiting = [], [root / "tables" / "rows"]
    while waiting:
        folder = waiting.pop()
        if folder.is_symlink() or folder.parent.is_symlink() or not folder.is_dir():
            continue
        if (folder / "_versions").is_dir():
            found.append(str(folder.relative_to(root)))
        else:
            waiting += [Path(entry.path) for entry in os.scandir(folder)]
    pictures = root / "tables" / "pictures.lance"
    return [*sorted(found), *(["tables/pictures.lance"] if pictures.is_dir() else [])]


def _table(root: Path, key: str, aside: _Aside) -> Table:
    with _no_writer((root / key).with_suffix(".lock")):
        found = [file for file in _files(root, key, aside, hidden=True) if not is_temporary(Path(file.key).name)]
        untold = _untold(root, key)
        small = {file.key: (root / file.key).read_bytes() for file in found if _changes(file.key, key)}
    files = [file for file in found if file.key not in small and file.key not in untold]
    order = sorted(files, key=lambda file: (rank(file.key.removeprefix(f"{key}/")), file.key))
    return Table(key, tuple(order), {k: content for k, content in small.items() if k not in untold}, untold)


def _untold(root: Path, key: str) -> frozenset[str]:
    """What a writer that was stopped left of versions it never told of; the table's lock is held, so that none is at work."""
    before = version_before(root / key)
    if before is None:
        return frozenset()
    newer = {version: path for version, path in manifests(root / key).items() if version > before}
    tagged = [tag for tag, version in tags(root / key)[0].items() if version in newer]
    return frozenset(
        [
            *(path.relative_to(root).as_posix() for path in newer.values()),
            *(f"{key}/_refs/tags/{t}.json" for t in tagged),
        ]
    )


def _changes(key: str, table: str) -> bool:
    return key.startswith(f"{table}/_refs/") or key.endswith(f"/{_HINT}")


@contextmanager
def _no_writer(lock: Path) -> Iterator[None]:
    """No writer is in the middle of a change of the table; where there is no lock file, there never was one."""
    try:
        handle = os.open(lock, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        yield
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


def _files(root: Path, key: str, aside: _Aside, *, hidden: bool = False) -> Iterator[File]:
    """Regular files below a key; links and the rest are told. Hidden ones are left out unless they are asked for."""
    link = next(
        (path for path in (root / key, *(root / key).parents) if path.is_symlink() and root in path.parents), None
    )
    if link is not None:
        aside.links.append(link)
        return
    waiting = [_entries(root, key)]  # no recursion: folders may be nested as deep as the system lets them
    while waiting:
        entry = next(waiting[-1], None)
        if entry is None:
            waiting.pop()
            continue
        path = entry.path.removeprefix(f"{root}/")
        if entry.is_symlink():
            aside.links.append(root / path)
        elif entry.name.startswith(".") and not hidden:
            continue
        elif entry.is_dir(follow_symlinks=False):
            waiting.append(_entries(root, path))
        else:
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if stat.S_ISREG(status.st_mode):
                yield File(path, status.st_size, status.st_mtime_ns)
            else:
                aside.strange.append(root / path)


def _entries(root: Path, key: str) -> Iterator[os.DirEntry[str]]:
    """What lies in a folder, in order; nothing where it is gone."""
    try:
        return iter(sorted(os.scandir(root / key), key=lambda entry: entry.name))
    except (FileNotFoundError, NotADirectoryError):
        return iter(())


def _whole_lines(root: Path, key: str) -> File:
    """A history up to its last line break: what follows is being written, or was left by a writer that died."""
    path = root / key
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        end = status.st_size
        while end > 0:
            begin = max(0, end - _BLOCK)
            file.seek(begin)
            found = file.read(end - begin).rfind(b"\n")
            if found >= 0:
                end = begin + found + 1
                break
            end = begin
    return File(key, end, status.st_mtime_ns)
