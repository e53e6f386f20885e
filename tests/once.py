"""What is made once per run of the tests, whichever worker asks first."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def once(factory: pytest.TempPathFactory, worker_id: str, name: str) -> Iterator[tuple[Path, bool]]:
    """A folder of all workers, and whether it is still to be filled; the others wait until it is.

    Args:
        factory: of the running worker.
        worker_id: `master` where there is one process.
        name: of the folder.
    """
    base = factory.getbasetemp()
    root = (base if worker_id == "master" else base.parent) / name
    root.mkdir(exist_ok=True)
    with (root / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield root, not (root / "done").exists()
        (root / "done").touch()
