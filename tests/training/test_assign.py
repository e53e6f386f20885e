"""Assignment: equals the slow loop, and the laws a task-aligned assigner keeps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from boxwright.training.assign import assign, batched_iou
from tests.oracles import iou_of
from tests.training.cells import Cells, cells, grid
from tests.training.oracles import assign_loop


def assigned(made: Cells, *, top_k: int = 10) -> tuple[np.ndarray, np.ndarray]:
    logits, boxes, centres, strides = made.raw
    truth, class_id, _ = made.annotated
    owner, quality = assign(logits.sigmoid(), boxes, centres, strides, truth, class_id, top_k=top_k)
    return owner.numpy(), quality.numpy()


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("top_k", [1, 3, 10])
def test_it_equals_the_slow_loop(seed: int, top_k: int) -> None:
    made = cells(seed, pictures=3, annotations=6)
    owner, quality = assigned(made, top_k=top_k)
    scores = torch.from_numpy(made.logits).sigmoid().tolist()
    for i in range(3):
        expected = assign_loop(
            scores[i], made.boxes[i].tolist(), made.centres.tolist(), made.strides.tolist(), made.truth[i].tolist(),
            made.class_id[i].tolist(), top_k=top_k,
        )  # fmt: skip
        assert owner[i].tolist() == expected[0]
        np.testing.assert_allclose(
            quality[i], expected[1], atol=2e-3
        )  # the fast form adds a billionth to each alignment
    assert (owner >= 0).any()


def test_the_best_cell_of_an_annotation_is_asked_for_the_best_overlap() -> None:
    made = cells(3)
    owner, quality = assigned(made)
    for i, j in zip(*np.nonzero(made.class_id >= 0), strict=True):
        mine = np.flatnonzero(owner[i] == j)
        if len(mine):
            best = max(iou_of(made.boxes[i, cell], made.truth[i, j]) for cell in mine)
            assert quality[i, mine].max() == pytest.approx(best, abs=2e-3)
    assert (quality[owner < 0] == 0).all()


def test_pictures_do_not_meet_in_a_batch_and_padding_changes_nothing() -> None:
    made = cells(5, pictures=3)
    together = assigned(made)
    for i in range(3):
        real = made.class_id[i] >= 0
        alone = Cells(
            made.logits[i : i + 1], made.boxes[i : i + 1], made.centres, made.strides, made.truth[i : i + 1, real],
            made.class_id[i : i + 1, real], made.ignore[i : i + 1, real],
        )  # fmt: skip
        for one, many in zip(assigned(alone), together, strict=True):
            np.testing.assert_allclose(one[0], many[i], atol=1e-12)


def test_the_order_of_annotations_does_not_matter() -> None:
    made = cells(7, pictures=1, annotations=5)
    order = [3, 0, 4, 1, 2]
    owner, quality = assigned(made)
    turned = Cells(
        made.logits, made.boxes, made.centres, made.strides, made.truth[:, order], made.class_id[:, order], made.ignore
    )
    other, same = assigned(turned)
    assert [order[j] if j >= 0 else -1 for j in other[0]] == owner[0].tolist()
    np.testing.assert_allclose(same, quality)


def test_a_higher_score_or_a_better_box_is_preferred() -> None:
    centres, strides = grid(64, (16,))
    truth, class_id = torch.tensor([[[0.0, 0, 64, 64]]], dtype=torch.float64), torch.tensor([[0]])
    scores = torch.full((1, 16, 1), 0.2, dtype=torch.float64)
    boxes = torch.tensor([0.0, 0, 40, 64], dtype=torch.float64).repeat(1, 16, 1)
    scores[0, 5], boxes[0, 9] = 0.9, torch.tensor([0.0, 0, 60, 64], dtype=torch.float64)
    owner, _ = assign(scores, boxes, torch.from_numpy(centres), torch.from_numpy(strides), truth, class_id, top_k=2)
    assert set(np.flatnonzero(owner[0].numpy() == 0)) == {5, 9}


@pytest.mark.parametrize("corner", [(3.0, 3.0), (15.0, 15.0), (16.5, 40.0), (0.0, 0.0)])
def test_an_annotation_that_no_centre_lies_in_still_has_a_cell(corner: tuple[float, float]) -> None:
    centres, strides = grid(64, (16,))
    truth = torch.tensor([[[*corner, corner[0] + 2, corner[1] + 2]]], dtype=torch.float64)
    boxes = torch.from_numpy(np.concatenate([centres - 8, centres + 8], axis=1))[None]
    scores = torch.full((1, 16, 1), 0.5, dtype=torch.float64)
    owner, quality = assign(
        scores, boxes, torch.from_numpy(centres), torch.from_numpy(strides), truth, torch.tensor([[0]])
    )
    nearest = np.abs(centres - (np.array(corner) + 1)).max(axis=1).argmin()
    assert owner[0, nearest] == 0
    assert quality[0, nearest] > 0


@pytest.mark.parametrize("class_id", [[], [-1, -1]])
def test_nothing_annotated_is_all_background(class_id: list[int]) -> None:
    made = cells(1, pictures=1)
    logits, boxes, centres, strides = made.raw
    truth = torch.zeros((1, len(class_id), 4), dtype=torch.float64)
    owner, quality = assign(
        logits.sigmoid(), boxes, centres, strides, truth, torch.tensor([class_id], dtype=torch.long)
    )
    assert (owner == -1).all()
    assert (quality == 0).all()


def test_overlaps_of_a_batch_equal_the_slow_loop() -> None:
    made = cells(11)
    found = batched_iou(torch.from_numpy(made.truth), torch.from_numpy(made.boxes)).numpy()
    expected = [[[iou_of(t, b) for b in made.boxes[i]] for t in made.truth[i]] for i in range(2)]
    np.testing.assert_allclose(found, expected, atol=1e-9)
