"""Pictures that share a part at another place: tiles of one photo, frames of a moving camera.

A hash of the whole picture cannot see that; small parts can. At a quarter of the size, points are taken where the picture
differs most from its surroundings (extrema of a difference of Gaussians: they stay where they are when the picture is cut
elsewhere) and is no straight edge, and the 16 x 16 pixels around each are hashed like a picture is (`fingerprint`). Hashes of all points of all
pictures are paired within a few bits; two pictures whose points agree on one displacement share a part if what they then
have in common also correlates, pixel by pixel. Parts must have the same scale and stand upright: other zooms or turns are
not found, nor is what both have in common smaller than about 80 x 80 pixels or without texture.

Patterns that repeat (fabric, boards, fences) give the same hash at many points; hashes that too many points share are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from boxwright.errors import BoxwrightError
from boxwright.splitting.fingerprint import SIDE, hash_means
from boxwright.splitting.pairs import pairs_within
from boxwright.splitting.small_grey import grey_by

FACTOR = 4  # reduction at which points are looked for
RADIUS = 6  # bits of 64 that two views of one point may differ in
LEAST_VOTES = 4  # points that must agree on a displacement
LEAST_CORRELATION = 0.85  # of the common part
_PATCH = 16
_BLUR = 1.6  # reduced pixels, on top of the first, so that half a reduced pixel of shift changes few bits
_APART = 5  # reduced pixels between points
_MOST_POINTS = 256  # a picture
_LEAST_CORNER = (
    0.08  # smaller over larger eigenvalue of the structure tensor: along a straight edge a place is not known
)
_LEAST_CONTRAST = 4.0  # grey levels of the difference of Gaussians
_MOST_ALIKE = 24  # points with one hash, over all pictures
_MOST_PAIRS = 20_000_000
_BIN = 4.0  # reduced pixels within which displacements agree
_LEAST_SIDE = 12  # of the common part, in reduced pixels
_MOST_SHIFTS = 3  # displacements tried for a pair of pictures


@dataclass(frozen=True)
class Overlaps:
    """Pairs of pictures that share a part.

    Attributes:
        a, b: (m,) positions, a < b.
        shift_xy: (m, 2) where b's left upper corner lies in a, in pixels of the original.
        correlation: (m,) of the common part, at most 1.
        share: (m,) common part's share of the smaller picture.
    """

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    shift_xy: NDArray[np.float64]
    correlation: NDArray[np.float64]
    share: NDArray[np.float64]


def overlaps(
    pictures: Sequence[Callable[[], bytes]],
    *,
    wanted: Callable[[NDArray, NDArray], NDArray] = lambda a, b: a != b,
    threads: int = 2,
    progress: Callable[[int], None] = lambda _: None,
) -> Overlaps:
    """Pairs of pictures that share a part.

    Args:
        pictures: how to get the bytes of each; what cannot be read shares nothing.
        wanted: of (m,) positions a and b, (m,) whether a pair is of interest; the others are not looked at.
        threads: that decode.
        progress: told how many pictures are done.
    """
    of_picture, places, hashes = _all_points(pictures, threads, progress)
    common = _not_common(hashes)
    of_picture, places, hashes = of_picture[common], places[common], hashes[common]
    i, j, _ = pairs_within(hashes, RADIUS, most=_MOST_PAIRS)
    a, b = of_picture[i], of_picture[j]
    kept = (a != b) & wanted(a, b)
    i, j, a, b = i[kept], j[kept], a[kept], b[kept]
    pair_a, pair_b, shifts = _votes(a, b, places[i] - places[j], len(pictures))
    return _verified(pictures, pair_a, pair_b, shifts)


def points(grey: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.uint64]]:
    """(n, 2) x and y of the points of a reduced picture, the strongest first, and their (n,) hashes."""
    half = _PATCH // 2
    if min(grey.shape) < _PATCH + 2:
        return np.zeros((0, 2), np.float32), np.zeros(0, np.uint64)
    smooth = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 1.2)
    strength = np.abs(smooth - cv2.GaussianBlur(smooth, (0, 0), 2.4))
    window = np.ones((2 * _APART + 1, 2 * _APART + 1), np.uint8)
    peak = (strength == cv2.dilate(strength, window)) & (strength > _LEAST_CONTRAST)
    values = cv2.cornerEigenValsAndVecs(smooth, 9, 3)[:, :, :2]  # of the structure tensor
    peak &= values.min(axis=2) > _LEAST_CORNER * values.max(axis=2)
    peak[:half], peak[-half:], peak[:, :half], peak[:, -half:] = False, False, False, False
    y, x = np.nonzero(peak)
    order = np.argsort(-strength[y, x], kind="stable")[:_MOST_POINTS]
    y, x = y[order], x[order]
    if not len(y):
        return np.zeros((0, 2), np.float32), np.zeros(0, np.uint64)
    around = np.arange(-half, half)
    patches = cv2.GaussianBlur(smooth, (0, 0), _BLUR)[
        (y[:, None] + around)[:, :, None], (x[:, None] + around)[:, None, :]
    ]  # (n, 16, 16)
    means = np.repeat(np.repeat(patches, SIDE // _PATCH, axis=1), SIDE // _PATCH, axis=2)
    return np.stack([x, y], axis=1).astype(np.float32), hash_means(means.astype(np.float32))[:, 0]


def _all_points(
    pictures: Sequence[Callable[[], bytes]], threads: int, progress: Callable[[int], None]
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.uint64]]:
    """Points of all pictures: whose they are, where they lie, and their hashes."""

    def one(read: Callable[[], bytes]) -> tuple[NDArray[np.float32], NDArray[np.uint64]]:
        try:
            return points(grey_by(read(), FACTOR))
        except (BoxwrightError, OSError, cv2.error):
            return np.zeros((0, 2), np.float32), np.zeros(0, np.uint64)

    places, hashes, counts = [np.zeros((0, 2), np.float32)], [np.zeros(0, np.uint64)], []
    with ThreadPoolExecutor(threads) as pool:
        for done, (place, bits) in enumerate(pool.map(one, pictures, chunksize=16), start=1):
            places.append(place)
            hashes.append(bits)
            counts.append(len(bits))
            progress(done)
    return np.repeat(np.arange(len(counts)), counts), np.concatenate(places), np.concatenate(hashes)


def _not_common(hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """(n,) whether few enough points have this hash."""
    _, index, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    return counts[index] <= _MOST_ALIKE


def _votes(a: NDArray, b: NDArray, shift: NDArray, n: int) -> tuple[NDArray, NDArray, list[NDArray]]:
    """Pairs with enough points that agree on a displacement, and the displacements to try, in reduced pixels."""
    if not len(a):
        return np.zeros(0, np.int64), np.zeros(0, np.int64), []
    swap = a > b
    a, b = np.where(swap, b, a), np.where(swap, a, b)
    shift = np.where(swap[:, None], -shift, shift)
    tried: dict[tuple[int, int], list[tuple[int, NDArray]]] = {}
    for offset_x, offset_y in ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.5, 0.5)):  # so that no bin's edge parts the votes
        cell = np.floor(shift / _BIN + np.array([offset_x, offset_y])).astype(np.int64) + (1 << 14)
        key = ((a * n + b) << 30) + (cell[:, 0] << 15) + cell[:, 1]
        _, first, inverse, votes = np.unique(key, return_index=True, return_inverse=True, return_counts=True)
        enough = np.flatnonzero(votes >= LEAST_VOTES)
        sums = np.stack([np.bincount(inverse, shift[:, c], len(votes)) for c in range(2)], axis=1)
        for k in enough:
            pair = (int(a[first[k]]), int(b[first[k]]))
            tried.setdefault(pair, []).append((int(votes[k]), sums[k] / votes[k]))
    pairs = sorted(tried)
    shifts = [np.array([s for _, s in sorted(tried[p], key=lambda one: -one[0])[:_MOST_SHIFTS]]) for p in pairs]
    return np.array([p[0] for p in pairs], np.int64), np.array([p[1] for p in pairs], np.int64), shifts


def _verified(pictures: Sequence[Callable[[], bytes]], a: NDArray, b: NDArray, shifts: list[NDArray]) -> Overlaps:
    """The pairs whose common part correlates, each with its best displacement."""

    @lru_cache(maxsize=256)
    def grey(k: int) -> NDArray[np.float32]:
        small = grey_by(pictures[k](), FACTOR).astype(np.float32)
        return np.asarray(cv2.GaussianBlur(small, (0, 0), 1.2), np.float32)

    kept: list[tuple[int, int, float, float, float, float]] = []
    for one, other, tried in zip(a.tolist(), b.tolist(), shifts, strict=True):
        found = [_correlation(grey(one), grey(other), shift) for shift in tried]
        correlation, share, x, y = max(found)
        if correlation >= LEAST_CORRELATION:
            kept.append((one, other, x * FACTOR, y * FACTOR, correlation, share))
    table = np.array(kept, np.float64).reshape(-1, 6)
    return Overlaps(table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2:4], table[:, 4], table[:, 5])


def _correlation(a: NDArray, b: NDArray, shift: NDArray) -> tuple[float, float, float, float]:
    """Best correlation of the common part near a displacement, its share of the smaller picture, and the displacement."""
    best = (-1.0, 0.0, 0.0, 0.0)
    centre = np.round(shift).astype(int)
    for x in range(centre[0] - 1, centre[0] + 2):
        for y in range(centre[1] - 1, centre[1] + 2):
            left, top = max(x, 0), max(y, 0)
            right, bottom = min(a.shape[1], x + b.shape[1]), min(a.shape[0], y + b.shape[0])
            if right - left < _LEAST_SIDE or bottom - top < _LEAST_SIDE:
                continue
            of_a = a[top:bottom, left:right].astype(np.float32)
            of_b = b[top - y : bottom - y, left - x : right - x].astype(np.float32)
            share = of_a.size / min(a.size, b.size)
            best = max(best, (correlate(of_a, of_b), share, float(x), float(y)))
    return best


def correlate(a: NDArray, b: NDArray) -> float:
    """Pearson's correlation of two pictures of one size, in [-1, 1]; 0 where one of them has no contrast."""
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / size if size > 1e-3 else 0.0
