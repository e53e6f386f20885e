"""A damaged file is refused: whatever a decoder would only warn of, or not even that."""

from __future__ import annotations

import io
import random
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from boxwright.errors import PictureError
from boxwright.images import read_picture
from tests.worlds import encoded

END = b"\xff\xd9"


def noise(height: int = 240, width: int = 320) -> Image.Image:
    small = np.random.default_rng(0).integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


JPEGS = {
    "baseline": encoded(noise(), "JPEG", quality=90),
    "optimised": encoded(noise(), "JPEG", quality=90, optimize=True),
    "progressive": encoded(noise(), "JPEG", quality=90, progressive=True),
    "restarts": encoded(noise(), "JPEG", quality=90, restart_marker_blocks=10),
    "grey": encoded(noise().convert("L"), "JPEG", quality=90),
    "cmyk": encoded(noise().convert("CMYK"), "JPEG", quality=90),
}
SPOILED: dict[str, Callable[[bytes, int], bytes]] = {
    "half with an end": lambda data, at: data[:at] + END,
    "half": lambda data, at: data[:at],
    "hole": lambda data, at: data[:at] + data[at + 1500 :],
    "hole of zeros": lambda data, at: data[:at] + bytes(1500) + data[at + 1500 :],
    "hole of ones": lambda data, at: data[:at] + b"\xff" * 1500 + data[at + 1500 :],
    "extra bytes": lambda data, at: data[:at] + random.Random(1).randbytes(1500) + data[at:],
    "end in the middle": lambda data, at: data[:at] + END + data[at:],
    "bytes before the end": lambda data, at: data[:-2] + b"line 7 camera 3" + END,
}


def refused(data: bytes) -> str:
    with pytest.raises(PictureError, match="damaged or cut off") as caught:
        read_picture(data, name="a.jpg")
    assert caught.value.reason == "damaged"
    return str(caught.value)


@pytest.mark.parametrize("kind", JPEGS)
def test_a_healthy_jpeg_is_read_and_nothing_that_follows_it_matters(kind: str) -> None:
    whole = read_picture(JPEGS[kind])
    assert whole.shape == (240, 320, 3)
    for tail in (b"\0" * 64, b"a video behind the picture", JPEGS["baseline"]):
        np.testing.assert_array_equal(read_picture(JPEGS[kind] + tail), whole)


@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("how", SPOILED)
def test_a_damaged_jpeg_is_refused(kind: str, how: str) -> None:
    data = JPEGS[kind]
    for share in (0.3, 0.5, 0.8):
        refused(SPOILED[how](data, int(len(data) * share)))


def test_restart_markers_in_another_order_or_gone_are_refused() -> None:
    data = JPEGS["restarts"]
    at = data.index(b"\xff\xd3")
    refused(data[:at] + b"\xff\xd5" + data[at + 2 :])
    refused(data[:at] + data[at + 2 :])
    refused(data[:at] + data[data.index(b"\xff\xd4") :])


def test_a_progressive_jpeg_that_ends_between_two_scans_is_refused() -> None:
    data, scans = JPEGS["progressive"], []
    while (at := data.find(b"\xff\xda", scans[-1] + 2 if scans else 0)) > 0:
        scans.append(at)
    for at in scans[1:]:
        refused(data[:at] + END)


def test_faults_that_leave_every_pixel_are_forgiven() -> None:
    data = JPEGS["baseline"]
    whole, at = read_picture(data), data.index(b"JFIF\0") + 5
    for spoiled in (data[:-2], data[:-2] + bytes(50) + END, data[:at] + b"\x02\x01" + data[at + 2 :]):
        np.testing.assert_array_equal(read_picture(spoiled), whole)


def test_zeros_are_no_damage_where_zeros_are_what_a_flat_picture_is_coded_as() -> None:
    flat = encoded(Image.new("L", (2000, 2000), 128), "JPEG", optimize=True)
    assert bytes(128) in flat
    assert (read_picture(flat) == 128).all()


