"""The body of a request, within its bounds of size, time and rate, and what all bodies together hold in memory.

A body is counted as it arrives, from its first byte until its request is answered. What the head alone decides (a declared
length beyond the bound, or no memory left) is refused before a byte is read; a client that said `Expect: 100-continue` has
then sent none. Where there is no room, the body that has been on its way longest makes some, if that is more than a second: else a
dozen clients that keep sending the ends of large bodies would keep everybody else out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Gauge
from starlette.requests import Request

from boxwright.serving.limits import Limits
from boxwright.serving.request.refusal import Refusal

_HELD = "boxwright.body"  # in the scope: the bytes this request has in hand
_YOUNG_SECONDS = 1.0  # a body makes room for others only after this


class Bodies:
    """Reads bodies, and knows how many bytes of them are in hand.

    Args:
        limits: the bounds.
        registry: where the gauge of bytes in hand is kept.
    """

    def __init__(self, limits: Limits, registry: CollectorRegistry) -> None:
        self._limits = limits
        self._in_hand = 0
        self._arriving: dict[int, _Arriving] = {}  # by the identity of their requests, oldest first
        gauge = Gauge("boxwright_body_bytes", "Bytes of request bodies in memory.", registry=registry)
        gauge.set_function(lambda: self._in_hand)

    @contextmanager
    def held(self, request: Request) -> Iterator[None]:
        """What is read of this request's body within the block counts as in hand until its end."""
        request.scope[_HELD] = 0
        try:
            yield
        finally:
            self._in_hand -= request.scope.pop(_HELD)

    async def read(self, request: Request) -> bytes:
        """The whole body; to be called within `held`.

        Raises:
            Refusal: it is too large (413), too slow (408), or too much is in hand already (503).
            starlette.requests.ClientDisconnect: the client left before its end.
        """
        limits = self._limits
        declared = request.headers.get("content-length", "")
        expected = int(declared) if declared.isascii() and declared.isdigit() else 0
        if expected > limits.body_bytes:
            raise Refusal(413, f"the body has {expected} bytes; at most {limits.body_bytes} are accepted")
        self._check_room(expected)
        now = asyncio.get_running_loop().time
        last = now() + limits.body_seconds
        parts: list[bytes] = []
        try:
            async with asyncio.timeout_at(min(last, now() + limits.body_grace_seconds)) as patience:
                self._arriving[id(request)] = _Arriving(request, patience, now())
                async for part in request.stream():
                    self._hold(request, len(part))
                    parts.append(part)
                    earned = (patience.when() or last) + len(part) / limits.body_rate
                    patience.reschedule(min(last, now() + limits.body_grace_seconds, earned))
        except TimeoutError as error:
            if id(request) not in self._arriving:
                raise self._no_room() from error
            raise Refusal(408, self._too_slow(request.scope[_HELD])) from error
        finally:
            self._arriving.pop(id(request), None)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _hold(self, request: Request, more: int) -> None:
        """Take so many more bytes in hand."""
        if id(request) not in self._arriving:  # it made room, and its time runs out at the next turn
            raise self._no_room()
        if request.scope[_HELD] + more > self._limits.body_bytes:
            raise Refusal(413, f"the body has more than the {self._limits.body_bytes} bytes that are accepted")
        self._check_room(more, request)
        request.scope[_HELD] += more
        self._in_hand += more

    def _check_room(self, more: int, asking: Request | None = None) -> None:
        """Refusal where so many more bytes would be too many, and no other body has to make room."""
        now = asyncio.get_running_loop().time()
        while self._in_hand + more > self._limits.bodies_bytes:
            oldest = next((one for one in self._arriving.values() if one.request.scope[_HELD]), None)
            if oldest is None or oldest.request is asking or now - oldest.begun < _YOUNG_SECONDS:
                raise self._no_room()
            self._in_hand -= oldest.request.scope[_HELD]
            oldest.request.scope[_HELD] = 0
            del self._arriving[id(oldest.request)]
            if not oldest.patience.expired():
                oldest.patience.reschedule(now)

    def _no_room(self) -> Refusal:
        return Refusal(
            503,
            f"the server has {self._in_hand} bytes of bodies in hand and accepts {self._limits.bodies_bytes}; try again",
            {"Retry-After": "1"},
        )

    def _too_slow(self, held: int) -> str:
        limits = self._limits
        return (
            f"only {held} bytes of the body arrived; a body must arrive within {limits.body_seconds:g} s, at "
            f"{limits.body_rate:g} bytes a second over any {limits.body_grace_seconds:g} s"
        )


class _Arriving(NamedTuple):
    """A body on its way: its request, the time limit that ends its reading, and since when."""

    request: Request
    patience: asyncio.Timeout
    begun: float
