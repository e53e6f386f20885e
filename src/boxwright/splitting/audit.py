"""A given split, held against its pictures: what is on two sides and should not be.

Five kinds of leak, from what is certain to what is likely:

    exact     the same bytes (or one picture listed on two sides); distance 0
    near      the same picture saved again, resized, a little brighter or cut; distance: differing bits of 64
    overlap   two pictures that share a part at another place; distance: 1 - correlation of the part
    group     the same group (photo, clip, board) by a table or by the file name; distance 0
    time      taken within the window by the same camera; distance: seconds

Exact, near and overlap are given pair by pair; a pair is told once, under the first kind that holds. Group and time are told
once per picture of the later side, with one partner. Sides stand in the order train, val, test, then others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxwright.errors import InputError
from boxwright.splitting.confirmed import agreeing, confirmed_by
from boxwright.splitting.fingerprint import Fingerprints, fingerprints
from boxwright.splitting.names import Guess, guesses
from boxwright.splitting.near import RADIUS, near_pairs
from boxwright.splitting.overlap import overlaps
from boxwright.splitting.side_lists import in_order
from boxwright.splitting.when import nearest_in_time
from boxwright.store.digest import digest_of_bytes

KINDS = ("exact", "near", "overlap", "group", "time")
OVERLAP_UP_TO = 20_000  # pictures for which overlap is looked for unless asked otherwise
_MOST_SAME = 200  # pictures with the same bytes told pair by pair on a side

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Sided:
    """Pictures and their sides.

    Attributes:
        file_names: (n,) with those that are listed but absent.
        side: (n,) side of each.
        read: (n,) how to get the bytes; None where the picture is absent.
        twice: (name, side, other side) of pictures listed on two sides.
    """

    file_names: Sequence[str]
    side: Sequence[str]
    read: Sequence[Callable[[], bytes] | None]
    twice: Sequence[tuple[str, str, str]] = ()


@dataclass(frozen=True)
class Leak:
    """One thing on two sides.

    Attributes:
        kind: one of KINDS.
        a, b: file names; a is on the earlier side.
        side_a, side_b: their sides.
        distance: see the opening of this file.
        why: for people: the group, the shift, the seconds.
        shift_xy: of an overlap, where b's left upper corner lies in a, in pixels.
    """

    kind: str
    a: str
    b: str
    side_a: str
    side_b: str
    distance: float
    why: str = ""
    shift_xy: tuple[float, float] | None = None


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        leaks: by kind, then by sides, then by distance.
        pictures: side to its number of pictures.
        leaky: side to how many of its pictures leak from an earlier side, by kind and in all.
        suggestions: guessed patterns of groups, with how many groups lie on two sides.
        problems: pictures that could not be looked at: (name, why).
        flat: pictures without contrast, compared by their bytes only.
        looked: what was looked for, in words, for people.
    """

    leaks: tuple[Leak, ...]
    pictures: Mapping[str, int]
    leaky: Mapping[str, Mapping[str, int]]
    suggestions: tuple[Mapping[str, Any], ...] = ()
    problems: tuple[tuple[str, str], ...] = ()
    flat: int = 0
    looked: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Window:
    """Moments that must not be on two sides.

    Attributes:
        times: (n,) seconds, NaN where unknown.
        within_s: closer than this, inclusive.
        cameras: (n,) camera of each; pictures of two cameras are not held near in time. None: all are of one.
    """

    times: NDArray[np.float64]
    within_s: float
    cameras: Sequence[str] | None = None


@dataclass(frozen=True)
class Alike:
    """When two pictures are taken for one.

    Attributes:
        radius: bits of 64 that near-duplicates may differ in.
        turned: also find mirrored and turned copies.
        overlap: look for shared parts; None: up to OVERLAP_UP_TO pictures.
    """

    radius: int = RADIUS
    turned: bool = False
    overlap: bool | None = None

    def looks_for_parts(self, pictures: int) -> bool:
        """Whether shared parts are looked for among so many."""
        return pictures <= OVERLAP_UP_TO if self.overlap is None else self.overlap


