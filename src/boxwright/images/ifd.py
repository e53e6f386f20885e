"""The directories (IFDs) of tags of a TIFF and of EXIF, walked in the raw bytes: how many there are and what they hold.

Pillow loads every value of every tag it meets, twice; a directory of 65,535 tags, or 40 that share their bytes, costs it seconds.
"""

from __future__ import annotations

import struct

import numpy as np

from boxwright.errors import PictureError

MOST_TAGS = 1000  # of one directory; cameras write fewer than 100
MOST_VALUES = 300_000  # of a tag that holds numbers: 64 million pixels in tiles of 16 by 16 have 250,000
MOST_PAGES = 1000  # are counted
_SUBFILE = 254  # tag; bit 0: a reduced copy, bit 2: a mask
_SHORT, _BYTES = 3, (1, 2, 7)
_ENTRY = {12: [("tag", "u2"), ("kind", "u2"), ("count", "u4"), ("value", "u4")],
          20: [("tag", "u2"), ("kind", "u2"), ("count", "u8"), ("value", "u8")]}  # fmt: skip


def pages(data: bytes) -> int:
    """Pages of a TIFF, reduced copies and masks left out, at most MOST_PAGES; 1 for a file whose directories cannot be read.

    Raises:
        PictureError: without the picture's name; a directory has more than MOST_TAGS tags, or a tag more than MOST_VALUES numbers.
    """
    found, seen = 0, set()
    try:
        order, wide = "<" if data[:2] == b"II" else ">", data[2] == 43
        (at,) = struct.unpack_from(order + ("Q" if wide else "I"), data, 8 if wide else 4)
        while at and at not in seen and len(seen) < MOST_PAGES:
            seen.add(at)
            entries, at = _directory(data, at, order, wide)
            found += not _is_copy(entries, order, wide)
    except (struct.error, IndexError, ValueError):
        found += 1  # there is one more, and it cannot be read
    return max(1, found)


def count_tags(exif: bytes) -> int:
    """Tags of the first directory of an EXIF block, as the block states them and has room for; 0 where there is none."""
    while exif.startswith(b"Exif\0\0"):
        exif = exif[6:]
    try:
        order = "<" if exif[:2] == b"II" else ">"
        (at,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, at)
    except struct.error:
        return 0
    return min(count, (len(exif) - at) // 12)


def refuse_tags(count: int) -> None:
    """PictureError, without the picture's name, where a directory has more than MOST_TAGS tags."""
    if count > MOST_TAGS:
        raise PictureError(
            f"it has {count:,} tags (EXIF or TIFF) in one directory, at most {MOST_TAGS:,} are read", reason="damaged"
        )


def _directory(data: bytes, at: int, order: str, wide: bool) -> tuple[np.ndarray, int]:
    """Entries of the directory at this place, (tags,) of _ENTRY, and the place of the next."""
    (count,) = struct.unpack_from(order + ("Q" if wide else "H"), data, at)
    refuse_tags(min(count, (len(data) - at) // 12))
    kind = np.dtype([(name, order + form) for name, form in _ENTRY[20 if wide else 12]])
    start = at + (8 if wide else 2)
    entries = np.frombuffer(data, kind, count, start)
    if ((entries["count"] > MOST_VALUES) & ~np.isin(entries["kind"], _BYTES)).any():
        raise PictureError(f"one of its tags has more than {MOST_VALUES:,} values", reason="damaged")
    end = start + count * kind.itemsize
    if end + (8 if wide else 4) > len(data):
        return entries, 0  # as many writers end their last directory
    return entries, struct.unpack_from(order + ("Q" if wide else "I"), data, end)[0]


def _is_copy(entries: np.ndarray, order: str, wide: bool) -> bool:
    for entry in entries[entries["tag"] == _SUBFILE][:1]:
        value = int(entry["value"])
        if entry["kind"] == _SHORT and order == ">":
            value >>= 48 if wide else 16
        return bool(value & 0b101)
    return False
