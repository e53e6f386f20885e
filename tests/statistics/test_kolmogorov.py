"""Kolmogorov-Smirnov: equal to the loop and to scipy's answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxwright.statistics import distribution_gaps, ks_p_value, ks_statistic
from tests.oracles import ks_loop

sample = st.lists(st.integers(0, 9).map(float), min_size=1, max_size=25)  # few values: many ties


@given(sample, sample)
def test_the_statistic_equals_the_loop(a: list[float], b: list[float]) -> None:
    assert ks_statistic(np.array(a), np.array(b)) == pytest.approx(ks_loop(a, b), abs=1e-12)


@given(sample, sample, st.randoms(use_true_random=False))
def test_the_statistic_is_symmetric_and_blind_to_order_and_scale(a: list[float], b: list[float], rng) -> None:
    value = ks_statistic(np.array(a), np.array(b))
    assert ks_statistic(np.array(b), np.array(a)) == pytest.approx(value, abs=1e-12)
    rng.shuffle(a)
    assert ks_statistic(np.exp(np.array(a)), np.exp(np.array(b))) == pytest.approx(value, abs=1e-12)
    assert ks_statistic(np.array(a), np.array(a)) == 0
    assert 0 <= value <= 1


def test_a_gap_has_a_sign() -> None:
    low, high = np.array([1.0, 2]), np.array([3.0, 4, 5])
    assert (distribution_gaps(low, high).max(), distribution_gaps(high, low).max()) == (1, 0)


def test_samples_that_do_not_meet_are_as_far_apart_as_can_be() -> None:
    assert ks_statistic(np.array([1.0, 2]), np.array([3.0, 4, 5])) == 1


@given(st.integers(5, 500), st.integers(5, 500))
def test_the_p_value_falls_as_the_distance_grows(n: int, m: int) -> None:
    values = [ks_p_value(distance, n, m) for distance in np.linspace(0, 1, 21)]
    assert values[0] == 1
    assert all(0 <= p <= 1 for p in values)
    assert all(later <= earlier + 1e-12 for earlier, later in pairwise(values))
    assert ks_p_value(0.3, n, m) == ks_p_value(0.3, m, n)


def test_the_p_value_of_kolmogorovs_table() -> None:
    root = 1000.0  # so large that the small-sample correction is nothing
    n = int(2 * root**2)
    assert ks_p_value(1.3581 / root, n, n) == pytest.approx(0.05, abs=2e-4)
    assert ks_p_value(1.6276 / root, n, n) == pytest.approx(0.01, abs=1e-4)


def test_under_no_change_p_values_are_about_uniform() -> None:
    rng = np.random.default_rng(5)
    found = np.array([ks_p_value(ks_statistic(rng.normal(size=60), rng.normal(size=80)), 60, 80) for _ in range(400)])
    for level in (0.05, 0.2, 0.5):
        assert (found < level).mean() == pytest.approx(level, abs=0.06)


def test_two_samples_of_the_orchard(shared: Callable[[str], Path]) -> None:
    pairs = json.loads(shared("cases/drift/two_samples.json").read_text())["pairs"]
    assert len(pairs) == 8
    for pair in pairs:
        reference, current = np.array(pair["reference"]), np.array(pair["current"])
        statistic = ks_statistic(reference, current)
        assert statistic == pytest.approx(pair["ks_statistic"], abs=1e-6), pair["name"]
        p = ks_p_value(statistic, len(reference), len(current))
        for level in (0.001, 0.01):  # scipy's asymptotic value has no small-sample correction: alarms must agree
            assert (p < level) == (pair["ks_p"] < level), pair["name"]
        assert p == pytest.approx(pair["ks_p"], rel=0.35, abs=1e-12), pair["name"]
