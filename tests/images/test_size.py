"""The stated size is the decoder's, of every format and for every image at hand; of other bytes it is nothing, and at once."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from boxwright.errors import PictureError
from boxwright.images import check_size, stated_size

MADE = [
    ("JPEG", "RGB", {}), ("JPEG", "L", {"progressive": True}), ("JPEG", "CMYK", {}), ("PNG", "RGB", {}), ("PNG", "I;16", {}),
    ("WEBP", "RGB", {}), ("WEBP", "RGBA", {"lossless": True}), ("WEBP", "RGB", {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}),
    ("BMP", "RGB", {}), ("TIFF", "RGB", {"compression": "tiff_lzw"}), ("TIFF", "L", {}), ("PPM", "RGB", {}), ("PPM", "L", {}), ("PPM", "1", {}),
]  # fmt: skip


def encoded(form: str, mode: str, more: dict, size: tuple[int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, form, **more)
    return buffer.getvalue()


@pytest.mark.parametrize("form, mode, more", MADE)
@pytest.mark.parametrize("size", [(1, 1), (333, 7), (1030, 2051)])
def test_every_format_is_read(form: str, mode: str, more: dict, size: tuple[int, int]) -> None:
    assert stated_size(encoded(form, mode, more, size)) == (size[1], size[0])


def test_it_is_the_decoders_for_every_image_at_hand(shared: Callable[[str], Path]) -> None:
    compared = 0
    for path in sorted(shared("cases/images").rglob("*")):
        if not path.is_file():
            continue
        data = path.read_bytes()
        try:
            with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP", "BMP", "TIFF", "PPM")) as image:
                width, height = image.size
                turned = image.format == "TIFF" and int(image.getexif().get(0x0112, 1)) >= 5
        except Exception:
            stated_size(data)
            continue
        found = stated_size(data)
        if found is not None:
            assert found in ({(height, width), (width, height)} if turned else {(height, width)}), path
            compared += 1
    assert compared >= 5


@given(st.data())
def test_damaged_bytes_state_something_or_nothing(data: st.DataObject) -> None:
    form, mode, more = data.draw(st.sampled_from(MADE))
    whole = bytearray(encoded(form, mode, more, (40, 30)))
    for _ in range(data.draw(st.integers(0, 4))):
        whole[data.draw(st.integers(0, min(len(whole), 200) - 1))] = data.draw(st.integers(0, 255))
    found = stated_size(bytes(whole[: data.draw(st.integers(0, len(whole)))]))
    assert found is None or (found[0] >= 0 and found[1] >= 0)


@pytest.mark.parametrize(
    "hostile",
    [
        b"\xff\xd8" + b"\xff\xfe\x00\x02" * 4_000_000,
        b"\xff\xd8" + b"\xff" * 16_000_000,
        b"II*\0\x08\0\0\0\xff\xff" + b"\x00\x02\x03\x00\x01\x00\x00\x00\x01\x00\x00\x00" * 65535,
        b"P6" + b"\n" * 16_000_000,
        b"P6\n" + b"#\n" * 8_000_000,
        b"\x89PNG\r\n\x1a\n" + bytes(16_000_000),
    ],
    ids=["segments", "fill", "tags", "blanks", "comments", "zeros"],
)
def test_a_hostile_header_takes_no_time(hostile: bytes) -> None:
    begin = time.perf_counter()
    stated_size(hostile)
    assert time.perf_counter() - begin < 0.5  # a walk through all of it takes seconds


def test_the_caps_are_those_of_the_decoder() -> None:
    check_size((100, 100), max_pixels=10_000)
    for size in ((101, 100), (1, 30_001)):
        with pytest.raises(PictureError, match=f"{size[1]}x{size[0]}") as error:
            check_size(size, max_pixels=10_000 if size[1] == 100 else 64_000_000)
        assert error.value.reason == "pixels"
