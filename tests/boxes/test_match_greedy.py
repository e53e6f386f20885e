"""Greedy matching equals the loop; no annotation is taken twice."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from boxwright.boxes import match_greedy
from tests.oracles import match_loop


@st.composite
def overlaps(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    n, m = draw(st.integers(0, 7)), draw(st.integers(0, 7))
    eighths = st.integers(0, 8)  # coarse, so that ties in overlap and score are common
    iou = draw(st.lists(eighths, min_size=n * m, max_size=n * m))
    score = draw(st.lists(eighths, min_size=n, max_size=n))
    return np.array(iou, float).reshape(n, m) / 8, np.array(score, float) / 8


@given(overlaps(), st.sampled_from([0.125, 0.5, 0.75, 1.0]))
def test_it_equals_the_loop(world: tuple[np.ndarray, np.ndarray], iou_threshold: float) -> None:
    iou, score = world
    found = match_greedy(iou, score, iou_threshold=iou_threshold)
    assert found.tolist() == match_loop(iou.tolist(), score.tolist(), iou_threshold=iou_threshold)


@given(overlaps(), st.sampled_from([0.25, 0.5]))
def test_no_annotation_is_taken_twice_and_every_match_overlaps_enough(
    world: tuple[np.ndarray, np.ndarray], iou_threshold: float
) -> None:
    iou, score = world
    match = match_greedy(iou, score, iou_threshold=iou_threshold)
    taken = match[match >= 0]
    assert len(set(taken.tolist())) == len(taken)
    assert (iou[np.flatnonzero(match >= 0), taken] >= iou_threshold).all()


def test_the_better_scored_chooses_first() -> None:
    iou = np.array([[0.9, 0.6], [0.8, 0.0]])
    assert match_greedy(iou, np.array([0.5, 0.9]), iou_threshold=0.5).tolist() == [1, 0]
    assert match_greedy(iou, np.array([0.9, 0.5]), iou_threshold=0.5).tolist() == [0, -1]


def test_the_threshold_is_inclusive() -> None:
    assert match_greedy(np.array([[0.5]]), np.array([1.0]), iou_threshold=0.5).tolist() == [0]
    assert match_greedy(np.array([[0.49]]), np.array([1.0]), iou_threshold=0.5).tolist() == [-1]


def test_nothing_in_nothing_out() -> None:
    assert match_greedy(np.zeros((0, 3)), np.zeros(0), iou_threshold=0.5).shape == (0,)
    assert match_greedy(np.zeros((3, 0)), np.zeros(3), iou_threshold=0.5).tolist() == [-1, -1, -1]
