"""What a file is made of, counted before a decoder sees it.

Size in pixels does not bound the work of decoding: a small image can have thousands of scans, chunks, tags or comments, and decoders
spend time or memory on each of them. Every count here is linear in the file and stops at its bound; no camera or tool comes near one.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image

from boxwright.errors import PictureError
from boxwright.images.ifd import check_block, pages
from boxwright.images.png_chunks import PNG, png_chunks

MOST_SEGMENTS = 2000  # of a JPEG; 255 hold the largest colour profile
MOST_SCANS = 100  # libjpeg writes 10 for a progressive image, others up to 20
MOST_SCANNED = 1_000_000_000  # pixels times scans: 64 million in 15
MOST_CMYK_PIXELS = 20_000_000  # in several scans, where 8 bytes a pixel are kept until the last one
MOST_EXIF_SEGMENTS = 64
MOST_BETWEEN_SEGMENTS = 1 << 20  # bytes before a JPEG's first scan that are in no segment; Pillow reads them one by one
MOST_CHUNKS = 2000  # of a PNG, and one more for each _CHUNK bytes
MOST_PACKED = 100  # compressed texts and colour profiles of a PNG: Pillow unpacks each, up to a MiB
MOST_COMMENTS = 100  # among the samples of a plain PPM
MOST_SLOW_BYTES = {"ppm_plain": 4 << 20, "bmp_rle": 1 << 20}  # of what Pillow decodes in Python, about 1 s a MiB
MOST_SLOW_PIXELS = 4_000_000
_CHUNK = 2048
_PPM_HEAD = 1 << 16
_PACKED = (b"iCCP", b"zTXt", b"iTXt")
_NEXT_MARKER = re.compile(
    rb"\xff[\xc0-\xcf\xd9-\xfe]"
)  # not stuffing, not a restart; \xff+ would be quadratic in fill bytes
_MARKER = re.compile(rb"\xff[\x01-\xfe]")
_END_OF_IMAGE, _SCAN, _APP1, _APP2 = 0xD9, 0xDA, 0xE1, 0xE2
_BARE = frozenset(range(0xD0, 0xD9)) | {0x01}  # markers without a length
_UNREAD = frozenset(range(0x02, 0xC0)) | frozenset(range(0xF0, 0xFE)) | {0xC8}  # by any decoder
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_EXIF, _MPO_INDEX = b"Exif\0\0", b"MPF\0"
_TIFF = (b"MM\0*", b"II*\0", b"MM*\0", b"II\0*", b"MM\0+", b"II+\0")


@dataclass(frozen=True)
class JpegCount:
    """What a JPEG says of itself: (height, width) of its frame, or (0, 0), and how many scans it has."""

    size_hw: tuple[int, int]
    scans: int

    @property
    def scanned(self) -> int:
        """Pixels times scans."""
        return self.size_hw[0] * self.size_hw[1] * self.scans


def stated_format(data: bytes) -> str | None:
    """One of FORMATS by the first bytes of a file; None for anything else."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(PNG):
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith(_TIFF):
        return "TIFF"
    if data.startswith(b"BM"):
        return "BMP"
    return "PPM" if data[:1] == b"P" and data[1:2] in tuple(b"%c" % c for c in b"0123456fy") else None


def check_counts(data: bytes, form: str) -> None:
    """Count before the file is opened.

    Args:
        data: the encoded file.
        form: its format, as `stated_format` says it.

    Raises:
        PictureError: without the picture's name; more of something than any decoder should be given.
    """
    if form == "JPEG":
        _check_head(data)
        count_jpeg(data)
    elif form == "PNG":
        _check_chunks(data)
    elif form == "TIFF":
        pages(data)
    elif form == "PPM":
        _check_ppm(data)


def check_opened(image: Image.Image, data: bytes) -> None:
    """Count what only the opened and not yet decoded image tells; PictureError as `check_counts`."""
    decoder = str(image.tile[0][0]) if getattr(image, "tile", None) else ""  # pyright: ignore[reportAttributeAccessIssue]
    if decoder in MOST_SLOW_BYTES:
        width, height = image.size
        if len(data) > MOST_SLOW_BYTES[decoder] or width * height > MOST_SLOW_PIXELS:
            what = "a PPM in plain text" if decoder == "ppm_plain" else "a BMP in run lengths"
            raise PictureError(
                f"of {what} at most {MOST_SLOW_BYTES[decoder] >> 20} MiB and {MOST_SLOW_PIXELS:,} pixels are decoded, found "
                f"{len(data):,} bytes and {width}x{height}; write it as PNG",
                reason="pixels",
            )
        if decoder == "ppm_plain" and data.count(b"#") > MOST_COMMENTS:
            raise _too_many("comments", MOST_COMMENTS)
    info = getattr(image, "info", {})
    exif, as_text = info.get("exif"), info.get("Raw profile type exif")
    if isinstance(exif, bytes):
        check_block(exif)
    elif isinstance(as_text, str):  # as Pillow reads it
        try:
            exif = bytes.fromhex("".join(as_text.split("\n")[3:]))
        except ValueError:
            return
        check_block(exif)


