"""Which images a journal keeps, found with one look at its folder."""

from __future__ import annotations

import os
from pathlib import Path

from boxwright.serving.journal.pictures import FOLDER, is_digest


def kept_digests(folder: Path) -> set[str]:
    """Digests of all images that the journal in `folder` keeps; asking for each by itself is slow where there are many events."""
    pictures = folder / FOLDER
    if not pictures.is_dir():
        return set()
    with os.scandir(pictures) as entries:
        return {entry.name for entry in entries if is_digest(entry.name) and entry.is_file()}
