"""Chores of the housekeeping thread (`repeating`): changes of state become a line in the log."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from boxwright.serving.observed.logs import Level, note

_QUIET_S = 10.0  # without a refusal: shedding has ended


class Every:
    """Does something at the first look, and again when so many seconds have passed.

    Args:
        seconds: between two times.
        chore: what to do.
        clock: seconds that never go back.
    """

    def __init__(
        self, seconds: float, chore: Callable[[], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds, self._chore, self._clock = seconds, chore, clock
        self._due_at = clock()

    def __call__(self) -> None:
        """One look."""
        if (now := self._clock()) >= self._due_at:
            self._due_at = now + self._seconds
            self._chore()


class Shedding:
    """Notes when refusals for lack of room begin, and when they have ended and how many there were.

    Args:
        refused: how many there were since the start.
        clock: seconds that never go back.
    """

    def __init__(self, refused: Callable[[], float], clock: Callable[[], float] = time.monotonic) -> None:
        self._refused, self._clock = refused, clock
        self._seen = self._before = refused()
        self._last: float | None = None  # when the last one was seen, while shedding

    def __call__(self) -> None:
        """One look."""
        now, count = self._clock(), self._refused()
        if count > self._seen:
            if self._last is None:
                self._before = self._seen
                note("shedding_began", {}, level="warning")
            self._seen, self._last = count, now
        elif self._last is not None and now - self._last > _QUIET_S:
            self._last = None
            note("shedding_ended", {"refused": int(count - self._before)})


class Changes:
    """Notes a condition when it begins and when it is over.

    Args:
        what: the condition's words now; empty when it does not hold.
        began, ended: the events.
        facts: more for both lines.
        level: of the line that says it began.
    """

    def __init__(
        self,
        what: Callable[[], str],
        *,
        began: str,
        ended: str,
        facts: Callable[[], Mapping[str, object]] = dict,
        level: Level = "error",
    ) -> None:
        self._what, self._began, self._ended, self._facts = what, began, ended, facts
        self._level: Level = level
        self._holds = False

    def __call__(self) -> None:
        """One look."""
        words = self._what()
        if words and not self._holds:
            note(self._began, {"reason": words, **self._facts()}, level=self._level)
        elif self._holds and not words:
            note(self._ended, self._facts())
        self._holds = bool(words)
