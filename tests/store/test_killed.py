"""A writer that is killed in the middle leaves the last version whole, and the same write succeeds when it is repeated."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("how", ["steps", "times"])
def test_a_killed_writer_leaves_the_last_version_whole(tmp_path: Path, how: str) -> None:
    program = Path(__file__).with_name("killed.py")
    done = subprocess.run(
        [sys.executable, str(program), str(tmp_path / "store"), how, "12"], capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["killed"] >= 8


@pytest.mark.slow
def test_many_killed_writers(tmp_path: Path) -> None:
    program = Path(__file__).with_name("killed.py")
    done = subprocess.run(
        [sys.executable, str(program), str(tmp_path / "store"), "steps", "50"],
        capture_output=True,
        text=True,
        timeout=2000,
    )
    assert done.returncode == 0, done.stdout + done.stderr
