"""A bundle to a detector that may answer: read and checked against its digest, its golden images answered, warmed.

In the server this runs in a thread of its own, at low priority, with one computing thread: answers must not suffer from it.
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


def open_detector(load: Callable[[str], Bundle], digest: str) -> Detector:
    """The detector of a bundle, ready to answer.

    Args:
        load: digest to bundle; its content is checked there.
        digest: of the bundle.

    Raises:
        StoreError: what was loaded is another bundle, is damaged, or cannot be loaded.
        ParityError: a golden image is answered differently here.
    """
    bundle = load(digest)
    if bundle.digest != digest:
        raise StoreError(f"Bundle {digest[:12]} was asked for, and bundle {bundle.digest[:12]} was loaded.")
    detector = Detector(bundle, check_golden=True)
    for _ in range(_WARM_UPS):
        detector.detect(np.zeros((*detector.contract.input_hw, 3), np.uint8))
    return detector


class Attempt:
    """One bundle being loaded in a thread of its own.

    Args:
        digest: of the bundle.
        load: digest to bundle.
        begun: when, on the clock of whoever asks for its age.
        done: called in that thread with this attempt and the detector, or what stopped it.
    """

    def __init__(
        self,
        digest: str,
        load: Callable[[str], Bundle],
        *,
        begun: float,
        done: Callable[[Attempt, Detector | BaseException], None],
    ) -> None:
        self.digest, self.begun = digest, begun
        self._load, self._done = load, done
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
            found: Detector | BaseException = open_detector(self._load, self.digest)
        except BaseException as error:  # a runtime's panic is no Exception, and must not pass in silence
            found = error
        self._done(self, found)


def _step_back() -> None:
    """Lower the priority of this thread alone, where the system can."""
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
    except (OSError, AttributeError):
        pass
