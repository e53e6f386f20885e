"""Newton-Schulz: singular vectors stay, singular values come near 1."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from boxwright.training.optimizer import orthogonal
from tests.training.oracles import orthogonal_by_singular_values


def fast(matrix: np.ndarray) -> np.ndarray:
    return orthogonal(torch.from_numpy(matrix)).numpy()


@pytest.mark.parametrize("shape", [(4, 4), (3, 9), (9, 3), (1, 5), (16, 12)])
def test_it_equals_the_polynomial_of_the_singular_values(shape: tuple[int, int]) -> None:
    for seed in range(5):
        matrix = np.random.default_rng(seed).normal(size=shape)
        np.testing.assert_allclose(fast(matrix), orthogonal_by_singular_values(matrix), atol=1e-5)


@pytest.mark.parametrize("shape", [(8, 8), (6, 20), (20, 6)])
def test_what_comes_out_is_nearly_orthonormal(shape: tuple[int, int]) -> None:
    left, _, right = np.linalg.svd(np.random.default_rng(1).normal(size=shape), full_matrices=False)
    matrix = left @ np.diag(np.linspace(0.3, 3.0, min(shape))) @ right
    values = np.linalg.svd(fast(matrix), compute_uv=False)
    assert values.min() > 0.6
    assert values.max() < 1.3


def test_an_orthonormal_matrix_keeps_its_directions() -> None:
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(6, 6)))[0]
    found = fast(turn)
    np.testing.assert_allclose(found / found[0, 0] * turn[0, 0], turn, atol=1e-6)


def test_only_the_direction_matters() -> None:
    matrix = np.random.default_rng(3).normal(size=(5, 7))
    np.testing.assert_allclose(fast(1000 * matrix), fast(matrix), atol=1e-5)
    np.testing.assert_allclose(fast(-matrix), -fast(matrix), atol=1e-12)
    np.testing.assert_allclose(fast(matrix.T), fast(matrix).T, atol=1e-6)


def test_nothing_stays_nothing() -> None:
    assert (fast(np.zeros((3, 4))) == 0).all()
