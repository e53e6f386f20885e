"""A box that stayed, moved or changed class is found again; order does not matter, and nothing is taken twice."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from boxwright.boxes import recognised

box = st.tuples(st.integers(0, 80), st.integers(0, 80), st.integers(4, 30), st.integers(4, 30))
some = st.lists(st.tuples(box, st.integers(0, 2)), max_size=8)


def columns(of: list) -> tuple[np.ndarray, np.ndarray]:
    boxes = np.array([(x, y, x + w, y + h) for (x, y, w, h), _ in of], float).reshape(-1, 4)
    return boxes, np.array([c for _, c in of], np.int32)


@given(some, st.randoms(use_true_random=False))
def test_the_same_boxes_in_any_order_all_stayed(world: list, random) -> None:
    order = list(range(len(world)))
    random.shuffle(order)
    boxes, classes = columns(world)
    found, stayed = recognised(boxes, classes, boxes[order], classes[order], same_px=0.5)
    assert stayed.all() and sorted(found.tolist()) == list(range(len(world)))
    assert (boxes[found] == boxes[order]).all() and (classes[found] == classes[order]).all()


@given(some, some)
def test_nothing_is_taken_twice(before: list, after: list) -> None:
    found, stayed = recognised(*columns(before), *columns(after), same_px=1)
    taken = found[found >= 0]
    assert len(found) == len(after) and len(set(taken.tolist())) == len(taken)
    assert (found[stayed] >= 0).all()
    boxes, classes = columns(before)
    mine, of_mine = columns(after)
    assert (np.abs(boxes[found[stayed]] - mine[stayed]).max(axis=1, initial=0) <= 1).all()
    assert (classes[found[stayed]] == of_mine[stayed]).all()


def test_moved_relabelled_and_new() -> None:
    before = np.array([[0, 0, 20, 20], [50, 0, 70, 20], [0, 50, 20, 70]], float)
    after = np.array([[2, 0, 22, 20], [50, 0, 70, 20], [80, 80, 90, 90]], float)
    found, stayed = recognised(before, np.array([0, 0, 0]), after, np.array([0, 1, 0]), same_px=0.5)
    assert found.tolist() == [0, 1, -1] and stayed.tolist() == [False] * 3


def test_of_two_near_ones_the_nearest_stayed() -> None:
    before = np.array([[0, 0, 20, 20], [0.3, 0, 20, 20]], float)
    found, _ = recognised(before, np.zeros(2), before[::-1], np.zeros(2), same_px=0.5)
    assert found.tolist() == [1, 0]
