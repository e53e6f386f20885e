"""Orders in linear time are numpy's stable ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from boxwright.boxes import falling, grouped

CORNERS = [0.0, -0.0, 1.0, -1.0, 0.5, 5e-324, -5e-324, 2.2e-308, -2.2e-308, 1e308, -1e308, 0.3, 0.1 + 0.2]


def by_numpy(score: np.ndarray, order: np.ndarray | None = None) -> np.ndarray:
    start = np.arange(len(score)) if order is None else order
    return start[np.argsort(-score[start], kind="stable")]


@given(
    score=arrays(
        np.float64,
        st.integers(0, 60),
        elements=st.one_of(
            st.sampled_from(CORNERS), st.floats(allow_nan=False, allow_infinity=False), st.integers(-3, 3).map(float)
        ),
    ),
    seed=st.integers(0, 100),
)
def test_falling_is_a_stable_sort(score: np.ndarray, seed: int) -> None:
    before = score.copy()
    assert falling(score).tolist() == by_numpy(score).tolist()
    order = np.random.default_rng(seed).permutation(len(score)).astype(np.int32)
    kept = order.copy()
    assert falling(score, order=order).tolist() == by_numpy(score, order).tolist()
    assert np.array_equal(order, kept) and score.tobytes() == before.tobytes()  # arguments stay as they were


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("decimals", [0, 1, 3, 16])
def test_falling_at_size(seed: int, decimals: int) -> None:
    rng = np.random.default_rng(seed)
    score = np.round(rng.normal(0, 10.0 ** rng.integers(-300, 300) if decimals == 16 else 1, 50_000), decimals)
    assert np.array_equal(falling(score), by_numpy(score))


@pytest.mark.parametrize("kind", [np.float32, np.float16, np.int64, np.bool_])
def test_falling_takes_any_numbers(kind: type) -> None:
    score = np.random.default_rng(0).normal(0, 3, 500).astype(kind)
    assert np.array_equal(falling(score), by_numpy(score.astype(np.float64)))


def test_falling_of_a_view() -> None:
    score = np.random.default_rng(0).random((50, 3))[::-2, 1]
    assert np.array_equal(falling(score), by_numpy(score))


@given(data=st.data())
def test_grouped_is_a_stable_sort_and_says_where_groups_start(data: st.DataObject) -> None:
    groups = data.draw(st.integers(1, 12))
    key = np.array(data.draw(st.lists(st.integers(0, groups - 1), max_size=60)), np.int64)
    start = np.array(data.draw(st.permutations(range(len(key)))), np.int32)
    for order in (None, start):
        found, starts = grouped(key, groups, order=order)
        begin = np.arange(len(key)) if order is None else order
        assert found.tolist() == begin[np.argsort(key[begin], kind="stable")].tolist()
        assert len(starts) == groups + 1 and starts[0] == 0 and starts[-1] == len(key)
        for group in range(groups):
            assert set(key[found[starts[group] : starts[group + 1]]].tolist()) <= {group}


def test_nothing_in_nothing_out() -> None:
    assert falling(np.zeros(0)).tolist() == []
    order, starts = grouped(np.zeros(0, np.int32), 3)
    assert order.tolist() == [] and starts.tolist() == [0, 0, 0, 0]
    order, starts = grouped(np.zeros(0, np.int32), 0)
    assert order.tolist() == [] and starts.tolist() == [0]


def test_one_order_on_top_of_another_sorts_by_both() -> None:
    rng = np.random.default_rng(0)
    image, score = rng.integers(0, 20, 2000), rng.random(2000).round(1)
    order, _ = grouped(image, 20, order=falling(score))
    assert order.tolist() == np.lexsort((np.arange(2000), -score, image)).tolist()
