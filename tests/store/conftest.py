"""A filled store, made once a module and copied for each test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.store.filled import fill


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Not to be written to."""
    root = tmp_path_factory.mktemp("filled") / "store"
    fill(root)
    return root


@pytest.fixture
def root(filled: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(filled, tmp_path / "store"))
