"""What every test relies on: one calm thread per library, one profile for hypothesis, the shared cases."""

from __future__ import annotations

import os
import shutil

os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # before any import that starts OpenMP

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest
from hypothesis import HealthCheck, settings

cv2.setNumThreads(1)
settings.register_profile(
    "boxwright",
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("boxwright")

_CHROMIUM = ("/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome")
_BESIDE = Path(__file__).resolve().parents[2] / "shared"  # next to the repository


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """`shared("cases/images/made")`: a path in the shared folder; the test is skipped where it is absent.

    Under CI a shared folder that lacks the case is an error, so that a moved case cannot pass by being skipped.
    """

    def find(path: str) -> Path:
        folder = Path(os.environ.get("BOXWRIGHT_SHARED") or _BESIDE)
        if (folder / path).exists():
            return folder / path
        reason = f"'{path}' is not in the shared folder '{folder}'; set BOXWRIGHT_SHARED to where the cases are."
        if os.environ.get("CI") and (folder.exists() or _BESIDE.exists()):
            pytest.fail(reason)
        return pytest.skip(reason)

    return find


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = next((found for name in _CHROMIUM if (found := shutil.which(name))), None)
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no chromium on this machine")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()
