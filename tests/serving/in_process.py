"""A server without a process: its ASGI app around a tiny bundle, asked in bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from boxwright.artifacts import Bundle
from boxwright.serving import Journal
from boxwright.serving.app import Server
from boxwright.serving.limits import Limits
from boxwright.serving.slot import Slot


@contextmanager
def asking(bundle: Bundle, journal: Path) -> Iterator[TestClient]:
    """A client of a server that answers with this bundle."""
    slot = Slot(lambda: bundle.digest, lambda _digest: bundle, on_failure=pytest.fail)
    with TestClient(Server(slot, Journal(journal), Limits()).app()) as client:
        yield client
