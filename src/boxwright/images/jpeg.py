"""A whole JPEG, or none: every warning of the decoder is a refusal.

libjpeg fills what a damaged file lacks with grey and merely warns. Here the first warning stops it: data that end early, bytes
that belong to no block, bad Huffman codes, restart markers out of order. Two kinds of damage that it does not warn about are
looked for in the markers and bytes: scans that stop before full precision, and long runs of zeros where a disk lost a sector.
JPEG has no checksum: a few changed bytes that decode to the same number of blocks cannot be told from a picture.

Three faults that leave every pixel in place are forgiven: a missing end marker (not of a progressive file,
whose last scan might be missing with it), zeros before it, an unknown JFIF revision.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from boxwright.errors import PictureError

_END = b"\xff\xd9"
_NEXT_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd9-\xfe]")  # not stuffing, not a restart; more \xff may stand before it
_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})
_PROGRESSIVE = frozenset({0xC2, 0xCA})
_TABLE, _END_OF_IMAGE, _SCAN = 0xC4, 0xD9, 0xDA
_ZEROS = bytes(128)  # as coefficients: five blocks in a row without one that is zero
_ODD_SAMPLING = "Could not determine subsampling"


def decode_jpeg(data: bytes, *, colours: str = "RGB", least_hw: tuple[int, int] = (0, 0)) -> NDArray[np.uint8] | None:
    """(height, width, channels) uint8 as stored, not turned; None for a sampling of colours that only Pillow decodes.

    Args:
        data: of a grey or colour JPEG of 8 bits.
        colours: `RGB`, `GRAY` for one channel, or `CMYK` for four.
        least_hw: decode at the smallest scale (of eighths) that keeps at least this height and width; (0, 0): whole.

    Raises:
        PictureError: the first thing wrong with the file.
    """
    try:
        pixels = _decode(data, colours, least_hw)
    except ValueError as error:
        if _ODD_SAMPLING in str(error):
            return None
        try:
            pixels = _decode(_forgiven(data, str(error)), colours, least_hw)
        except ValueError as again:
            raise PictureError(str(again), reason="damaged") from again
    if complaint := _unwarned(data):
        raise PictureError(complaint, reason="damaged")
    return pixels


def _decode(data: bytes, colours: str, least_hw: tuple[int, int]) -> NDArray[np.uint8]:
    height, width = least_hw
    return simplejpeg.decode_jpeg(
        data, colours, fastdct=False, fastupsample=False, min_height=height, min_width=width, strict=True
    )


def _forgiven(data: bytes, complaint: str) -> bytes:
    """The file without the fault complained of, where that leaves every pixel as it is; else as it was."""
    if complaint.startswith("Premature end of JPEG file") and not _is_progressive(data):
        return data + _END
    if complaint.endswith("before marker 0xd9"):
        end = data.rfind(_END)
        return data[:end].rstrip(b"\0") + _END
    if "unknown JFIF revision" in complaint and (at := data.find(b"JFIF\0")) > 0:
        return data[: at + 5] + b"\x01\x01" + data[at + 7 :]
    return data


def _unwarned(data: bytes) -> str:
    """What is wrong with the scans that the decoder does not warn about; empty when nothing is."""
    components, zeros_are_plain, progressive = 0, True, False
    precision: dict[int, dict[int, int]] = {}  # colour channel to coefficient to bits not yet sent
    for marker, at, length in _segments(data):
        if marker in _FRAMES:
            components, progressive = data[at + 5], marker in _PROGRESSIVE
        elif marker == _TABLE:
            zeros_are_plain &= _zeros_end_blocks(data[at : at + length])
        elif marker == _SCAN:
            count = data[at]
            first, last, approximation = data[at + 1 + 2 * count : at + 4 + 2 * count]
            for k in range(count):
                bits = precision.setdefault(data[at + 1 + 2 * k], {})
                bits.update(dict.fromkeys(range(first, last + 1) if progressive else (0,), approximation & 15))
            if not progressive and not zeros_are_plain and (lost := _zeros_of_scan(data, at + length)):
                return (
                    f"its coded pixels hold nothing but zeros from byte {lost} on, as where a part of the file was lost"
                )
            if not progressive and count == components:
                return ""
    if len(precision) < components:
        return f"it ends after {len(precision)} of its {components} colour channels"
    if progressive and any(bits.get(0, 1) or bits.get(1, 1) or any(bits.values()) for bits in precision.values()):
        return "it is progressive and ends before its last scans: the picture is there, but coarse"
    return ""


def _is_progressive(data: bytes) -> bool:
    return next((marker for marker, *_ in _segments(data) if marker in _FRAMES), 0) in _PROGRESSIVE


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, place and length of the content of each segment, up to the end of the image."""
    at = 2
    while found := _NEXT_MARKER.search(data, at):
        marker, at = data[found.end() - 1], found.end()
        if marker == _END_OF_IMAGE or at + 2 > len(data):
            return
        length = (data[at] << 8) | data[at + 1]
        yield marker, at + 2, length - 2
        at += length


def _zeros_end_blocks(tables: bytes) -> bool:
    """Whether zero bits are the code of an end of block in each of these Huffman tables, as they may be for flat pictures."""
    at, all_do = 0, True
    while at + 17 < len(tables):
        kind, count = tables[at] >> 4, sum(tables[at + 1 : at + 17])
        all_do &= kind == 0 or tables[at + 17] == 0
        at += 17 + count
    return all_do


def _zeros_of_scan(data: bytes, start: int) -> int:
    """Where a long run of zeros begins in the coded pixels; 0 where there is none."""
    at = data.find(_ZEROS, start)
    return at if at > 0 and at < data.find(_END, start) else 0
