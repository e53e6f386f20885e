"""Whether the client still waits for its answer.

A client that closes its connection after the body is noticed on the event loop: its queued request is taken out, and a worker that
has begun stops before its next step. What is in the journal by then counts as answered.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from starlette.requests import ClientDisconnect
from starlette.types import Receive


class Client:
    """One request's client; `left` may be read from any thread."""

    def __init__(self) -> None:
        self.left = False
        self.on_leave: Callable[[], None] = lambda: None

    def check(self) -> None:
        """ClientDisconnect when it has left."""
        if self.left:
            raise ClientDisconnect


@contextlib.asynccontextmanager
async def watched(receive: Receive) -> AsyncIterator[Client]:
    """The client of a request whose body has been read, watched while the block runs."""
    client = Client()

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        client.left = True
        client.on_leave()

    task = asyncio.create_task(watch())
    try:
        yield client
    finally:
        task.cancel()
