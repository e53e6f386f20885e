"""The losses: equal to the slow loop in value and in slope, whatever is ignored, padded or absent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from boxwright.training.loss import detection_loss
from tests.training.cells import Cells, cells, grid
from tests.training.oracles import Asked, asked_loop, losses_loop

STEP = 1e-5


def asked_of(made: Cells) -> list[list[Asked]]:
    return [
        asked_loop(
            made.logits[i].tolist(), made.boxes[i].tolist(), made.centres.tolist(), made.strides.tolist(),
            made.truth[i].tolist(), made.class_id[i].tolist(), made.ignore[i].tolist(),
        )
        for i in range(len(made.logits))
    ]  # fmt: skip


def losses(made: Cells) -> tuple[float, float]:
    score, box = detection_loss(made.raw, *made.annotated)
    return float(score), float(box)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("ignored", [0, 2])
def test_they_equal_the_slow_loop(seed: int, ignored: int) -> None:
    made = cells(seed, ignored=ignored)
    expected = losses_loop(made.logits.tolist(), made.boxes.tolist(), asked_of(made))
    assert min(expected) > 0
    np.testing.assert_allclose(losses(made), expected, rtol=5e-3)


@pytest.mark.parametrize("ignored", [0, 1])
def test_their_slopes_are_those_of_the_slow_loop(ignored: int) -> None:
    """What a cell is asked for is taken as given; no slope goes through it."""
    made = cells(2, ignored=ignored)
    logits, boxes, centres, strides = made.raw
    logits.requires_grad_(), boxes.requires_grad_()
    sum(detection_loss((logits, boxes, centres, strides), *made.annotated)).backward()  # type: ignore[union-attr]
    asked = asked_of(made)
    for found, array in ((logits.grad, made.logits), (boxes.grad, made.boxes)):
        assert found is not None
        slope = np.zeros(array.shape)
        for at in np.ndindex(*array.shape):
            before = array[at]
            values = []
            for by in (STEP, -STEP):
                array[at] = before + by
                values.append(sum(losses_loop(made.logits.tolist(), made.boxes.tolist(), asked)))
            array[at] = before
            slope[at] = (values[0] - values[1]) / (2 * STEP)
        assert np.abs(slope).max() > 1e-3
        np.testing.assert_allclose(found.numpy(), slope, atol=2e-3 * np.abs(slope).max())


def test_padding_changes_nothing() -> None:
    made = cells(4)
    more = replace(
        made,
        truth=np.concatenate([made.truth, np.zeros((2, 3, 4))], axis=1),
        class_id=np.concatenate([made.class_id, np.full((2, 3), -1)], axis=1),
        ignore=np.concatenate([made.ignore, np.zeros((2, 3), bool)], axis=1),
    )
    np.testing.assert_allclose(losses(more), losses(made))


def test_where_nothing_is_annotated_only_scores_are_blamed() -> None:
    made = cells(6)
    for m in (0, 3):
        empty = replace(made, truth=np.zeros((2, m, 4)), class_id=np.full((2, m), -1), ignore=np.zeros((2, m), bool))
        expected = losses_loop(empty.logits.tolist(), empty.boxes.tolist(), asked_of(empty))
        np.testing.assert_allclose(losses(empty), (expected[0], 0.0))


def test_a_cell_in_an_ignored_annotation_is_neither_asked_nor_blamed() -> None:
    made = cells(8, pictures=1, annotations=1, ignored=1)
    logits, boxes, centres, strides = made.raw
    logits.requires_grad_()
    score, box = detection_loss((logits, boxes, centres, strides), *made.annotated)
    score.backward()
    x1, y1, x2, y2 = made.truth[0, 0]
    x, y = made.centres.T
    inside = (x > x1) & (x < x2) & (y > y1) & (y < y2)
    assert inside.any()
    assert not inside.all()
    assert logits.grad is not None
    assert (logits.grad[0, inside] == 0).all()
    assert (logits.grad[0, ~inside].abs().sum(dim=1) > 0).any()
    assert float(box) == 0


def test_the_cell_of_a_tiny_ignored_annotation_is_not_blamed_either() -> None:
    """No centre lies in it, but a cell would answer for it if it were asked."""
    centres, strides = map(torch.from_numpy, grid(64, (16,)))
    truth = torch.tensor([[[3.0, 3, 5, 5]]], dtype=torch.float64)
    logits = torch.zeros((1, 16, 2), dtype=torch.float64, requires_grad=True)
    boxes = torch.cat([centres - 8, centres + 8], dim=1)[None]
    score, _ = detection_loss((logits, boxes, centres, strides), truth, torch.tensor([[0]]), torch.tensor([[True]]))
    score.backward()
    assert logits.grad is not None
    assert (logits.grad[0, 0] == 0).all()
    assert (logits.grad[0, 1:] > 0).all()
