"""Runs of a model end at a deadline: one thread for all of them tells onnxruntime to stop those whose time is up.

onnxruntime looks at the flag between operators, also inside the bodies of loops, so that an endless loop ends. A single
operator is not interrupted. Watching costs a few microseconds a run; there is no thread for each.
"""

from __future__ import annotations

import heapq
import itertools
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import onnxruntime as ort


class Watched:
    """One run that is being watched.

    Attributes:
        options: to be given to the run.
        expired: whether it was told to stop.
    """

    def __init__(self) -> None:
        self.options: ort.RunOptions | None = ort.RunOptions()
        self.expired = False


class Watchdog:
    """The thread and its list of deadlines; begins to run with the first watched run."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._deadlines: list[tuple[float, int, Watched]] = []
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None
        self._process = os.getpid()

    @contextmanager
    def within(self, seconds: float) -> Iterator[Watched]:
        """What is run inside with these options is told to stop after `seconds`."""
        watched, deadline = Watched(), time.monotonic() + seconds
        if os.getpid() != self._process:  # threads and locks do not survive a fork
            self.__init__()
        with self._changed:
            heapq.heappush(self._deadlines, (deadline, next(self._numbers), watched))
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="model-deadlines", daemon=True)
                self._thread.start()
            elif self._deadlines[0][2] is watched:
                self._changed.notify()
        try:
            yield watched
        finally:
            with self._changed:
                watched.options = None  # its place in the list goes when its deadline comes

    def _watch(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                while self._deadlines and self._deadlines[0][0] <= now:
                    watched = heapq.heappop(self._deadlines)[2]
                    if watched.options is not None:
                        watched.expired, watched.options.terminate = True, True
                self._changed.wait(self._deadlines[0][0] - now if self._deadlines else None)


WATCHDOG = Watchdog()
