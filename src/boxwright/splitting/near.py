"""Near-duplicates: pictures that are the same but for saving, size, light or a narrow edge.

Pairs of hashes within a few bits are candidates; each is then looked at: the 32 x 32 grey means of the two must correlate,
allowing a shift of two of these pixels. That second look drops pictures which only have the same broad layout.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from boxwright.errors import BoxwrightError
from boxwright.splitting.fingerprint import SIDE, Fingerprints, means_of
from boxwright.splitting.pairs import pairs_within

RADIUS = 10  # 8 lose 3 of 1,000 altered copies; the second look pays for the two bits more
LEAST_CORRELATION = 0.85
MOST_PAIRS = 5_000_000
_SHIFT = 2
_REMEMBERED = 8192


@dataclass(frozen=True)
class NearPairs:
    """Pairs a < b of near-duplicates: positions, differing bits of 64, correlation of the second look."""

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    bits: NDArray[np.int64]
    correlation: NDArray[np.float64]


def near_pairs(
    prints: Fingerprints,
    pictures: Sequence[Callable[[], bytes]],
    *,
    radius: int = RADIUS,
    wanted: Callable[[NDArray, NDArray], NDArray] = lambda a, b: a != b,
    most: int = MOST_PAIRS,
) -> NearPairs:
    """Near-duplicates among pictures.

    Args:
        prints: their hashes; with `turned`, mirrored and turned copies are found too.
        pictures: how to get the bytes of each, for the second look.
        radius: bits of 64 that may differ.
        wanted: of (m,) positions a and b, (m,) whether a pair is of interest.
        most: candidates at most.
    """
    usable = np.flatnonzero(prints.usable)
    a, b, bits = _candidates(prints, usable, radius, most)
    kept = wanted(a, b)
    a, b, bits = a[kept], b[kept], bits[kept]

    @lru_cache(maxsize=_REMEMBERED)
    def means(k: int) -> NDArray[np.float32]:
        try:
            return means_of(pictures[k]())
        except (BoxwrightError, OSError, cv2.error):
            return np.zeros((SIDE, SIDE), np.float32)

    looks = [_alike(means(i), means(j), prints.turned is not None) for i, j in zip(a.tolist(), b.tolist(), strict=True)]
    correlation = np.array(looks, np.float64).reshape(-1)
    true = correlation >= LEAST_CORRELATION
    return NearPairs(a[true], b[true], bits[true].astype(np.int64), correlation[true])


def _candidates(prints: Fingerprints, usable: NDArray, radius: int, most: int) -> tuple[NDArray, NDArray, NDArray]:
    if prints.turned is None:
        i, j, bits = pairs_within(prints.bits[usable], radius, most=most)
        return usable[i], usable[j], bits
    hashes = np.concatenate([prints.bits[usable], *prints.turned[usable, 1:].T])  # each picture, then its turns
    i, j, bits = pairs_within(hashes, radius, most=most * 8)
    n = len(usable)
    straight = (i < n) & (i != j % n)  # one side as it is, the other in any turn
    i, j, bits = i[straight], j[straight] % n, bits[straight]
    low, high = np.minimum(i, j), np.maximum(i, j)
    order = np.lexsort((bits, high, low))
    low, high, bits = low[order], high[order], bits[order]
    first = np.ones(len(low), np.bool_)
    first[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    return usable[low[first]], usable[high[first]], bits[first]


def _alike(a: NDArray[np.float32], b: NDArray[np.float32], turned: bool) -> float:
    """Best correlation of the middle of one picture with the other, shifted a little and, if asked for, turned."""
    middle = np.ascontiguousarray(a[_SHIFT:-_SHIFT, _SHIFT:-_SHIFT])
    best = 0.0
    views = [v for one in (b, b[:, ::-1], b[::-1], b[::-1, ::-1]) for v in (one, one.T)] if turned else [b]
    for view in views:
        scores = cv2.matchTemplate(np.ascontiguousarray(view), middle, cv2.TM_CCOEFF_NORMED)
        finite = scores[np.isfinite(scores)]
        best = max(best, float(finite.max()) if len(finite) else 0.0)
    return min(best, 1.0)
