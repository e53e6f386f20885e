"""Which sequence numbers of one writer's epoch were seen, so that what is missing can be counted."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass
class Stretch:
    """Consecutive numbers, from inclusive to exclusive.

    Attributes:
        begin, end: the numbers.
        first_at, last_at: when the first and the last of them were written.
    """

    begin: int
    end: int
    first_at: float
    last_at: float


class Sequence:
    """The numbers seen; as few stretches as there are holes, whatever the order they come in."""

    def __init__(self) -> None:
        self._stretches: list[Stretch] = []

    def add(self, number: int, at: float) -> bool:
        """Note a number; False where it was seen before."""
        seen = self._stretches
        if seen and seen[-1].end == number:  # almost always
            seen[-1].end, seen[-1].last_at = number + 1, at
            return True
        place = bisect_right(seen, number, key=lambda s: s.begin) - 1
        if place >= 0 and number < seen[place].end:
            return False
        if place >= 0 and seen[place].end == number:
            seen[place].end, seen[place].last_at = number + 1, at
        else:
            place += 1
            seen.insert(place, Stretch(number, number + 1, at, at))
        if place + 1 < len(seen) and seen[place + 1].begin == seen[place].end:
            after = seen.pop(place + 1)
            seen[place].end, seen[place].last_at = after.end, after.last_at
        return True

    def mark(self, number: int, at: float) -> None:
        """Numbers stop or begin here: all before it, or all from it on, must be there as well."""
        place = bisect_right(self._stretches, number, key=lambda s: s.begin) - 1
        if place < 0 or number > self._stretches[place].end:
            self._stretches.insert(place + 1, Stretch(number, number, at, at))

    def holes(self, without: Iterable[tuple[int, int]] = ()) -> Iterator[Stretch]:
        """What is missing between the first and the last, but for these (from inclusive to exclusive)."""
        gone = sorted(without)
        for before, after in zip(self._stretches, self._stretches[1:], strict=False):
            begin = before.end
            for first, last in [*gone, (after.begin, after.begin)]:
                end = min(max(first, begin), after.begin)
                if end > begin:
                    yield Stretch(begin, end, before.last_at, after.first_at)
                begin = max(begin, min(last, after.begin))
