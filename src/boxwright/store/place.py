"""The seam between the store and what holds it: a few verbs that a folder and an object store can both keep.

Keys are slash-separated. `Folder` is the local form. An object store gives the same verbs later: a folder of an
artifact becomes a prefix, `fetch` becomes a download, an appended line becomes a numbered object.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from boxwright.errors import StoreError
from boxwright.store.atomic import append_line, new_folder
from boxwright.store.fs import present_fs, sync_way


class Place(Protocol):
    """What the store asks of the place it lives in."""

    def exists(self, key: str) -> bool:
        """Whether the folder or file is there."""
        ...

    def keys(self, prefix: str) -> list[str]:
        """Names directly under a prefix, sorted; none when the prefix is not there."""
        ...

    def fetch(self, key: str) -> Path:
        """A local path with the content of a stored folder or file, to be read only."""
        ...

    def new_folder(self, key: str) -> AbstractContextManager[Path]:
        """Context: a local folder to fill, stored under the key as a whole when the block ends well."""
        ...

    def settle(self, key: str) -> None:
        """Make sure that what is stored under the key outlives a power cut, also where the call that stored it failed."""
        ...

    def retire(self, key: str) -> None:
        """Put a damaged folder out of the way, without deleting what may still be looked at."""
        ...

    def append(self, key: str, line: str, *, after: Callable[[str | None], bool] | None = None) -> bool:
        """One more line in a history, durable when this returns; with `after`, only where it accepts the last line."""
        ...

    def lines(self, key: str) -> list[str]:
        """All lines of a history, oldest first; none when there is no such history."""
        ...

    def local(self, key: str) -> Path:
        """Address under which a library with a storage of its own (Lance) may keep its tables."""
        ...


class Folder:
    """A place that is a local folder."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root).resolve()

    def exists(self, key: str) -> bool:
        return (self.root / key).exists()

    def keys(self, prefix: str) -> list[str]:
        folder = self.root / prefix
        return sorted(p.name for p in folder.iterdir() if not p.name.startswith(".")) if folder.is_dir() else []

    def fetch(self, key: str) -> Path:
        return self.root / key

    @contextmanager
    def new_folder(self, key: str) -> Iterator[Path]:
        with new_folder(self.root / key, top=self.root) as temporary:
            try:
                yield temporary
            except OSError as error:  # while the artifact was written into it
                raise StoreError(f"'{key}' cannot be kept in the store '{self.root}': {error}.") from error

    def settle(self, key: str) -> None:
        path = self.root / key  # its files were flushed before it took its name
        try:
            sync_way(present_fs(), path.parent, self.root)
        except OSError as error:
            raise StoreError(f"'{path}' cannot be put on the disk: {error.strerror or error}.") from error

    def retire(self, key: str) -> None:
        path = self.root / key
        try:
            present_fs().rename(path, path.with_name(f".damaged-{time.time_ns()}-{path.name}"))
        except OSError as error:
            raise StoreError(f"The damaged '{path}' cannot be put out of the way: {error}.") from error

    def append(self, key: str, line: str, *, after: Callable[[str | None], bool] | None = None) -> bool:
        return append_line(self.root / key, line, after=after, top=self.root)

    def lines(self, key: str) -> list[str]:
        path = self.root / key
        if not path.is_file():
            return []
        try:
            text = path.read_text(errors="replace")
        except OSError as error:
            raise StoreError(f"'{path}' cannot be read: {error.strerror or error}.") from error
        return [line for line in text.split("\n")[:-1] if line]  # a torn tail is dropped

    def local(self, key: str) -> Path:
        return self.root / key
