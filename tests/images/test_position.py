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
from tests.bounded import run_bounded
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


def test_a_position_is_taken_out_to_the_end_of_its_value() -> None:
    said = b"""<a drone:GpsStatus="RTK" drone:GpsLatitude='48" 08.1 > N' b:c="7"><exif:GPSLatitude>4\xc2\xb0 8' 9"</exif:GPSLatitude>5</a>"""
    data = file_of("WEBP", gps=False, xmp=said)
    clean = without_position(data)
    assert (
        b"48" not in clean[-len(said) - 8 :]
        and b"08.1" not in clean
        and b"4\xc2\xb0" not in clean
        and b"9" not in clean[-60:]
    )
    assert b"RTK" in clean and b'b:c="7"' in clean and b">5</a>" in clean


def test_names_that_are_almost_positions_take_no_time() -> None:
    """Words, digits and half tags without an end, and TIFF directories that all lie in one another."""
    code = """
import struct
from boxwright.images import has_position

def jpeg(*segments):
    return b"\\xff\\xd8" + b"".join(b"\\xff\\xe1" + struct.pack(">H", len(s) + 2) + s for s in segments) + b"\\xff\\xda"

def webp(xmp):
    body = b"WEBPXMP " + struct.pack("<I", len(xmp)) + xmp
    return b"RIFF" + struct.pack("<I", len(body)) + body

for unit in (b"a", b"gps", b"x:gps ", b"x:gps=", b"<x:gps ", b"<x:gps>", b'x:gps="', b"x:gps='x:gps=\\"", b"x:gps>", b"x:gps=\\"1", b"1", b":"):
    for head in (b"x:", b'x:gps="', b"<x:latitude>"):
        xmp = head + unit * (20_000 // len(unit))
        has_position(webp(xmp))
        has_position(jpeg(b"http://ns.adobe.com/xap/1.0/\\0" + xmp))

many, each = 60_000, 60_000  # directories, entries
chain = bytearray(12 * each + 6 * many + 64)
chain[:8] = b"II*\\0" + struct.pack("<I", 8)
for k in range(many):
    at = 8 + 6 * k
    struct.pack_into("<H", chain, at, each)
    if at + 6 + 12 * each <= len(chain) - 6:
        struct.pack_into("<I", chain, at + 2 + 12 * each, at + 6)
has_position(bytes(chain))

entries = 60_000  # of one directory: each the GPS directory, and all of them the same one
one = struct.pack("<HHII", 0x8825, 4, 1, 8)
has_position(b"II*\\0" + struct.pack("<I", 8) + struct.pack("<H", entries) + one * entries + bytes(4))

preview = b"\\xff\\xe1\\xff\\xff" + b"Exif\\0\\0II*\\0\\x08\\0\\0\\0\\0\\x10"  # of 64 KB each, 20 bytes apart
has_position(jpeg() + preview * 20_000 + bytes(70_000))
"""
    run_bounded(code)
