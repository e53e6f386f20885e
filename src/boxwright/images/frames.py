"""How many frames a file has: pages of a TIFF, an animated PNG or WebP, further pictures of an MPO.

Smaller copies of the same picture (previews of a camera, the pyramid of a map) and masks are no frames.
"""

from __future__ import annotations

from PIL import Image

from boxwright.images.ifd import pages

_MPO_ENTRIES = 0xB002


def count_frames(image: Image.Image, data: bytes) -> int:
    """1 for an ordinary picture; at most 1,000 pages of a TIFF are counted.

    Args:
        image: opened by Pillow and not decoded yet.
        data: its file.
    """
    if image.format == "TIFF":
        return pages(data)
    if image.format == "MPO":
        return max(1, sum(not _is_copy(entry) for entry in getattr(image, "mpinfo", {}).get(_MPO_ENTRIES, ())))
    return int(getattr(image, "n_frames", 1))


def _is_copy(entry: dict) -> bool:
    kind = str(entry.get("Attribute", {}).get("MPType", ""))
    return "Thumbnail" in kind
