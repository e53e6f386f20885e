"""An encoded picture to a small upright grey one, as cheaply as the file allows.

A JPEG is decoded at an eighth of its size, which needs little more than the mean of each 8 x 8 block; a smaller picture at
a quarter or a half. The markers of a JPEG are walked for its size, so that our caps hold before a pixel is decoded; EXIF,
other formats and whatever looks odd go the careful way through `images`.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from boxwright.errors import PictureError
from boxwright.images import read_header, read_picture
from boxwright.images.jpeg import decode_jpeg
from boxwright.images.read import MAX_PIXELS, MAX_SIDE

_FRAMES = {0xC0, 0xC1, 0xC2}  # baseline, extended, progressive


def small_grey(data: bytes, *, least_side: int, name: str = "picture") -> NDArray[np.uint8]:
    """(h, w) grey, upright, reduced by 8, 4, 2 or 1 so that the shorter side keeps at least `least_side` pixels.

    Raises:
        PictureError: as `boxwright.images.read_picture`.
    """
    seen = _plain_jpeg(data)
    if seen is None:
        return _reduced(_grey(data, name), least_side)
    pixels = _jpeg_by(data, seen, reduction(seen, least_side))
    return _reduced(_grey(data, name), least_side) if pixels is None else pixels


def grey_by(data: bytes, factor: int, *, name: str = "picture") -> NDArray[np.uint8]:
    """(h, w) grey, upright, reduced by exactly this factor (1, 2, 4 or 8), each side rounded up."""
    seen = _plain_jpeg(data)
    pixels = _jpeg_by(data, seen, factor) if seen is not None else None
    if pixels is not None:
        return pixels
    return _by(_grey(data, name), factor)


def reduction(size_hw: tuple[int, int], least_side: int) -> int:
    """The largest of 8, 4, 2 that leaves the shorter side `least_side` pixels; else 1."""
    return next((factor for factor in (8, 4, 2) if min(size_hw) >= factor * least_side), 1)


def _jpeg_by(data: bytes, size_hw: tuple[int, int], factor: int) -> NDArray[np.uint8] | None:
    """A plain JPEG decoded at 1, 1/2, 1/4 or 1/8 of its size; None where the careful way must say what is wrong with it."""
    height, width = size_hw
    try:
        pixels = decode_jpeg(data, colours="GRAY", least_hw=(-(-height // factor), -(-width // factor)))
    except PictureError:
        return None
    return None if pixels is None else pixels[..., 0]


def _grey(data: bytes, name: str) -> NDArray[np.uint8]:
    read_header(data, name=name)
    return np.asarray(cv2.cvtColor(read_picture(data, name=name), cv2.COLOR_RGB2GRAY), np.uint8)


def _reduced(grey: NDArray[np.uint8], least_side: int) -> NDArray[np.uint8]:
    return _by(grey, reduction((grey.shape[0], grey.shape[1]), least_side))


def _by(grey: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    height, width = grey.shape
    size = (-(-width // factor), -(-height // factor))
    return grey if factor == 1 else np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def _plain_jpeg(data: bytes) -> tuple[int, int] | None:
    """Height and width of a whole JPEG within our caps and without EXIF; None for anything else."""
    if data[:2] != b"\xff\xd8" or not data.endswith(b"\xff\xd9"):
        return None
    at, end = 2, len(data)
    while at + 9 < end and data[at] == 0xFF:
        marker, length = data[at + 1], (data[at + 2] << 8) | data[at + 3]
        if marker in _FRAMES:
            height, width = (data[at + 5] << 8) | data[at + 6], (data[at + 7] << 8) | data[at + 8]
            sane = height > 0 and width > 0 and height * width <= MAX_PIXELS and max(height, width) <= MAX_SIDE
            grey_or_colour = at + 9 < end and data[at + 9] in (1, 3)
            return (height, width) if sane and grey_or_colour else None
        if marker == 0xE1 and data[at + 4 : at + 8] == b"Exif":
            return None
        at += 2 + length
    return None
