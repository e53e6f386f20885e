"""How many frames a file has: pages of a TIFF, an animated PNG or WebP, further pictures of an MPO.

Smaller copies of the same picture (previews of a camera, the pyramid of a map) and masks are no frames.
"""

from __future__ import annotations

from PIL import Image

MOST_COUNTED = 1000
_SUBFILE = 254  # TIFF tag; bit 0: a reduced copy, bit 2: a mask
_MPO_ENTRIES = 0xB002


def count_frames(image: Image.Image) -> int:
    """1 for an ordinary picture; at most MOST_COUNTED pages of a TIFF are counted.

    Args:
        image: opened by Pillow and not decoded yet; it stands at its first frame again when this returns.
    """
    if image.format == "TIFF":
        return _pages(image)
    if image.format == "MPO":
        return max(1, sum(not _is_copy(entry) for entry in getattr(image, "mpinfo", {}).get(_MPO_ENTRIES, ())))
    return int(getattr(image, "n_frames", 1))


def _pages(image: Image.Image) -> int:
    pages = 0
    for position in range(MOST_COUNTED):
        try:
            image.seek(position)
        except EOFError:
            break
        except Exception:
            pages += 1  # there is one more, and it cannot be read
            break
        pages += not int(getattr(image, "tag_v2", {}).get(_SUBFILE, 0)) & 0b101
    image.seek(0)
    return max(1, pages)


def _is_copy(entry: dict) -> bool:
    kind = str(entry.get("Attribute", {}).get("MPType", ""))
    return "Thumbnail" in kind
