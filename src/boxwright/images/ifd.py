"""The directories (IFDs) of tags of a TIFF, of EXIF and of an MPO's index, walked in the raw bytes: how many there are and what they hold.

Pillow loads every value of every tag it meets, twice; a directory of 65,535 tags, or 40 that share their bytes, costs it seconds, and so
does one tag of a million numbers, of which each becomes an object. Only what a block has room for counts: a count of four billion in a
small block is damage beside the pixels, which Pillow passes over.
"""

from __future__ import annotations

import struct

import numpy as np

from boxwright.errors import PictureError

MOST_TAGS = 1000  # of one directory; cameras write fewer than 100
MOST_VALUES = 300_000  # of a tag that holds numbers: 64 million pixels in tiles of 16 by 16 have 250,000
MOST_NUMBERS = 10_000  # of an EXIF tag; no camera writes 100
MOST_VALUE_BYTES = 32 << 20  # of all tags of one EXIF directory together, shared bytes counted again
MOST_PAGES = 1000  # are counted
_SUBFILE = 254  # tag; bit 0: a reduced copy, bit 2: a mask
_SHORT, _BYTES = 3, (1, 2, 7)
_SIZES = np.zeros(1 << 16, np.int64)  # bytes of one value, by kind
_SIZES[[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 17, 18]] = (1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 8, 8, 8)
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


def check_block(block: bytes) -> None:
    """Count what the first directory of an EXIF block, or of the index of an MPO, holds.

    Raises:
        PictureError: without the picture's name; too many tags, too many numbers in one, or too many bytes in all of them.
    """
    while block.startswith(b"Exif\0\0"):
        block = block[6:]
    order = "<" if block[:2] == b"II" else ">"
    try:
        (at,) = struct.unpack_from(order + "I", block, 4)
        (count,) = struct.unpack_from(order + "H", block, at)
    except struct.error:
        return
    count = min(count, (len(block) - at - 2) // 12)
    refuse_tags(count)
    _refuse_values(_entries(block, at + 2, count, order), len(block), most=MOST_NUMBERS)


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
    start = at + (8 if wide else 2)
    entries = _entries(data, start, count, order, wide=wide)
    if ((entries["count"] > MOST_VALUES) & ~np.isin(entries["kind"], _BYTES)).any():
        raise PictureError(f"one of its tags has more than {MOST_VALUES:,} values", reason="damaged")
    _refuse_values(entries, len(data), most=MOST_VALUES)
    end = start + count * entries.itemsize
    if end + (8 if wide else 4) > len(data):
        return entries, 0  # as many writers end their last directory
    return entries, struct.unpack_from(order + ("Q" if wide else "I"), data, end)[0]


def _entries(data: bytes, start: int, count: int, order: str, *, wide: bool = False) -> np.ndarray:
    """(count,) of _ENTRY."""
    kind = np.dtype([(name, order + form) for name, form in _ENTRY[20 if wide else 12]])
    return np.frombuffer(data, kind, count, start)


def _refuse_values(entries: np.ndarray, size: int, *, most: int) -> None:
    """PictureError where values that lie in a block of this size are too many."""
    value_bytes = entries["count"].astype(float) * _SIZES[entries["kind"]]
    lies_within = (value_bytes > 0) & (entries["value"].astype(float) + value_bytes <= size)
    if (lies_within & (entries["count"] > most) & ~np.isin(entries["kind"], _BYTES)).any():
        raise PictureError(f"one of its tags (EXIF or TIFF) has more than {most:,} numbers", reason="damaged")
    if value_bytes[lies_within].sum() > MOST_VALUE_BYTES + size:
        raise PictureError(
            "its tags (EXIF or TIFF) have the same bytes as their values many times over", reason="damaged"
        )


def _is_copy(entries: np.ndarray, order: str, wide: bool) -> bool:
    for entry in entries[entries["tag"] == _SUBFILE][:1]:
        value = int(entry["value"])
        if entry["kind"] == _SHORT and order == ">":
            value >>= 48 if wide else 16
        return bool(value & 0b101)
    return False
