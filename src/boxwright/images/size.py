"""The size that an encoded image states, read from a few bytes of its header: enough to plan by, before anyone opens it.

Takes microseconds whatever the bytes are, so that it may run where nothing may block. It is a statement, not a promise: the decoder
reads the header again, and its own caps decide.
"""

from __future__ import annotations

import re
import struct

_PNG, _IHDR = b"\x89PNG\r\n\x1a\n", b"IHDR"
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # of a JPEG; the others are tables
_BARE = frozenset(range(0xD0, 0xD9)) | {0x01}  # markers without a length
_MOST_SEGMENTS = 512
_MOST_TAGS = 256
_WIDTH, _HEIGHT, _SHORT, _LONG = 256, 257, 3, 4  # of a TIFF
_PNM = re.compile(rb"P[1-6](?:\s|#[^\n]*\n)+([0-9]{1,9})(?:\s|#[^\n]*\n)+([0-9]{1,9})\s")


def stated_size(data: bytes) -> tuple[int, int] | None:
    """(height, width) as stored, not turned by EXIF; None where the header does not say it in a usual way.

    Args:
        data: an encoded image, or any bytes.
    """
    try:
        return _stated(data)
    except (struct.error, IndexError):
        return None


def _stated(data: bytes) -> tuple[int, int] | None:
    if data.startswith(b"\xff\xd8\xff"):
        return _of_jpeg(data)
    if data.startswith(_PNG):
        width, height = struct.unpack_from(">II", data, 16)
        return (height, width) if data[12:16] == _IHDR else None
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _of_webp(data)
    if data[:2] == b"BM":
        return _of_bmp(data)
    if data[:4] in (b"II*\0", b"MM\0*"):
        return _of_tiff(data, "<" if data[:1] == b"I" else ">")
    found = _PNM.match(data[:512])
    return (int(found[2]), int(found[1])) if found else None


def _of_jpeg(data: bytes) -> tuple[int, int] | None:
    at = 2
    for _ in range(_MOST_SEGMENTS):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return height, width
        if marker == 0xFF or marker in _BARE:
            at += 1 if marker == 0xFF else 2
        else:
            at += 2 + int(struct.unpack_from(">H", data, at + 2)[0])
    return None


def _of_webp(data: bytes) -> tuple[int, int] | None:
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[27:30], "little"), 1 + int.from_bytes(data[24:27], "little")
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return 1 + (bits >> 14 & 0x3FFF), 1 + (bits & 0x3FFF)
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return height & 0x3FFF, width & 0x3FFF
    return None


def _of_bmp(data: bytes) -> tuple[int, int]:
    (header,) = struct.unpack_from("<I", data, 14)
    width, height = struct.unpack_from("<HH" if header == 12 else "<ii", data, 18)
    return abs(height), abs(width)


def _of_tiff(data: bytes, order: str) -> tuple[int, int] | None:
    (at,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, at)
    sides: dict[int, int] = {}
    for k in range(min(count, _MOST_TAGS)):
        tag, kind = struct.unpack_from(order + "HH", data, at + 2 + 12 * k)
        if tag in (_WIDTH, _HEIGHT) and kind in (_SHORT, _LONG):
            sides[tag] = struct.unpack_from(order + ("H" if kind == _SHORT else "I"), data, at + 10 + 12 * k)[0]
    return (sides[_HEIGHT], sides[_WIDTH]) if len(sides) == 2 else None
