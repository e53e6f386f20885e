"""Samples of any depth to 8 bits, by what the file and its source declare and never by a picture's own brightest pixel.

A picture that is scaled by its own maximum looks the same at noon and at dusk, and differently beside a lamp. So the range is a
rule: the bits that the source declares (a camera's 12 bits in a 16-bit file), else those of the file; a float picture lies in
[0, 1] unless bits are declared. What contradicts its declaration is refused, and so are 32-bit integers nobody declared.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from boxwright.errors import PictureError
from boxwright.images.large import by_strips

MOST_BITS = 32
_ALPHA_GROUND = 128
_BITS_PER_SAMPLE = 258  # TIFF tag
_ORIENTATION = 274
_ROUNDING = 1e-3  # of a float picture that was scaled to [0, 1]


def sample_bits(image: Image.Image, data: bytes) -> int:
    """Bits of a stored sample: 1 to 64."""
    if image.format == "PNG":
        return data[24]
    if image.format == "TIFF":
        bits = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, 1)
        return int(max(bits)) if isinstance(bits, tuple) else int(bits)
    return 16 if image.mode.startswith("I") else 32 if image.mode == "F" else 8


def to_rgb(image: Image.Image, data: bytes, *, bit_depth: int | None) -> NDArray[np.uint8]:
    """(h, w, 3) uint8 of a picture that Pillow has opened.

    Args:
        image: opened, perhaps decoded.
        data: its file.
        bit_depth: bits of its samples that are used, where the source declares them; for samples of more than 8 bits.

    Raises:
        PictureError: the range of the samples is not known, or they leave it.
    """
    bits = sample_bits(image, data)
    if image.mode.startswith("I") or image.mode == "F":
        return np.repeat(_grey(np.asarray(image), bits, bit_depth)[..., None], 3, axis=2)
    if bits > 8 and bit_depth is not None:
        return _deep_colour(image, data, bit_depth)
    if image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info:
        return by_strips(image, on_grey)
    return by_strips(image, lambda strip: strip if strip.mode == "RGB" else strip.convert("RGB"))


def on_grey(image: Image.Image) -> Image.Image:
    """An image with transparency laid on mid grey, as RGB."""
    rgba = image.convert("RGBA")
    ground = Image.new("RGBA", rgba.size, (_ALPHA_GROUND,) * 3 + (255,))
    return Image.alpha_composite(ground, rgba).convert("RGB")


def _grey(grey: NDArray, bits: int, bit_depth: int | None) -> NDArray[np.uint8]:
    if grey.dtype.kind == "f":
        return _of_floats(grey, bit_depth)
    if bits > 16 and bit_depth is None:
        raise PictureError(
            f"it has samples of {bits} bits, and how many of them are used is not declared; give it with --bit-depth or as "
            f"images.bit_depth in spec.yaml",
            reason="depth",
        )
    return _shifted(grey, bit_depth or bits)


def _of_floats(grey: NDArray, bit_depth: int | None) -> NDArray[np.uint8]:
    top = 1.0 if bit_depth is None else 2.0**bit_depth - 1
    low, high = (float(f(grey)) if grey.size else 0.0 for f in (np.nanmin, np.nanmax))
    if low < -_ROUNDING * top or high > top * (1 + _ROUNDING):
        raise PictureError(
            f"its float samples lie in [{low:g}, {high:g}], expected [0, {top:g}]; declare their range with --bit-depth "
            f"(8 for 0 to 255, 16 for 0 to 65535) or as images.bit_depth in spec.yaml",
            reason="depth",
        )
    return np.clip(np.nan_to_num(grey) * (255.0 / top), 0, 255).astype(np.uint8)


def _shifted(samples: NDArray, depth: int) -> NDArray[np.uint8]:
    """Whole numbers of `depth` bits to 8, by dropping the low ones."""
    low, high = (int(samples.min()), int(samples.max())) if samples.size else (0, 0)
    if low < 0 or high >= 1 << depth:
        raise PictureError(
            f"it has samples from {low} to {high}, but {depth} bits hold 0 to {(1 << depth) - 1}; declare its bit depth "
            f"with --bit-depth or as images.bit_depth in spec.yaml",
            reason="depth",
        )
    return (samples >> (depth - 8) if depth >= 8 else samples << (8 - depth)).astype(np.uint8)


def _deep_colour(image: Image.Image, data: bytes, bit_depth: int) -> NDArray[np.uint8]:
    """Colour of more than 8 bits a sample, which Pillow would cut to its high byte."""
    tags = getattr(image, "tag_v2", {})
    samples = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if samples is None or samples.dtype != np.uint16 or samples.ndim != 3 or samples.shape[2] != 3:
        raise PictureError(
            "it is neither grey nor RGB without alpha, which a declared bit depth is for", reason="depth"
        )
    if int(tags.get(_ORIENTATION, 1)) != 1:
        raise PictureError("it is a turned TIFF of deep colour, which a declared bit depth is not for", reason="depth")
    return _shifted(np.asarray(samples)[..., ::-1], bit_depth)
