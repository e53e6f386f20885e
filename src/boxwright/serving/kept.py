"""Which images a journal keeps, found with one look at its folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

from boxwright.serving.journal import kept_picture

_DIGEST = re.compile(r"[0-9a-f]{64}")


def kept_digests(folder: Path) -> set[str]:
    """Digests of all images that the journal in `folder` keeps; asking for each by itself is slow where there are many events."""
    pictures = kept_picture(folder, "0" * 64).parent
    if not pictures.is_dir():
        return set()
    with os.scandir(pictures) as entries:
        return {entry.name for entry in entries if _DIGEST.fullmatch(entry.name) and entry.is_file()}
