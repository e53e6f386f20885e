"""Every folder of reports is turned into assertions somewhere in this folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def test_every_report_is_an_assertion(shared) -> None:
    named = set()
    for path in HERE.glob("test_*.py"):
        named |= set(re.findall(r"[\"']([a-z0-9_]+)[\"']", path.read_text()))
    folders = {path.name for path in shared("cases/reports").iterdir() if path.is_dir()}
    assert folders and folders - named == set()


@pytest.mark.parametrize("word", ["yolo_pose_labels", "header_camera_utf8"])
def test_the_name_of_a_report_is_taken_from_the_code(word: str, report) -> None:
    assert (report(word) / "expected.json").is_file()
