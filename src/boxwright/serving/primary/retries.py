"""When something that failed is tried again: soon, then more and more rarely, never in step with other servers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

FIRST_S, MOST_S, JITTER = 1.0, 300.0, 0.25


class Retries:
    """Waits of 1, 2, 4 ... 300 s, each up to a quarter shorter or longer.

    Args:
        clock: seconds that never go back.
        rng: of the jitter.
    """

    def __init__(self, clock: Callable[[], float], rng: np.random.Generator) -> None:
        self._clock, self._rng = clock, rng
        self.attempts = 0
        self._due_at = -np.inf

    @property
    def due(self) -> bool:
        """Whether the next attempt may begin."""
        return self._clock() >= self._due_at

    @property
    def wait_s(self) -> float:
        """Seconds until the next attempt; 0 when it is due."""
        return max(0.0, float(self._due_at - self._clock()))

    def failed(self) -> float:
        """Note a failure; seconds until the next attempt."""
        wait = min(MOST_S, FIRST_S * 2.0 ** min(self.attempts, 30))
        self.attempts += 1
        self._due_at = self._clock() + wait * (1 + JITTER * float(self._rng.uniform(-1, 1)))
        return self.wait_s

    def reset(self) -> None:
        """Nothing failed yet; the next attempt is due."""
        self.attempts, self._due_at = 0, -np.inf
