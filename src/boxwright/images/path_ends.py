"""Which known path agrees longest with the end of another, without comparing each with each.

A folder per clip with `image.png` in it is usual, so that thousands of paths end alike. Paths lie in a tree by their parts from the last
on. Of each node it is known how many paths end so, by what decides about them further on: the subsets named before that end, their number
of parts, and whether others have their folder too. So a name is met by one walk.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

SUBSET_FOLDERS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test", "dev": "val"}

Parts = Sequence[str]
_Kind = tuple[frozenset[str], int, bool]  # subsets named before the end, number of parts, whether its folder is shared


@lru_cache(1 << 14)
def subset_of_folder(folder: str) -> str:
    """The subset that a folder is named after, such as val for `Valid` or `val2017`; empty for other folders."""
    return SUBSET_FOLDERS.get(folder.lower().rstrip("0123456789"), "")


class _Many:
    """How many paths of each kind, and the sum of their positions: where there is one, that is its position."""

    __slots__ = ("of",)

    def __init__(self) -> None:
        self.of: dict[_Kind, tuple[int, int]] = {}

    def add(self, kind: _Kind, position: int) -> None:
        count, total = self.of.get(kind, (0, 0))
        self.of[kind] = (count + 1, total + position)


class PathEnds:
    """Known paths, each given by its position and its parts.

    Args:
        known: of paths with at least one part.
        shared: folders, as parts, that both sides spell alike.
    """

    def __init__(self, known: Iterable[tuple[int, Parts]], shared: Collection[tuple[str, ...]]) -> None:
        self._next: dict[tuple[int, str], int] = {}
        self._here = [_Many()]  # of each node: the paths that end so
        self._above = [_Many()]  # of each node: the same paths, as they look from the node above
        for position, parts in known:
            self._put(position, parts, tuple(parts[:-1]) in shared)

    def _put(self, position: int, parts: Parts, shared: bool) -> None:
        before, node = _subsets_before(parts), 0
        for length, part in enumerate(reversed(parts), start=1):
            place = self._next.setdefault((node, part), len(self._here))
            if place == len(self._here):
                self._here.append(_Many())
                self._above.append(_Many())
            if length > 1:
                self._above[place].add((before[length - 1], len(parts), shared), position)
            self._here[place].add((before[length], len(parts), shared), position)
            node = place

    def met(self, parts: Parts, *, from_elsewhere: bool) -> tuple[int, int]:
        """How many paths agree longest with the end of this one, and the position of the only one (else meaningless).

        Args:
            parts: of the path.
            from_elsewhere: its folders are those of another place. Else a path in another folder that both sides have is no match.
        """
        way, node = [], 0
        for part in reversed(parts):
            following = self._next.get((node, part))
            if following is None:
                break
            way.append(node := following)
        before = _subsets_before(parts)
        for length in range(len(way), 0, -1):
            longer = self._above[way[length]].of if length < len(way) else {}
            found, any_agrees = [0, 0], False
            for kind, (count, total) in self._here[way[length - 1]].of.items():
                other, other_total = longer.get(kind, (0, 0))
                subsets, parts_of_it, shared = kind
                if count == other or (before[length] and subsets and not before[length] & subsets):
                    continue
                any_agrees = True
                beside = shared and parts_of_it == len(parts) > length
                if from_elsewhere or not beside:
                    found = [found[0] + count - other, found[1] + total - other_total]
            if any_agrees:
                return found[0], found[1]
        return 0, 0


def _subsets_before(parts: Parts) -> list[frozenset[str]]:
    """By how many last parts agree, the subsets that the parts before them are named after."""
    found: list[frozenset[str]] = [frozenset()]
    for part in parts:
        subset = subset_of_folder(part)
        found.append(found[-1] | {subset} if subset and subset not in found[-1] else found[-1])
    return found[::-1]
