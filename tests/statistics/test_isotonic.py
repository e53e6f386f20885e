"""Isotonic regression against the max-min formula."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxwright.statistics import isotonic, isotonic_blocks

points_of = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 4)), min_size=1, max_size=40)


def max_min(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(n,) max over starts of min over ends of the mean of y between them (Barlow et al. 1972)."""
    distinct = np.unique(x)
    means = [[y[(x >= a) & (x <= b)].mean() if b >= a else np.inf for b in distinct] for a in distinct]
    fit = [max(min(means[i][j] for j in range(k, len(distinct))) for i in range(k + 1)) for k in range(len(distinct))]
    return np.array(fit)[np.searchsorted(distinct, x)]


@given(points_of)
def test_the_fit_is_the_least_squares_rising_one(points: list[tuple[int, int]]) -> None:
    x, y = np.array([p[0] for p in points]) / 20, np.array([p[1] for p in points]) / 4
    assert isotonic(x, y) == pytest.approx(max_min(x, y), abs=1e-12)


@given(points_of)
def test_blocks_lie_on_the_fit_and_rise(points: list[tuple[int, int]]) -> None:
    x, y = np.array([p[0] for p in points]) / 20, np.array([p[1] for p in points]) / 4
    centre, value, block = isotonic_blocks(x, y)
    assert (np.diff(centre) > 0).all()
    assert (np.diff(value) > -1e-12).all()
    for k in range(len(centre)):
        assert centre[k] == pytest.approx(x[block == k].mean())
        assert value[k] == pytest.approx(y[block == k].mean())


@given(points_of, st.randoms(use_true_random=False))
def test_the_order_of_points_does_not_matter(points: list[tuple[int, int]], rng) -> None:
    order = list(range(len(points)))
    rng.shuffle(order)
    x, y = np.array([p[0] for p in points], float), np.array([p[1] for p in points], float)
    assert isotonic(x[order], y[order]) == pytest.approx(isotonic(x, y)[order])


def test_what_rises_already_stays() -> None:
    assert isotonic(np.array([0.1, 0.5, 0.9]), np.array([False, True, True])).tolist() == [0, 1, 1]