def count_jpeg(data: bytes) -> JpegCount:
    """Frame size and scans of a JPEG.

    Raises:
        PictureError: too many segments, scans, scans for its size, pieces of EXIF, or tags.
    """
    size_hw, scans, components = (0, 0), 0, 0
    exif: list[bytes] = []
    for number, (marker, at, length) in enumerate(jpeg_segments(data), 1):
        if number > MOST_SEGMENTS:
            raise _too_many("segments", MOST_SEGMENTS)
        if marker in _FRAMES and length >= 6 and size_hw == (0, 0):  # at a second one decoders stop
            components = data[at + 5] if at + 5 < len(data) else 0
            size_hw = int.from_bytes(data[at + 1 : at + 3], "big"), int.from_bytes(data[at + 3 : at + 5], "big")
        elif marker == _SCAN:
            scans += 1
            if scans > MOST_SCANS:
                raise _too_many("scans", MOST_SCANS)
        elif marker == _APP1 and data.startswith(_EXIF, at):
            exif.append(data[at + 6 : at + length])
            if len(exif) > MOST_EXIF_SEGMENTS:
                raise _too_many("pieces of EXIF", MOST_EXIF_SEGMENTS)
        elif marker == _APP2 and data.startswith(_MPO_INDEX, at):
            check_block(data[at + 4 : at + length])
    counted = JpegCount(size_hw, scans)
    if scans > 1 and counted.scanned > MOST_SCANNED:
        height, width = size_hw
        raise PictureError(
            f"it has {scans} scans of {width}x{height}, and pixels times scans may be {MOST_SCANNED:,} at most",
            reason="pixels",
        )
    if scans > 1 and components == 4 and size_hw[0] * size_hw[1] > MOST_CMYK_PIXELS:
        raise PictureError(
            f"it is CMYK in {scans} scans, of which {MOST_CMYK_PIXELS:,} pixels at most are decoded, found "
            f"{size_hw[1]}x{size_hw[0]}; write it as RGB or not progressive",
            reason="pixels",
        )
    check_block(b"".join(exif))
    return counted


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, place and length of the content of each segment, up to the end of the image."""
    at = 2
    while found := _NEXT_MARKER.search(data, at):
        marker, at = data[found.end() - 1], found.end()
        if marker == _END_OF_IMAGE or at + 2 > len(data):
            return
        length = (data[at] << 8) | data[at + 1]
        yield marker, at + 2, length - 2
        at += length


def _check_head(data: bytes) -> None:
    """A JPEG up to its first scan: what Pillow reads there must be what is counted, and what libjpeg would decode."""
    at, between, segments = 2, 0, 0
    while found := _MARKER.search(
        data, at, at + MOST_BETWEEN_SEGMENTS + 2
    ):  # no further: a search holds up all threads
        marker, end = data[found.end() - 1], found.end()
        between += found.start() - at
        if marker == _SCAN or between > MOST_BETWEEN_SEGMENTS:
            break
        if marker == _END_OF_IMAGE:
            raise PictureError("it ends before its first scan", reason="damaged")
        if marker in _BARE:
            at, between = end, between + 2
            continue
        if marker in _UNREAD:
            raise PictureError(f"its marker 0x{marker:02x} begins no segment", reason="damaged")
        segments += 1
        if segments > MOST_SEGMENTS:
            raise _too_many("segments", MOST_SEGMENTS)
        length = int.from_bytes(data[end : end + 2], "big")
        at = end + max(length, 2)
    else:
        between += max(0, len(data) - at)
    if between > MOST_BETWEEN_SEGMENTS:
        raise PictureError(
            f"it has more than {MOST_BETWEEN_SEGMENTS:,} bytes between the segments of its head", reason="damaged"
        )


def _check_chunks(data: bytes) -> None:
    most, packed = MOST_CHUNKS + len(data) // _CHUNK, 0
    for number, (kind, start, length) in enumerate(png_chunks(data), 1):
        if number > most:
            raise _too_many("chunks", most)
        if kind == b"eXIf":
            check_block(data[start : start + length])
        elif kind in _PACKED:
            packed += 1
            if packed > MOST_PACKED:
                raise _too_many("compressed texts and profiles", MOST_PACKED)


def _check_ppm(data: bytes) -> None:
    """The header is read byte by byte, comments included, so it is first tried on the beginning alone."""
    try:
        Image.open(io.BytesIO(data[:_PPM_HEAD]), formats=("PPM",)).close()
    except Exception as error:
        if len(data) > _PPM_HEAD:
            raise PictureError(f"its header does not end within {_PPM_HEAD} bytes", reason="format") from error


def _too_many(what: str, most: int) -> PictureError:
    return PictureError(f"it has more than {most:,} {what}", reason="damaged")
