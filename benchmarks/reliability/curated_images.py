"""Broken, odd and hostile images made by rule: the same every time, each with a name that says what is wrong or odd."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

SHARES = (0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


def curated() -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of every image."""
    whole = dict(_whole())
    yield from whole.items()
    yield from _cut(whole)
    yield from _turned(whole)
    yield from _exif(whole["jpeg rgb"])
    yield from _headers_that_lie()
    yield from _bombs()
    yield from _of_other_kinds(whole)
    yield from _chunks(whole["png RGB"])
    yield from _segments(whole["jpeg rgb"])


def pixels(height: int = 40, width: int = 56, channels: int = 3) -> np.ndarray:
    """(height, width, channels) uint8 of noise over a slope, which no encoder makes tiny."""
    noise = np.random.default_rng(3).integers(0, 60, (height, width, channels))
    return (noise + np.arange(width)[None, :, None] * 3).clip(0, 255).astype(np.uint8)


def saved(image: Image.Image, form: str, **options: Any) -> bytes:
    """The image as a file."""
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def png(width: int, height: int, *, depth: int = 8, colour: int = 2, data: bytes = b"", interlace: int = 0) -> bytes:
    """A PNG with a header that says anything."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _whole() -> Iterator[tuple[str, bytes]]:
    rgb = Image.fromarray(pixels())
    for mode in ("RGB", "L", "RGBA", "P", "1", "LA", "I;16"):
        image = Image.fromarray(pixels()[..., 0].astype(np.uint16) * 257) if mode == "I;16" else rgb.convert(mode)
        yield f"png {mode}", saved(image, "PNG")
    yield "jpeg rgb", saved(rgb, "JPEG")
    yield "jpeg grey", saved(rgb.convert("L"), "JPEG")
    yield "jpeg cmyk", saved(rgb.convert("CMYK"), "JPEG")
    for progressive in (True, False):
        for subsampling in (0, 1, 2):
            yield (
                f"jpeg progressive={progressive} sampling {subsampling}",
                saved(rgb, "JPEG", progressive=progressive, subsampling=subsampling),
            )
    yield "jpeg restart", saved(rgb, "JPEG", restart_marker_blocks=1)
    for quality in (1, 100):
        yield f"jpeg quality {quality}", saved(rgb, "JPEG", quality=quality)
    yield "webp", saved(rgb, "WEBP")
    yield "webp lossless", saved(rgb.convert("RGBA"), "WEBP", lossless=True)
    yield "webp animated", saved(rgb, "WEBP", save_all=True, append_images=[rgb.rotate(90)])
    yield "apng", saved(rgb, "PNG", save_all=True, append_images=[rgb.rotate(180)])
    yield "gif animated", saved(rgb, "GIF", save_all=True, append_images=[rgb.rotate(180)])
    for mode in ("RGB", "L", "1", "P"):
        yield f"bmp {mode}", saved(rgb.convert(mode), "BMP")
    for compression in ("raw", "tiff_lzw", "tiff_deflate", "packbits", "jpeg", "group4"):
        image = rgb.convert("1") if compression == "group4" else rgb
        yield f"tiff {compression}", saved(image, "TIFF", compression=compression)
    yield "tiff frames", saved(rgb, "TIFF", save_all=True, append_images=[rgb] * 3)
    yield "tiff 16 bit", saved(Image.fromarray(pixels()[..., 0].astype(np.uint16) * 257), "TIFF")
    yield "tiff float", saved(Image.fromarray(pixels()[..., 0].astype(np.float32)), "TIFF")
    yield "tiff cmyk", saved(rgb.convert("CMYK"), "TIFF")
    yield "ppm", saved(rgb, "PPM")
    yield "ppm text", b"P3\n2 2\n255\n" + b"1 2 3 4 5 6 7 8 9 10 11 12\n"
    yield "pgm 16 bit", b"P5\n2 2\n65535\n" + bytes(8)
    for height, width in ((1, 1), (1, 5_000), (5_000, 1), (8, 8), (7, 9)):
        image = Image.fromarray(pixels(height, width))
        for form in ("PNG", "JPEG", "BMP"):
            yield f"{form} {width}x{height}", saved(image, form)
    for form in ("JPEG", "PNG", "WEBP", "TIFF"):
        yield f"{form} profile of nonsense", saved(rgb, form, icc_profile=bytes(range(256)) * 20)


def _cut(whole: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    for name in (
        "jpeg rgb",
        "jpeg progressive=True sampling 2",
        "png RGB",
        "png P",
        "webp",
        "bmp RGB",
        "tiff tiff_lzw",
        "tiff raw",
        "ppm",
        "apng",
    ):
        data = whole[name]
        for share in SHARES:
            yield f"{name} cut at {share}", data[: int(len(data) * share)]
        yield f"{name} with a tail", data + b"\0" * 100 + data


def _turned(whole: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    for name in ("jpeg rgb", "png RGB", "png I;16", "webp", "bmp RGB", "tiff tiff_lzw", "ppm", "jpeg cmyk"):
        for step in range(8):
            data = bytearray(whole[name])
            for at in range(step + 4, len(data), max(37, len(data) // (4 + step))):
                data[at] ^= 0x5A
            yield f"{name} turned {step}", bytes(data)
        yield f"{name} zeros in the middle", whole[name][:60] + bytes(len(whole[name]) - 60)
        yield f"{name} twice the head", whole[name][:40] + whole[name]


def _exif(jpeg: bytes) -> Iterator[tuple[str, bytes]]:
    for value in (*range(10), 255, 65_535):
        for order in (b"II*\0", b"MM\0*"):
            pack = "<" if order[:1] == b"I" else ">"
            entry = struct.pack(f"{pack}HHIHH", 0x0112, 3, 1, value, 0)
            tiff = order + struct.pack(f"{pack}IH", 8, 1) + entry + struct.pack(f"{pack}I", 0)
            yield f"exif orientation {value} {order[:2].decode()}", _with_exif(jpeg, tiff)
    for name, tiff in {
        "nothing": b"", "no entries": b"II*\0\x08\0\0\0\0\0", "a loop": b"II*\0\x08\0\0\0\0\0\x08\0\0\0", "far away": b"II*\0\xff\xff\xff\x7f",
        "ten thousand entries": b"II*\0\x08\0\0\0\x10\x27" + bytes(100), "text": b"hello" * 20, "a count of 4 billion": b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\xff\xff\xff\xff",
    }.items():  # fmt: skip
        yield f"exif {name}", _with_exif(jpeg, tiff)


def _with_exif(jpeg: bytes, tiff: bytes) -> bytes:
    body = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def _headers_that_lie() -> Iterator[tuple[str, bytes]]:
    sides = (0, 1, 2**16, 29_999, 30_000, 30_001, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
    for width in sides:
        for height in (1, 30_001, 2**31 - 1):
            yield f"png header {width}x{height}", png(width, height)
    for depth, colour in (
        (0, 2),
        (3, 2),
        (16, 2),
        (32, 2),
        (8, 1),
        (8, 5),
        (8, 7),
        (255, 255),
        (1, 3),
        (8, 3),
        (16, 3),
        (4, 0),
    ):
        yield f"png depth {depth} colour {colour}", png(8, 8, depth=depth, colour=colour, data=bytes(8 * 33))
    for interlace in (1, 2, 255):
        yield f"png interlace {interlace}", png(8, 8, data=bytes(8 * 33), interlace=interlace)
    for width, height in ((65_535, 65_535), (65_535, 1), (0, 0), (1, 0), (30_001, 30_001)):
        frame = b"\xff\xc0" + struct.pack(">HBHHB", 17, 8, height, width, 3) + bytes((1, 34, 0, 2, 17, 1, 3, 17, 1))
        yield (
            f"jpeg header {width}x{height}",
            b"\xff\xd8" + frame + b"\xff\xda\0\x0c\x03\1\0\2\x11\3\x11\0?\0" + bytes(50) + b"\xff\xd9",
        )
        yield (
            f"jpeg arithmetic {width}x{height}",
            b"\xff\xd8" + frame.replace(b"\xff\xc0", b"\xff\xc9") + bytes(50) + b"\xff\xd9",
        )
        yield (
            f"bmp header {width}x{height}",
            b"BM" + struct.pack("<IIIIiiHHIIiiII", 60, 0, 54, 40, width, -height, 1, 24, 0, 0, 0, 0, 0, 0) + bytes(6),
        )
        yield f"ppm header {width}x{height}", f"P6\n{width} {height}\n255\n".encode() + bytes(60)
        tags = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, height), (279, 10)]
        entries = b"".join(struct.pack("<HHII", tag, 4, 1, value & 0xFFFFFFFF) for tag, value in tags)
        yield f"tiff header {width}x{height}", b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4)


def _bombs() -> Iterator[tuple[str, bytes]]:
    for side in (4_000, 8_001, 12_000, 20_000):
        row = b"\0" + bytes(side // 8 + 1)
        packed = zlib.compressobj(9)
        body = b"".join(packed.compress(row) for _ in range(side)) + packed.flush()
        head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
        yield (
            f"png bomb {side}",
            b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b""),
        )
    text = zlib.compress(bytes(40_000_000))
    whole = png(8, 8, data=bytes(8 * 25))
    for kind in (b"zTXt", b"iCCP"):
        yield f"png bomb in {kind.decode()}", whole[:33] + chunk(kind, b"a\0\0" + text) + whole[33:]
    yield "png bomb in iTXt", whole[:33] + chunk(b"iTXt", b"a\0\1\0\0\0" + text) + whole[33:]
    yield "png more rows than said", png(8, 8, data=bytes(30_000_000))


def _of_other_kinds(whole: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    yield from {
        "nothing": b"", "one byte": b"\xff", "text": b"not an image\n" * 50, "html": b"<html><img src=x></html>", "zeros": bytes(5_000),
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>", "pdf": b"%PDF-1.7\n%%EOF",
        "zip": b"PK\3\4" + bytes(60), "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nquit\n", "pickle": b"\x80\x04\x95cos\nsystem\n(S'true'\ntR.",
        "gif": b"GIF89a\1\0\1\0\0\0\0;", "ico": b"\0\0\1\0\1\0" + bytes(40), "psd": b"8BPS\0\1" + bytes(60), "xbm": b"#define a_width 9\n#define a_height 9\n",
        "fits": b"SIMPLE  =                    T" + bytes(3_000), "avif": b"\0\0\0\x20ftypavif" + bytes(60), "jp2": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(60),
    }.items()  # fmt: skip
    for name in ("jpeg rgb", "png RGB", "webp", "bmp RGB", "tiff raw", "ppm"):
        for other in ("jpeg rgb", "png RGB", "webp", "bmp RGB", "tiff raw", "ppm"):
            if name != other:
                yield f"{name} with the head of {other}", whole[other][:16] + whole[name][16:]
        yield f"{name} after a byte order mark", b"\xef\xbb\xbf" + whole[name]
        yield f"{name} after a blank", b" " + whole[name]


def _chunks(whole: bytes) -> Iterator[tuple[str, bytes]]:
    for kind in (
        b"IHDR",
        b"PLTE",
        b"IDAT",
        b"IEND",
        b"tRNS",
        b"gAMA",
        b"cHRM",
        b"sRGB",
        b"tEXt",
        b"acTL",
        b"fcTL",
        b"fdAT",
        b"eXIf",
        b"pHYs",
    ):
        for data in (b"", b"\0", bytes(range(60))):
            yield f"png {kind.decode()} of {len(data)} bytes", whole[:33] + chunk(kind, data) + whole[33:]
    for length in (0x7FFFFFFF, 0xFFFFFFFF, 1_000):
        yield f"png chunk that says {length}", whole[:33] + struct.pack(">I", length) + b"IDAT" + whole[41:]
    yield "png wrong checksum", whole[:29] + bytes(4) + whole[33:]
    yield "png without an end", whole[:-12]


def _segments(jpeg: bytes) -> Iterator[tuple[str, bytes]]:
    for marker in (
        0xC0,
        0xC1,
        0xC2,
        0xC3,
        0xC4,
        0xC5,
        0xC9,
        0xCA,
        0xCC,
        0xD0,
        0xD8,
        0xD9,
        0xDA,
        0xDB,
        0xDD,
        0xE0,
        0xE2,
        0xEE,
        0xFE,
    ):
        for body in (b"", bytes(10), bytes(range(200))):
            yield (
                f"jpeg segment {marker:02x} of {len(body)} bytes",
                jpeg[:2] + bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body + jpeg[2:],
            )
    for length in (0, 1, 65_535):
        yield f"jpeg segment that says {length}", jpeg[:2] + b"\xff\xe1" + struct.pack(">H", length) + jpeg[2:]
    yield "jpeg without quantisation", jpeg.replace(b"\xff\xdb", b"\xff\xfe")
    yield "jpeg without codes", jpeg.replace(b"\xff\xc4", b"\xff\xfe")
    yield "jpeg without an end", jpeg.replace(b"\xff\xd9", b"")
