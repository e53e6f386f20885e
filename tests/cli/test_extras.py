"""A missing extra is said before any work, with the command that installs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_CODE = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {blocked}:
            raise ImportError(name)

sys.meta_path.insert(0, Blocked())
from boxwright.cli.main import run
sys.exit(run({arguments}))
"""


@pytest.mark.parametrize(
    "blocked, arguments, extra",
    [
        ("torch", ["turn", "x", "--spec", "a", "--recipe", "b"], "boxwright[train]"),
        ("torch", ["train", "x", "y", "--spec", "a", "--recipe", "b"], "boxwright[train]"),
        ("onnx", ["export", "x", "y", "z", "--spec", "a"], "boxwright[train]"),
        ("lance", ["ingest", ".", "--name", "x"], "boxwright[data]"),
        ("starlette", ["serve"], "boxwright[serve]"),
        ("torch", ["demo"], "boxwright[train]"),
    ],
)
def test_a_missing_extra_is_said_before_any_work(
    blocked: str, arguments: list[str], extra: str, tmp_path: Path
) -> None:
    code = _CODE.format(blocked={blocked}, arguments=arguments)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert f"pip install '{extra}'" in done.stderr and blocked in done.stderr
    assert not list(tmp_path.iterdir())
