"""A lane: a few threads, and a bounded first-in first-out queue before them that this process can look into.

The queue is not the thread pool's, so that a request that waits can be taken out when its client leaves or its deadline passes,
and a request that would wait beyond its deadline is refused at once instead of late. A thread that has finished takes the next
request from the queue itself: however busy the event loop is with others, what was accepted goes on.

A burst may fill the queue. Once it has overflowed, the server is overloaded: from then on only as many wait as there are threads,
which keeps the threads busy and the wait of what is accepted below the time of one more request. That ends when a thread has had
nothing to do for as long as a request takes.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
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
_ON_THE_WAY_SECONDS = 0.01  # for a request that was let in to arrive here, before another one is let in instead


class Lane:
    """Asked from one event loop only.

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
        self._lock = threading.Lock()  # of what follows; held for microseconds
        self._queue: deque[_Turn] = deque()
        self._free, self._idle_since = threads, -math.inf
        self._overloaded = False
        self._let_in_at = -math.inf  # the last request that was let in and has not come yet
        self._service = 0.0  # seconds a request takes a thread, lately

    @property
    def expected_wait(self) -> float:
        """Seconds that a request that came now would wait for a thread, as far as can be told."""
        ahead = len(self._queue) + self._threads - self._free
        return max(0, ahead - self._threads + 1) * self._service / self._threads

    @property
    def full(self) -> bool:
        """Whether a request that came now would find no place."""
        return not self._free and len(self._queue) >= self._most

    def lets_in(self) -> bool:
        """Whether a request whose body is still to come may find a place.

        In an overload one at a time is let in, so that the others that would come for the same place are refused while that is
        cheap. One that does not come within a moment holds up nobody.
        """
        if self.full:
            return False
        if self._overloaded and not self._free:
            now = time.perf_counter()
            if now - self._let_in_at < _ON_THE_WAY_SECONDS:
                return False
            self._let_in_at = now
        return True

    def turn_away(self) -> Refusal | None:
        """The refusal (429), counted, of a request that is not let in; None: it is."""
        with self._lock:
            return None if self.lets_in() else self._full()

    async def work(self, function: Callable[[], T], *, deadline: Deadline, client: Client) -> T:
        """What the function returns, called in a thread; once it has begun it is finished, whoever leaves.

        Raises:
            Refusal: too many wait, or this one would wait beyond its deadline (429); its deadline passed while it waited (504).
            starlette.requests.ClientDisconnect: its client left while it waited.
        """
        loop = asyncio.get_running_loop()
        turn = _Turn(function, loop)
        self._enter(turn, deadline)
        client.on_leave = functools.partial(self._take_out, turn, ClientDisconnect())
        timer = loop.call_later(max(0.0, deadline.left), self._take_out, turn, DeadlineExceeded("queue"))
        try:
            found, error = await turn.done
        except asyncio.CancelledError:
            self._take_out(turn)
            raise
        finally:
            timer.cancel()
            client.on_leave = lambda: None
        del turn
        if error is not None:
            try:
                raise error
            finally:
                del (
                    error
                )  # or error, traceback and this frame would keep each other, and the image, until the next collection
        return found

    def close(self) -> None:
        """Finish what is worked on; what waits is left."""
        with self._lock:
            self._queue.clear()
        self._pool.shutdown(wait=True)

    def _enter(self, turn: _Turn, deadline: Deadline) -> None:
        """Give the request a thread or a place in the queue; or Refusal."""
        with self._lock:
            self._let_in_at = -math.inf
            waits = not self._free
            if waits:
                self._check_room(deadline)
                self._queue.append(turn)
                self._meters.depth(self.name, len(self._queue))
            else:
                if time.perf_counter() - self._idle_since > self._service:
                    self._overloaded = False
                self._free -= 1
        if waits:
            return
        try:
            self._pool.submit(self._work_on, [turn])
        except BaseException:  # a system that starts no more threads
            with self._lock:
                self._free += 1
            raise

    @property
    def _most(self) -> int:
        """Requests that may wait now."""
        return min(self._threads, self._waiting) if self._overloaded else self._waiting

    def _check_room(self, deadline: Deadline) -> None:
        """Refusal where this request should not wait."""
        if self.full:
            raise self._full()
        if (wait := self.expected_wait) > deadline.left:
            raise self._refusal("deadline", f"the wait is about {wait:.1f} s, longer than the request's deadline")

    def _full(self) -> Refusal:
        self._overloaded = True
        return self._refusal("full", f"{len(self._queue)} requests wait already, no more are taken")

    def _refusal(self, reason: str, message: str) -> Refusal:
        self._meters.shed.labels(reason).inc()
        return Refusal(429, message, {"Retry-After": str(max(1, math.ceil(self.expected_wait)))})

    def _take_out(self, turn: _Turn, error: Exception | None = None) -> None:
        """End the wait of a request with this error; nothing happens where its turn has come."""
        with self._lock:
            if turn not in self._queue:
                return
            self._queue.remove(turn)
            self._meters.depth(self.name, len(self._queue))
        turn.end(None, error)

    def _work_on(self, handed: list[_Turn]) -> None:
        """In a thread of the pool: this request, and then what waits."""
        turn: _Turn | None = handed.pop()  # the pool keeps its arguments as long as this thread finds more to do
        while turn is not None:
            turn = self._finish(turn)

    def _finish(self, turn: _Turn) -> _Turn | None:
        """Work on this request; what this thread works on then."""
        begin = time.perf_counter()
        found, error = turn.call()
        following = self._next(time.perf_counter() - begin)
        turn.end_from_thread(found, error)
        return following

    def _next(self, seconds: float) -> _Turn | None:
        """What this thread works on now; None: it is free.

        Args:
            seconds: that the request before took.
        """
        with self._lock:
            self._service += (seconds - self._service) * (_NEWEST if self._service else 1.0)
            if self._queue:
                turn = self._queue.popleft()
                self._meters.depth(self.name, len(self._queue))
                return turn
            self._free += 1
            self._idle_since = time.perf_counter()
            return None


class _Turn:
    """One request: what to call, and where its result is waited for."""

    def __init__(self, function: Callable[[], Any], loop: asyncio.AbstractEventLoop) -> None:
        self._function: Callable[[], Any] | None = function
        self._loop = loop
        self.done: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()

    def call(self) -> tuple[Any, BaseException | None]:
        """What the function returned or raised; the function is let go, with the image that it holds."""
        function, self._function = self._function, None
        assert function is not None
        try:
            return function(), None
        except BaseException as error:
            if isinstance(error, (Refusal, ClientDisconnect)):  # said to the client; what its frames hold is large
                error.__traceback__ = error.__cause__ = error.__context__ = None
            return None, error

    def end(self, found: Any, error: BaseException | None) -> None:
        """On the event loop: this is the result."""
        if not self.done.done():
            self.done.set_result((found, error))

    def end_from_thread(self, found: Any, error: BaseException | None) -> None:
        """The same from any thread; a loop that was closed meanwhile has nobody who waits."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.end, found, error)


def _yielding(niceness: int) -> None:
    """Lower the priority of this thread; elsewhere than on Linux that would be the whole process."""
    if niceness and sys.platform == "linux":
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, max(niceness, os.getpriority(os.PRIO_PROCESS, thread)))
