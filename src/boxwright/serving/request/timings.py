"""Where the time of one request went.

Stages, in their order: `body` (until the body is there), `queue`, `decode`, `pre` (letterbox), `infer` (the network), `post` (boxes),
`log` (digest, conditions of the image, the record written).
"""

from __future__ import annotations

import time


class Timings:
    """A stopwatch that is read at the end of each stage.

    Args:
        begin: `time.perf_counter()` at the request's arrival.
    """

    def __init__(self, begin: float) -> None:
        self.begin = self._last = begin
        self.seconds: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        """The stage has ended now."""
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now

    @property
    def total(self) -> float:
        """Seconds from the request's arrival to the end of the last stage."""
        return self._last - self.begin

    def milliseconds(self, *stages: str) -> float:
        """Of these stages together, rounded to microseconds."""
        return round(sum(self.seconds.get(stage, 0.0) for stage in stages) * 1e3, 3)

    def header(self) -> str:
        """As `Server-Timing` says it: `queue;dur=0.041, decode;dur=1.912`, in milliseconds."""
        return ", ".join(f"{stage};dur={1e3 * seconds:.3f}" for stage, seconds in self.seconds.items())
