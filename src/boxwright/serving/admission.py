"""How much is in hand, and the threads that work on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from boxwright.serving.limits import Limits
from boxwright.serving.meters import Meters
from boxwright.serving.refusal import Refusal

T = TypeVar("T")


class Admission:
    """Takes requests up to a bound, and works on a few at once.

    Args:
        limits: the bounds.
        meters: told what is in hand and what was refused.
    """

    def __init__(self, limits: Limits, meters: Meters) -> None:
        self._limits, self._meters = limits, meters
        self._workers = ThreadPoolExecutor(limits.in_flight, thread_name_prefix="detect")
        self._in_hand = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place for one request; Refusal (429) when all are taken."""
        if self._in_hand >= self._limits.in_flight + self._limits.waiting:
            self._meters.shed.inc()
            raise Refusal(429, f"{self._in_hand} requests are in hand, no more are taken", {"Retry-After": "1"})
        self._in_hand += 1
        self._meters.in_hand.set(self._in_hand)
        try:
            yield
        finally:
            self._in_hand -= 1
            self._meters.in_hand.set(self._in_hand)

    async def work(self, function: Callable[[], T]) -> T:
        """What the function returns, called in a worker thread; it is finished even when the client leaves."""
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._workers, function))

    def close(self) -> None:
        """Finish what is worked on."""
        self._workers.shutdown(wait=True)
