"""Untrusted bytes to an upright 8-bit RGB picture, or a sentence why not.

What the file is made of is counted first (`counted.py`): scans, chunks, tags. The header is read next and decides: the format must be
one of ours, the pixel count under our own cap, the sides sane. Only then are pixels decoded, completely: a file that ends in the middle, or over which its decoder would only warn, is refused, never half
grey (`jpeg.py`, `whole.py`). Of several frames the first is read, or none where the caller cannot tell anyone (`frames.py`). EXIF
orientation is applied (an invalid tag counts as upright); grey becomes three equal channels; deeper samples become 8 bits by what
is declared (`depth.py`); alpha is laid on mid grey. Colour profiles are not applied.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from boxwright.errors import InputError, PictureError
from boxwright.images.counted import check_counts, check_opened, stated_format
from boxwright.images.depth import MOST_BITS, on_grey, sample_bits, to_rgb
from boxwright.images.frames import count_frames
from boxwright.images.jpeg import decode_jpeg
from boxwright.images.large import by_strips, decode_large
from boxwright.images.png_chunks import PNG
from boxwright.images.quiet import quiet_decoders
from boxwright.images.whole import (
    check_png,
    check_png_rows,
    check_tiff,
    has_notes_after_pixels,
    notes_alone,
    without_damaged_notes,
)

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "PPM")
MAX_PIXELS = 64_000_000
MAX_SIDE = 30_000
_SIGNATURES = (PNG, b"\xff\xd8\xff", b"II*\0", b"MM\0*")
_WEBP = (b"RIFF", b"WEBP")
_ORIENTATION_TAG = 0x0112
_FILL = 128  # what decoders put where a JPEG lacks data

ImageFile.LOAD_TRUNCATED_IMAGES = False
quiet_decoders()


@dataclass(frozen=True)
class PictureHeader:
    """What the header says, before any pixel is decoded.

    Attributes:
        format: one of FORMATS.
        mode: Pillow's mode, such as `RGB`, `L`, `I;16`.
        size_hw: (height, width) of the upright picture.
        orientation: EXIF orientation 1 to 8; 1 when absent or invalid.
        bits: of a stored sample; 8 for ordinary pictures.
        frames: how many pictures the file has; previews and reduced copies are not counted.
    """

    format: str
    mode: str
    size_hw: tuple[int, int]
    orientation: int
    bits: int = 8
    frames: int = 1


def read_header(data: bytes, *, name: str = "picture", max_pixels: int = MAX_PIXELS) -> PictureHeader:
    """The header of an encoded picture, checked against our caps.

    Raises:
        PictureError: empty, not a picture of a known format, or more pixels than `max_pixels`.
    """
    with _open(data, name, max_pixels) as image:
        return replace(_header(image, data), bits=sample_bits(image, data), frames=count_frames(image, data))


def read_picture(
    data: bytes,
    *,
    name: str = "picture",
    max_pixels: int = MAX_PIXELS,
    bit_depth: int | None = None,
    one_frame: bool = False,
) -> NDArray[np.uint8]:
    """(height, width, 3) uint8 RGB, upright.

    Args:
        data: the encoded file.
        name: what to call the picture in an error.
        max_pixels: refused above this, from the header alone.
        bit_depth: bits that are used of samples of more than 8 bits, where the source declares them; see `depth.py`.
        one_frame: refuse a file of several frames instead of reading its first.

    Raises:
        PictureError: as `read_header`, or the pixels are damaged, cut off, or of a depth that is not known.
    """
    if bit_depth is not None and not 1 <= bit_depth <= MOST_BITS:
        raise InputError(f"A bit depth is a whole number from 1 to {MOST_BITS}; found {bit_depth}.")
    with _open(data, name, max_pixels) as image:
        header = _header(image, data)
        if one_frame and (frames := count_frames(image, data)) > 1:
            raise PictureError(
                f"'{name}' has {frames} frames, expected one picture; write each frame as a file of its own.",
                reason="frames",
            )
        try:
            pixels = _decode(data, image, bit_depth)
        except PictureError as error:
            raise _refused(name, data, error) from error
        except Exception as error:
            raise _damaged(name, error) from error
        return _upright(pixels, header.orientation)


def write_jpeg(picture: NDArray[np.uint8], *, quality: int = 92) -> bytes:
    """The (height, width, 3) uint8 RGB picture as a JPEG file."""
    ok, encoded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not ok:
        raise PictureError(f"A picture of shape {picture.shape} could not be written as JPEG.", reason="format")
    return encoded.tobytes()


def _open(data: bytes, name: str, max_pixels: int) -> Image.Image:
    if not data:
        raise PictureError(f"'{name}' is empty (0 bytes); expected an encoded picture.", reason="empty")
    form = stated_format(data)
    try:
        if form is None:
            raise PictureError("its first bytes are of none of them", reason="format")
        check_counts(data, form)
        image = Image.open(io.BytesIO(data), formats=(form,))
        check_opened(image, data)
    except PictureError as error:
        raise _refused(name, data, error) from error
    except Image.DecompressionBombError as error:
        raise _too_large(name, max_pixels, str(error)) from error
    except Exception as error:
        if data.startswith(PNG) and (mended := without_damaged_notes(data)) != data:
            return _open(mended, name, max_pixels)
        if data.startswith(_SIGNATURES) or (data[:4], data[8:12]) == _WEBP:
            raise _damaged(name, "its header cannot be read") from error
        raise _refused(name, data, PictureError("", reason="format")) from error
    width, height = image.size
    check_size((height, width), name=name, max_pixels=max_pixels)
    return image


def check_size(size_hw: tuple[int, int], *, name: str = "picture", max_pixels: int = MAX_PIXELS) -> None:
    """PictureError where an image of this (height, width) is not decoded."""
    height, width = size_hw
    if width * height > max_pixels or max(width, height) > MAX_SIDE:
        raise _too_large(name, max_pixels, f"{width}x{height}")


def _too_large(name: str, max_pixels: int, found: str) -> PictureError:
    return PictureError(
        f"'{name}' is too large: at most {max_pixels} pixels and {MAX_SIDE} a side are decoded, found {found}.",
        reason="pixels",
    )


def _damaged(name: str, error: object) -> PictureError:
    return PictureError(f"'{name}' is damaged or cut off and was not decoded: {error}.", reason="damaged")


def _refused(name: str, data: bytes, error: PictureError) -> PictureError:
    """The error with the picture's name."""
    if error.reason == "damaged":
        return _damaged(name, error)
    if error.reason == "format":
        known = ", ".join(FORMATS)
        return PictureError(
            f"'{name}' is not a picture we read ({known}): its first bytes are {data[:8]!r}.", reason="format"
        )
    return PictureError(f"'{name}' was not decoded: {error}.", reason=error.reason)


