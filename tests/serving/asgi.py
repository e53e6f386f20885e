"""A server's ASGI app asked directly: many requests at once in one event loop, clients that leave, images that take as long as told."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from boxwright.artifacts import Bundle
from boxwright.inference import Detector
from boxwright.serving import Journal, Wanted, read_events
from boxwright.serving.app import Server
from boxwright.serving.limits import Limits
from boxwright.serving.primary.slot import Slot
from tests.tiny_bundles import tiny_bundle

T = TypeVar("T")


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: Any


class Line:
    """A server around a tiny bundle, and its journal.

    Args:
        folder: for bundle and journal.
        limits: of the server.
        bundle: what answers; None: a tiny one.
    """

    def __init__(self, folder: Path, limits: Limits, *, bundle: Bundle | None = None) -> None:
        bundle = bundle or tiny_bundle(folder / "bundle", golden=False)
        self.journal = folder / "journal"
        slot = Slot(lambda: Wanted(bundle.digest, "fixed"), lambda _digest: bundle, on_failure=pytest.fail)
        slot.follow()
        self.app = Server(slot, Journal(self.journal), limits).app()

    async def ask(
        self, body: bytes = b"", *, path: str = "/v1/detect", leave: asyncio.Event | None = None, **headers: str
    ) -> Answer:
        """One request; the client leaves when `leave` is set."""
        sent: list[dict] = []
        parts = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict:
            if parts:
                return parts.pop()
            await (leave or asyncio.Event()).wait()
            return {"type": "http.disconnect"}

        async def send(message: dict) -> None:
            sent.append(message)

        scope = {
            "type": "http", "method": "POST" if body else "GET", "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": [(k.replace("_", "-").lower().encode(), v.encode()) for k, v in headers.items()],
            "http_version": "1.1", "scheme": "http", "server": ("127.0.0.1", 1), "client": ("127.0.0.1", 2),
        }  # fmt: skip
        await self.app(scope, receive, send)
        start = next(m for m in sent if m["type"] == "http.response.start")
        data = b"".join(m.get("body", b"") for m in sent if m["type"] == "http.response.body")
        found = {k.decode().lower(): v.decode() for k, v in start["headers"]}
        is_json = found.get("content-type", "") == "application/json"
        return Answer(start["status"], found, json.loads(data) if is_json else data)

    async def meter(self, name: str) -> float:
        """The value of one meter, with its labels as `/metrics` writes them; 0 where it is not there."""
        text = (await self.ask(path="/metrics")).body.decode()
        return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.rpartition(" ")[0] == name)

    def journaled(self) -> int:
        """Records in the journal."""
        return len(read_events(self.journal))


class Gate:
    """Holds images of a width between reading their bytes and decoding them, until it is opened."""

    def __init__(self) -> None:
        self.opened, self.held = threading.Event(), 0

    async def until_held(self, count: int) -> None:
        """Until so many are held."""
        async with asyncio.timeout(30):
            while self.held < count:
                await asyncio.sleep(0.002)


@contextmanager
def gate(
    monkeypatch: pytest.MonkeyPatch, *, holds: Callable[[bytes, int], bool] = lambda _data, _most: True
) -> Iterator[Gate]:
    """Decoding of the images chosen, by their bytes and the most pixels that may be decoded, waits inside."""
    one, read = Gate(), Detector.read

    def held(self: Detector, data: bytes, **more: Any) -> Any:
        if holds(data, more["max_pixels"]):
            one.held += 1
            assert one.opened.wait(30)
        return read(self, data, **more)

    monkeypatch.setattr(Detector, "read", held)
    try:
        yield one
    finally:
        one.opened.set()


def run_async(coroutine: Coroutine[Any, Any, T]) -> T:
    """Its result; in a thread, because a browser test of this process may have a loop of its own running."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


async def settled(count: int, line: Line, meter: str) -> None:
    """Until a meter has this value."""
    async with asyncio.timeout(30):
        while await line.meter(meter) != count:
            await asyncio.sleep(0.002)
