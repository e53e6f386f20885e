"""Inputs made after public bug reports: `report("yolo_list_typo")` is one folder of them.

Every folder has `expected.json`, which says in prose what is right; each is turned into assertions here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def report(shared: Callable[[str], Path]) -> Callable[[str], Path]:
    """The folder of one report; skipped, or failed under CI, as `shared` says."""
    return lambda name: shared(f"cases/reports/{name}")
