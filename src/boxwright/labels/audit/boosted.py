"""A small gradient-boosted classifier: symmetric trees on binned features, logistic loss, started from a given margin.

A symmetric tree asks the same question of all rows at each level (as in CatBoost, Prokhorenkova et al., NeurIPS 2018), which
keeps trees shallow and stable on a few hundred examples. Newton steps with ridge on the leaves (Friedman, Annals of
Statistics 2001). Nothing is random: the same rows give the same trees.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

BINS = 32


@dataclass(frozen=True)
class Boosted:
    """A fitted classifier.

    Attributes:
        edges: (features, BINS - 1) rising bin borders.
        feature, cut: (trees, depth) question of each level: is the bin above the cut.
        leaf: (trees, 2 ** depth) what a row that ends there adds to the margin.
    """

    edges: NDArray
    feature: NDArray
    cut: NDArray
    leaf: NDArray

    def __call__(self, x: NDArray, margin: NDArray) -> NDArray[np.float64]:
        """(n,) log-odds of rows (n, features) that start from `margin`."""
        return margin + _added(_bins(x, self.edges), self.feature, self.cut, self.leaf)


def fit_boosted(
    x: NDArray,
    y: NDArray,
    weight: NDArray,
    margin: NDArray,
    *,
    trees: int = 60,
    depth: int = 3,
    rate: float = 0.15,
    ridge: float = 20.0,
) -> Boosted:
    """Fit.

    Args:
        x: (n, features) finite.
        y: (n,) bool.
        weight: (n,) above 0.
        margin: (n,) log-odds to start from.
        trees, depth, rate: how many trees of how many levels, and how much of each step is taken.
        ridge: weight of a pull of each leaf to 0, in rows.
    """
    edges = np.quantile(x, np.linspace(0, 1, BINS + 1)[1:-1], axis=0).T.copy()
    bins = _bins(x, edges)
    y, weight, margin = (np.asarray(column, np.float64) for column in (y, weight, margin))
    return Boosted(edges, *_grow(bins, y, weight, margin, trees, depth, rate, ridge))


@numba.njit(cache=True, nogil=True)
def _bins(x, edges):
    n, features = x.shape
    out = np.empty((n, features), np.uint8)
    for f in range(features):
        border = edges[f]
        for i in range(n):
            low, high, v = 0, len(border), x[i, f]
            while low < high:
                middle = (low + high) >> 1
                if border[middle] < v:
                    low = middle + 1
                else:
                    high = middle
            out[i, f] = low
    return out


@numba.njit(cache=True, nogil=True)
def _grow(bins, y, weight, margin, trees, depth, rate, ridge):
    n, features = bins.shape
    feature, cut = np.zeros((trees, depth), np.int64), np.zeros((trees, depth), np.int64)
    leaf = np.zeros((trees, 1 << depth))
    z = margin.copy()
    at = np.empty(n, np.int64)
    g, h = np.empty(n), np.empty(n)
    for t in range(trees):
        for i in range(n):
            p = 1.0 / (1.0 + np.exp(-z[i]))
            g[i], h[i] = weight[i] * (y[i] - p), weight[i] * max(p * (1 - p), 1e-6)
            at[i] = 0
        for level in range(depth):
            cells = 1 << level
            sums = np.zeros((features, cells, 32, 2))
            for i in range(n):
                for f in range(features):
                    sums[f, at[i], bins[i, f], 0] += g[i]
                    sums[f, at[i], bins[i, f], 1] += h[i]
            best, best_f, best_c = -1.0, 0, 0
            for f in range(features):
                gain = np.zeros(32)
                for c in range(cells):
                    all_g, all_h = 0.0, 0.0
                    for b in range(32):
                        all_g += sums[f, c, b, 0]
                        all_h += sums[f, c, b, 1]
                    low_g, low_h = 0.0, 0.0
                    for b in range(31):
                        low_g += sums[f, c, b, 0]
                        low_h += sums[f, c, b, 1]
                        high_g = all_g - low_g
                        gain[b] += low_g * low_g / (low_h + ridge) + high_g * high_g / (all_h - low_h + ridge)
                for b in range(31):
                    if gain[b] > best + 1e-9:
                        best, best_f, best_c = gain[b], f, b
            feature[t, level], cut[t, level] = best_f, best_c
            for i in range(n):
                at[i] = 2 * at[i] + (1 if bins[i, best_f] > best_c else 0)
        total = np.zeros((1 << depth, 2))
        for i in range(n):
            total[at[i], 0] += g[i]
            total[at[i], 1] += h[i]
        for c in range(1 << depth):
            leaf[t, c] = rate * total[c, 0] / (total[c, 1] + ridge)
        for i in range(n):
            z[i] += leaf[t, at[i]]
    return feature, cut, leaf


@numba.njit(cache=True, nogil=True)
def _added(bins, feature, cut, leaf):
    n = len(bins)
    out = np.zeros(n)
    trees, depth = feature.shape
    for i in range(n):
        for t in range(trees):
            c = 0
            for level in range(depth):
                c = 2 * c + (1 if bins[i, feature[t, level]] > cut[t, level] else 0)
            out[i] += leaf[t, c]
    return out
