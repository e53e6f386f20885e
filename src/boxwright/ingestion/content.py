"""The content of images that several sources list, as far as it must be known to tell which are the same.

A file that lies where another source says the same file lies is the same without a look into it; a file whose size no other
source has is read by nobody. What is left is hashed.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from boxwright.store.digest import digest_of_file

_THREADS = 2


def contents_of(sources: Sequence[Sequence[Path]]) -> list[list[str]]:
    """One text per image of each source: equal where the content is, empty where the file is not at hand."""
    places: list[list[tuple[str, int]]] = [[_place(path) for path in paths] for paths in sources]
    listed_by: dict[str, set[int]] = defaultdict(set)
    of_size: dict[int, set[str]] = defaultdict(set)
    for number, listed in enumerate(places):
        for path, size in listed:
            if path:
                listed_by[path].add(number)
                of_size[size].add(path)
    if sum(any(path for path, _ in listed) for listed in places) < 2:
        return [[""] * len(listed) for listed in places]
    everywhere = all(len(who) == len(places) for who in listed_by.values())
    asked = [] if everywhere else sorted({path for same in of_size.values() if len(same) > 1 for path in same})
    with ThreadPoolExecutor(_THREADS) as threads:
        digests = dict(zip(asked, threads.map(lambda path: digest_of_file(Path(path)), asked), strict=True))
    return [[digests.get(path, path and f"file {path}") for path, _ in listed] for listed in places]


def digests_at(paths: Sequence[Path]) -> list[str]:
    """SHA-256 of each file, empty where it is not at hand."""
    with ThreadPoolExecutor(_THREADS) as threads:
        return list(threads.map(lambda path: digest_of_file(path) if path.is_file() else "", paths))


def _place(path: Path) -> tuple[str, int]:
    """Where the file really lies and its size; an empty text where it does not."""
    try:
        if not path.is_file():
            return "", 0
        return os.path.realpath(path), path.stat().st_size
    except (OSError, ValueError):
        return "", 0
