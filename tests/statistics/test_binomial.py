"""Counts of independent trials: against scipy.stats and sums over the binomial."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from boxwright.statistics import binomial_upper_tail, clopper_pearson_lower, wilson

trials = st.integers(1, 60).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))
confidences = st.sampled_from([0.6, 0.9, 0.95, 0.99])


@given(trials, confidences)
def test_wilson_is_scipys(seen: tuple[int, int], confidence: float) -> None:
    true, of = seen
    exact = stats.binomtest(true, of).proportion_ci(confidence, method="wilson")
    assert wilson(true / of, of, confidence=confidence) == pytest.approx((exact.low, exact.high), abs=1e-12)


@given(st.floats(0, 1), st.floats(1, 1e6), confidences)
def test_wilson_stays_in_range_and_holds_the_share(share: float, of: float, confidence: float) -> None:
    low, high = wilson(share, of, confidence=confidence)
    assert 0 <= low <= share <= high <= 1


@given(trials, confidences)
def test_clopper_pearson_is_scipys(seen: tuple[int, int], confidence: float) -> None:
    true, of = seen
    exact = stats.binomtest(true, of, alternative="greater").proportion_ci(confidence, method="exact")
    assert clopper_pearson_lower(true, of, confidence=confidence) == pytest.approx(exact.low, abs=1e-9)


@pytest.mark.parametrize(("true", "of"), [(0, 5), (5, 5), (1, 3), (48, 50), (950, 1000)])
def test_clopper_pearson_solves_the_binomial_tail(true: int, of: int) -> None:
    bound = clopper_pearson_lower(true, of, confidence=0.95)
    tail = sum(math.comb(of, k) * bound**k * (1 - bound) ** (of - k) for k in range(true, of + 1))
    assert tail == pytest.approx(0.05 if true else 1.0)


@given(trials, st.floats(0, 1))
def test_the_upper_tail_is_the_binomial_one(seen: tuple[int, int], share: float) -> None:
    count, of = seen
    exact = sum(math.comb(of, k) * share**k * (1 - share) ** (of - k) for k in range(count, of + 1))
    assert binomial_upper_tail(count, of, share) == pytest.approx(exact, abs=1e-10)


def test_tails_at_the_ends() -> None:
    assert binomial_upper_tail(0, 5, 0.0) == 1
    assert binomial_upper_tail(1, 5, 0.0) == 0
    assert binomial_upper_tail(5, 5, 1.0) == 1
    assert binomial_upper_tail(6, 5, 1.0) == 0
