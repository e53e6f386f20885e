"""What a writer left in a table when the power went, put aside so that the table can be used again.

Lance commits a version by writing its manifest, and waits for no disk. After a power cut the newest manifest, or what it refers to,
can be empty, and then neither Lance's readers nor its writers open the table. Nobody was told of that version: rows are told by their
tag, and pictures by a call that returns after the flush. Its manifest moves from `_versions` to `.damaged-TIME-NAME` in the table's folder,
and the version before is the newest again. Nothing is deleted, and data that a moved manifest refers to stay where they are.

Only file names and tags are read here; whether a version can be read is asked of Lance, in `tables`.
"""

from __future__ import annotations

import json
import logging
import os
import re
import time
from collections.abc import Iterable
from pathlib import Path

from boxwright.store.flush import sync

log = logging.getLogger("boxwright.store")
_MANIFEST = re.compile(r"([0-9]{1,20})\.manifest")
_ASIDE = re.compile(r"\.damaged-[0-9]+-(.+)")
_NEWEST_FIRST = (
    20  # digits: Lance then counts down from the largest 64-bit number, so that names sort with the newest first
)


def manifests(table: Path) -> dict[int, Path]:
    """Version to the file that commits it."""
    folder = table / "_versions"
    found = {}
    for name in os.listdir(folder) if folder.is_dir() else ():
        match = _MANIFEST.fullmatch(name)
        if match:
            number = int(match[1])
            found[(1 << 64) - 1 - number if len(match[1]) == _NEWEST_FIRST else number] = folder / name
    return found


def newest_version(table: Path) -> int:
    """The newest version that was committed; 0 where there is none."""
    return max(manifests(table), default=0)


def tags(table: Path) -> tuple[dict[str, int], list[Path]]:
    """Tag to version, and files of tags that cannot be read."""
    found, wrong = {}, []
    folder = table / "_refs" / "tags"
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        try:
            found[path.stem] = int(json.loads(path.read_bytes())["version"])
        except FileNotFoundError:
            continue
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            wrong.append(path)
    return found, wrong


def set_aside(table: Path, files: Iterable[Path], why: str) -> None:
    """Move files of a table out of Lance's sight, and say so; the table's lock must be held.

    Raises:
        OSError: one cannot be moved.
    """
    moved = []
    for path in files:
        aside = table / f".damaged-{time.time_ns()}-{path.name}"
        path.rename(aside)
        moved.append((path.parent, aside))
    for folder in {parent for parent, _ in moved}:
        sync(table)  # the new name first: a file with two names is better than one with none
        sync(folder)
    if moved:
        log.warning(
            "The table '%s' could not be opened: %s. What that writer left was moved aside, and nothing that a call returned "
            "for is lost: '%s'%s.",
            table, why, moved[0][1], f" and {len(moved) - 1} more" if len(moved) > 1 else "",
        )  # fmt: skip


def was_set_aside(name: str) -> str | None:
    """What a file that was moved was called before; None for any other file."""
    match = _ASIDE.fullmatch(name)
    return match[1] if match else None
