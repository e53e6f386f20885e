"""Which box goes with which when nobody comes first: the pairing of largest total gain.

Greedy matching lets the surest choose; between two people there is no surest, so the sum over all pairs decides
(Kuhn, Naval Research Logistics Quarterly 2, 1955; here by shortest augmenting paths, Jonker and Volgenant, Computing 38,
1987). Rows and columns that share no candidate fall apart into small problems, which are solved one by one.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray


def best_pairs(gain: NDArray) -> NDArray[np.int64]:
    """Column that goes with each row, or -1, so that the gains of all pairs sum to the most.

    Args:
        gain: (n, m) gain of each pair; 0 or less where a pair must not be.

    Returns:
        (n,) int64; no column is taken twice.
    """
    return pair_up(np.ascontiguousarray(gain, np.float64))


@numba.njit(cache=True, nogil=True)
def pair_up(gain):
    """`best_pairs` for use inside compiled loops."""
    n, m = gain.shape
    taken = np.full(n, -1, np.int64)
    row_part, column_part = np.full(n, -1, np.int64), np.full(m, -1, np.int64)
    stack = np.empty(n + m, np.int64)
    rows, columns = np.empty(n, np.int64), np.empty(m, np.int64)
    for start in range(n):
        if row_part[start] >= 0:
            continue
        row_part[start] = start
        stack[0], depth, a, b = start, 1, 0, 0
        while depth:  # rows are 0 to n, columns follow
            depth -= 1
            node = stack[depth]
            if node < n:
                rows[a] = node
                a += 1
                for j in range(m):
                    if column_part[j] < 0 and gain[node, j] > 0:
                        column_part[j] = start
                        stack[depth] = n + j
                        depth += 1
            else:
                columns[b] = node - n
                b += 1
                for i in range(n):
                    if row_part[i] < 0 and gain[i, node - n] > 0:
                        row_part[i] = start
                        stack[depth] = i
                        depth += 1
        if a == 1 and b == 1:
            taken[rows[0]] = columns[0]
        elif b > 0:
            _solve(gain, rows[:a], columns[:b], taken)
    return taken


@numba.njit(cache=True, nogil=True)
def _solve(gain, rows, columns, taken):
    """Pair up one part by shortest augmenting paths on -gain; pairs without gain are dropped afterwards."""
    turned = len(rows) > len(columns)
    n, m = (len(columns), len(rows)) if turned else (len(rows), len(columns))
    cost = np.empty((n, m))
    for i in range(n):
        for j in range(m):
            value = gain[rows[j], columns[i]] if turned else gain[rows[i], columns[j]]
            cost[i, j] = -max(value, 0.0)
    u, v = np.zeros(n + 1), np.zeros(m + 1)
    row_of, way = np.zeros(m + 1, np.int64), np.zeros(m + 1, np.int64)
    for i in range(1, n + 1):
        row_of[0], at = i, 0
        least, seen = np.full(m + 1, np.inf), np.zeros(m + 1, np.bool_)
        while True:
            seen[at] = True
            row, delta, then = row_of[at], np.inf, 0
            for j in range(1, m + 1):
                if not seen[j]:
                    reduced = cost[row - 1, j - 1] - u[row] - v[j]
                    if reduced < least[j]:
                        least[j], way[j] = reduced, at
                    if least[j] < delta:
                        delta, then = least[j], j
            for j in range(m + 1):
                if seen[j]:
                    u[row_of[j]] += delta
                    v[j] -= delta
                else:
                    least[j] -= delta
            at = then
            if row_of[at] == 0:
                break
        while at:
            row_of[at] = row_of[way[at]]
            at = way[at]
    for j in range(1, m + 1):
        i = row_of[j]
        if i and cost[i - 1, j - 1] < 0:
            if turned:
                taken[rows[j - 1]] = columns[i - 1]
            else:
                taken[rows[i - 1]] = columns[j - 1]
