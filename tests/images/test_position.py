"""Positions in metadata: found in every format, and taken out with nothing else changed."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from boxwright.images import has_position, read_header, read_picture, without_position
from tests.worlds import encoded, picture

ORIENTATION, MAKE, GPS = 0x0112, 0x010F, 0x8825
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description drone-dji:GpsLatitude="+48.137154" drone-dji:GpsLongtitude="11.5" '
    b'drone-dji:GimbalYawDegree="+3.1"><exif:GPSLongitude>11,34.5E</exif:GPSLongitude></rdf:Description></rdf:RDF></x:xmpmeta>'
)


def exif_of(*, gps: bool = True) -> Image.Exif:
    exif = Image.Exif()
    exif[MAKE], exif[ORIENTATION] = "a camera of some length", 6
    if gps:
        exif[GPS] = {0: b"\2\3\0\0", 1: "N", 2: (48.0, 8.0, 13.75), 3: "E", 4: (11.0, 34.0, 31.5), 29: "2026:07:01"}
    return exif


def file_of(form: str, *, gps: bool = True, xmp: bytes = b"") -> bytes:
    options = {"xmp": xmp} if xmp and form != "PNG" else {}
    if xmp and form == "PNG":
        from PIL.PngImagePlugin import PngInfo

        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", xmp.decode())
        options = {"pnginfo": info}
    if form == "TIFF" and xmp:
        options = {"tiffinfo": {700: xmp}}
    return encoded(Image.fromarray(picture(24, 40)), form, exif=exif_of(gps=gps).tobytes(), **options)


def tags_of(data: bytes) -> tuple[dict, dict]:
    with Image.open(io.BytesIO(data)) as image:
        exif = image.getexif()
        return {k: v for k, v in exif.items() if k != GPS and k < 0x8000 and k not in (273, 279)}, dict(
            exif.get_ifd(GPS)
        )


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_position_goes_and_everything_else_stays(form: str) -> None:
    data = file_of(form)
    assert has_position(data)
    clean = without_position(data)
    assert not has_position(clean) and without_position(clean) == clean
    assert len(clean) == len(data)
    np.testing.assert_array_equal(read_picture(clean), read_picture(data))
    assert read_header(clean).size_hw == read_header(data).size_hw
    (tags, gps), (tags_before, gps_before) = tags_of(clean), tags_of(data)
    assert gps_before and not gps
    assert tags == tags_before and MAKE in tags
    assert b"2026:07:01" in data and b"2026:07:01" not in clean


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_no_position_no_change(form: str) -> None:
    data = file_of(form, gps=False)
    assert not has_position(data)
    assert without_position(data) is data


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_the_position_in_xmp_goes_too(form: str) -> None:
    data = file_of(form, gps=False, xmp=XMP)
    assert has_position(data)
    clean = without_position(data)
    assert not has_position(clean) and len(clean) == len(data)
    for said in (b"48.137154", b"11.5", b"11,34.5E"):
        assert said in data and said not in clean
    assert b"+3.1" in clean
    np.testing.assert_array_equal(read_picture(clean), read_picture(data))


def test_a_preview_behind_the_picture_loses_its_position_too() -> None:
    clean = without_position(file_of("JPEG") + file_of("JPEG"))
    assert b"2026:07:01" not in clean


def test_broken_exif_is_left_as_it_is() -> None:
    data = file_of("JPEG")
    at = data.index(b"Exif\0\0") + 6
    for cut in range(8, 200, 3):
        broken = data[: at + cut] + b"\xfe" * 8 + data[at + cut + 8 :]
        changed = without_position(broken)
        assert len(changed) == len(broken)
        np.testing.assert_array_equal(read_picture(changed, name="x"), read_picture(broken, name="x"))


def test_drone_images(shared: Callable[[str], Path]) -> None:
    names = sorted(shared("data/aerial_cars").glob("*.JPG"))
    assert names
    for path in names:
        data = path.read_bytes()
        clean = without_position(data)
        assert has_position(data) and not has_position(clean)
        assert not tags_of(clean)[1]
        assert all(not re.search(rb"\d", said) for said in re.findall(rb'Gps\w*="([^"]*)"', clean))
    np.testing.assert_array_equal(read_picture(clean), read_picture(data))
