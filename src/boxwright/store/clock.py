"""What time it is, as a seam: wall clocks jump by hours, and tests make them jump."""

from __future__ import annotations

import time


class Clock:
    """The machine's clocks."""

    def wall(self) -> float:
        """Seconds since 1970, UTC; may jump in either direction, so nothing is ordered by it that has a number."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        return time.monotonic()
