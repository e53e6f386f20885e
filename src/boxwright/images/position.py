"""Where a picture was taken, as its metadata say it (GPS): found, and taken out without touching a pixel.

Looked at: the GPS directory of EXIF (JPEG, also of previews behind the picture; PNG, WebP, TIFF), and names with latitude, longitude
or GPS in XMP. Bytes are blanked where they stand, so that nothing moves: orientation, the maker's notes and every other tag stay as
they are. Not looked at: what a maker's own notes, a caption or the pixels tell, and text that is compressed.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

import numpy as np

from boxwright.errors import PictureError
from boxwright.images.read import read_picture
from boxwright.images.whole import png_chunks

Edit = tuple[int, bytes]  # where, and what then stands there
_GPS_DIRECTORY, _XMP_TAG = 0x8825, 700
_COORDINATES = {2, 4, 20, 22}  # latitude, longitude; of the destination
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}  # of a TIFF type, in bytes
_PNG = b"\x89PNG\r\n\x1a\n"
_EXIF = b"Exif\0\0"
_XMP_STARTS = (b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0")
_XMP_KEYWORD = b"XML:com.adobe.xmp\0"
_WORD = re.compile(rb"gps|latitude|longt?itude", re.IGNORECASE)
_DIGIT = re.compile(rb"[0-9]")
_EQUALS = re.compile(rb"\s{0,100}=\s{0,100}([\"'])")
_ANGLE = re.compile(rb"[<>]")
_OF_NAMES = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
_LONGEST_NAME = 200  # bytes before and behind the word; longer is no name
_IS_COORDINATE = re.compile(rb"latitude|longt?itude", re.IGNORECASE)


def has_position(data: bytes) -> bool:
    """Whether the metadata of an encoded picture say where it was taken."""
    return bool(_edits(data))


def without_position(data: bytes) -> bytes:
    """The same file, of the same length and pixels, without its position.

    Raises:
        PictureError: its pixels would change, because its directories overlap; the file is damaged on purpose or by chance.
    """
    edits = _edits(data)
    if not edits:
        return data
    changed = bytearray(data)
    for at, new in edits:
        changed[at : at + len(new)] = new
    if data.startswith(_PNG):
        for _, start, length in png_chunks(data):
            if any(start <= at < start + length for at, _ in edits):
                crc = zlib.crc32(changed[start - 4 : start + length])
                changed[start + length : start + length + 4] = crc.to_bytes(4, "big")
    found = bytes(changed)
    if _is_tiff(data, 0) and not np.array_equal(read_picture(data), read_picture(found)):
        raise PictureError("Its GPS directory lies in its pixels; the position was not taken out.", reason="damaged")
    return found


def _edits(data: bytes) -> list[Edit]:
    found: list[Edit] = []
    for kind, start, end in _blocks(data):
        found += _of_tiff(data, start, end) if kind == "tiff" else _of_xmp(data, start, end)
    return found


def _blocks(data: bytes) -> Iterator[tuple[str, int, int]]:
    """Kind (tiff, xmp), start and end of every block of metadata."""
    if data.startswith(b"\xff\xd8"):
        yield from _of_jpeg(data)
    elif data.startswith(_PNG):
        for kind, start, length in png_chunks(data):
            if kind == b"eXIf":
                yield "tiff", start, start + length
            elif kind == b"iTXt" and data.startswith(_XMP_KEYWORD + b"\0", start):
                yield "xmp", start, start + length
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        at = 12
        while at + 8 <= len(data):
            kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
            start = at + 8
            if kind == b"EXIF":
                yield "tiff", start + (6 if data.startswith(_EXIF, start) else 0), min(start + length, len(data))
            elif kind == b"XMP ":
                yield "xmp", start, min(start + length, len(data))
            at = start + length + (length & 1)
    elif _is_tiff(data, 0):
        yield "tiff", 0, len(data)


def _of_jpeg(data: bytes) -> Iterator[tuple[str, int, int]]:
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        start, end = at + 4, at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] == 0xE1 and data.startswith(_EXIF, start):
            yield "tiff", start + 6, min(end, len(data))
        elif data[at + 1] == 0xE1 and data.startswith(_XMP_STARTS, start):
            yield "xmp", start, min(end, len(data))
        at = max(end, at + 2)
    while (at := data.find(_EXIF, at)) > 0:  # previews that follow the picture have metadata of their own
        at += len(_EXIF)
        length = int.from_bytes(data[at - 8 : at - 6], "big")
        if data[at - 10 : at - 8] == b"\xff\xe1" and _is_tiff(data, at):
            yield "tiff", at, min(at - 8 + length, len(data))
            at = max(at, at - 8 + length)  # blocks do not overlap


def _is_tiff(data: bytes, at: int) -> bool:
    return data.startswith((b"II*\0", b"MM\0*"), at)


def _of_tiff(data: bytes, start: int, end: int) -> list[Edit]:
    """Edits that take the GPS directories out of a TIFF structure, and positions out of the XMP it has."""
    if not _is_tiff(data, start) or end - start < 8:
        return []
    order = "<" if data[start] == 0x49 else ">"
    found: list[Edit] = []
    left = end - start  # bytes of entries and values: directories that do not overlap never have more than the block
    seen: set[int] = set()
    at = start + struct.unpack_from(order + "I", data, start + 4)[0]
    while start < at and at + 6 <= end and at not in seen:
        seen.add(at)
        entries, after = _directory(data, at, end, order)
        left -= 12 * len(entries or ())
        if entries is None or left < 0:
            break
        kept = []
        for entry in entries:
            tag, _, count, value = struct.unpack(order + "HHII", entry)
            edits, size = (
                _of_gps(data, start, start + value, end, order) if tag == _GPS_DIRECTORY and left > 0 else ([], 0)
            )
            left -= size
            if tag == _XMP_TAG and start + value + count <= end and count <= left:
                found += _of_xmp(data, start + value, start + value + count)
                left -= count
            found += edits
            kept += [] if edits else [entry]
        if len(kept) < len(entries):
            table = struct.pack(order + "H", len(kept)) + b"".join(kept) + struct.pack(order + "I", after)
            found.append((at, table.ljust(6 + 12 * len(entries), b"\0")))
        at = start + after if after else 0
    return found


def _directory(data: bytes, at: int, end: int, order: str) -> tuple[list[bytes] | None, int]:
    """The entries of a TIFF directory and the place of the next; None where it leaves the block."""
    count = struct.unpack_from(order + "H", data, at)[0]
    stop = at + 2 + 12 * count
    if stop + 4 > end:
        return None, 0
    entries = [data[k : k + 12] for k in range(at + 2, stop, 12)]
    return entries, struct.unpack_from(order + "I", data, stop)[0]


def _of_gps(data: bytes, start: int, at: int, end: int, order: str) -> tuple[list[Edit], int]:
    """Edits that blank a GPS directory with its values, none where it has no coordinates; and the bytes that it takes with them."""
    if not start < at <= end - 6:
        return [], 0
    entries, _ = _directory(data, at, end, order)
    if entries is None:
        return [], 0
    own = 6 + 12 * len(entries)
    fields = [struct.unpack(order + "HHII", entry) for entry in entries]
    values = [(start + value, _SIZES.get(kind, 1) * count) for _, kind, count, value in fields]
    values = [(first, size) for first, size in values if size > 4 and first + size <= end]
    taken = own + sum(size for _, size in values)
    if taken > end - start or not any(tag in _COORDINATES for tag, *_ in fields):
        return [], taken
    return [(at, bytes(own)), *((first, bytes(size)) for first, size in values)], taken


def _of_xmp(data: bytes, start: int, end: int) -> list[Edit]:
    """Edits that blank what XMP says under names of position; none where there is no latitude or longitude."""
    said = list(_said(data, start, end))
    if not any(_IS_COORDINATE.search(name) for name, _, _ in said):
        return []
    return [(at, b" " * (stop - at)) for _, at, stop in said]


def _said(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Names of position in XMP, with start and end of each value that has a digit: of an attribute, or the text of an element.

    No byte is looked at more than a few times: the block is from outside, and may be as long as the file.
    """
    at = start
    while word := _WORD.search(data, at, end):
        before = data[max(start, word.start() - _LONGEST_NAME) : word.start()]
        behind = data[word.end() : min(end, word.end() + _LONGEST_NAME)]
        at = word.end() + len(behind) - len(behind.lstrip(_OF_NAMES))
        prefix = before.rstrip(_OF_NAMES)
        outside = prefix[:-1].rstrip(_OF_NAMES)
        if not prefix.endswith(b":") or len(outside) == len(prefix) - 1:
            continue
        name = before[len(outside) :] + data[word.start() : at]
        if equals := _EQUALS.match(data, at, end):
            first, stop = equals.end(), data.find(equals[1], equals.end(), end)
        elif outside.endswith(b"<") and (angle := _ANGLE.search(data, at, end)) and angle[0] == b">":
            first, stop = angle.end(), data.find(b"<", angle.end(), end)
        else:
            continue
        if stop >= 0 and _DIGIT.search(data, first, stop):
            yield name, first, stop
            at = stop