def audit(
    sided: Sided,
    *,
    groups: Sequence[str | None] | None = None,
    window: Window | None = None,
    alike: Alike = Alike(),
    threads: int = 2,
    progress: Progress = lambda *_: None,
) -> Audit:
    """Every leak between the sides.

    Args:
        sided: the pictures.
        groups: (n,) group of each, None where it has none.
        window: of time; None: times are not looked at.
        alike: when two pictures are taken for one.
        threads: that decode.
        progress: told what is done, how many, of how many.

    Raises:
        InputError: all pictures are on one side.
    """
    names, n = list(sided.file_names), len(sided.file_names)
    order = in_order([*sided.side, *(other for _, _, other in sided.twice)])
    if len(order) < 2:
        raise InputError(
            f"All {n} pictures are on the side '{order[0] if order else ''}'; a leak is between two sides. Name the others with --splits."
        )
    side = np.array([order.index(s) for s in sided.side], np.int64)
    tell = _Teller(names, [order[s] for s in side], side)
    for name, one, other in sided.twice:
        tell.leaks.append(Leak("exact", name, name, one, other, 0.0, "listed on both sides"))
    prints, here = _pictures(tell, sided, side, alike, threads, progress)
    suggestions, believed = _guessed(names, side, order, tell.pairs(), groups)
    if groups is not None:
        _groups(tell, groups, side, "group")
    elif believed is not None:
        _groups(tell, believed.groups, side, "group by the file name")
    if window is not None:
        _times(tell, window.times, window.cameras or [""] * n, side, window.within_s)
    looked = ["exact", "near"] + ["overlap"] * alike.looks_for_parts(len(here))
    looked += ["group"] * bool(groups is not None or believed) + ["time"] * (window is not None)
    return Audit(
        leaks=tuple(sorted(tell.leaks, key=lambda l: (KINDS.index(l.kind), order.index(l.side_a), order.index(l.side_b), l.distance, l.b, l.a))),  # noqa: E741
        pictures={name: int((side == k).sum()) for k, name in enumerate(order)},
        leaky=_leaky(tell.leaks, order),
        suggestions=tuple(suggestions),
        problems=tuple((names[here[k]], why) for k, why in sorted(prints.problems.items())),
        flat=int(prints.flat.sum()),
        looked=tuple(looked),
    )  # fmt: skip


def _pictures(
    tell: _Teller, sided: Sided, side: NDArray, alike: Alike, threads: int, progress: Progress
) -> tuple[Fingerprints, NDArray[np.int64]]:
    """Leaks that the pictures themselves show; their fingerprints, and the positions of those at hand."""
    here = np.array([k for k, read in enumerate(sided.read) if read is not None], np.int64)
    read = [one for one in sided.read if one is not None]

    def on_two_sides(a: NDArray, b: NDArray) -> NDArray[np.bool_]:
        return side[here[a]] != side[here[b]]

    _exact(tell, here, read, threads, progress)
    prints = fingerprints(
        read, turned=alike.turned, threads=threads, progress=lambda d: progress("hashing", d, len(read))
    )
    near = near_pairs(prints, read, radius=alike.radius, wanted=on_two_sides)
    for a, b, bits in zip(here[near.a], here[near.b], near.bits, strict=True):
        tell("near", a, b, float(bits), f"{bits} of 64 bits differ")
    if alike.looks_for_parts(len(here)):
        found = overlaps(read, wanted=on_two_sides, threads=threads, progress=lambda d: progress("parts", d, len(read)))
        for k, (a, b) in enumerate(zip(here[found.a], here[found.b], strict=True)):
            distance, why = round(1 - float(found.correlation[k]), 4), f"{found.share[k]:.0%} of the smaller is shared"
            tell("overlap", a, b, distance, why, found.shift_xy[k])
    return prints, here


class _Teller:
    """Collects leaks; a pair of pictures is told once."""

    def __init__(self, names: Sequence[str], sides: Sequence[str], rank: NDArray) -> None:
        self.leaks: list[Leak] = []
        self._names, self.sides, self._rank = names, sides, rank
        self._told: dict[tuple[int, int], str] = {}

    def __call__(self, kind: str, a: int, b: int, distance: float, why: str, shift: NDArray | None = None) -> None:
        ahead = self._rank[a] <= self._rank[b]
        a, b = (int(a), int(b)) if ahead else (int(b), int(a))
        if (a, b) in self._told and kind in KINDS[:3]:
            return
        self._told.setdefault((a, b), kind)
        names, sides = self._names, self.sides
        xy = None if shift is None else (float(shift[0]) * (1 if ahead else -1), float(shift[1]) * (1 if ahead else -1))
        self.leaks.append(Leak(kind, names[a], names[b], sides[a], sides[b], distance, why, xy))

    def pairs(self) -> list[tuple[int, int]]:
        """Positions of all pairs told so far."""
        return list(self._told)


