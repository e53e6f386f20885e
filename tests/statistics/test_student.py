"""Student's t against scipy.stats, for any number of degrees of freedom."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from boxwright.statistics import normal_quantile, t_quantile, t_upper_tail, two_sided_z


@given(st.floats(0.5, 0.9999), st.floats(0.2, 1e6))
def test_the_quantile_is_scipys(share: float, freedom: float) -> None:
    assert t_quantile(share, freedom) == pytest.approx(stats.t.ppf(share, freedom), rel=1e-7, abs=1e-9)


@pytest.mark.parametrize(
    ("freedom", "t"), [(1, 12.706205), (1.6, 5.517245), (2, 4.302653), (3, 3.182446), (4, 2.776445)]
)
def test_quantiles_of_few_degrees_of_freedom(freedom: float, t: float) -> None:
    """From tables, and for 1.6 from numerical integration; a normal approximation was up to 38 % too wide here."""
    assert t_quantile(0.975, freedom) == pytest.approx(t, rel=1e-5)


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=5), st.floats(0.2, 1e4))
def test_the_upper_tail_is_scipys(t: list[float], freedom: float) -> None:
    assert t_upper_tail(np.array(t), freedom) == pytest.approx(stats.t.sf(t, freedom), rel=1e-7, abs=1e-14)


@given(st.floats(0.01, 0.99), st.floats(0.5, 100))
def test_tail_and_quantile_undo_each_other(share: float, freedom: float) -> None:
    assert t_upper_tail(t_quantile(share, freedom), freedom)[0] == pytest.approx(1 - share, abs=1e-8)


def test_many_at_once() -> None:
    assert t_quantile(0.9, np.array([2.0, 5.0])).shape == (2,)
    assert t_upper_tail(np.array([1.0, 2.0]), np.array([3.0, 4.0])).shape == (2,)


@given(st.floats(0.001, 0.999))
def test_the_normal_quantile_is_scipys(share: float) -> None:
    assert normal_quantile(share) == pytest.approx(stats.norm.ppf(share), abs=1e-9)


def test_a_normal_interval_of_95_per_cent() -> None:
    assert two_sided_z(0.95) == pytest.approx(1.959964, abs=1e-6)
