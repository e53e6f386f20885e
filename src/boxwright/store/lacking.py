"""What a copy of a store lacks of what was listed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from boxwright.store.listing import File, Listing, files_of_artifact


@dataclass(frozen=True)
class Lacking:
    """What a copy lacks.

    Attributes:
        files: of tables, in the order of writing.
        small: of tables, key to content.
        artifacts: (kind, digest) to files.
        journal: segments that are new or have grown, and kept pictures.
    """

    files: list[File]
    small: dict[str, bytes]
    artifacts: dict[tuple[str, str], list[File]]
    journal: list[File]

    @property
    def size(self) -> int:
        """Bytes to write, histories left out."""
        listed = [*self.files, *self.journal, *(file for parts in self.artifacts.values() for file in parts)]
        return sum(file.size for file in listed) + sum(map(len, self.small.values()))


def lacking(source: Path, target: Path, listing: Listing, stale: set[Path]) -> Lacking:
    """Of the listed: what is not in the copy, or not as it was listed; files of tables that are `stale` are copied again."""
    files, small = [], {}
    for table in reversed(listing.tables):  # pictures come before what refers to them
        files += [file for file in table.files if not (target / file.key).exists() or target / file.key in stale]
        small |= {key: content for key, content in table.small.items() if not _holds(target / key, content)}
    artifacts = {
        (kind, digest): files_of_artifact(source, kind, digest)
        for kind, digest in listing.artifacts
        if not (target / "artifacts" / kind / digest).exists()
    }
    journal = [file for file in listing.journal if not _same(target / file.key, file)]
    return Lacking(files, small, artifacts, journal)


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except FileNotFoundError:
        return False


def _same(path: Path, file: File) -> bool:
    """Whether the copy has the file as it was listed."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return False
    return (status.st_size, status.st_mtime_ns) == (file.size, file.mtime_ns)
