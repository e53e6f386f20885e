"""A thread that writes what may block: a terminal nobody reads, a pipe whose reader hangs, a disk that does not answer.

Whoever has something to write hands it over and goes on. What a sink cannot take is dropped and counted, and what fails in it stays in it.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
_WAITING = 1000  # that may wait for a slow sink; more are dropped


class Sink(Generic[T]):
    """One thread and its bounded queue.

    Args:
        name: of the thread.
        write: called there with one thing after the other; whatever it raises is swallowed.
        missed: called there, before the next thing, with how many were dropped meanwhile.
    """

    def __init__(
        self, name: str, write: Callable[[T], object], missed: Callable[[int], object] = lambda _count: None
    ) -> None:
        self._write, self._missed = write, missed
        self._waiting: queue.Queue[T | None] = queue.Queue(_WAITING)
        self._lock = threading.Lock()
        self._dropped = 0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, thing: T) -> None:
        """Hand over one thing to write; never waits."""
        try:
            self._waiting.put_nowait(thing)
        except queue.Full:
            with self._lock:
                self._dropped += 1

    def close(self, seconds: float) -> bool:
        """Write what waits and end, within this time.

        Returns:
            whether all is written; if not, the thread is left behind.
        """
        try:
            self._waiting.put(None, timeout=seconds)
        except queue.Full:
            return False
        self._thread.join(timeout=seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (thing := self._waiting.get()) is not None:
            with self._lock:
                dropped, self._dropped = self._dropped, 0
            try:
                if dropped:
                    self._missed(dropped)
                self._write(thing)
            except BaseException:  # a terminal that is gone ends some writers with SystemExit
                pass
