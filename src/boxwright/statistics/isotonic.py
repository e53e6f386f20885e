"""Isotonic regression by pooling adjacent violators: the rising step function nearest to what was seen."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray


def isotonic_blocks(x: NDArray, y: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Blocks of the least-squares rising fit of y on x; equal x share a block.

    Args:
        x: (n,) in any order.
        y: (n,).

    Returns:
        (k,) centre, the mean x of each block, strictly rising; (k,) its mean y, strictly rising; (n,) block of each entry.
    """
    distinct, place = np.unique(x, return_inverse=True)
    weight = np.bincount(place, minlength=len(distinct)).astype(np.float64)
    mean = np.bincount(place, np.asarray(y, np.float64), len(distinct)) / weight
    block = _pool_adjacent(mean, weight)
    size = np.bincount(block, weight)
    centre = np.bincount(block, weight * distinct) / size
    return centre, np.bincount(block, weight * mean) / size, block[place]


def isotonic(x: NDArray, y: NDArray) -> NDArray[np.float64]:
    """(n,) value of the rising fit of y on x at each entry."""
    _, value, block = isotonic_blocks(x, y)
    return value[block]


@numba.njit(cache=True, nogil=True)
def _pool_adjacent(mean, weight):
    """(n,) block of each entry: neighbours are pooled until block means rise strictly."""
    n = len(mean)
    value, size, first = np.empty(n), np.empty(n), np.empty(n, np.int64)
    blocks = 0
    for i in range(n):
        value[blocks], size[blocks], first[blocks] = mean[i], weight[i], i
        blocks += 1
        while blocks > 1 and value[blocks - 2] >= value[blocks - 1]:
            together = size[blocks - 2] + size[blocks - 1]
            value[blocks - 2] = (value[blocks - 2] * size[blocks - 2] + value[blocks - 1] * size[blocks - 1]) / together
            size[blocks - 2] = together
            blocks -= 1
    block = np.empty(n, np.int64)
    for k in range(blocks):
        stop = first[k + 1] if k + 1 < blocks else n
        block[first[k] : stop] = k
    return block