def _header(image: Image.Image, data: bytes) -> PictureHeader:
    try:
        if image.format != "PNG":
            exif = image.getexif()
        elif "exif" in image.info or not has_notes_after_pixels(data):
            exif = Image.Image.getexif(image)  # PNG's own would decode all pixels to see what stands behind them
        else:
            with Image.open(io.BytesIO(notes_alone(data)), formats=("PNG",)) as notes:
                check_opened(notes, data)
                exif = Image.Image.getexif(notes)
        orientation = int(exif.get(_ORIENTATION_TAG, 1))
    except Exception:
        orientation = 1
    if image.format == "TIFF" or not 1 <= orientation <= 8:
        orientation = 1  # Pillow turns TIFF files by itself
    width, height = image.size
    size_hw = (width, height) if orientation >= 5 else (height, width)
    form = "JPEG" if image.format == "MPO" else str(image.format)
    return PictureHeader(format=form, mode=image.mode, size_hw=size_hw, orientation=orientation)


def _decode(data: bytes, image: Image.Image, bit_depth: int | None) -> NDArray[np.uint8]:
    """Pixels as stored; PictureError, without the picture's name, or an exception of Pillow's."""
    if image.format in ("JPEG", "MPO"):
        pixels = decode_jpeg(data, colours="CMYK" if image.mode == "CMYK" else "RGB")
        if pixels is None or image.mode == "CMYK":
            checked, pixels = pixels is not None, None  # so that it is freed before the next is made
            pixels = _by_pillow(image, checked=checked)
        return pixels
    if image.format == "PNG":
        check_png(data)
    elif image.format == "TIFF":
        check_tiff(image, data)
    elif image.format == "PPM" and _decoder(image) != "raw":
        bit_depth = None  # the file's own maxval says its range, and Pillow scales by it
    if (pixels := decode_large(data, image)) is not None:
        if image.format == "PNG":
            check_png_rows(data, pixels[-2:])
        return pixels if pixels.shape[2] == 3 else by_strips(Image.fromarray(pixels), on_grey)
    image.load()
    if image.format == "PNG":
        check_png_rows(data, np.asarray(image.crop((0, max(0, image.height - 2), image.width, image.height))))
    return to_rgb(image, data, bit_depth=bit_depth)


def _decoder(image: Image.Image) -> str:
    tiles = getattr(image, "tile", None)
    return str(tiles[0][0]) if tiles else ""


def _by_pillow(image: Image.Image, *, checked: bool) -> NDArray[np.uint8]:
    """A JPEG of odd sampling or in CMYK; Pillow does not tell of damage, so a last block that is filled is taken for it."""
    image.load()
    pixels = by_strips(image, lambda strip: strip.convert("RGB"))
    if not checked and (pixels[-8:, -8:] == _FILL).all():
        raise PictureError("its last block is empty, as where a file was cut", reason="damaged")
    return pixels


def _upright(picture: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """The picture as EXIF orientation 1 to 8 says it should be seen."""
    if orientation >= 5:
        picture = picture.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        picture = picture[:, ::-1]
    if orientation in (3, 4, 7, 8):
        picture = picture[::-1]
    return np.ascontiguousarray(picture)
