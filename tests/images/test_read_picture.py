"""Untrusted bytes: an upright 8-bit RGB picture comes out, or a PictureError; nothing in between."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from boxwright.errors import PictureError
from boxwright.images import read_header, read_picture, write_jpeg
from tests.worlds import encoded, picture

# how to store an upright picture so that a viewer who heeds the tag turns it back
STORED_AS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def turned(upright: np.ndarray, orientation: int, form: str) -> bytes:
    """The picture stored turned, with the EXIF tag that says so."""
    image = Image.fromarray(upright)
    if (how := STORED_AS.get(orientation)) is not None:
        image = image.transpose(how)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if form == "WEBP" else {"quality": 95} if form == "JPEG" else {}
    return encoded(image, form, exif=exif, **options)


def seen_as(data: bytes, upright: np.ndarray) -> float:
    """Mean grey levels between what is read and what should be seen."""
    found = read_picture(data)
    assert found.shape == upright.shape
    assert read_header(data).size_hw == upright.shape[:2]
    return float(np.abs(found.astype(int) - upright).mean())


@pytest.mark.parametrize("orientation", STORED_AS)
@pytest.mark.parametrize(("form", "tolerance"), [("PNG", 0.0), ("WEBP", 0.0), ("JPEG", 2.0)])
def test_all_eight_orientations_show_the_same_upright_picture(orientation: int, form: str, tolerance: float) -> None:
    upright = picture(40, 64)
    assert seen_as(turned(upright, orientation, form), upright) <= tolerance


def test_a_tiff_is_turned_once_and_not_twice() -> None:
    upright = picture(40, 64)
    for orientation in STORED_AS:
        assert seen_as(turned(upright, orientation, "TIFF"), upright) == 0, f"orientation {orientation}"


@pytest.mark.parametrize("tag", [0, 9, 255])
def test_an_invalid_orientation_counts_as_upright(tag: int) -> None:
    upright = picture(16, 24)
    assert seen_as(turned(upright, tag, "PNG"), upright) == 0


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "PPM"])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (7, 1), (13, 21)])
def test_lossless_formats_come_back_as_they_were(form: str, height: int, width: int) -> None:
    pixels = picture(height, width)
    found = read_picture(encoded(pixels, form))
    np.testing.assert_array_equal(found, pixels)
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous


def test_a_written_jpeg_is_read_back_nearly_the_same() -> None:
    pixels = picture(48, 64)
    assert np.abs(read_picture(write_jpeg(pixels, quality=95)).astype(int) - pixels).mean() < 2


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF"])
def test_grey_becomes_three_equal_channels(form: str) -> None:
    grey = picture(20, 30)[..., 0]
    found = read_picture(encoded(grey, form))
    assert found.shape == (20, 30, 3)
    assert (found[..., 0] == found[..., 1]).all()
    assert (found[..., 0] == found[..., 2]).all()
    assert np.abs(found[..., 0].astype(int) - grey).mean() < 2


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_and_not_cut(form: str) -> None:
    deep = np.arange(0, 65536, 257, dtype=np.uint16).reshape(8, 32)  # 0x0000, 0x0101, ... 0xffff
    found = read_picture(encoded(Image.fromarray(deep), form))
    np.testing.assert_array_equal(found[..., 1], np.arange(256).reshape(8, 32))


def test_a_dark_sixteen_bit_picture_stays_dark() -> None:
    deep = np.full((4, 4), 200, np.uint16)  # would look bright if the high byte were dropped
    assert read_picture(encoded(Image.fromarray(deep), "PNG")).max() == 0


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_alpha_is_laid_on_mid_grey(form: str) -> None:
    rgba = np.zeros((4, 12, 4), np.uint8)
    rgba[..., 0] = 255
    rgba[:, 4:8, 3], rgba[:, 8:, 3] = 128, 255
    options = {"lossless": True, "exact": True} if form == "WEBP" else {}
    found = read_picture(encoded(Image.fromarray(rgba), form, **options)).astype(int)
    assert found[0, 0].tolist() == [128, 128, 128]
    np.testing.assert_allclose(found[0, 5], [191, 64, 64], atol=2)
    assert found[0, 11].tolist() == [255, 0, 0]


def test_transparency_of_grey_and_palette_is_laid_on_mid_grey_too() -> None:
    grey = np.dstack([np.zeros((2, 2), np.uint8), np.zeros((2, 2), np.uint8)])  # black and wholly transparent
    assert (read_picture(encoded(Image.fromarray(grey, "LA"), "PNG")) == 128).all()
    palette = Image.new("P", (2, 2), 0)
    palette.putpalette([255, 0, 0, 0, 0, 255])
    assert (read_picture(encoded(palette, "PNG", transparency=0)) == 128).all()


@pytest.mark.parametrize(
    ("form", "step"), [("JPEG", 7), ("PNG", 5), ("WEBP", 3), ("BMP", 61), ("TIFF", 61), ("PPM", 61)]
)
def test_a_cut_file_is_refused_or_whole_never_half(form: str, step: int) -> None:
    data = encoded(np.random.default_rng(0).integers(0, 255, (24, 32, 3), dtype=np.uint8), form)
    whole = read_picture(data)
    refused = 0
    for end in range(1, len(data), step):
        try:
            found = read_picture(data[:end])
        except PictureError as error:
            refused += error.reason in ("format", "damaged")
        else:
            np.testing.assert_array_equal(found, whole, err_msg=f"{form} cut at {end} of {len(data)} bytes")
    assert refused > 10


@given(st.sampled_from(["JPEG", "PNG", "WEBP", "BMP", "TIFF", "PPM"]), st.data())
def test_damage_gives_a_picture_or_a_picture_error(form: str, data: st.DataObject) -> None:
    file = bytearray(encoded(picture(9, 14), form))
    for place in data.draw(st.lists(st.integers(0, len(file) - 1), min_size=1, max_size=4)):
        file[place] = data.draw(st.integers(0, 255))
    try:
        found = read_picture(bytes(file), max_pixels=1_000_000)
    except PictureError:
        return
    assert found.ndim == 3
    assert found.shape[2] == 3


@given(st.binary(max_size=200))
@settings(max_examples=30)
def test_any_bytes_give_a_sentence_with_the_name(data: bytes) -> None:
    with pytest.raises(PictureError, match=r"'cam-1/7\.jpg'"):
        read_picture(data, name="cam-1/7.jpg")


def test_nothing_is_refused_as_empty() -> None:
    with pytest.raises(PictureError) as caught:
        read_picture(b"")
    assert caught.value.reason == "empty"


def test_the_cap_is_the_largest_that_is_read() -> None:
    data = encoded(picture(10, 20), "PNG")
    assert read_picture(data, max_pixels=200).shape == (10, 20, 3)
    for read in (read_picture, read_header):
        with pytest.raises(PictureError, match="20x10") as caught:
            read(data, max_pixels=199)
        assert caught.value.reason == "pixels"


def test_a_format_we_do_not_read_is_refused() -> None:
    with pytest.raises(PictureError) as caught:
        read_picture(encoded(picture(4, 4), "GIF"))
    assert caught.value.reason == "format"


def expected_of(folder: Path) -> dict[str, dict]:
    answers = json.loads((folder / "expected.json").read_text())
    return answers.get("files", answers)


def test_odd_pictures_of_pillow(shared: Callable[[str], Path]) -> None:
    folder = shared("cases/images/pillow")
    for name, expected in expected_of(folder).items():
        data = (folder / name).read_bytes()
        if not expected["decodes"]:
            with pytest.raises(PictureError, match=name):
                read_picture(data, name=name)
            continue
        header = read_header(data)
        width, height = expected["size"]
        assert (header.format, header.mode, header.size_hw) == (expected["format"], expected["mode"], (height, width))
        assert header.orientation == (expected["exif_orientation"] or 1)
        found = read_picture(data)
        assert found.shape == (height, width, 3)
        if header.mode == "I;16":  # scaled, not cut: this one is dark (291 to 694 of 65535)
            assert (found.min(), found.max()) == (291 >> 8, 694 >> 8)
        else:
            assert found.std() > 10


def test_pictures_made_to_break_a_reader(shared: Callable[[str], Path]) -> None:
    folder = shared("cases/images/made")
    reasons = {
        "bomb_20000x20000_1bit.png": "pixels",
        "cut_at_60_percent.jpg": "damaged",
        "page_not_found.jpg": "format",
    }
    for name in expected_of(folder):
        data = (folder / name).read_bytes()
        if name in reasons:
            begin = time.process_time()
            with pytest.raises(PictureError, match=name) as caught:
                read_picture(data, name=name)
            assert caught.value.reason == reasons[name]
            assert time.process_time() - begin < 0.5, f"{name} was refused late"
            continue
        found = read_picture(data).astype(int)
        assert found.shape == (48, 64, 3)
        red = found[12:36, 10:30]
        assert (red[1:-1, 1:-1, 0] > 200).all()
        assert (red[1:-1, 1:-1, 1:] < 80).all()


def test_turned_examples_show_the_same_upright_motif(shared: Callable[[str], Path]) -> None:
    folder = shared("cases/images/exif_orientation")
    small: dict[str, np.ndarray] = {}
    for name, expected in expected_of(folder).items():
        data = (folder / name).read_bytes()
        width, height = expected["upright_size"]
        assert read_header(data).size_hw == (height, width)
        found = read_picture(data)
        assert found.shape == (height, width, 3)
        small[name] = np.asarray(Image.fromarray(found).convert("L").resize((24, 24)), float)
    alike = np.corrcoef(small["Landscape_1.jpg"].ravel(), small["Landscape_6.jpg"].ravel())[0, 1]
    assert alike > 0.9
