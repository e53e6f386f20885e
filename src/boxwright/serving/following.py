"""The thread that looks at the rollout again and again.

It is a thread of its own, so that a store that hangs holds up neither an answer nor a probe, and no exception ends it; the age of
its last good look says whether it is alive.
"""

from __future__ import annotations

import threading

from boxwright.serving.logs import note
from boxwright.serving.slot import Slot


class Follower:
    """Looks every few seconds from `start` to `stop`.

    Args:
        slot: what looks.
        every_s: seconds between two looks.
    """

    def __init__(self, slot: Slot, *, every_s: float) -> None:
        self._slot, self._every_s = slot, every_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follow", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; a look that hangs is left behind."""
        self._over.set()
        self._thread.join(timeout=0.2)

    def _run(self) -> None:
        while not self._over.wait(self._every_s):
            try:
                self._slot.look()
            except BaseException as error:  # whatever it is, the next look is due in a second
                note("look_failed", {"reason": f"{type(error).__name__}: {error}"}, level="error")