def test_a_jpeg_of_odd_sampling_goes_by_pillow_and_is_refused_when_it_was_cut() -> None:
    odd = bytearray(encoded(noise(), "JPEG", quality=90, subsampling=0))
    odd[odd.index(b"\xff\xc0") + 11] = 0x31  # three columns of luminance to one of colour; what follows fits a third
    assert read_picture(bytes(odd)).shape == (240, 320, 3)
    refused(bytes(odd[: len(odd) // 4]) + END)


def test_nothing_is_said_on_stderr() -> None:
    code = (
        "import sys; from boxwright.images import read_picture; from boxwright.errors import PictureError\n"
        "try: read_picture(sys.stdin.buffer.read())\nexcept PictureError: sys.exit(7)"
    )
    data = JPEGS["baseline"]
    done = subprocess.run([sys.executable, "-c", code], input=data[: len(data) // 2] + END, capture_output=True)
    assert (done.returncode, done.stderr) == (7, b"")


def chunked(data: bytes) -> list[tuple[bytes, bytes]]:
    at, found = 8, []
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def png_of(chunks: list[tuple[bytes, bytes]]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "I;16"])
def test_a_png_with_too_few_rows_is_refused_even_with_right_checksums(mode: str) -> None:
    image = noise().convert("L").convert("I;16") if mode == "I;16" else noise().convert(mode)
    chunks = chunked(encoded(image, "PNG"))
    rows = zlib.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT"))
    read_picture(png_of(chunks))
    spoiled = [(k, b) for k, b in chunks if k not in (b"IDAT", b"IEND")]
    refused(png_of([*spoiled, (b"IDAT", zlib.compress(rows[: len(rows) // 2])), (b"IEND", b"")]))


def test_a_png_whose_last_rows_are_black_is_read() -> None:
    pixels = np.asarray(noise()).copy()
    pixels[100:] = 0
    np.testing.assert_array_equal(read_picture(encoded(Image.fromarray(pixels), "PNG")), pixels)
    assert not read_picture(encoded(Image.new("1", (13, 9)), "PNG")).any()


def test_a_png_with_a_wrong_checksum_or_without_its_end_is_refused() -> None:
    data = encoded(noise(), "PNG", compress_level=0)
    at = len(data) // 2
    assert "checksum" in refused(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    assert "IEND" in refused(data[:-12])
    refused(png_of([c for c in chunked(data) if c[0] != b"IDAT"] + [(b"IEND", b"")]))
    chunks = chunked(encoded(noise(1600, 1600), "PNG"))
    assert sum(kind == b"IDAT" for kind, _ in chunks) > 2
    gone = next(i for i, (kind, _) in enumerate(chunks) if kind == b"IDAT") + 1
    refused(png_of(chunks[:gone] + chunks[gone + 1 :]))


def test_damage_to_exif_and_text_is_no_reason_to_refuse() -> None:
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    for form in ("PNG", "JPEG", "WEBP"):
        data = encoded(noise(), form, exif=exif)
        whole, at = read_picture(data), data.index(b"a camera")
        spoiled = data[: at - 12] + b"\xfe" * 18 + data[at + 6 :]
        np.testing.assert_array_equal(read_picture(spoiled), whole)


@pytest.mark.parametrize("lossless", [False, True])
def test_half_a_webp_is_refused_whatever_its_header_says(lossless: bool) -> None:
    data = encoded(noise(), "WEBP", lossless=lossless)
    half = bytearray(data[: len(data) // 2 & ~1])
    refused(bytes(half))
    half[4:8] = struct.pack("<I", len(half) - 8)
    refused(bytes(half))
    half[16:20] = struct.pack("<I", len(half) - 20)
    refused(bytes(half))


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
def test_a_cut_tiff_is_refused(compression: str) -> None:
    out = io.BytesIO()
    noise().save(out, "TIFF", compression=compression)
    data = out.getvalue()
    read_picture(data)
    with Image.open(io.BytesIO(data)) as image:
        counts, offsets = image.tag_v2[279], image.tag_v2[273]  # pyright: ignore
    at = max(o + c for o, c in zip(offsets, counts, strict=True)) - counts[-1] // 2
    half = bytearray(data)
    if at > offsets[0] + 8 and max(offsets) + counts[-1] >= len(data) - 16:
        refused(bytes(half[:at]))
    place = data.index(struct.pack("<HH", 279, 4))
    if len(counts) == 1:
        refused(data[: place + 8] + struct.pack("<I", 0) + data[place + 12 :])
        refused(data[: place + 8] + struct.pack("<I", len(data) * 2) + data[place + 12 :])


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_within_a_tiff_is_held_to_what_a_jpeg_is_held_to(mode: str) -> None:
    out = io.BytesIO()
    noise().convert(mode).save(out, "TIFF", compression="jpeg", quality=90)
    data = out.getvalue()
    assert read_picture(data).shape == (240, 320, 3)
    with Image.open(io.BytesIO(data)) as image:
        offset, count = image.tag_v2[273][0], image.tag_v2[279][0]  # pyright: ignore
    at = offset + count // 2
    refused(data[:at] + END + data[at + 2 :])


@pytest.mark.parametrize("form", ["BMP", "PPM"])
def test_half_a_plain_file_is_refused(form: str) -> None:
    data = encoded(noise(), form)
    refused(data[: len(data) // 2])
