"""Whether a PNG or TIFF is whole, where Pillow would decode what is there and leave the rest black.

PNG: the checksum of every chunk that pixels depend on, the end chunk, and as many rows as the header says. TIFF: every strip or
tile lies in the file and is not empty. Damage to what is beside the pixels (EXIF, text, colour profile) is no concern here.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from boxwright.errors import PictureError
from boxwright.images.counted import MOST_SCANNED, count_jpeg
from boxwright.images.png_chunks import png_chunks

_PLACES = {"strip": (273, 279), "tile": (324, 325)}  # TIFF tags: offsets, byte counts
_WIDTH, _HEIGHT, _SAMPLES, _PLANAR = 256, 257, 277, 284
_ROWS_PER_STRIP, _TILE_WIDTH, _TILE_HEIGHT = 278, 322, 323
_COMPRESSION, _JPEG, _JPEG_TABLES = 259, 7, 347
_MOST_TILE = 2048  # small images have tiles of the usual 256 or 512 too
_BLOCK = 16  # a part that is a JPEG may be padded to whole blocks
_ODD_SAMPLING = "Could not determine subsampling"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of PNG's colour types
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_NOTES = (b"eXIf", b"tEXt", b"zTXt", b"iTXt")
_STEP = 1 << 20


def check_png(data: bytes) -> None:
    """PictureError where a chunk that pixels depend on is damaged, or the end is not there."""
    for kind, start, length in png_chunks(data):
        stored = int.from_bytes(data[start + length : start + length + 4], "big")
        if start + length + 4 > len(data):
            raise PictureError(f"the file ends within its chunk {kind.decode('latin-1')}", reason="damaged")
        if not _is_beside(kind) and zlib.crc32(data[start - 4 : start + length]) != stored:
            raise PictureError(f"the checksum of its chunk {kind.decode('latin-1')} is wrong", reason="damaged")
        if kind == b"IEND":
            return
    raise PictureError("the file ends before its end chunk (IEND)", reason="damaged")


def without_damaged_notes(data: bytes) -> bytes:
    """A PNG without the damaged chunks that no pixel depends on (EXIF, text, time), which Pillow would not open it for."""
    kept = [data[:8]]
    for kind, start, length in png_chunks(data):
        whole = data[start - 8 : start + length + 4]
        if not _is_beside(kind) or zlib.crc32(whole[4:-4]) == int.from_bytes(whole[-4:], "big"):
            kept.append(whole)
    return b"".join(kept)


def notes_alone(data: bytes) -> bytes:
    """A PNG's header and all its EXIF and text, without pixels: what stands behind them can be read without decoding them."""
    kept = [data[:8]]
    for kind, start, length in png_chunks(data):
        if kind == b"IHDR" or kind in _NOTES:
            whole = kind + data[start : start + length]
            kept += [len(whole[4:]).to_bytes(4, "big"), whole, zlib.crc32(whole).to_bytes(4, "big")]
    return b"".join([*kept, bytes(4), b"IDAT", zlib.crc32(b"IDAT").to_bytes(4, "big")])


def has_notes_after_pixels(data: bytes) -> bool:
    """Whether a PNG has EXIF or text, which may say how it is turned, behind its first chunk of pixels."""
    pixels = False
    for kind, *_ in png_chunks(data):
        pixels |= kind == b"IDAT"
        if pixels and kind in _NOTES:
            return True
    return False


def _is_beside(kind: bytes) -> bool:
    """Whether pixels come out the same without a chunk of this kind."""
    return bool(kind[0] & 0x20) and kind != b"tRNS"


def check_png_rows(data: bytes, pixels: NDArray) -> None:
    """PictureError where the compressed rows end early: Pillow leaves those missing at zero and says nothing.

    Args:
        data: the file.
        pixels: as decoded, before anything was done to them; only where the last rows are zero the rows are counted.
    """
    if pixels[-1:].any() and pixels[-2:-1].any():
        return
    expected, unpacker, found = _bytes_of_rows(data), zlib.decompressobj(), 0
    for kind, start, length in png_chunks(data):
        if kind != b"IDAT":
            continue
        rest = data[start : start + length]
        while rest and not unpacker.eof and found < expected:
            found += len(unpacker.decompress(rest, _STEP))
            rest = unpacker.unconsumed_tail
    found += len(unpacker.flush()) if found < expected else 0
    if found < expected:
        raise PictureError(f"its rows unpack to {found} bytes, and {expected} are needed", reason="damaged")


