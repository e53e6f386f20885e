"""Positions (GPS) in the metadata of images that are handed on: taken out unless they are to be kept, and counted."""

from __future__ import annotations

from pathlib import Path

from boxwright.errors import PictureError
from boxwright.images import without_position
from boxwright.store import write_bytes


class Positions:
    """What was done about the positions of images that were written.

    Args:
        keep: leave them where they are.

    Attributes:
        counts: images by `removed`, `kept`, and `stuck`: those whose position could not be taken out.
    """

    def __init__(self, *, keep: bool) -> None:
        self._keep = keep
        self._stuck: list[str] = []
        self.counts = {"removed": 0, "kept": 0, "stuck": 0}

    def leave_out(self, name: str, path: Path) -> None:
        """Take the position out of an image that was written; a link becomes a file of its own, its source stays as it is."""
        data = path.read_bytes()
        try:
            fresh = without_position(data)
        except PictureError:
            self.counts["stuck"] += 1
            self._stuck.append(name)
            return
        if fresh == data:
            return
        self.counts["kept" if self._keep else "removed"] += 1
        if not self._keep:
            write_bytes(path, fresh)

    def lines(self) -> list[str]:
        """For people; empty where no image has a position."""
        found = []
        if n := self.counts["removed"]:
            found.append(f"position (GPS) removed from {n} of the images, their pixels unchanged; --keep-gps keeps it")
        if n := self.counts["kept"]:
            found.append(f"position (GPS) kept in {n} of the images, as --keep-gps asks")
        if self._stuck:
            found.append(
                f"position (GPS) not removed from {len(self._stuck)} of the images, the first '{self._stuck[0]}': its directory lies in "
                f"its pixels; write the image anew"
            )
        return found
