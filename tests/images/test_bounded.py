"""Small files that keep a decoder busy for seconds or make it take hundreds of MiB are refused; each is tried in a process of its own."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from boxwright.errors import PictureError
from boxwright.images import read_header, read_picture
from tests.worlds import encoded

CPU_SECONDS = 3  # beyond starting: reading any of these took longer, or the memory
MORE_MEMORY = 128 << 20
READ = """
import resource, sys
from boxwright.errors import PictureError
from boxwright.images import read_header, read_picture
read_picture(open(sys.argv[1], "rb").read())
used = resource.getrusage(resource.RUSAGE_SELF)
cpu = int(used.ru_utime + used.ru_stime) + 1 + int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))
memory = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize() + int(sys.argv[4])
resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
for read in (lambda data: read_picture(data, one_frame=True), read_header):
    try:
        read(open(sys.argv[2], "rb").read())
    except PictureError as error:
        print(error.reason, error)
"""


def tiff(tags: Sequence[tuple[int, int, int, int | None]], after: bytes) -> bytes:
    """A TIFF of one directory of (tag, type, count, value); None stands for the place of what follows it."""
    at = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(struct.pack("<HHII", t, k, c, at if v is None else v) for t, k, c, v in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + after


def strips(size: int, compression: int, data: bytes) -> bytes:
    tags = [(256, 4, 1, size), (257, 4, 1, size), (258, 3, 1, 8), (259, 3, 1, compression), (262, 3, 1, 1)]
    return tiff([*tags, (273, 4, 1, None), (277, 3, 1, 1), (278, 4, 1, size), (279, 4, 1, len(data))], data)


def tiles(side: int) -> bytes:
    data = zlib.compress(bytes(side * side), 9)
    tags = [(256, 4, 1, 64), (257, 4, 1, 64), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1), (277, 3, 1, 1)]
    return tiff([*tags, (322, 4, 1, side), (323, 4, 1, side), (324, 4, 1, None), (325, 4, 1, len(data))], data)


def overlapping_directories(pages: int, tags: int = 65_000) -> bytes:
    """Each directory begins one entry behind the one before and shares all others with it."""
    last = [(256, 4, 64), (257, 4, 64), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1), (278, 4, 64)]
    last += [(279, 4, 4096), (254, 4, 0)]
    entries = [struct.pack("<HHII", 50000, 1, 1, tags << 16)] * (tags - len(last))
    entries += [struct.pack("<HHII", t, k, 1, v) for t, k, v in last]
    entries += [struct.pack("<III", 8 + 12 * (k + 1) if k + 1 < pages else 0, 0, 0) for k in range(pages + 1)]
    return b"II*\0" + struct.pack("<IH", 8, tags) + b"".join(entries) + bytes(4096)


def scans(side: int, components: int, coefficients: int, *, rounds: int = 13) -> bytes:
    """A progressive JPEG without content, each coefficient sent bit by bit."""
    runs, blocks = -(-(((side + 7) // 8) ** 2) // 16384), ((side + 7) // 8) ** 2
    out = b"\xff\xd8\xff\xdb" + struct.pack(">H", 67) + b"\0" + b"\x01" * 64
    out += b"\xff\xc2" + struct.pack(">HBHHB", 8 + 3 * components, 8, side, side, components)
    out += b"".join(bytes([c + 1, 0x11, 0]) for c in range(components))
    for kind, symbol in ((0, 0), (0x10, 0xE0)):
        out += b"\xff\xc4" + struct.pack(">H", 20) + bytes([kind, 1, *[0] * 15, symbol])

    def scan(of: range, first: int, last: int, high: int, low: int, coded: int) -> bytes:
        channels = b"".join(bytes([c, 0]) for c in of)
        head = struct.pack(">HB", 6 + 2 * len(of), len(of)) + channels + bytes([first, last, high << 4 | low])
        return b"\xff\xda" + head + bytes((coded + 7) // 8)

    out += scan(range(1, components + 1), 0, 0, 0, 0, blocks * components)
    for c in range(1, components + 1):
        for k in range(1, 1 + coefficients):
            last = k if k < coefficients else 63
            out += scan(range(c, c + 1), k, last, 0, rounds, 15 * runs)
            for low in range(rounds - 1, -1, -1):
                out += scan(range(c, c + 1), k, last, low + 1, low, 15 * runs)
    return out + b"\xff\xd9"


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def after_head(form: str, piece: bytes, size: int) -> bytes:
    """An ordinary small JPEG or PNG with a piece repeated behind its head until it has this many bytes more."""
    data, at = encoded(Image.new("RGB", (64, 48), (90, 60, 30)), form), 2 if form == "JPEG" else 33
    return data[:at] + piece * (size // len(piece)) + data[at:]


def run_lengths(body: bytes, side: int = 64) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, len(body), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 1078 + len(body), 0, 0, 1078) + head + b"\x10\x20\x30\0" * 256 + body


def many_tags(count: int) -> bytes:
    """An EXIF block."""
    return tiff([(0x112, 3, 1, 1)] + [(40000 + k % 20000, 1, 4000, None) for k in range(count - 1)], b"A" * 4000)


def segments(marker: int, content: bytes, begin: bytes = b"") -> bytes:
    """A content in as many segments of a JPEG as it takes, each with this beginning."""
    parts = [begin + content[at : at + 60_000] for at in range(0, len(content), 60_000)]
    return b"".join(bytes([0xFF, marker]) + struct.pack(">H", len(part) + 2) + part for part in parts)


def numbers(tag: int, kind: int, size: int, count: int) -> bytes:
    """An EXIF block of one tag."""
    return tiff([(tag, kind, count, None)], (b"\1\0\0\0\3\0\0\0" * (count * size // 8 + 1))[: count * size])


def shared(tags: int, size: int) -> bytes:
    """A block of tags that all have the whole block as their value."""
    return tiff([(40000 + k, 1, size, 0) for k in range(tags)], b"").ljust(size, b"\0")


def with_exif(form: str, exif: bytes) -> bytes:
    """An ordinary small JPEG or PNG with an EXIF block of any size."""
    if form == "PNG":
        return after_head("PNG", chunk(b"eXIf", exif), 12 + len(exif))
    return after_head("JPEG", piece := segments(0xE1, exif, b"Exif\0\0"), len(piece))


BOMBS: dict[str, Callable[[], bytes]] = {
    "comments among the samples of a PGM": lambda: b"P2\n64 64\n255\n" + b"#\n" * 500_000 + b"0 " * 4096,
    "comments before the size of a PGM": lambda: b"P5\n" + b"#\n" * 8_000_000 + b"64 64\n255\n" + bytes(4096),
    "a large PPM in plain text": lambda: b"P3\n1800 1800\n255\n" + b"1 " * 9_720_000,
    "scans of a progressive JPEG": lambda: scans(6320, 3, 30),
    "scans of a smaller JPEG": lambda: scans(2000, 3, 63),
    "a progressive JPEG in CMYK": lambda: scans(6320, 4, 1, rounds=0),
    "fill bytes of a JPEG": lambda: after_head("JPEG", b"\xff", 300_000).replace(b"\xff" * 300_000, b"\xff" * 300_000 + b"\0"),
    "comments of a JPEG": lambda: after_head("JPEG", b"\xff\xfe\0\2", 4 << 20),
    "pieces of EXIF of a JPEG": lambda: after_head("JPEG", b"\xff\xe1\0\x12Exif\0\0" + b"0123456789", 4 << 20),
    "numbers of a tag in the EXIF of a PNG": lambda: with_exif("PNG", numbers(0x112, 5, 8, 2_400_000)),
    "numbers of a tag in the EXIF of a JPEG": lambda: with_exif("JPEG", numbers(0x128, 5, 8, 450_000)),
    "EXIF of a JPEG in what is no segment": lambda: after_head(
        "JPEG", segments(0xF0, segments(0xE1, numbers(0x128, 5, 8, 2_000_000), b"Exif\0\0")), 1 << 24
    ),
    "EXIF of a JPEG behind its end": lambda: b"\xff\xd8\xff\xd9" + with_exif("JPEG", numbers(0x128, 5, 8, 2_000_000)),
    "tags of a PNG that share their bytes": lambda: with_exif("PNG", shared(1000, 16 << 20)),
    "tags of the index of an MPO": lambda: after_head("JPEG", segments(0xE2, b"MPF\0" + shared(4900, 59_000)), 60_000),
    "profiles of a PNG": lambda: after_head("PNG", chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(1 << 20), 9)), 15 << 20),
    "texts of a PNG that unpack to nothing": lambda: after_head(
        "PNG", chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(1_040_000), 9)[:-5] + b"\xff" * 5), 15 << 20
    ),
    "zeros in the head of a JPEG": lambda: after_head("JPEG", bytes(1 << 20), 19 << 20),
    "stuffed bytes in the head of a JPEG": lambda: after_head("JPEG", b"\xff\0" * (1 << 19), 19 << 20),
    "chunks of a PNG": lambda: after_head("PNG", chunk(b"prVt", b""), 8 << 20),
    "pixel chunks of a PNG": lambda: after_head("PNG", chunk(b"IDAT", b""), 8 << 20),
    "directories of a TIFF": lambda: overlapping_directories(40),
    "values of a tag of a TIFF": lambda: tiff(
        [(256, 4, 1, 64), (257, 4, 1, 64), (258, 5, 2_000_000, None), (259, 3, 1, 1)], bytes(16_000_000)
    ),
    "a tile of a TIFF": lambda: tiles(16000),
    "a strip of a TIFF that is a large JPEG": lambda: strips(64, 7, scans(16000, 1, 1, rounds=0)),
    "deltas of a BMP": lambda: run_lengths(b"\0\2\0\0" * 1_500_000),
}  # fmt: skip


def read_alone(path: Path, ordinary: Path) -> subprocess.CompletedProcess:
    """Read a file in a process with little CPU time and memory left, after an ordinary one."""
    command = [sys.executable, "-c", READ, str(ordinary), str(path), str(CPU_SECONDS), str(MORE_MEMORY)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads its own size from /proc")
@pytest.mark.parametrize("kind", BOMBS)
def test_no_small_file_takes_much_time_or_memory(tmp_path: Path, kind: str) -> None:
    data = BOMBS[kind]()
    assert len(data) < 20 << 20
    (tmp_path / "bomb").write_bytes(data)
    (tmp_path / "ordinary").write_bytes(encoded(Image.new("RGB", (64, 48)), "TIFF"))
    done = read_alone(tmp_path / "bomb", tmp_path / "ordinary")
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith(("damaged ", "pixels ", "format ")), done.stdout
    assert "memory" not in done.stdout.lower()


def test_remarks_of_the_decoder_do_not_reach_the_standard_error(tmp_path: Path) -> None:
    ordinary = encoded(Image.new("RGB", (64, 48)), "PNG")
    (tmp_path / "ordinary").write_bytes(ordinary)
    for count in (900, 20_000):
        path = tmp_path / f"{count}"
        path.write_bytes(ordinary[:33] + chunk(b"eXIf", many_tags(count)) + ordinary[33:])
        done = read_alone(path, tmp_path / "ordinary")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("damaged ") == (count > 1000)


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "PNG"])
def test_a_file_of_very_many_tags_is_refused(form: str) -> None:
    data = encoded(Image.new("RGB", (64, 48)), form, exif=b"Exif\0\0" + many_tags(1500))
    with pytest.raises(PictureError, match=r"1,500 tags .* at most 1,000") as caught:
        read_picture(data)
    assert caught.value.reason == "damaged"


def test_what_cameras_and_tools_write_is_far_from_the_bounds() -> None:
    grey = np.random.default_rng(0).integers(0, 255, (1200, 1600), np.uint8)
    picture = Image.fromarray(grey)
    for data in (
        encoded(picture, "JPEG", progressive=True, quality=95, icc_profile=bytes(10_000_000), exif=b"Exif\0\0" + many_tags(300)),
        encoded(picture, "JPEG", restart_marker_blocks=1),
        encoded(picture, "TIFF", compression="jpeg"),
        encoded(picture.resize((60, 40)), "TIFF", compression="tiff_lzw"),
        encoded(picture, "TIFF", big_tiff=True),
        b"P2\n# made by a tool\n64 48\n255\n" + b"7 " * 64 * 48,
    ):  # fmt: skip
        assert read_picture(data).shape[:2] == read_header(data).size_hw
    small = encoded(picture, "PNG")
    at = small.index(b"IDAT") - 4
    length = int.from_bytes(small[at : at + 4], "big")
    pixels = small[at + 8 : at + 8 + length]
    cut = b"".join(chunk(b"IDAT", pixels[k : k + 4096]) for k in range(0, length, 4096))
    np.testing.assert_array_equal(read_picture(small[:at] + cut + small[at + 12 + length :])[..., 0], grey)


def test_damage_of_exif_that_no_bytes_stand_for_is_passed_over() -> None:
    for exif in (
        numbers(0x112, 3, 2, 1)[:-2],
        tiff([(0x112, 3, 1 << 32 - 1, 8)], b""),
        tiff([(0x9C9B, 1, 1 << 31, 8)], b""),
        b"II*\0\xff\xff\xff\x7f",
    ):
        for form in ("JPEG", "PNG"):
            assert read_picture(with_exif(form, exif)).shape == (48, 64, 3)


def test_a_tile_may_be_larger_than_a_small_image() -> None:
    assert read_picture(tiles(512)).shape == (64, 64, 3)