def _bytes_of_rows(data: bytes) -> int:
    """Bytes of all rows before compression, each with the byte of its filter."""
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    bits = data[24] * _CHANNELS.get(data[25], 1)
    passes = _PASSES if data[28] else ((0, 0, 1, 1),)
    total = 0
    for left, top, step_x, step_y in passes:
        columns, rows = max(0, -(-(width - left) // step_x)), max(0, -(-(height - top) // step_y))
        total += rows * (1 + (columns * bits + 7) // 8) if columns else 0
    return total


def check_tiff(image: Image.Image, data: bytes) -> None:
    """PictureError where a strip or tile of the first frame is empty, leaves the file, or is a JPEG its decoder warns of.

    Also where parts are larger, or more, than the image they are parts of: decoders believe each part's own size.
    """
    tags, size = getattr(image, "tag_v2", {}), len(data)
    for what, (offset_tag, count_tag) in _PLACES.items():
        if offset_tag not in tags:
            continue
        offsets = np.atleast_1d(np.asarray(tags[offset_tag], np.int64))
        counts = np.atleast_1d(np.asarray(tags.get(count_tag, ()), np.int64))
        if len(counts) and (len(counts) != len(offsets) or (counts <= 0).any() or (offsets <= 0).any()):
            raise PictureError(f"one of its {len(offsets)} {what}s is empty", reason="damaged")
        if len(counts) and (offsets + counts > size).any():
            raise PictureError(f"the file ends before one of its {len(offsets)} {what}s", reason="damaged")
        part_hw = _part_hw(image, what)
        planes = int(tags.get(_SAMPLES, 1)) if int(tags.get(_PLANAR, 1)) == 2 else 1
        expected = planes * _parts(tags[_HEIGHT], part_hw[0]) * _parts(tags[_WIDTH], part_hw[1])
        if len(offsets) > expected:
            raise PictureError(f"it has {len(offsets)} {what}s, and its size needs {expected}", reason="damaged")
        if int(tags.get(_COMPRESSION, 1)) == _JPEG:
            places = zip(offsets.tolist(), counts.tolist(), strict=False)
            _check_jpegs(data, bytes(tags.get(_JPEG_TABLES, b"")), places, part_hw)


def _part_hw(image: Image.Image, what: str) -> tuple[int, int]:
    """(height, width) of a strip or tile in pixels; PictureError where a tile is far larger than the image."""
    tags = getattr(image, "tag_v2", {})
    height, width = int(tags[_HEIGHT]), int(tags[_WIDTH])
    if what == "strip":
        return max(1, min(height, int(tags.get(_ROWS_PER_STRIP, height)))), width
    tile_hw = int(tags.get(_TILE_HEIGHT, 0)), int(tags.get(_TILE_WIDTH, 0))
    for tile, side in zip(tile_hw, (height, width), strict=True):
        if not 0 < tile <= max(_MOST_TILE, side + _BLOCK - 1):
            raise PictureError(
                f"its tiles are {tile_hw[1]}x{tile_hw[0]} and it is {width}x{height}; a tile may have {_MOST_TILE} pixels a side, or "
                f"those of the image",
                reason="damaged",
            )
    return tile_hw


def _parts(side: int, part: int) -> int:
    return -(-int(side) // part)


def _check_jpegs(data: bytes, tables: bytes, places: Iterable[tuple[int, int]], part_hw: tuple[int, int]) -> None:
    """Decode each strip or tile, an eighth of its size, with the tables they share; libtiff would not pass warnings on."""
    scanned = 0
    for offset, count in places:
        stream = data[offset : offset + count]
        whole = tables[:-2] + stream[2:] if tables else stream
        counted = count_jpeg(whole)
        if any(found > part + _BLOCK - 1 for found, part in zip(counted.size_hw, part_hw, strict=True)):
            raise PictureError(
                f"one of its parts is a JPEG of {counted.size_hw[1]}x{counted.size_hw[0]}, expected {part_hw[1]}x{part_hw[0]}",
                reason="damaged",
            )
        scanned += counted.scanned
        if scanned > MOST_SCANNED:
            raise PictureError("its parts are JPEGs of too many scans", reason="pixels")
        try:
            simplejpeg.decode_jpeg(whole, "RGB", min_height=1, min_width=1, min_factor=8, strict=True)
        except ValueError as error:
            if _ODD_SAMPLING not in str(error):
                raise PictureError(f"one of its parts is a damaged JPEG: {error}", reason="damaged") from error
