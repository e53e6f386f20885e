"""Intervals: none leaves its metric's range, each contains its figure, and few replicates or groups give none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from boxwright.statistics import percentile_interval, plain_intervals, share_intervals

FIGURES = 4
share = st.one_of(st.sampled_from([0.0, 1.0, 0.5, 1e-12, 1 - 1e-12]), st.floats(0, 1))
difference = st.one_of(st.sampled_from([0.0, 1.0, -1.0]), st.floats(-1, 1))
groups = arrays(np.float64, FIGURES, elements=st.one_of(st.sampled_from([0.0, 1.0, 2.0, 2.01, 2.6]), st.floats(0, 1e4)))
objects = arrays(np.float64, FIGURES, elements=st.integers(0, 10**7).map(float))
confidences = st.sampled_from([0.51, 0.9, 0.95, 0.999])


def replicates(element: st.SearchStrategy[float]) -> st.SearchStrategy[np.ndarray]:
    """(60, FIGURES), some undefined; few distinct rows keep it small."""
    row = arrays(np.float64, FIGURES, elements=st.one_of(element, element, st.just(np.nan)))
    return st.lists(row, min_size=1, max_size=5).map(lambda rows: np.array([rows[i % len(rows)] for i in range(60)]))


@given(arrays(np.float64, FIGURES, elements=share), replicates(share), objects, groups, confidences, st.booleans())
def test_an_interval_of_shares_stays_in_range_and_contains_its_figure(
    value: np.ndarray, spread: np.ndarray, count: np.ndarray, held: np.ndarray, confidence: float, around: bool
) -> None:
    centre = np.nanmean(np.where(np.isfinite(spread), spread, 0), axis=0) if around else None
    low, high = share_intervals(value, spread, objects=count, groups=held, confidence=confidence, centre=centre)
    known = np.isfinite(low)
    assert (known == np.isfinite(high)).all()
    assert (low[known] >= 0).all() and (high[known] <= 1).all()
    assert (low[known] <= value[known]).all() and (value[known] <= high[known]).all()
    assert not known[held < 2].any()


@given(arrays(np.float64, FIGURES, elements=difference), replicates(difference), groups, confidences, st.booleans())
def test_an_interval_of_differences_stays_in_range_and_contains_its_figure(
    value: np.ndarray, spread: np.ndarray, held: np.ndarray, confidence: float, around: bool
) -> None:
    centre = np.where(np.isfinite(spread), spread, 0).mean(axis=0) if around else None
    low, high = plain_intervals(value, spread, groups=held, confidence=confidence, within=(-1.0, 1.0), centre=centre)
    known = np.isfinite(low)
    assert (low[known] >= -1).all() and (high[known] <= 1).all()
    assert (low[known] <= value[known]).all() and (value[known] <= high[known]).all()


@given(st.floats(0, 50), replicates(st.floats(0, 50)), groups, confidences)
def test_an_amount_is_never_negative(value: float, spread: np.ndarray, held: np.ndarray, confidence: float) -> None:
    low, _ = plain_intervals(np.full(FIGURES, value), spread, groups=held, confidence=confidence, within=(0.0, np.inf))
    assert (low[np.isfinite(low)] >= 0).all()


def test_a_difference_of_two_groups_does_not_reach_beyond_one() -> None:
    """Two effective groups and a spread of 0.2: t of one degree of freedom is 12.7."""
    spread = np.tile([-0.2, 0.2], 50)[:, None]
    low, high = plain_intervals(np.array([-0.1]), spread, groups=np.array([2.0]), confidence=0.95, within=(-1.0, 1.0))
    assert (low[0], high[0]) == (-1, 1)


def test_a_plain_interval_is_students() -> None:
    spread = np.random.default_rng(0).normal(0, 0.1, 1000)[:, None]
    low, high = plain_intervals(np.array([0.3]), spread, groups=np.array([6.0]), confidence=0.9, within=(-1.0, 1.0))
    reach = stats.t.ppf(0.95, 5) * np.sqrt(6 / 5) * spread.std(ddof=1)
    assert (low[0], high[0]) == pytest.approx((0.3 - reach, 0.3 + reach))


def test_what_never_varies_has_no_width() -> None:
    same = np.full((100, 1), 0.7)
    low, high = share_intervals(
        np.array([0.7]), same, objects=np.array([50.0]), groups=np.array([9.0]), confidence=0.95
    )
    assert low[0] == high[0] == 0.7


def test_figures_of_mostly_undefined_replicates_have_no_interval() -> None:
    spread = np.where(np.arange(100) < 60, np.nan, 0.5)[:, None] + np.arange(100)[:, None] * 1e-4
    low, _ = share_intervals(np.array([0.5]), spread, objects=np.array([50.0]), groups=np.array([9.0]), confidence=0.95)
    assert np.isnan(low[0])
    assert percentile_interval(spread[:, 0], confidence=0.95, groups=9) == (None, None)


@given(replicates(share), confidences, st.integers(1, 100))
def test_percentiles_lie_among_the_replicates(spread: np.ndarray, confidence: float, held: int) -> None:
    column = spread[:, 0]
    low, high = percentile_interval(column, confidence=confidence, groups=held)
    if low is not None and high is not None:
        assert np.nanmin(column) <= low <= high <= np.nanmax(column)
