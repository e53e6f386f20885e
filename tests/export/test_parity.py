"""Parity: a graph that differs from its checkpoint in anything that can be seen is not exported."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from boxwright.errors import ParityError
from boxwright.export.export import prove
from tests.export.changed_graphs import Change, after, before, changed, first_of_batch, weights
from tests.export.conftest import INPUT_HW, Exported

F = np.float32
BROKEN: dict[str, Change] = {
    "boxes moved by a pixel": after("boxes", "Add", F([1, 1, 1, 1])),
    "boxes wider": after("boxes", "Mul", F([1, 1, 1.03, 1])),
    "x and y swapped": after("boxes", "Gather", np.array([1, 0, 3, 2]), axis=2),
    "scores lower": after("scores", "Mul", F(0.9)),
    "classes swapped": after("scores", "Gather", np.array([1, 0]), axis=2),
    "cells in another order": after("scores", "Gather", np.roll(np.arange(30), 1), axis=1),
    "blue first": before("Gather", np.array([2, 1, 0]), axis=3),
    "upside down": before("Gather", np.arange(INPUT_HW[0])[::-1].copy(), axis=1),
    "mirrored": before("Gather", np.arange(INPUT_HW[1])[::-1].copy(), axis=2),
    "a kernel changed": weights(1.1),
    "boxes of the first of a batch": first_of_batch("boxes"),
    "scores of the first of a batch": first_of_batch("scores"),
}
FINE: dict[str, Change] = {
    "nothing changed": lambda _: None,
    "boxes moved by a ten-thousandth": after("boxes", "Add", F([1e-4] * 4)),
    "scores lower by a thousandth": after("scores", "Mul", F(1 - 1e-3)),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_graph_that_differs_is_refused(exported: Exported, tmp_path: Path, what: str) -> None:
    of_a_batch = "of a batch" in what
    with pytest.raises(
        ParityError, match="differently from its pictures" if of_a_batch else "differs from its"
    ) as found:
        prove(changed(exported.bundle, tmp_path, BROKEN[what]), exported.network, exported.pictures)
    assert str(found.value).count("\n") == 0


@pytest.mark.parametrize("what", FINE)
def test_a_graph_that_differs_by_rounding_is_taken(exported: Exported, tmp_path: Path, what: str) -> None:
    parity, answers = prove(changed(exported.bundle, tmp_path, FINE[what]), exported.network, exported.pictures)
    assert (parity["unmatched"], parity["pictures"]) == (0, len(answers))
    assert parity["detections_compared"] > 40
    assert parity["least_iou"] >= 0.99
    assert parity["largest_score_difference"] <= 0.01


@pytest.mark.parametrize("part", ["head.sides.bias", "head.score.bias", "level_scale"])
def test_a_checkpoint_that_differs_is_refused(exported: Exported, part: str) -> None:
    other = copy.deepcopy(exported.network)
    with torch.no_grad():
        dict(other.named_parameters())[part].add_(0.1)
    with pytest.raises(ParityError, match="differs from its checkpoint"):
        prove(exported.bundle, other, exported.pictures)


def test_figures_of_parity_are_in_the_contract(exported: Exported) -> None:
    parity, _ = prove(exported.bundle, exported.network, exported.pictures)
    assert exported.bundle.contract.parity == parity
