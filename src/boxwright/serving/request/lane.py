"""A lane: a few threads, and a bounded first-in first-out queue before them that this process can look into.

The queue is not the thread pool's, so that a request that waits can be taken out when its client leaves or its deadline passes,
and a request that would wait beyond its deadline is refused at once instead of late.

A burst may fill the queue. Once it has overflowed, the server is overloaded: from then on only as many wait as there are threads,
which keeps the threads busy and the wait of what is accepted below the time of one more request. That ends when a thread has had
nothing to do for as long as a request takes.
"""

from __future__ import annotations

import asyncio
import math
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect

from boxwright.serving.observed.work_meters import WorkMeters
from boxwright.serving.request.client import Client
from boxwright.serving.request.deadline import Deadline, DeadlineExceeded
from boxwright.serving.request.refusal import Refusal

T = TypeVar("T")
_NEWEST = 0.1  # weight of the newest in the mean time of a request


class Lane:
    """Used from one event loop only.

    Args:
        name: of the threads, and the label of its meters.
        threads: requests worked on at once.
        waiting: most requests that wait beyond these.
        meters: told of the queue.
        niceness: how much its threads yield to others, 0 (like any other) to 19; Linux only.
    """

    def __init__(self, name: str, *, threads: int, waiting: int, meters: WorkMeters, niceness: int = 0) -> None:
        self.name, self._threads, self._waiting, self._meters = name, threads, waiting, meters
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name, initializer=_yielding, initargs=(niceness,))
        self._queue: deque[asyncio.Future[None]] = deque()
        self._free, self._idle_since = threads, -math.inf
        self._overloaded = False
        self._service = 0.0  # seconds a request takes a thread, lately

    @property
    def expected_wait(self) -> float:
        """Seconds that a request that came now would wait for a thread, as far as can be told."""
        ahead = len(self._queue) + self._threads - self._free
        return max(0, ahead - self._threads + 1) * self._service / self._threads

    async def work(self, function: Callable[[], T], *, deadline: Deadline, client: Client) -> T:
        """What the function returns, called in a thread; once it has begun it is finished, whoever leaves.

        Raises:
            Refusal: too many wait, or this one would wait beyond its deadline (429); its deadline passed while it waited (504).
            starlette.requests.ClientDisconnect: its client left while it waited.
        """
        await self._take_thread(deadline, client)

        def timed() -> tuple[T | None, BaseException | None, float]:
            begin = time.perf_counter()
            try:
                return function(), None, time.perf_counter() - begin
            except BaseException as error:
                if isinstance(error, (Refusal, ClientDisconnect)):  # said to the client; what its frames hold is large
                    error.__traceback__ = error.__cause__ = error.__context__ = None
                return None, error, time.perf_counter() - begin

        try:
            running = asyncio.get_running_loop().run_in_executor(self._pool, timed)
        except BaseException:  # a system that starts no more threads
            self._give_thread_back()
            raise
        running.add_done_callback(self._finished)
        found, error, _ = await asyncio.shield(running)
        del running
        if error is not None:
            try:
                raise error
            finally:
                del (
                    error
                )  # or error, traceback and this frame would keep each other, and the image, until the next collection
        return found  # type: ignore[return-value]

    def close(self) -> None:
        """Finish what is worked on."""
        self._pool.shutdown(wait=True)

    async def _take_thread(self, deadline: Deadline, client: Client) -> None:
        if self._free:
            if time.perf_counter() - self._idle_since > self._service:
                self._overloaded = False
            self._free -= 1
            return
        self._check_room(deadline)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def end(error: Exception) -> None:
            if not turn.done():
                turn.set_exception(error)

        client.on_leave = lambda: end(ClientDisconnect())
        timer = asyncio.get_running_loop().call_later(max(0.0, deadline.left), end, DeadlineExceeded("queue"))
        self._queue.append(turn)
        self._meters.depth(self.name, len(self._queue))
        try:
            await turn
        except BaseException:
            if turn in self._queue:
                self._queue.remove(turn)
            elif turn.done() and not turn.cancelled() and turn.exception() is None:
                self._give_thread_back()  # its turn had come when the request was cancelled
            raise
        finally:
            timer.cancel()
            self._meters.depth(self.name, len(self._queue))

    def _check_room(self, deadline: Deadline) -> None:
        """Refusal where this request should not wait."""
        most = min(self._threads, self._waiting) if self._overloaded else self._waiting
        wait = self.expected_wait
        reason = message = ""
        if len(self._queue) >= most:
            self._overloaded, reason = True, "full"
            message = f"{len(self._queue)} requests wait already, no more are taken"
        elif wait > deadline.left:
            reason, message = "deadline", f"the wait is about {wait:.1f} s, longer than the request's deadline"
        if reason:
            self._meters.shed.labels(reason).inc()
            raise Refusal(429, message, {"Retry-After": str(max(1, math.ceil(wait)))})

    def _finished(self, running: asyncio.Future[Any]) -> None:
        if not running.cancelled() and running.exception() is None:
            seconds = running.result()[2]
            self._service += (seconds - self._service) * (_NEWEST if self._service else 1.0)
        self._give_thread_back()

    def _give_thread_back(self) -> None:
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
        self._idle_since = time.perf_counter()


def _yielding(niceness: int) -> None:
    """Lower the priority of this thread; elsewhere than on Linux that would be the whole process."""
    if niceness and sys.platform == "linux":
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, max(niceness, os.getpriority(os.PRIO_PROCESS, thread)))
