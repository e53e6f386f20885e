"""Untrusted bytes to an upright 8-bit RGB picture, or a sentence why not.

The header is read first and decides: the format must be one of ours, the pixel count under our own cap, the sides
sane, and there may be one frame that counts. Only then are pixels decoded, completely: a file that ends in the middle
is refused, never half grey. EXIF orientation is applied (an invalid tag counts as upright); grey becomes three equal
channels; 16-bit is scaled to 8; alpha is laid on mid grey. Colour profiles are not applied.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from boxwright.errors import PictureError

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "PPM")
MAX_PIXELS = 64_000_000
MAX_SIDE = 30_000
_ORIENTATION_TAG = 0x0112
_ALPHA_GROUND = 128

ImageFile.LOAD_TRUNCATED_IMAGES = False


@dataclass(frozen=True)
class PictureHeader:
    """What the header says, before any pixel is decoded.

    Attributes:
        format: one of FORMATS.
        mode: Pillow's mode, such as `RGB`, `L`, `I;16`.
        size_hw: (height, width) of the upright picture.
        orientation: EXIF orientation 1 to 8; 1 when absent or invalid.
    """

    format: str
    mode: str
    size_hw: tuple[int, int]
    orientation: int


def read_header(data: bytes, *, name: str = "picture", max_pixels: int = MAX_PIXELS) -> PictureHeader:
    """The header of an encoded picture, checked against our caps.

    Raises:
        PictureError: empty, not a picture of a known format, or more pixels than `max_pixels`.
    """
    with _open(data, name, max_pixels) as image:
        return _header(image)


def read_picture(data: bytes, *, name: str = "picture", max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """(height, width, 3) uint8 RGB, upright.

    Args:
        data: the encoded file.
        name: what to call the picture in an error.
        max_pixels: refused above this, from the header alone.

    Raises:
        PictureError: as `read_header`, or the pixels are damaged or cut off.
    """
    with _open(data, name, max_pixels) as image:
        header = _header(image)
        if header.format == "JPEG" and image.mode in ("RGB", "L"):
            return _decode_jpeg(data, image, header, name)
        try:
            image.load()
            rgb = _to_rgb(image)
        except Exception as error:
            raise _damaged(name, error) from error
        return _upright(rgb, header.orientation)


def write_jpeg(picture: NDArray[np.uint8], *, quality: int = 92) -> bytes:
    """The (height, width, 3) uint8 RGB picture as a JPEG file."""
    ok, encoded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not ok:
        raise PictureError(f"A picture of shape {picture.shape} could not be written as JPEG.", reason="format")
    return encoded.tobytes()


def _open(data: bytes, name: str, max_pixels: int) -> Image.Image:
    if not data:
        raise PictureError(f"'{name}' is empty (0 bytes); expected an encoded picture.", reason="empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # our own cap decides, below
            image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise _too_large(name, max_pixels, str(error)) from error
    except Exception as error:
        raise PictureError(
            f"'{name}' is not a picture we read ({', '.join(FORMATS)}): its first bytes are {data[:8]!r}.",
            reason="format",
        ) from error
    width, height = image.size
    if width * height > max_pixels or max(width, height) > MAX_SIDE:
        raise _too_large(name, max_pixels, f"{width}x{height}")
    return image


def _too_large(name: str, max_pixels: int, found: str) -> PictureError:
    return PictureError(
        f"'{name}' is too large: at most {max_pixels} pixels and {MAX_SIDE} a side are decoded, found {found}.",
        reason="pixels",
    )


def _damaged(name: str, error: object) -> PictureError:
    return PictureError(f"'{name}' is damaged or cut off and was not decoded: {error}.", reason="damaged")


def _header(image: Image.Image) -> PictureHeader:
    try:
        orientation = int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:
        orientation = 1
    if image.format == "TIFF" or not 1 <= orientation <= 8:
        orientation = 1  # Pillow turns TIFF files by itself
    width, height = image.size
    size_hw = (width, height) if orientation >= 5 else (height, width)
    return PictureHeader(format=str(image.format), mode=image.mode, size_hw=size_hw, orientation=orientation)


def _decode_jpeg(data: bytes, image: Image.Image, header: PictureHeader, name: str) -> NDArray[np.uint8]:
    """OpenCV is twice as fast as Pillow, but fills a cut file with grey; so the end of the file is looked at first."""
    if not data.rstrip(b"\0").endswith(b"\xff\xd9"):
        try:
            image.load()  # Pillow refuses what is really cut, and reads what only lacks its end mark
        except (OSError, SyntaxError, ValueError) as error:
            raise _damaged(name, error) from error
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if pixels is None:
        raise _damaged(name, "the decoder gave up")
    return _upright(np.asarray(pixels, np.uint8), header.orientation)


def _to_rgb(image: Image.Image) -> NDArray[np.uint8]:
    mode = image.mode
    if mode.startswith("I;16") or mode in ("I", "F"):
        return np.repeat(_to_8_bit(np.asarray(image))[..., None], 3, axis=2)
    if mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        ground = Image.new("RGBA", rgba.size, (_ALPHA_GROUND,) * 3 + (255,))
        return np.asarray(Image.alpha_composite(ground, rgba).convert("RGB"))
    return np.asarray(image.convert("RGB"))


def _to_8_bit(grey: NDArray) -> NDArray[np.uint8]:
    """16 bits to 8 by dropping the low byte; a float picture is taken to lie in [0, 1] when it does, else [0, 255]."""
    if grey.dtype.kind == "f":
        scale = 255.0 if grey.size and np.nanmax(grey) <= 1 else 1.0
        return np.clip(np.nan_to_num(grey) * scale, 0, 255).astype(np.uint8)
    if grey.size and grey.max() <= 255 and grey.dtype.itemsize > 2:
        return np.clip(grey, 0, 255).astype(np.uint8)
    return (np.clip(grey, 0, 65535).astype(np.uint16) >> 8).astype(np.uint8)


def _upright(picture: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """The picture as EXIF orientation 1 to 8 says it should be seen."""
    if orientation >= 5:
        picture = picture.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        picture = picture[:, ::-1]
    if orientation in (3, 4, 7, 8):
        picture = picture[::-1]
    return np.ascontiguousarray(picture)