def _exact(tell: _Teller, here: NDArray, read: Sequence[Callable[[], bytes]], threads: int, progress: Progress) -> None:
    """Pictures with the same bytes on two sides."""

    def digest(one: Callable[[], bytes]) -> str:
        try:
            return digest_of_bytes(one())
        except OSError:
            return ""

    same: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    with ThreadPoolExecutor(threads) as pool:
        for done, (row, found) in enumerate(zip(here.tolist(), pool.map(digest, read, chunksize=64), strict=True), 1):
            if found:
                same[found][str(tell.sides[row])].append(row)
            progress("reading", done, len(read))
    for by_side in same.values():
        sides = list(by_side)
        for k, one in enumerate(sides):
            for other in sides[k + 1 :]:
                for a in by_side[one][:_MOST_SAME]:
                    for b in by_side[other][:_MOST_SAME]:
                        tell("exact", a, b, 0.0, "the same bytes")


def _groups(tell: _Teller, groups: Sequence[str | None], side: NDArray, word: str) -> None:
    """Each picture whose group is also on an earlier side, with the first picture of the group there."""
    first: dict[str, dict[int, int]] = defaultdict(dict)
    for row, group in enumerate(groups):
        if group is not None:
            first[group].setdefault(int(side[row]), row)
    for row, group in enumerate(groups):
        if group is None:
            continue
        for rank, partner in sorted(first[group].items()):
            if rank < side[row]:
                tell("group", partner, row, 0.0, f"{word} {group}")


def _times(tell: _Teller, times: NDArray, cameras: Sequence[str], side: NDArray, within_s: float) -> None:
    """Each picture that was taken within the window of one on an earlier side, with the nearest there."""
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, camera in enumerate(cameras):
        rows_of[camera].append(row)
    for rows in rows_of.values():
        positions = np.array(rows, np.int64)
        for later in sorted(set(side[positions].tolist())):
            for earlier in range(later):
                of, among = positions[side[positions] == later], positions[side[positions] == earlier]
                nearest, gap = nearest_in_time(times, among, of)
                for k in np.flatnonzero(gap <= within_s):
                    tell("time", int(nearest[k]), int(of[k]), round(float(gap[k]), 3), f"{gap[k]:.3g} s apart")


def _guessed(
    names: Sequence[str], side: NDArray, order: Sequence[str], pixels: Sequence[tuple[int, int]], groups: Any
) -> tuple[list[dict[str, Any]], Guess | None]:
    """Guessed groups that lie on two sides, and the one that the pictures themselves confirm, if no group is given."""
    told, believed = [], []
    for guess in guesses(names):
        sides_of: dict[str, set[int]] = defaultdict(set)
        for row, group in enumerate(guess.groups):
            if group is not None:
                sides_of[group].add(int(side[row]))
        straddling = {group for group, found in sides_of.items() if len(found) > 1}
        if not straddling:
            continue
        agree = agreeing(guess.groups, pixels)
        confirmed = confirmed_by(guess.groups, pixels)
        told.append(
            {
                "pattern": guess.pattern,
                "about": guess.about,
                "groups": len(sides_of),
                "straddling": len(straddling),
                "pictures": {s: sum(g in straddling for g, r in zip(guess.groups, side, strict=True) if r == k) for k, s in enumerate(order)},
                "groups_of": {s: len({g for g, r in zip(guess.groups, side, strict=True) if r == k and g in straddling}) for k, s in enumerate(order)},
                "pairs_confirming": agree,
                "pairs_in_pixels": len(pixels),
                "confirmed": bool(confirmed and groups is None),
            }
        )  # fmt: skip
        if confirmed and groups is None:
            believed.append(guess)
    return told, believed[0] if believed else None


def _leaky(leaks: Sequence[Leak], order: Sequence[str]) -> dict[str, dict[str, int]]:
    """Side to how many of its pictures leak from an earlier side, by kind and in all."""
    found: dict[str, dict[str, set[str]]] = {name: defaultdict(set) for name in order[1:]}
    for leak in leaks:
        found[leak.side_b][leak.kind].add(leak.b)
        found[leak.side_b]["any"].add(leak.b)
    return {
        name: {kind: len(kinds[kind]) for kind in (*KINDS, "any") if kinds.get(kind)} for name, kinds in found.items()
    }
