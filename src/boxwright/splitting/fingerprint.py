"""A picture to 64 bits that stay nearly the same when it is saved again, resized, brightened a little or cut by a little.

The perceptual hash of the DCT kind (Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010; the
pHash of the peers): the picture as 32 x 32 grey means, its cosine transform as two matrix products, and of the 64 slowest
waves (in zigzag order, the mean left out) whether each is above their median. Mirroring and turning a picture only changes
signs and places of these waves, so all eight hashes of a picture come from one transform.

A picture without contrast (a black frame, a blank board) has no such waves, only noise: it is told as flat and not compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import cv2
import numpy as np
from numpy.typing import NDArray

from boxwright.errors import BoxwrightError
from boxwright.splitting.small_grey import small_grey

SIDE = 32
BITS = 64
FLAT = 1.5  # standard deviation of the 32 x 32 means, in grey levels, under which a picture is flat
_AT_ONCE = 512
_WAVES = 11  # per axis; zigzag places 1 to 64 lie within


def _zigzag() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(64,) rows and columns of the slowest waves after the mean, by rising sum and then row."""
    places = sorted((u + v, u, v) for u in range(_WAVES) for v in range(_WAVES))[1 : BITS + 1]
    return np.array([u for _, u, _ in places]), np.array([v for _, _, v in places])


_ROWS, _COLUMNS = _zigzag()
_COSINE = np.cos(np.pi * np.arange(_WAVES)[:, None] * (2 * np.arange(SIDE) + 1) / (2 * SIDE)).astype(np.float32)


@dataclass(frozen=True)
class Fingerprints:
    """Hashes of n pictures.

    Attributes:
        bits: (n,) uint64; 0 where a picture is flat or unreadable.
        usable: (n,) whether the picture can be compared.
        flat: (n,) whether it has no contrast.
        problems: position to why the picture could not be read.
        turned: (n, 8) hashes of the eight mirrored and turned pictures, the picture itself first; None unless asked for.
    """

    bits: NDArray[np.uint64]
    usable: NDArray[np.bool_]
    flat: NDArray[np.bool_]
    problems: dict[int, str]
    turned: NDArray[np.uint64] | None = None


def fingerprints(
    pictures: Iterable[Callable[[], bytes]],
    *,
    turned: bool = False,
    threads: int = 2,
    progress: Callable[[int], None] = lambda _: None,
) -> Fingerprints:
    """Hash many pictures; one that cannot be read is noted and goes without.

    Args:
        pictures: how to get the bytes of each; called in a thread.
        turned: also hash the eight mirrored and turned pictures.
        threads: that decode.
        progress: told how many are done.
    """
    bits, flat, problems = [], [], {}
    done, waiting = 0, iter(pictures)
    with ThreadPoolExecutor(threads) as pool:
        while some := list(islice(waiting, _AT_ONCE)):
            found = list(pool.map(_means_or_why, some, chunksize=16))
            problems.update({done + k: one for k, one in enumerate(found) if isinstance(one, str)})
            blank = np.zeros((SIDE, SIDE), np.float32)
            means = np.stack([blank if isinstance(one, str) else one for one in found])
            flat.append(means.std(axis=(1, 2)) < FLAT)
            bits.append(hash_means(means, turned=turned))
            done += len(some)
            progress(done)
    hashes = np.concatenate(bits) if bits else np.zeros((0, 8 if turned else 1), np.uint64)
    is_flat = np.concatenate(flat) if flat else np.zeros(0, np.bool_)
    unread = np.zeros(done, np.bool_)
    unread[list(problems)] = True
    usable = ~is_flat & ~unread
    hashes[~usable] = 0
    return Fingerprints(hashes[:, 0].copy(), usable, is_flat & ~unread, problems, hashes if turned else None)


def means_of(data: bytes, *, side: int = SIDE, name: str = "picture") -> NDArray[np.float32]:
    """(side, side) grey means of an encoded picture, upright, in [0, 255]; PictureError where it cannot be read."""
    grey = small_grey(data, least_side=side, name=name)
    return np.asarray(cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA), np.float32)


def hash_means(means: NDArray[np.float32], *, turned: bool = False) -> NDArray[np.uint64]:
    """(n, 1) hashes of (n, 32, 32) grey means; (n, 8) of all mirrored and turned pictures when asked for."""
    waves = _COSINE @ means @ _COSINE.T  # (n, 11, 11)
    if not turned:
        return _bits(waves)[:, None]
    sign = np.where(np.arange(_WAVES) % 2, -1, 1).astype(np.float32)
    mirrored = [waves, waves * sign, waves * sign[:, None], waves * sign * sign[:, None]]
    return np.stack([_bits(w) for one in mirrored for w in (one, one.transpose(0, 2, 1))], axis=1)


def _bits(waves: NDArray) -> NDArray[np.uint64]:
    slow = waves[:, _ROWS, _COLUMNS]  # (n, 64)
    above = slow > np.median(slow, axis=1, keepdims=True)
    return np.ascontiguousarray(np.packbits(above, axis=1)).view(np.uint64)[:, 0]


def _means_or_why(read: Callable[[], bytes]) -> NDArray[np.float32] | str:
    try:
        return means_of(read())
    except (BoxwrightError, OSError, cv2.error) as error:
        return str(error)
