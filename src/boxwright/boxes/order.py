"""Stable orders in linear time: by falling score, and by a small whole number such as a picture or a class.

Sorting by comparison is the dearest step of an evaluation of half a million detections; scores are sorted by the digits
of their bit pattern instead (least significant first), whole numbers by counting. Both keep equals in input order.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

_DIGIT = 11
_SIGN = np.uint64(1 << 63)


def falling(score: NDArray, *, order: NDArray | None = None) -> NDArray[np.int32]:
    """(n,) order in which scores fall; equals keep the order they had.

    Args:
        score: (n,) float64, finite.
        order: (n,) int32 order to start from; the input's when None.
    """
    bits = (np.asarray(score, np.float64) + 0.0).view(np.uint64)  # + 0.0: minus zero is zero
    rising = np.where(bits & _SIGN != 0, ~bits, bits | _SIGN)
    start = np.arange(len(bits), dtype=np.int32) if order is None else order.astype(np.int32)
    return _by_digits(~rising, start)


def grouped(key: NDArray, groups: int, *, order: NDArray | None = None) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Order by rising key, equals as they were, and where each key starts.

    Args:
        key: (n,) whole numbers from 0 to groups - 1.
        groups: how many keys there are.
        order: (n,) int32 order to start from; the input's when None.

    Returns:
        (n,) order; (groups + 1,) starts into it.
    """
    key = np.array(key, np.int32)
    start = np.arange(len(key), dtype=np.int32) if order is None else order.astype(np.int32)
    return _by_counting(key, groups, start)


@numba.njit(cache=True, nogil=True)
def _by_digits(key, order):
    size = 1 << _DIGIT
    other = np.empty_like(order)
    for shift in range(0, 64, _DIGIT):
        counts = np.zeros(size + 1, np.int64)
        for i in range(len(key)):
            counts[((key[i] >> np.uint64(shift)) & np.uint64(size - 1)) + np.uint64(1)] += 1
        alike = False
        for digit in range(size):
            alike = alike or counts[digit + 1] == len(key)
            counts[digit + 1] += counts[digit]
        if alike:
            continue  # one digit for all
        for i in range(len(order)):
            row = order[i]
            digit = (key[row] >> np.uint64(shift)) & np.uint64(size - 1)
            other[counts[digit]] = row
            counts[digit] += 1
        order, other = other, order
    return order


@numba.njit(cache=True, nogil=True)
def _by_counting(key, groups, order):
    starts = np.zeros(groups + 1, np.int64)
    for i in range(len(key)):
        starts[key[i] + 1] += 1
    for group in range(groups):
        starts[group + 1] += starts[group]
    at = starts[:-1].copy()
    ordered = np.empty_like(order)
    for i in range(len(order)):
        row = order[i]
        ordered[at[key[row]]] = row
        at[key[row]] += 1
    return ordered, starts
