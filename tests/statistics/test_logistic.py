"""Logistic regression: the gradient vanishes, known data give back what made them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxwright.statistics import fit_logistic, fit_platt, logit, sigmoid


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 3))
def test_the_gradient_vanishes(seed: int, pull: float) -> None:
    rng = np.random.default_rng(seed)
    columns = np.stack([np.ones(60), rng.normal(size=60)], axis=1)
    target, weight, offset = rng.random(60), rng.uniform(0.2, 3, 60), rng.normal(size=60)
    ridge, towards = np.array([1e-3, pull]), np.array([0.0, 1.0])
    found = fit_logistic(
        columns, target, start=np.array([0.0, 0.3]), weight=weight, offset=offset, ridge=ridge, towards=towards
    )
    p = sigmoid(columns @ found + offset)
    assert columns.T @ (weight * (target - p)) - ridge * (found - towards) == pytest.approx(np.zeros(2), abs=1e-4)


def test_platt_finds_the_slope_and_shift_that_made_the_data() -> None:
    rng = np.random.default_rng(0)
    odds = logit(rng.uniform(0.01, 0.99, 60_000))
    a, b = fit_platt(odds, rng.random(len(odds)) < sigmoid(1.7 * odds - 0.6), least_slope=0.01)
    assert (a, b) == (pytest.approx(1.7, abs=0.05), pytest.approx(-0.6, abs=0.05))


@pytest.mark.parametrize("true", [[1] * 30, [0] * 30, [1] * 15 + [0] * 15, [0] * 15 + [1] * 15])
def test_platt_rises_even_where_all_are_alike_or_the_score_misleads(true: list[int]) -> None:
    odds = logit(np.linspace(0.05, 0.95, 30))
    a, b = fit_platt(odds, np.array(true), least_slope=0.01)
    assert a >= 0.01
    assert np.isfinite([a, b]).all()
    assert sigmoid(a * odds + b).mean() == pytest.approx(np.mean(true), abs=0.05)


@given(st.floats(0, 1))
def test_log_odds_and_back(share: float) -> None:
    assert sigmoid(logit(np.array(share))) == pytest.approx(share, abs=2e-9)
