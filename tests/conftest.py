"""What every test relies on: one calm thread per library, one profile for hypothesis, the shared cases."""

from __future__ import annotations

import os

os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # before any import that starts OpenMP

from collections.abc import Callable
from pathlib import Path

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

_REPOSITORY = Path(__file__).resolve().parents[1]


def _shared_folder() -> Path:
    return Path(os.environ.get("BOXWRIGHT_SHARED") or _REPOSITORY.parent / "shared")


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """`shared("cases/images/made")`: a path in the shared folder; the test is skipped where it is absent.

    Under CI a shared folder that lacks the case is an error, so that a moved case cannot pass by being skipped.
    """

    def find(path: str) -> Path:
        folder = _shared_folder()
        if (folder / path).exists():
            return folder / path
        reason = f"'{path}' is not in the shared folder '{folder}'; set BOXWRIGHT_SHARED to where the cases are."
        if os.environ.get("CI") and folder.exists():
            pytest.fail(reason)
        return pytest.skip(reason)

    return find
