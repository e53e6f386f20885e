"""A thread that does something again and again beside the requests.

It is a thread of its own, so that a disk or a store that hangs holds up neither an answer nor a probe, and no exception ends it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from boxwright.serving.observed.logs import note


class Repeating:
    """Does its chores every few seconds from `start` to `stop`; one that fails is noted as `NAME_failed` and done again.

    Args:
        name: of the thread.
        chores: what to do.
        every_s: seconds between two rounds.
    """

    def __init__(self, name: str, *chores: Callable[[], object], every_s: float) -> None:
        self._name, self._chores, self._every_s = name, chores, every_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin, one interval from now."""
        self._thread.start()

    def stop(self) -> None:
        """No further round; one that hangs is left behind."""
        self._over.set()
        self._thread.join(timeout=0.2)

    def _run(self) -> None:
        while not self._over.wait(self._every_s):
            for chore in self._chores:
                try:
                    chore()
                except BaseException as error:  # whatever it is, the next round is due
                    note(f"{self._name}_failed", {"reason": f"{type(error).__name__}: {error}"}, level="error")
