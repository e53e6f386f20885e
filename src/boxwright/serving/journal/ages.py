"""How old the files of a journal are, by a clock that may be wrong.

A file is as old as the journal can witness. Between two moments at which something was written lies what the clock says, but never more
than a limit: a clock that is set a year ahead, or a server that was off, adds no more than that to the age of any file. A running server
begins a segment every day, so that days without an answer are witnessed too. What was written before such files existed was written
under a clock that nobody had set, and has no age; nor has what the clock says is yet to come.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from itertools import pairwise

_EARLIEST = 1.7e9  # seconds since 1970: November 2023, before there were journals


def order(moment: float) -> float:
    """Where a file stands among others, the oldest first; what was written under a clock that nobody had set comes last."""
    return moment if moment >= _EARLIEST else float("inf")


class Ages:
    """Ages in seconds.

    Args:
        moments: at which files of the journal were begun or written, seconds since 1970.
        now: the same, by the clock.
        most: of what a stretch without a moment counts for.
    """

    def __init__(self, moments: Iterable[float], *, now: float, most: float) -> None:
        self._moments = sorted({now, *(moment for moment in moments if _EARLIEST <= moment < now)})
        self._ages, age = [0.0], 0.0
        for later, earlier in pairwise(reversed(self._moments)):
            age += min(later - earlier, most)
            self._ages.append(age)
        self._ages.reverse()

    def of(self, moment: float) -> float:
        """The age of a file that was written at one of the moments."""
        return self._ages[bisect_left(self._moments, moment)] if _EARLIEST <= moment < self._moments[-1] else 0.0
