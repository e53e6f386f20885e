"""Weightings of images: whole groups, images within groups, and votes of unequal groups."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxwright.statistics import (
    LEAST_GROUPS,
    Resampling,
    effective_groups,
    group_numbers,
    group_weights,
    vote_weights,
    within_group_weights,
)

named = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=30)
BOARDS = ["a"] * 146 + [name for name in "bcdef" for _ in range(20)]


@given(named)
def test_a_group_is_drawn_whole_and_as_many_are_drawn_as_there_are(groups: list[str]) -> None:
    weights, index = group_weights(groups, replicates=20), group_numbers(groups)
    if len(set(groups)) < LEAST_GROUPS:
        assert weights is None
        return
    assert weights is not None
    for g in range(index.max() + 1):
        assert (weights[:, index == g] == weights[:, index == g][:, :1]).all()
    first = [int(np.flatnonzero(index == g)[0]) for g in range(index.max() + 1)]
    assert (weights[:, first].sum(axis=1) == len(first)).all()


@given(named)
def test_within_groups_each_group_keeps_its_size(groups: list[str]) -> None:
    weights, index = within_group_weights(groups, replicates=20), group_numbers(groups)
    sizes = np.bincount(index)
    if (sizes == 1).all():
        assert weights.shape == (0, len(groups))
        return
    for g in np.flatnonzero(sizes > 1):
        assert weights[:, index == g].sum(axis=1) == pytest.approx(np.full(20, sizes[g]), rel=1e-5)
    alone = sizes[index] == 1
    assert weights[:, alone].sum(axis=1) == pytest.approx(np.full(20, alone.sum()), rel=1e-5)


@pytest.mark.parametrize("n", [2, 3, 10])
def test_within_groups_the_variance_is_that_of_a_mean_of_so_many(n: int) -> None:
    rng = np.random.default_rng(n)
    x = rng.normal(size=2 * n)
    means = within_group_weights(["a"] * n + ["b"] * n, replicates=20_000) @ x / (2 * n)
    exact = sum(part.var(ddof=1) / n for part in (x[:n], x[n:])) / 4
    assert means.var() == pytest.approx(exact, rel=0.05)
    assert means.mean() == pytest.approx(x.mean(), abs=4 * np.sqrt(exact / 20_000))


def test_the_same_seed_gives_the_same_draws() -> None:
    for make in (group_weights, within_group_weights):
        assert np.array_equal(make(BOARDS, replicates=30), make(BOARDS, replicates=30))
        assert not np.array_equal(make(BOARDS, replicates=30), make(BOARDS, replicates=30, seed=1))


@given(st.lists(st.integers(1, 500), min_size=1, max_size=12))
def test_effective_groups_lie_between_one_and_all(sizes: list[int]) -> None:
    (found,) = effective_groups(np.array(sizes)[:, None])
    assert 1 - 1e-9 <= found <= len(sizes) + 1e-9
    assert found == pytest.approx(sum(sizes) ** 2 / sum(s * s for s in sizes))


def test_groups_of_one_size_are_worth_themselves_and_nothing_is_worth_nothing() -> None:
    assert effective_groups(np.array([[7, 0], [7, 0], [7, 0]])).tolist() == [3, 0]


def test_six_boards_of_which_one_contains_most_get_nearly_six_votes() -> None:
    group, objects = group_numbers(BOARDS), np.full(len(BOARDS), 6.0)
    weights = vote_weights(group, objects)
    held = np.bincount(group, objects)
    assert effective_groups(held[:, None])[0] == pytest.approx(2.6, abs=0.1)
    assert effective_groups(np.bincount(group, objects * weights)[:, None])[0] > 5.8
    assert (weights @ objects) == pytest.approx(objects.sum())


@given(st.integers(2, 30), st.integers(1, 50))
def test_votes_change_nothing_where_groups_are_of_one_size(groups: int, size: int) -> None:
    group = np.repeat(np.arange(groups), size)
    assert vote_weights(group, np.full(len(group), 3.0)) == pytest.approx(np.ones(len(group)))


def test_votes_change_nothing_where_there_are_enough_groups() -> None:
    group = np.repeat(np.arange(60), np.arange(1, 61))
    assert (vote_weights(group, np.ones(len(group))) == 1).all()


def test_a_larger_group_never_has_the_smaller_vote() -> None:
    sizes = np.array([1, 5, 20, 100, 1000])
    group = np.repeat(np.arange(5), sizes)
    votes = np.bincount(group, vote_weights(group, np.ones(len(group))))
    assert (np.diff(votes) > 0).all()
    assert votes[-1] / votes[2] == pytest.approx((1000 / 1030) / (20 / 50))


def test_no_objects_no_votes() -> None:
    assert vote_weights(np.array([0, 0, 1]), np.zeros(3)).tolist() == [1, 1, 1]


def test_weightings_come_apart_as_they_were_put_together() -> None:
    drawn = Resampling.of(BOARDS, replicates=40)
    inside, votes = np.ones(len(BOARDS), np.float32), drawn.votes(np.full(len(BOARDS), 6.0))
    rows = drawn.weightings(inside, votes)
    centre, new, these = drawn.parted(rows)
    assert centre == pytest.approx(votes)
    assert new == pytest.approx(drawn.new * votes, rel=1e-5)
    assert np.array_equal(these, drawn.these)
    assert (drawn.groups, drawn.single) == (6, False)
    assert drawn.largest_share(np.ones(len(BOARDS))) == pytest.approx(146 / 246)


def test_images_that_are_groups_of_their_own_have_one_question() -> None:
    drawn = Resampling.of([str(i) for i in range(9)], replicates=40)
    assert drawn.single
    assert len(drawn.these) == 0


def test_too_few_groups_still_speak_for_themselves() -> None:
    drawn = Resampling.of(["a"] * 30 + ["b"] * 30, replicates=250)
    assert (len(drawn.new), len(drawn.these)) == (0, 200)
    assert drawn.freedom_within(np.ones((60, 1)))[0] == 58


@given(named)
def test_degrees_of_freedom_within_are_images_less_groups(groups: list[str]) -> None:
    drawn = Resampling.of(groups, replicates=20)
    sizes = np.bincount(drawn.group)
    strata = (sizes > 1).sum() + (sizes == 1).any()
    assert drawn.freedom_within(np.full((len(groups), 1), 5.0))[0] == pytest.approx(len(groups) - strata)
