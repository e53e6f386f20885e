"""Which sequence numbers of one writer's epoch were seen, and with what content, so that what is missing can be counted."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter


@dataclass
class Stretch:
    """Consecutive numbers, from inclusive to exclusive.

    Attributes:
        begin, end: the numbers.
        first_at, last_at: when the first and the last of them were written.
        checksums: of the content of each, 32 bits.
    """

    begin: int
    end: int
    first_at: float
    last_at: float
    checksums: array[int] = field(default_factory=lambda: array("I"))


class Sequence:
    """The numbers seen. What comes in order costs nothing; what comes late is sorted in once, at the end."""

    def __init__(self) -> None:
        self._stretches: list[Stretch] = []  # in order, as they came
        self._late: dict[int, tuple[float, int]] = {}
        self._marks: dict[int, float] = {}
        self._others: dict[int, set[int]] = {}  # all contents of a number that has several

    def add(self, number: int, at: float, checksum: int = 0) -> bool:
        """Note a number and the CRC-32 of what was written under it; False where the same was seen before.

        A number may stand for several records: where a writer was copied with its memory, as a snapshot of a machine does, both went on
        from there. None of them is a duplicate.
        """
        seen = self._stretches
        if not seen or number > seen[-1].end:
            seen.append(Stretch(number, number + 1, at, at, array("I", [checksum])))
        elif seen[-1].end == number:  # almost always
            seen[-1].end, seen[-1].last_at = number + 1, at
            seen[-1].checksums.append(checksum)
        else:
            place = bisect_right(seen, number, key=_begin) - 1
            if place >= 0 and number < seen[place].end:
                return self._is_other(number, seen[place].checksums[number - seen[place].begin], checksum)
            if number in self._late:
                return self._is_other(number, self._late[number][1], checksum)
            self._late[number] = (at, checksum)
            return True
        known = self._late.pop(number, None)
        return known is None or self._is_other(number, known[1], checksum)

    def _is_other(self, number: int, known: int, checksum: int) -> bool:
        """Whether a number that was seen comes with a content that was not."""
        others = self._others.get(number)
        if checksum == known or (others is not None and checksum in others):
            return False
        self._others.setdefault(number, {known}).add(checksum)
        return True

    def mark(self, number: int, at: float) -> None:
        """Numbers stop or begin here: all before it, or all from it on, must be there as well."""
        self._marks.setdefault(number, at)

    def holes(self, without: Iterable[tuple[int, int]] = ()) -> Iterator[Stretch]:
        """What is missing between the first and the last, but for these (from inclusive to exclusive)."""
        late = (Stretch(number, number + 1, at, at) for number, (at, _) in self._late.items())
        marks = (Stretch(number, number, at, at) for number, at in self._marks.items())
        gone = (Stretch(first, last, _NEVER, _NEVER) for first, last in without if last > first)
        end: int | None = None
        last_at, ends = 0.0, self._ends()
        for stretch in sorted((*self._stretches, *late, *marks, *gone), key=_begin):
            if ends is None or (stretch.first_at == _NEVER and stretch.end <= ends[0]) or stretch.begin > ends[1]:
                continue
            begin = max(stretch.begin, ends[0])
            if end is not None and begin > end:
                yield Stretch(end, begin, last_at, last_at if stretch.first_at == _NEVER else stretch.first_at)
            if stretch.first_at != _NEVER and (end is None or stretch.end >= end):
                last_at = stretch.last_at
            end = stretch.end if end is None else max(end, stretch.end)
        if ends is not None and end is not None and end < ends[1]:  # nothing but deletions lies at the end
            yield Stretch(end, ends[1], last_at, last_at)

    def _ends(self) -> tuple[int, int] | None:
        """The first number, and the one after the last."""
        begins = [*(s.begin for s in self._stretches[:1]), *self._late, *self._marks]
        ends = [*(s.end for s in self._stretches[-1:]), *(number + 1 for number in self._late), *self._marks]
        return (min(begins), max(ends)) if begins else None


_NEVER = float("-inf")
_begin = attrgetter("begin")
