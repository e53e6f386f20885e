"""IoU: the fast form equals the loop; it is symmetric, 1 with itself, 0 with nothing."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from boxwright.boxes import area, as_boxes, paired_iou, pairwise_iou
from tests.oracles import iou_of

place, size = st.integers(0, 12), st.integers(0, 6)  # small, so that boxes touch, coincide and degenerate often
box = st.tuples(place, place, size, size).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))
many = st.lists(box, max_size=7).map(lambda rows: as_boxes(rows, dtype=np.float64))


@given(many, many)
def test_pairwise_equals_the_loop(a: np.ndarray, b: np.ndarray) -> None:
    found = pairwise_iou(a, b)
    assert found.shape == (len(a), len(b))
    expected = np.array([[iou_of(p, q) for q in b.tolist()] for p in a.tolist()]).reshape(len(a), len(b))
    np.testing.assert_allclose(found, expected, atol=1e-12)


@given(many, many)
def test_pairwise_is_symmetric(a: np.ndarray, b: np.ndarray) -> None:
    np.testing.assert_array_equal(pairwise_iou(a, b), pairwise_iou(b, a).T)


@given(st.lists(st.tuples(box, box), max_size=7))
def test_paired_is_the_diagonal_of_pairwise(pairs: list) -> None:
    a = as_boxes([p for p, _ in pairs], dtype=np.float64)
    b = as_boxes([q for _, q in pairs], dtype=np.float64)
    np.testing.assert_array_equal(paired_iou(a, b), np.diagonal(pairwise_iou(a, b)))


@given(many)
def test_a_box_overlaps_itself_wholly_unless_it_is_empty(boxes: np.ndarray) -> None:
    np.testing.assert_array_equal(paired_iou(boxes, boxes), (area(boxes) > 0).astype(float))


@given(many, many, st.floats(0.25, 8), st.integers(-50, 50))
def test_scaling_and_moving_both_changes_nothing(a: np.ndarray, b: np.ndarray, scale: float, shift: int) -> None:
    np.testing.assert_allclose(pairwise_iou(a * scale + shift, b * scale + shift), pairwise_iou(a, b), atol=1e-9)


def test_degenerate_boxes_overlap_nothing_and_never_give_nan() -> None:
    boxes = np.array([[0, 0, 10, 10], [5, 5, 5, 5], [0, 0, 0, 10], [9, 9, 1, 1]], float)
    np.testing.assert_array_equal(pairwise_iou(boxes, boxes), np.diag([1.0, 0, 0, 0]))


def test_figures_worked_out_by_hand() -> None:
    a = np.array([[0, 0, 10, 10]], float)
    b = np.array([[5, 0, 15, 10], [10, 0, 20, 10], [0, 0, 5, 10], [100, 100, 110, 110]], float)
    np.testing.assert_allclose(pairwise_iou(a, b)[0], [1 / 3, 0, 1 / 2, 0])


def test_nothing_in_nothing_out() -> None:
    none, some = np.zeros((0, 4)), np.ones((3, 4))
    assert pairwise_iou(none, some).shape == (0, 3)
    assert pairwise_iou(some, none).shape == (3, 0)
    assert paired_iou(none, none).shape == (0,)
