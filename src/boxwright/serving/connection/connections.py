"""The open connections of this process: how many, how long they may keep the server waiting, and how they end.

A connection that waits for its client (for a request, the rest of its headers, the reading of an answer, the end of a closing
one) costs a file descriptor and some memory and never a worker. One look over all of them, twice a second, ends those that
wait too long. At the bound the one that has waited longest makes room for a new one; if none waits, the new one is told 503.

What a client does wrong is counted by reason, and written to the log once a minute at most.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter as Count
from typing import Protocol as Shape

from prometheus_client import CollectorRegistry, Counter, Gauge

from boxwright.serving.limits import Limits

log = logging.getLogger("boxwright.serving")

OVERFLOW = 64
"""Connections beyond the bound that are told so; more are closed without a word."""

_LOOK_SECONDS = 0.5
_RANK_SECONDS = 0.25
_LOG_SECONDS = 60.0


class Waiting(Shape):
    """A connection, as far as this account knows it."""

    address: str

    def waits_since(self, now: float) -> float | None:
        """Since when it has waited for its client, as far as that may make room for another; None: it is at work."""
        ...

    def quiet_since(self) -> float | None:
        """Since when it has waited for a request of which no byte came; None: there is one."""
        ...

    def look(self, now: float) -> None:
        """End what has waited too long."""
        ...

    def linger(self) -> None:
        """Close as soon as what still comes has been read."""
        ...

    def drop(self, reason: str) -> None:
        """Close at once, and count why."""
        ...


class Connections:
    """The account of all connections.

    Args:
        limits: their bounds.
        registry: where they are counted.
    """

    def __init__(self, limits: Limits, registry: CollectorRegistry) -> None:
        self.limits = limits
        self.draining = False
        self._open: dict[Waiting, None] = {}
        self._per_address: Count[str] = Count()
        self._looking: asyncio.TimerHandle | None = None
        self._longest_last: list[Waiting] = []
        self._ranked_at = float("-inf")
        gauge = Gauge("boxwright_connections", "Open connections.", registry=registry)
        gauge.set_function(lambda: len(self._open))
        self._closed = Counter(
            "boxwright_connections_closed",
            "Connections closed for what their clients did.",
            ["reason"],
            registry=registry,
        )
        self._unlogged: Count[str] = Count()
        self._logged_at = float("-inf")

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, connection: Waiting, now: float) -> str | None:
        """Take a new connection into account; the reason for which it should be refused, or None."""
        limits = self.limits
        if len(self._open) >= limits.connections + OVERFLOW:
            self._enter(connection)
            connection.drop("too_many")
            return None
        reason = None
        if limits.connections_per_address and self._per_address[connection.address] >= limits.connections_per_address:
            reason = "too_many_of_address"
        elif len(self._open) >= limits.connections and not self._make_room(now):
            reason = "too_many"
        self._enter(connection)
        return reason

    def leave(self, connection: Waiting) -> None:
        """Forget a connection that is closed; again is no fault."""
        if connection in self._open:
            del self._open[connection]
            self._per_address[connection.address] -= 1
            if not self._per_address[connection.address]:
                del self._per_address[connection.address]

    def count(self, reason: str, connection: Waiting) -> None:
        """Note why a connection was closed or refused."""
        self._closed.labels(reason).inc()
        self._unlogged[reason] += 1
        now = asyncio.get_running_loop().time()
        if now - self._logged_at >= _LOG_SECONDS:
            self._logged_at = now
            counts = ", ".join(f"{reason} {n}" for reason, n in sorted(self._unlogged.items()))
            log.warning(
                "connections closed for what their clients did: %s; the last was from %s", counts, connection.address
            )
            self._unlogged.clear()

    def close_quiet(self, now: float, seconds: float) -> None:
        """Close those that have waited so long for a request."""
        for connection in list(self._open):
            since = connection.quiet_since()
            if since is not None and now - since >= seconds:
                connection.linger()

    def _enter(self, connection: Waiting) -> None:
        self._open[connection] = None
        self._per_address[connection.address] += 1
        if self._looking is None:
            self._look_again()

    def _make_room(self, now: float) -> bool:
        """Close the one that has waited longest; False where none waits. One look serves many newcomers."""
        if now - self._ranked_at > _RANK_SECONDS:
            self._ranked_at = now
            waiting = [
                (since, connection) for connection in self._open if (since := connection.waits_since(now)) is not None
            ]
            waiting.sort(key=lambda pair: pair[0], reverse=True)
            self._longest_last = [connection for _, connection in waiting]
        while self._longest_last:
            connection = self._longest_last.pop()
            if connection in self._open and connection.waits_since(now) is not None:
                connection.drop("made_room")
                return True
        return False

    def _look_again(self) -> None:
        self._looking = asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look)

    def _look(self) -> None:
        self._looking = None
        now = asyncio.get_running_loop().time()
        for connection in list(self._open):
            connection.look(now)
        if self._open:
            self._look_again()
