"""All pairs of 64-bit hashes that differ in at most r bits: exactly, without a miss.

Few hashes are compared each with each, a compiled count of differing bits per pair. Many are found by multi-index hashing
(Norouzi, Punjani, Fleet, Fast Search in Hamming Space with Multi-Index Hashing, CVPR 2012): cut 64 bits into four of 16.
If two hashes differ in at most r = 4 q + a bits, then in one of the first a + 1 parts they differ in at most q bits, or in
one of the others in at most q - 1; so only pairs that are that near in one part are looked at. Hashes are laid out sorted by
the part, so that a look is a walk over neighbours, and a pair is given by the first part that finds it, hence once.
"""

from __future__ import annotations

from itertools import combinations

import numba
import numpy as np
from numpy.typing import NDArray

MANY = 4_000  # hashes from which on parts pay
_PARTS = 4
_PART_BITS = 16
_FIRST_ROOM = 1 << 16


def pairs_within(bits: NDArray[np.uint64], radius: int, *, most: int | None = None) -> tuple[NDArray, NDArray, NDArray]:
    """Every pair i < j of hashes that differ in at most `radius` bits.

    Args:
        bits: (n,) uint64.
        radius: 0 to 64, inclusive.
        most: stop after so many pairs; None: all.

    Returns:
        (m,) i, (m,) j as int64 and (m,) uint8 distance, by rising i and then j where all were wanted.
    """
    bits = np.ascontiguousarray(bits, np.uint64)
    found = _by_parts(bits, radius, most) if len(bits) >= MANY and radius < 20 else _each_with_each(bits, radius, most)
    order = np.lexsort((found[1], found[0]))
    return found[0][order].astype(np.int64), found[1][order].astype(np.int64), found[2][order]


def _each_with_each(bits: NDArray[np.uint64], radius: int, most: int | None) -> tuple[NDArray, NDArray, NDArray]:
    room = _FIRST_ROOM
    while True:
        i, j, d = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.uint8)
        n = _walk_all(bits, radius, i, j, d)
        if n <= room or (most is not None and room >= most):
            n = min(n, room if most is None else min(room, most))
            return i[:n], j[:n], d[:n]
        room = n if most is None else min(n, most)


def _by_parts(bits: NDArray[np.uint64], radius: int, most: int | None) -> tuple[NDArray, NDArray, NDArray]:
    reach = np.array([radius // _PARTS - (part > radius % _PARTS) for part in range(_PARTS)], np.int64)
    kept: list[tuple[NDArray, NDArray, NDArray]] = []
    total = 0
    for part in range(_PARTS):
        if reach[part] < 0:
            continue
        shift = np.uint64(_PART_BITS * part)
        key = ((bits >> shift) & np.uint64(0xFFFF)).astype(np.uint16)
        order = np.argsort(key, kind="stable").astype(np.int32)
        starts = np.concatenate([[0], np.cumsum(np.bincount(key, minlength=1 << _PART_BITS))]).astype(np.int64)
        masks = np.array(
            [sum(1 << b for b in flipped) for count in range(reach[part] + 1) for flipped in combinations(range(_PART_BITS), count)],
            np.int64,
        )  # fmt: skip
        room = _FIRST_ROOM
        laid_out = bits[order]
        while True:
            i, j, d = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.uint8)
            n = _walk_part(laid_out, order, starts, masks, radius, part, reach, i, j, d)
            if n <= room or (most is not None and total + room >= most):
                break
            room = n if most is None else min(n, most)
        n = min(n, room)
        kept.append((i[:n].copy(), j[:n].copy(), d[:n].copy()))
        total += n
        if most is not None and total >= most:
            break
    columns = [np.concatenate([one[c] for one in kept]) for c in range(3)]
    return (columns[0], columns[1], columns[2]) if most is None else tuple(c[:most] for c in columns)  # type: ignore[return-value]


@numba.njit(cache=True, nogil=True, inline="always")
def _count(x):
    """Bits that are set in a uint64."""
    x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))


@numba.njit(cache=True, nogil=True)
def _walk_all(bits, radius, out_i, out_j, out_d):
    """How many pairs there are; as many as there is room for are written."""
    n, room = 0, len(out_i)
    for i in range(len(bits)):
        one = bits[i]
        for j in range(i + 1, len(bits)):
            d = _count(one ^ bits[j])
            if d <= radius:
                if n < room:
                    out_i[n], out_j[n], out_d[n] = i, j, d
                n += 1
    return n


@numba.njit(cache=True, nogil=True)
def _walk_part(laid_out, order, starts, masks, radius, part, reach, out_i, out_j, out_d):
    """The same for pairs whose first part that is near enough is this one."""
    n, room = 0, len(out_i)
    for key in range(len(starts) - 1):
        first, last = starts[key], starts[key + 1]
        if first == last:
            continue
        for m in range(len(masks)):
            other = key ^ masks[m]
            if other < key:
                continue
            begin, end = starts[other], starts[other + 1]
            for a in range(first, last):
                one = laid_out[a]
                for b in range(a + 1 if other == key else begin, end):
                    differing = one ^ laid_out[b]
                    d = _count(differing)
                    if d > radius:
                        continue
                    earlier = False
                    for p in range(part):
                        seen = _count((differing >> np.uint64(16 * p)) & np.uint64(0xFFFF))
                        if seen <= reach[p]:
                            earlier = True
                            break
                    if earlier:
                        continue
                    if n < room:
                        i, j = order[a], order[b]
                        out_i[n], out_j[n], out_d[n] = min(i, j), max(i, j), d
                    n += 1
    return n
