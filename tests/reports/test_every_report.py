"""Every folder of reports is turned into assertions somewhere in this folder."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent


def test_every_report_is_an_assertion(shared) -> None:
    named = set()
    for path in set(HERE.glob("test_*.py")) - {Path(__file__)}:
        named |= set(re.findall(r"[\"']([a-z0-9_]+)[\"']", path.read_text()))
    folders = {path.name for path in shared("cases/reports").iterdir() if path.is_dir()}
    assert folders and folders - named == set()
