"""How the server stops: nothing that was asked is lost, and the end comes within a known time.

    signal         readiness is 503, every answer closes its connection; all is served as before
    + drain_delay  no new connections; those that are quiet for a second are closed, requests in hand are finished
    + 25 s         what is then still in hand is given up
    end            the journal is closed; exit code 0

A second signal goes straight to the end. So does the first while the server has not yet begun to answer.

Nothing here waits for a thread that does not come back: a bundle that is being loaded or a worker that hangs is left behind. Neither does
the end depend on the event loop or on stderr: a thread that does nothing else ends the process some seconds after it should have ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import multiprocessing
import os
import queue
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import FrameType
from typing import Any, NoReturn

import uvicorn

from boxwright.serving.connection.connections import Connections
from boxwright.serving.limits import Limits

ACCEPTED_AT_ONCE = 4
"""Connections that one turn of the event loop takes from the system: they exist before the bound on them can act."""

_QUEUED_BY_SYSTEM = 1024
_QUIET_SECONDS = 1.0
_HANDSHAKE_SECONDS = 0.2
_TICK_SECONDS = 0.05
_SAY_FULL_SECONDS = 60.0
_LAST_SECONDS = 2.0  # for closing the journal, and for threads to end
_OVERDUE_SECONDS = 5.0  # beyond the time in which the server should have ended by itself
_HURRIED_SECONDS = 3.0  # the same after a second signal
_FLUSH_SECONDS = 0.5


class StopSignals:
    """SIGINT and SIGTERM within a block: `asked` after the first, `hurried` after the second.

    A process that does not leave the block in time after a signal is ended with exit code 0, whatever holds it up.

    Attributes:
        on_asked: called in the signal handler; sets flags and does no more.
        seconds: in which the block ends after the first signal, unless something hangs.
    """

    def __init__(self) -> None:
        self.asked = self.hurried = False
        self.on_asked: Callable[[], None] = lambda: None
        self.seconds = 0.0
        self._before: dict[int, Any] = {}
        self._news: queue.SimpleQueue[bool] = (
            queue.SimpleQueue()
        )  # whether to go on waiting; a handler may put while it puts

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            threading.Thread(target=self._end_what_hangs, name="stop", daemon=True).start()
            self._before = {number: signal.signal(number, self._heard) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, action in self._before.items():
            signal.signal(number, action)
        self._news.put(False)

    def _heard(self, _number: int, _frame: FrameType | None) -> None:
        self.hurried = self.asked
        self.asked = True
        self._news.put(True)
        self.on_asked()

    def _end_what_hangs(self) -> None:
        if not self._news.get():
            return
        try:
            again = self._news.get(timeout=self.seconds + _OVERDUE_SECONDS)
            if not again:
                return
            while self._news.get(timeout=_HURRIED_SECONDS):
                pass
        except queue.Empty:
            leave()


class Serving(uvicorn.Server):
    """uvicorn's server, with this way of stopping.

    Args:
        config: of uvicorn.
        signals: when to stop.
        connections: the account of connections.
        limits: the times of the drain.
        on_serving: called with the port once requests are answered.
        tell: where sentences go; called on the event loop, so it must not block.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        signals: StopSignals,
        connections: Connections,
        limits: Limits,
        on_serving: Callable[[int], None],
        tell: Callable[[str], None],
    ) -> None:
        super().__init__(config)
        self._signals, self._open, self._limits = signals, connections, limits
        self._on_serving, self._tell = on_serving, tell
        self._stop_listening_at: float | None = None
        self._said_full_at = float("-inf")

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """The signals are ours, and are not raised again at the end."""
        return contextlib.nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, unless told to stop meanwhile."""
        starting = asyncio.ensure_future(super().startup(sockets))
        while not starting.done():
            await asyncio.wait({starting}, timeout=_TICK_SECONDS)
            if self._signals.asked and not starting.done():
                leave()
        starting.result()
        asyncio.get_running_loop().set_exception_handler(self._on_loop_error)
        for one in sockets or []:
            one.listen(_QUEUED_BY_SYSTEM)  # asyncio takes as many at once as it lets the system queue
        self._on_serving(self.servers[0].sockets[0].getsockname()[1])

    def _on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Without files to open asyncio reports each connection it cannot take; it goes on after a second by itself."""
        error = context.get("exception")
        if not (
            isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
        ):
            loop.default_exception_handler(context)
        elif loop.time() - self._said_full_at > _SAY_FULL_SECONDS:
            self._said_full_at = loop.time()
            self._tell(f"new connections wait: {error.strerror} (ulimit -n)")

    async def on_tick(self, counter: int) -> bool:
        """Whether to stop listening, asked ten times a second."""
        if await super().on_tick(counter) or self._signals.hurried:
            return True
        if self._signals.asked and self._stop_listening_at is None:
            self._stop_listening_at = asyncio.get_running_loop().time() + self._limits.drain_delay
            self._tell(
                f"stopping: answers are given for {self._limits.drain_delay:g} s more, then requests in hand are finished; "
                f"a second signal stops at once"
            )
        return self._stop_listening_at is not None and asyncio.get_running_loop().time() >= self._stop_listening_at

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what is in hand, then close the application."""
        self._open.draining = True
        if not self._signals.hurried:
            await self._stop_listening(sockets or [])
            await self._finish()
        if self.server_state.tasks:
            self._tell(f"stopped with {len(self.server_state.tasks)} requests in hand, which got no answer")
        ended = asyncio.ensure_future(self.lifespan.shutdown())
        await asyncio.wait({ended}, timeout=_LAST_SECONDS)
        if self._signals.hurried or not ended.done():
            leave()
        leave_later()

    async def _stop_listening(self, sockets: list[socket.socket]) -> None:
        """Take every connection that was made, and no more."""
        filtered = [_ignore_handshakes(one) for one in sockets]
        if all(filtered):
            await asyncio.sleep(_HANDSHAKE_SECONDS)  # connections whose handshake had begun come to the loop
        for server in self.servers:
            server.close()
        for one in sockets:
            one.close()

    async def _finish(self) -> None:
        now = asyncio.get_running_loop().time
        until = now() + self._limits.drain_seconds
        while (
            (self.server_state.connections or self.server_state.tasks) and not self._signals.hurried and now() < until
        ):
            self._open.close_quiet(now(), _QUIET_SECONDS)
            await asyncio.sleep(_TICK_SECONDS)


def longest_stop(limits: Limits) -> float:
    """Seconds from the first signal to the end, at most, where nothing hangs."""
    return limits.drain_delay + limits.drain_seconds + _HANDSHAKE_SECONDS + 2 * _LAST_SECONDS


def leave() -> NoReturn:
    """End this process now, with exit code 0: children first, and nothing waits for threads."""
    try:
        for child in multiprocessing.active_children():
            child.terminate()
        flush_streams()
    finally:
        os._exit(0)


def flush_streams() -> bool:
    """Write what waits in stdout and stderr; False if one is gone or does not take it within half a second."""
    done = []

    def flush() -> None:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        done.append(True)

    with contextlib.suppress(RuntimeError):  # no thread can be started at the very end
        thread = threading.Thread(target=_quietly, args=(flush,), name="flush", daemon=True)
        thread.start()
        thread.join(timeout=_FLUSH_SECONDS)
    return bool(done)


def _quietly(function: Callable[[], None]) -> None:
    with contextlib.suppress(OSError, ValueError):
        function()


_leaving: threading.Timer | None = None


def leave_later() -> None:
    """Leave, unless `stay` is called before long: a thread that hangs would keep the process for ever."""
    global _leaving
    _leaving = threading.Timer(_LAST_SECONDS, leave)
    _leaving.daemon = True
    _leaving.start()


def stay() -> None:
    """Undo `leave_later`."""
    if _leaving is not None:
        _leaving.cancel()


def _ignore_handshakes(listener: socket.socket) -> bool:
    """Let a listening socket drop what would begin a connection, so that closing it resets none; False where that cannot be.

    The system's queue of connections that nobody has accepted yet is thrown away with a listening socket, and a client in it
    has perhaps sent its request. With a socket filter (Linux) the queue runs dry first. A client whose SYN is dropped sends it
    again after a second and is then refused by the system, before it has asked anything.
    """
    # Load byte 13 of the TCP header; of the flags SYN and ACK, is SYN alone set? Then keep no byte of the packet, else all.
    program = [(0x30, 0, 0, 13), (0x54, 0, 0, 0x12), (0x15, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFF)]
    if sys.platform != "linux":
        return False
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    attach_filter = 26  # SO_ATTACH_FILTER, which Python does not name
    try:
        listener.setsockopt(socket.SOL_SOCKET, attach_filter, struct.pack("HP", len(program), ctypes.addressof(code)))
    except OSError:
        return False
    return True
