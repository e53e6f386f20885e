"""How many pictures a file has, in every format that can have several; previews and copies are no pictures of their own."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from boxwright.errors import PictureError
from boxwright.images import read_header, read_picture

PAGE = bytes([254, 0, 4, 0, 1, 0, 0, 0, 0, 0, 0, 0])  # NewSubfileType of a page, as tagged below


@pytest.mark.parametrize(
    ("form", "options"),
    [("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}), ("PNG", {}), ("WEBP", {"lossless": True}), ("MPO", {})],
)
def test_frames_are_counted_the_first_is_read_and_refused_where_asked(form: str, options: dict) -> None:
    frames = [Image.new("RGB", (32, 24), (60 * k, 30, 200)) for k in range(1, 4)]
    out = io.BytesIO()
    frames[0].save(out, form, save_all=True, append_images=frames[1:], **options)
    data = out.getvalue()
    assert read_header(data).frames == 3
    assert np.abs(read_picture(data).astype(int) - np.asarray(frames[0])).max() <= 3
    with pytest.raises(PictureError, match=r"'a' has 3 frames") as caught:
        read_picture(data, name="a", one_frame=True)
    assert caught.value.reason == "frames"


@pytest.mark.parametrize("form", ["JPEG", "TIFF", "PNG", "WEBP", "BMP", "PPM"])
def test_an_ordinary_picture_has_one_frame(form: str) -> None:
    out = io.BytesIO()
    Image.new("RGB", (32, 24), (60, 30, 200)).save(out, form)
    assert read_header(out.getvalue()).frames == 1
    assert read_picture(out.getvalue(), one_frame=True).shape == (24, 32, 3)


def test_a_tiff_of_several_pages_counts_neither_thumbnails_nor_masks() -> None:
    pages = [Image.new("L", (8, 8), k) for k in range(3)]
    out = io.BytesIO()
    for page in pages[1:]:
        page.encoderinfo = {"tiffinfo": {254: 0}}
    pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:])
    assert read_header(out.getvalue()).frames == 3
    for kind in (1, 4):  # a reduced copy; a mask
        data = out.getvalue().replace(PAGE, PAGE[:-4] + bytes([kind, 0, 0, 0]))
        assert read_header(data).frames == 1


def test_the_preview_of_a_drone_is_no_frame(shared: Callable[[str], Path]) -> None:
    for path in shared("data/aerial_cars").glob("*.JPG"):
        data = path.read_bytes()
        with Image.open(io.BytesIO(data)) as image:
            assert getattr(image, "n_frames", 1) == 2, "the data have previews"
        assert read_header(data).frames == 1
