"""A server without a process: its ASGI app around tiny bundles, asked in bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from boxwright.artifacts import Bundle
from boxwright.serving import Journal, Wanted
from boxwright.serving.app import Server
from boxwright.serving.limits import Limits
from boxwright.serving.primary.slot import Slot


@contextmanager
def asking(bundle: Bundle, journal: Path) -> Iterator[TestClient]:
    """A client of a server that answers with this bundle."""
    slot = Slot(lambda: Wanted(bundle.digest, "fixed"), lambda _digest: bundle, on_failure=pytest.fail)
    with TestClient(Server(slot, Journal(journal), Limits()).app()) as client:
        yield client


class Rollouts:
    """A rollout that a test moves, and the bundles it may name; either may fail or hang on demand.

    Attributes:
        named: what is wanted now.
        failing: raised by the next looks, while it is set.
        loaded: digests in the order in which they were asked for.
    """

    def __init__(self, *bundles: Bundle) -> None:
        self.bundles = {bundle.digest: bundle for bundle in bundles}
        self.number = 0
        self.failing: BaseException | None = None
        self.failing_loads: dict[str, BaseException] = {}
        self.loaded: list[str] = []
        self.named: Wanted
        self.move(bundles[0])

    def move(self, bundle: Bundle, previous: Bundle | None = None) -> None:
        """The next release names this bundle."""
        self.number += 1
        self.named = Wanted(bundle.digest, str(self.number), previous.digest if previous else None)

    def wanted(self) -> Wanted:
        if self.failing is not None:
            raise self.failing
        return self.named

    def load(self, digest: str) -> Bundle:
        self.loaded.append(digest)
        if digest in self.failing_loads:
            raise self.failing_loads[digest]
        return self.bundles[digest]


class Hands:
    """A clock that a test moves by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now
