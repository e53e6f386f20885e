"""Large images with few copies: what is decoded whole is converted in strips of rows, and two formats take another decoder.

Pillow keeps 4 bytes a pixel for colour, and for WebP three such copies; OpenCV's decoders keep two of 3 bytes. Both read PNG exactly, and
both read WebP by the same library, so the pixels are the same; where OpenCV sees anything unusual, Pillow decides.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from boxwright.images.png_chunks import png_chunks

_STRIP = 1 << 20  # pixels converted at once
_LARGE = 4_000_000  # pixels from which on copies are worth avoiding
_COLOUR = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION


def by_strips(image: Image.Image, convert: Callable[[Image.Image], Image.Image]) -> NDArray[np.uint8]:
    """(h, w, 3) uint8 of an image converted pixel by pixel.

    Args:
        image: decoded.
        convert: strip of it to RGB.
    """
    width, height = image.size
    rows = max(1, _STRIP // max(1, width))
    if height <= rows:
        return np.asarray(convert(image))
    pixels = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        pixels[top:bottom] = np.asarray(convert(image.crop((0, top, width, bottom))))
    return pixels


def decode_large(data: bytes, image: Image.Image) -> NDArray[np.uint8] | None:
    """A large image by OpenCV.

    Args:
        data: the file.
        image: opened by Pillow and not decoded.

    Returns:
        (h, w, 3) uint8 RGB, or (h, w, 4) RGBA; None where Pillow is to decode: other formats and samples, small or unusual images.
    """
    width, height = image.size
    if image.format not in ("PNG", "WEBP") or width * height <= _LARGE:
        return None
    if "transparency" in image.info or getattr(image, "n_frames", 1) != 1:
        return None
    if image.format == "PNG" and image.mode == "RGB" and data[24] == 8:
        flags = None if any(kind == b"acTL" for kind, *_ in png_chunks(data)) else _COLOUR
    elif image.format == "WEBP" and image.mode in ("RGB", "RGBX", "RGBA"):
        flags = cv2.IMREAD_UNCHANGED if image.mode == "RGBA" else _COLOUR
    else:
        flags = None
    if flags is None:
        return None
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None
    channels = 4 if flags == cv2.IMREAD_UNCHANGED else 3
    if pixels is None or pixels.shape != (height, width, channels) or pixels.dtype != np.uint8:
        return None
    if channels == 4:
        cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA, dst=pixels)
    return np.asarray(pixels, np.uint8)
