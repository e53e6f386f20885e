"""The text of all meters, written anew only so often.

Writing it takes milliseconds of the event loop, and everybody may ask for it, without a token: who asks again and again would otherwise
hold up all answers, and liveness with them.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, generate_latest

_BURST, _A_SECOND = 20.0, 10.0


class Page:
    """Used from one event loop only.

    Args:
        registry: of the meters.
        clock: seconds that never go back.
    """

    def __init__(self, registry: CollectorRegistry, clock: Callable[[], float] = time.monotonic) -> None:
        self._registry, self._clock = registry, clock
        self._text = b""
        self._left, self._at = _BURST, clock()

    def text(self) -> bytes:
        """As Prometheus reads it: of this moment, or the last one where it was asked for more than ten times a second."""
        now = self._clock()
        self._left, self._at = min(_BURST, self._left + (now - self._at) * _A_SECOND), now
        if self._left >= 1 or not self._text:
            self._left -= 1
            self._text = generate_latest(self._registry)
        return self._text
