"""A cheap look at a store: can it be used, and what in it is damaged. Nothing is written beside a file that vanishes at once.

Every name's history and every manifest is read, within a time; tables and files are looked for and not read, so a wrong byte in one
is found only when the artifact is loaded, which checks its digest.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from boxwright.errors import StoreError
from boxwright.store.below import entries_below
from boxwright.store.plain_file import read_text
from boxwright.store.store import Store

_LOGS = ("ledger.jsonl", "reviews.jsonl")
_ROWS = "rows"
_LEFT_OVER = re.compile(r"\.[0-9a-f]{64}\.[a-z0-9_]+|\.damaged-[0-9]+-[0-9a-f]{64}")


@dataclass(frozen=True)
class Health:
    """What was found in a store.

    Attributes:
        names: how many there are.
        artifacts: whose manifests were read.
        unread: artifacts that there was no time for.
        damaged: one sentence per name, manifest or log.
        leftovers: what writers that were stopped, or retired artifacts, left; harmless.
        busy: tables that another process is writing now.
    """

    names: int
    artifacts: int
    unread: int
    damaged: tuple[str, ...]
    leftovers: tuple[Path, ...]
    busy: tuple[str, ...]


def look_over(root: Path, *, seconds: float = 1.0) -> Health:
    """The health of the store in a folder that can be read.

    Args:
        root: of the store.
        seconds: to spend on manifests at most.
    """
    store = Store(root)
    names, artifacts = store.names(), [(kind, digest) for kind in store.kinds() for digest in store.digests(kind)]
    damaged = [sentence for name in names for sentence in _of_name(store, name, {digest for _, digest in artifacts})]
    damaged += [sentence for log in _LOGS for sentence in _of_log(root / log)]
    until, read = time.monotonic() + seconds, 0
    for kind, digest in artifacts:
        if time.monotonic() > until:
            break
        damaged += _of_artifact(store, root, kind, digest)
        read += 1
    return Health(
        len(names), read, len(artifacts) - read, tuple(damaged), tuple(sorted(left_over(root))), tuple(_busy(root))
    )


def can_write(folder: Path) -> bool:
    """Whether a file can be made in a folder that is there."""
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def _of_name(store: Store, name: str, known: set[str]) -> Iterator[str]:
    try:
        history = store.history(name)
    except (StoreError, OSError) as error:
        yield str(error)
        return
    if not history:
        yield f"the name '{name}' has an empty history"
    elif history[-1].digest not in known:
        yield f"the name '{name}' stands for {history[-1].digest[:12]}, which is not in the store"


def _of_log(path: Path) -> Iterator[str]:
    for number, line in enumerate(Store(path.parent).place.lines(path.name), start=1):
        try:
            json.loads(line)
        except (ValueError, RecursionError) as error:
            yield f"line {number} of '{path}' is damaged ({error})"
            return


def _of_artifact(store: Store, root: Path, kind: str, digest: str) -> Iterator[str]:
    folder = store.folder(digest, kind=kind)
    try:
        manifest = json.loads(read_text(folder / "manifest.json"))
        said, made_from, tables = manifest["digest"], manifest["made_from"], list(manifest["tables"])
        wanted = [folder / file for file in manifest["files"]]
        if not isinstance(made_from, dict) or said != digest:
            raise ValueError(f"it says digest {str(said)[:12]}")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        yield f"the {kind} {digest[:12]} is damaged: its manifest cannot be used ({type(error).__name__}: {error})"
        return
    for table in tables:
        in_table = root / "tables" / "rows" / f"{manifest.get('name')}.lance" / "_versions"
        if table != _ROWS or not in_table.is_dir():
            wanted.append(folder / f"{table}.parquet")
    missing = next((path for path in wanted if not path.is_file()), None)
    if missing is not None:
        yield f"the {kind} {digest[:12]} is damaged: '{missing}' is missing"


def left_over(root: Path) -> Iterator[Path]:
    """Folders that a stopped write of an artifact left, and retired artifacts; nothing else that begins with a dot."""
    kinds = root / "artifacts"
    for kind in kinds.iterdir() if kinds.is_dir() else ():
        if kind.is_dir():
            yield from (path for path in kind.iterdir() if _LEFT_OVER.fullmatch(path.name))


def _busy(root: Path) -> Iterator[str]:
    found = (Path(entry.path) for entry in entries_below(root / "tables") if entry.name.endswith(".lock"))
    for lock in sorted(found):
        handle = os.open(lock, os.O_RDONLY | os.O_NONBLOCK)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            yield lock.stem
        finally:
            os.close(handle)
