"""The detector that answers, and how another takes its place without a dropped request.

A new bundle is loaded, answers its golden pictures and is warmed before the pointer moves; requests in flight finish
with the detector they began with. A bundle that fails on the way never answers, and the old one stays.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from boxwright.artifacts import Bundle
from boxwright.errors import BoxwrightError
from boxwright.inference import Detector

_WARM_UPS = 2


class Slot:
    """Holds the detector in use.

    Args:
        wanted: digest that should answer now; asked again by `follow`.
        load: digest to bundle.
        on_failure: told when a wanted bundle could not be taken.
    """

    def __init__(
        self, wanted: Callable[[], str], load: Callable[[str], Bundle], *, on_failure: Callable[[str], None]
    ) -> None:
        self._wanted, self._load, self._on_failure = wanted, load, on_failure
        self._detector: Detector | None = None
        self._refused: set[str] = set()
        self._lock = threading.Lock()

    @property
    def detector(self) -> Detector | None:
        """The detector in use; None before the first is ready."""
        return self._detector

    def follow(self) -> None:
        """Take the wanted bundle, if it is another; a failure is told once per digest and changes nothing."""
        with self._lock:
            try:
                digest = self._wanted()
            except (BoxwrightError, OSError) as error:
                self._on_failure(f"the wanted bundle cannot be read, the present one stays: {error}")
                return
            current = self._detector
            if digest in self._refused or (current is not None and current.bundle.digest == digest):
                return
            try:
                detector = Detector(self._load(digest), check_golden=True)
                for _ in range(_WARM_UPS):
                    detector.detect(np.zeros((*detector.contract.input_hw, 3), np.uint8))
            except Exception as error:
                if not isinstance(error, OSError):  # a disk may recover; a bundle does not
                    self._refused.add(digest)
                self._on_failure(f"bundle {digest[:12]} was not taken: {type(error).__name__}: {error}")
                return
            self._detector = detector
