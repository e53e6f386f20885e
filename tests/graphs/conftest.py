"""A folder to stand in, with everything a hostile model may refer to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.crafted_models import CANARY


@pytest.fixture
def trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: a canary file, a link to it, and a pipe nobody writes to."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "canary.bin").write_bytes(CANARY)
    (tmp_path / "link.bin").symlink_to("canary.bin")
    (tmp_path / "x").mkdir()
    os.mkfifo(tmp_path / "pipe")
    return tmp_path
