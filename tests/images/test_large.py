"""Large images are decoded to the same pixels with fewer copies, and refused for the same reasons."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from boxwright.errors import PictureError
from boxwright.images import read_header, read_picture

WIDE, HIGH = 2600, 1700  # more than 4 million pixels, and several strips


def noise(channels: int, *, seed: int = 1, hw: tuple[int, int] = (HIGH, WIDE)) -> np.ndarray:
    """(h, w, channels) uint8, smooth in one half."""
    found = np.random.default_rng(seed).integers(0, 256, (*hw, channels), np.uint8)
    found[: hw[0] // 2] = found[:1, :1]
    return found


def encoded(image: Image.Image, form: str, **more: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **more)
    return buffer.getvalue()


def plainly(data: bytes) -> np.ndarray:
    """What Pillow says of it, with as many copies as it likes."""
    with Image.open(io.BytesIO(data)) as image:
        if image.mode in ("LA", "RGBA") or "transparency" in image.info:
            rgba = image.convert("RGBA")
            return np.asarray(
                Image.alpha_composite(Image.new("RGBA", rgba.size, (128, 128, 128, 255)), rgba).convert("RGB")
            )
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize(
    "form, mode, more",
    [
        ("PNG", "RGB", {"compress_level": 1}),
        ("PNG", "RGB", {"compress_level": 1, "transparency": (1, 2, 3)}),
        ("PNG", "RGBA", {"compress_level": 1}),
        ("PNG", "L", {"compress_level": 1}),
        ("PNG", "LA", {"compress_level": 1}),
        ("PNG", "P", {"compress_level": 1}),
        ("PNG", "P", {"compress_level": 1, "transparency": 3}),
        ("PNG", "1", {}),
        ("WEBP", "RGB", {"quality": 60, "method": 0}),
        ("WEBP", "RGB", {"lossless": True, "method": 0, "quality": 0}),
        ("WEBP", "RGBA", {"quality": 60, "method": 0}),
        ("TIFF", "RGB", {"compression": "tiff_lzw"}),
        ("TIFF", "CMYK", {}),
        ("BMP", "RGB", {}),
        ("PPM", "RGB", {}),
    ],
)
def test_the_pixels_are_those_of_pillow(form: str, mode: str, more: dict) -> None:
    image = Image.fromarray(noise(4 if mode in ("RGBA", "LA", "CMYK") else 3), None)
    data = encoded(image.convert(mode), form, **more)
    assert np.array_equal(read_picture(data), plainly(data))


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_a_turned_one_is_turned(form: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(
        Image.fromarray(noise(3)), form, exif=exif, **({"method": 0} if form == "WEBP" else {"compress_level": 1})
    )
    assert np.array_equal(read_picture(data), np.rot90(plainly(data), -1))
    assert read_header(data).size_hw == (WIDE, HIGH)


def test_orientation_that_stands_behind_the_pixels_of_a_png_counts() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.fromarray(noise(3, hw=(7, 20))), "PNG", exif=exif)
    at, end = (
        data.index(b"eXIf") - 4,
        data.index(b"eXIf") + 8 + struct.unpack(">I", data[data.index(b"eXIf") - 4 :][:4])[0],
    )
    behind = data[:at] + data[end:-12] + data[at:end] + data[-12:]
    assert read_header(behind).orientation == read_header(data).orientation == 6
    assert read_picture(behind).shape == read_picture(data).shape == (20, 7, 3)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def with_right_checksums(png: bytes) -> bytes:
    """Its chunks, each with the checksum of what it contains now."""
    made, at = png[:8], 8
    while at + 8 <= len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        made += chunk(png[at + 4 : at + 8], png[at + 8 : at + 8 + length])
        at += 12 + length
    return made


def outcome(data: bytes) -> bytes:
    """A digest of pixels, or the reason of a refusal."""
    try:
        return bytes(read_picture(data))
    except PictureError as error:
        return error.reason.encode()


def test_damaged_files_come_out_alike_by_either_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    from boxwright.images import large

    rng = np.random.default_rng(3)
    decoded = 0
    for k in range(240):
        pixels = noise(4 if k % 4 == 3 else 3, seed=k, hw=tuple(rng.integers(1, 40, 2)))
        form, more = (("PNG", {}), ("WEBP", {"quality": 50}), ("WEBP", {"lossless": True}), ("WEBP", {"quality": 9}))[
            k % 4
        ]
        data = bytearray(encoded(Image.fromarray(pixels), form, **more))
        for _ in range(int(rng.integers(0, 4))):
            data[rng.integers(30 if form == "PNG" else 12, len(data))] = rng.integers(0, 256)
        if k % 7 == 0:
            data = data[: int(rng.integers(20, len(data)))]
        whole = with_right_checksums(bytes(data)) if form == "PNG" else bytes(data)
        found = []
        for least in (-1, 1 << 40):
            monkeypatch.setattr(large, "_LARGE", least)
            found.append(outcome(whole))
        assert found[0] == found[1]
        decoded += len(found[0]) > 10
    assert 40 < decoded < 240


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
@pytest.mark.parametrize(
    "form, mode, most, behind",
    [
        ("PNG", "RGB", 8, b""),
        ("PNG", "RGB", 8, chunk(b"tEXt", b"date:create\0" + b"2026")),  # as ImageMagick writes it
        ("PNG", "L", 6, b""),
        ("PNG", "RGBA", 9.5, b""),
        ("WEBP", "RGB", 8, b""),
        ("TIFF", "RGB", 9.5, b""),
    ],
)
def test_bytes_a_pixel(form: str, mode: str, most: float, behind: bytes) -> None:
    """Peak memory while a 12 MP image is read, over what the process had, in bytes a pixel.

    Args:
        behind: chunks between the pixels and the end.
    """
    code = f"""
import io
from PIL import Image
from boxwright.images import read_picture

def stored(key):
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith(key))

def file(side):
    buffer = io.BytesIO()
    Image.new("{mode}", (side, side * 2 // 3), 7).save(buffer, "{form}", compress_level=1, method=0)
    return buffer.getvalue()[:-12] + {behind!r} + buffer.getvalue()[-12:] if {bool(behind)} else buffer.getvalue()

data = file(4200)
read_picture(file(60))
open("/proc/self/clear_refs", "w").write("5")
before = stored("VmRSS")
picture = read_picture(data)
print((stored("VmHWM") - before) / (4200 * 2800))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < most
