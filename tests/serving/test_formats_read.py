"""The server reads JPEG, PNG and WebP; further decoders only where it was told to. Counts are bounded for what strangers send."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from boxwright.cli.main import run
from boxwright.serving.limits import Limits
from tests.serving.asgi import Answer, Line, run_async
from tests.tiny_bundles import jpeg
from tests.worlds import encoded

PICTURE = Image.new("RGB", (64, 48), (90, 60, 30))


def asked(line: Line, *bodies: bytes) -> list[Answer]:
    async def ask() -> list[Answer]:
        return [await line.ask(body) for body in bodies]

    return run_async(ask())


def test_three_formats_are_read_and_a_refusal_names_the_option_for_others(tmp_path: Path) -> None:
    line = Line(tmp_path, Limits())
    assert [a.status for a in asked(line, *(encoded(PICTURE, form) for form in ("JPEG", "PNG", "WEBP")))] == [200] * 3
    others = ("BMP", "TIFF", "PPM")
    for form, found in zip(others, asked(line, *(encoded(PICTURE, form) for form in others)), strict=True):
        assert found.status == 415
        assert f"--also-read {form}" in found.body["error"]
    assert asked(line, b"no image at all")[0].status == 415


def test_further_formats_are_read_where_the_server_is_told_to(tmp_path: Path) -> None:
    line = Line(tmp_path, Limits(formats=(*Limits.formats, "TIFF", "PPM")))
    found = asked(line, encoded(PICTURE, "TIFF"), encoded(PICTURE, "PPM"), encoded(PICTURE, "BMP"))
    assert [a.status for a in found] == [200, 200, 415]


def test_an_unknown_format_is_a_wrong_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", "--also-read", "GIF"]) == 2
    assert "TIFF" in capsys.readouterr().err


def test_what_has_too_many_parts_is_refused_and_the_next_is_answered(tmp_path: Path) -> None:
    data = jpeg()
    many = data[:2] + b"\xff\xfe\0\2" * 1_000_000 + data[2:]
    assert [a.status for a in asked(Line(tmp_path, Limits()), many, data)] == [400, 200]
