"""Files and folders of a copy that have no name yet: a name comes after the bytes are on the disk."""

from __future__ import annotations

import os
from pathlib import Path

from boxwright.store.flush import sync_all

_AT_ONCE, _BYTES_AT_ONCE = 500, 1 << 30


class Unnamed:
    """Files and folders that are written and wait for the disk, and then for their names, some hundred at a time."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._pairs: list[tuple[Path, Path]] = []
        self._size = 0

    def add(self, temporary: Path, path: Path, size: int) -> None:
        """One more that is written under a temporary name, with its bytes."""
        self._pairs.append((temporary, path))
        self._size += size
        if len(self._pairs) >= _AT_ONCE or self._size >= _BYTES_AT_ONCE:
            self.name()

    def name(self) -> None:
        """Wait for the disk; then give them their names, in the order in which they came."""
        if self._pairs:
            sync_all(self._target)
            for temporary, path in self._pairs:
                os.replace(temporary, path)
            sync_all(self._target)
        self._pairs, self._size = [], 0
