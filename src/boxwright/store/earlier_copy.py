"""Whether a folder may become a copy of a store: it is empty, or an earlier copy of the same store that nothing else has written to.

A store has no number of its own: its histories tell it from others. Each line carries its time to the microsecond, and Lance's files
have random names, so that a folder whose histories begin the store's, and whose tables have no file that the store's lack, is an
earlier copy of it. Only folders with `copy.json` are asked.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from boxwright.errors import StoreError
from boxwright.store.fs import make_folders, present_fs
from boxwright.store.listing import Listing, links_below, refuse_no_store, tables_of
from boxwright.store.place import Folder
from boxwright.store.set_aside import was_set_aside
from boxwright.store.store import Store


def refuse_nested(source: Path, target: Path) -> None:
    """StoreError where the source is no store, or one folder lies in the other."""
    refuse_no_store(source)
    if source == target or source in target.parents or target in source.parents:
        raise StoreError(f"A copy must lie outside its store: '{target}' and '{source}' lie in each other.")


def make_target(target: Path, *, like: Path) -> bool:
    """Make the folder, as open to others as another one, if it is not there; whether it was made.

    Raises:
        StoreError: it is a file.
    """
    if target.exists() and not target.is_dir():
        raise StoreError(f"'{target}' is a file, and a store is copied to a folder; nothing was written.")
    if target.exists():
        return False
    make_folders(present_fs(), target)
    target.chmod(like.stat().st_mode & 0o777)
    return True


@contextmanager
def alone(target: Path) -> Iterator[None]:
    """One copying to a folder at a time."""
    handle = os.open(target, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise StoreError(
            f"Another `boxwright store copy` to '{target}' is at work; run this one when it is done."
        ) from None
    try:
        yield
    finally:
        os.close(handle)


def refuse_links(target: Path) -> None:
    """StoreError where there is a link in the target: writing through it would change what is not the copy."""
    for link in links_below(target):
        raise StoreError(
            f"'{link}' is a link, and a copy has none; nothing was written. Put what it leads to in its place, or copy to "
            f"another folder, one that is empty or does not exist."
        )


def stale(target: Path, listing: Listing) -> list[tuple[Path, Path]]:
    """Files in the target that the store has put aside since, with where they go: what a power cut left of a version (`set_aside`).

    The store may have a file of that name again; one of the same bytes as that is not stale.
    """
    found = []
    for table in listing.tables:
        for file in table.files:
            aside, name = Path(file.key), was_set_aside(Path(file.key).name)
            if name is None or str(aside.parent) != table.key or (target / aside).exists():
                continue
            folder = "_versions" if name.endswith(".manifest") else "_refs/tags"
            path = target / table.key / folder / name
            if path.is_file() and path.stat().st_size == file.size:
                found.append((path, target / aside))
    return found


def refuse_diverged(source: Path, target: Path, listing: Listing) -> None:
    """StoreError where the target has what no earlier copy of this store can have."""
    lengths = {history.key: history.size for history in listing.histories}
    theirs = [f"names/{name}.jsonl" for name in Store(Folder(target)).names()]
    theirs += [log for log in ("reviews.jsonl", "ledger.jsonl") if (target / log).is_file()]
    moved = [target / key for key in theirs if not _begins(target / key, source / key, lengths.get(key, 0))]
    files = {file.key: file.size for table in listing.tables for file in table.files}
    small = {key for table in listing.tables for key in table.small}
    put_aside = {str(path.relative_to(target)) for path, _ in stale(target, listing)}
    put_aside |= {key for table in listing.tables for key in table.untold}  # an earlier copy may have them
    for table in tables_of(target):
        for file in table.files:
            if files.get(file.key) != file.size and file.key not in put_aside:
                moved.append(target / file.key)
        moved += [target / key for key in table.small if key not in small | put_aside]
    if not theirs:  # artifacts are all that can tell it from another store's copy
        known = {f"artifacts/{kind}/{digest}" for kind, digest in listing.artifacts}
        there = Store(Folder(target))
        keys = [f"artifacts/{kind}/{digest}" for kind in there.kinds() for digest in there.digests(kind)]
        moved += [target / key for key in keys if key not in known]
    if moved:
        raise StoreError(moved_on(target, moved))


def _begins(theirs: Path, ours: Path, length: int) -> bool:
    """Whether a history of the copy is the beginning of ours."""
    there = theirs.read_bytes()
    return len(there) <= length and beginning(ours, len(there)) == there


def beginning(path: Path, length: int) -> bytes:
    """The first bytes of a file; none of one that need not be there."""
    if not length:
        return b""
    with path.open("rb") as file:
        return file.read(length)


def moved_on(target: Path, moved: list[Path]) -> str:
    """What is said of a target that has something the store lacks."""
    more = f" and {len(moved) - 1} more" if len(moved) > 1 else ""
    return (
        f"'{target}' is no earlier copy of this store, or was written to since: '{moved[0]}'{more} is not what the store has. "
        f"It was left as it is. Copy to another folder, one that is empty or does not exist."
    )
