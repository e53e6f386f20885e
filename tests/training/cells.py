"""Cells of a small network by hand: centres, strides, random scores and boxes, and annotations for them to answer for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

CLASSES = 3


@dataclass(frozen=True)
class Cells:
    """A batch as the losses see it, in float64.

    Attributes:
        logits: (n, cells, CLASSES).
        boxes: (n, cells, 4) xyxy, each around its cell's centre.
        centres, strides: (cells, 2), (cells,).
        truth, class_id, ignore: (n, m, 4), (n, m), (n, m).
    """

    logits: NDArray
    boxes: NDArray
    centres: NDArray
    strides: NDArray
    truth: NDArray
    class_id: NDArray
    ignore: NDArray

    @property
    def raw(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """What `Network.raw` would give."""
        logits, boxes, centres, strides = map(torch.from_numpy, (self.logits, self.boxes, self.centres, self.strides))
        return logits, boxes, centres, strides

    @property
    def annotated(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Truth, classes and what is ignored."""
        return torch.from_numpy(self.truth), torch.from_numpy(self.class_id), torch.from_numpy(self.ignore)


def grid(side: int, strides: tuple[int, ...]) -> tuple[NDArray, NDArray]:
    """(cells, 2) centres and (cells,) strides of a square input of `side` pixels."""
    centres = [((i + 0.5) * s, (j + 0.5) * s) for s in strides for j in range(side // s) for i in range(side // s)]
    return np.array(centres, float), np.array([s for s in strides for _ in range((side // s) ** 2)], float)


def cells(
    seed: int, *, pictures: int = 2, annotations: int = 4, side: int = 64, strides: tuple[int, ...] = (16, 32), ignored: int = 0
) -> Cells:  # fmt: skip
    """Random cells and annotations; the last annotation of each picture but the first is padding, the first `ignored` are ignored."""
    rng = np.random.default_rng(seed)
    centres, of_cell = grid(side, strides)
    n, m = pictures, annotations
    reach = rng.uniform(6, 24, (n, len(centres), 4))
    corner, size = rng.uniform(0, side - 34, (n, m, 2)), rng.uniform(12, 34, (n, m, 2))
    truth, class_id = np.concatenate([corner, corner + size], axis=2), rng.integers(0, CLASSES, (n, m))
    truth[1:, -1:], class_id[1:, -1:] = 0.0, -1
    return Cells(
        logits=rng.normal(-1, 1.5, (n, len(centres), CLASSES)),
        boxes=np.concatenate([centres - reach[..., :2], centres + reach[..., 2:]], axis=2),
        centres=centres, strides=of_cell, truth=truth, class_id=class_id,
        ignore=np.broadcast_to(np.arange(m) < ignored, (n, m)).copy(),
    )  # fmt: skip
