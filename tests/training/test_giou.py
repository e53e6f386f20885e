"""GIoU: equals the slow loop in value and in slope, and its known figures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from boxwright.training.loss import giou
from tests.training.oracles import giou_of

place, size = st.floats(-50, 50), st.floats(0.5, 60)
box = st.tuples(place, place, size, size).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))
STEP = 1e-5


def fast(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return giou(torch.from_numpy(a), torch.from_numpy(b)).numpy()


@given(st.lists(st.tuples(box, box), min_size=1, max_size=8))
def test_it_equals_the_slow_loop_either_way_round(pairs: list) -> None:
    a, b = (np.array([pair[k] for pair in pairs], float) for k in (0, 1))
    expected = [giou_of(*pair) for pair in pairs]
    np.testing.assert_allclose(fast(a, b), expected, atol=1e-6)
    np.testing.assert_allclose(fast(b, a), expected, atol=1e-6)


@pytest.mark.parametrize(
    "a, b, expected",
    [
        ((0, 0, 4, 4), (0, 0, 4, 4), 1.0),
        ((0, 0, 4, 4), (2, 0, 6, 4), 1 / 3),  # the smallest box around both is their union
        ((0, 0, 4, 4), (1, 1, 3, 3), 0.25),
        ((0, 0, 2, 2), (2, 2, 4, 4), -0.5),  # a corner in common: half of the box around both is empty
        ((0, 0, 1, 1), (9, 0, 10, 1), -0.8),
    ],
)
def test_known_figures(a: tuple, b: tuple, expected: float) -> None:
    assert fast(np.array([a], float), np.array([b], float)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("other", [(3.0, 2.0, 11.0, 9.0), (20.0, 30.0, 25.0, 41.0), (1.0, 2.5, 4.0, 5.0)])
def test_its_slope_is_that_of_the_slow_loop(other: tuple) -> None:
    """Overlapping, apart, and one inside the other."""
    at = [0.5, 1.0, 7.0, 6.0]
    moved = torch.tensor([at], dtype=torch.float64, requires_grad=True)
    giou(moved, torch.tensor([other], dtype=torch.float64)).sum().backward()
    slope = []
    for k in range(4):
        more, less = (at[:k] + [at[k] + by] + at[k + 1 :] for by in (STEP, -STEP))
        slope.append((giou_of(more, other) - giou_of(less, other)) / (2 * STEP))
    assert moved.grad is not None
    np.testing.assert_allclose(moved.grad[0].numpy(), slope, atol=1e-6)


def test_a_box_without_area_has_a_finite_figure() -> None:
    point = np.array([[3.0, 3.0, 3.0, 3.0]])
    assert np.isfinite(fast(point, point)).all()
    assert np.isfinite(fast(point, np.array([[0.0, 0.0, 9.0, 9.0]]))).all()
