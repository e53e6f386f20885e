"""A bundle to a detector that may answer: read and checked against its digest, its golden images answered, warmed.

In the server this runs in a thread of its own, at low priority, with one computing thread: answers must not suffer from it. A thread that
hangs, in a store that does not answer, cannot be ended. It is left behind, and before its next step it asks whether its bundle is still of
use, so that what comes back late neither computes nor fills memory for nobody.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import numpy as np

from boxwright.artifacts import Bundle
from boxwright.errors import StoreError
from boxwright.inference import Detector

_WARM_UPS = 2
_NICE = 10  # of 19; what answers has 0


class OfNoUse(Exception):
    """Raised between two steps of a load for which nobody waits any more."""


def _goes_on() -> None:
    """Between two steps, where nobody asks."""


def open_detector(load: Callable[[str], Bundle], digest: str, *, between: Callable[[], object] = _goes_on) -> Detector:
    """The detector of a bundle, ready to answer.

    Args:
        load: digest to bundle; its content is checked there.
        digest: of the bundle.
        between: called between two steps; what it raises ends the load.

    Raises:
        StoreError: what was loaded is another bundle, is damaged, or cannot be loaded.
        ParityError: a golden image is answered differently here.
    """
    bundle = load(digest)
    if bundle.digest != digest:
        raise StoreError(f"Bundle {digest[:12]} was asked for, and bundle {bundle.digest[:12]} was loaded.")
    between()
    detector = Detector(bundle, check_golden=True, between=between)
    for _ in range(_WARM_UPS):
        between()
        detector.detect(np.zeros((*detector.contract.input_hw, 3), np.uint8))
    return detector


class Attempt:
    """One bundle being loaded in a thread of its own.

    Args:
        digest: of the bundle.
        release: under which it was wanted.
        load: digest to bundle.
        begun: when, on the clock of whoever asks for its age.
        between: called in that thread between two steps; raises OfNoUse to end the attempt.
        done: called in that thread with this attempt and the detector, or what stopped it.
    """

    def __init__(
        self,
        digest: str,
        load: Callable[[str], Bundle],
        *,
        release: str,
        begun: float,
        between: Callable[[Attempt], object],
        done: Callable[[Attempt, Detector | BaseException], None],
    ) -> None:
        self.digest, self.release, self.begun = digest, release, begun
        self._load, self._between, self._done = load, between, done
        self._thread = threading.Thread(target=self._run, name=f"load-{digest[:8]}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether its thread is still at it."""
        return self._thread.is_alive()

    def _run(self) -> None:
        _step_back()
        try:
            found: Detector | BaseException = open_detector(
                self._load, self.digest, between=lambda: self._between(self)
            )
        except BaseException as error:  # a runtime's panic is no Exception, and must not pass in silence
            found = error
        self._done(self, found)


def _step_back() -> None:
    """Lower the priority of this thread alone, where the system can."""
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
    except (OSError, AttributeError):
        pass
