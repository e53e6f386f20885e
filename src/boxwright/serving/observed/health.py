"""Is the process alive, and may requests be sent to it?

Alive: the event loop runs, and no worker has been at one request for more than twice its deadline, the server's or 10 s. A process that is not alive helps
nobody until it is started again, so neither the disk nor the store is asked: starting again mends neither.

Ready: a bundle answers, the server is not about to stop, and records can be written or the promise is to answer without (`Server.reasons`).
A rollout that cannot be seen is no reason: what answers goes on answering, and how old the last look is stands beside it.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from boxwright.serving.primary.slot import Following

WEDGED_FACTOR = 2.0  # times its deadline
LEAST_WEDGED_S = 10.0  # a shorter deadline counts as this one: work that begins in time may still end late
MOST_LAG_S = 5.0  # of the event loop
_BEAT_S = 0.5


def rollout_facts(state: Following) -> dict[str, Any]:
    """How following stands, as readiness says it: open to everybody, so the reasons of failures are left to the log."""
    failure = state.failure
    return {
        "state": state.state,
        "wanted": {"bundle": state.wanted.bundle, "release": state.wanted.release} if state.wanted else None,
        "serving": {"bundle": state.serving.digest, "release": state.serving.release} if state.serving else None,
        "warm": state.warm,
        "last_look_age_s": None if state.last_look_age_s is None else round(state.last_look_age_s, 1),
        "stale_since": state.last_look_at if state.stale else None,
        "last_look_failed": bool(state.look_failure),
        "loads_hanging": state.hanging,
        "last_failure": {
            "bundle": failure.bundle, "at": failure.at, "kind": failure.kind, "attempts": failure.attempts,
            "retry_in_s": round(failure.retry_in_s, 1),
        } if failure else None,
    }  # fmt: skip


class Watch:
    """Who works since when, and how late the event loop is.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._working: dict[int, tuple[float, float]] = {}  # begin, deadline in seconds
        self._expected: float | None = None  # when the event loop said that it would come back
        self._lag = 0.0

    @contextmanager
    def working(self, deadline_s: float) -> Iterator[None]:
        """Around the work on one request, in its worker thread.

        Args:
            deadline_s: seconds it may take from now on.
        """
        number = next(self._numbers)
        with self._lock:
            self._working[number] = (self._clock(), deadline_s)
        try:
            yield
        finally:
            with self._lock:
                del self._working[number]

    @property
    def wedged(self) -> int:
        """Workers that have been at one request for more than twice its deadline."""
        now = self._clock()
        with self._lock:
            return sum(now - begin > WEDGED_FACTOR * deadline for begin, deadline in self._working.values())

    @property
    def oldest_s(self) -> float:
        """Seconds that the longest of the requests being worked on has taken; 0 when there is none."""
        now = self._clock()
        with self._lock:
            return max((now - begin for begin, _ in self._working.values()), default=0.0)

    def expect(self, in_s: float) -> None:
        """The event loop comes back in so many seconds, if nothing holds it up."""
        now = self._clock()
        if self._expected is not None:
            self._lag = max(0.0, now - self._expected)
        self._expected = now + in_s

    @property
    def lag_s(self) -> float:
        """How late the event loop was when it last came back, or is by now."""
        late = 0.0 if self._expected is None else self._clock() - self._expected
        return max(self._lag, late, 0.0)

    async def beat(self) -> None:
        """Runs on the event loop and notes how late it is, until cancelled."""
        try:
            while True:
                self.expect(_BEAT_S)
                await asyncio.sleep(_BEAT_S)
        finally:
            self._expected = None

    def complaints(self) -> list[str]:
        """Why the process should be started again; empty when it is alive."""
        wedged, lag = self.wedged, self.lag_s
        return [
            *([f"{wedged} worker{'s have' if wedged > 1 else ' has'} been at one request for more than twice its deadline, "
               f"for {self.oldest_s:.0f} s at most"] if wedged else []),
            *([f"the event loop is {lag:.1f} s late"] if lag > MOST_LAG_S else []),
        ]  # fmt: skip
