"""The smallest training there is: a network of a few thousand weights, images of 64 pixels, batches of two."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from boxwright.training.fit import Fit, Validate
from boxwright.training.model import Network
from boxwright.training.recipe import TrainingSection
from boxwright.training.sample import Batch

SIDE = 64
CLASSES = 2
CPU = torch.device("cpu")


def tiny_network(seed: int = 0) -> Network:
    """A network with one level of four cells."""
    torch.manual_seed(seed)
    return Network(classes=CLASSES, width=0.25, strides=(32,))


def tiny_batch(step: int) -> Batch:
    """Batch number `step`: two noisy images with one bright object each."""
    rng = np.random.default_rng(step)
    pictures = rng.integers(0, 60, (2, SIDE, SIDE, 3)).astype(np.uint8)
    corner = rng.integers(0, SIDE - 24, (2, 1, 2))
    for picture, (x, y) in zip(pictures, corner[:, 0], strict=True):
        picture[y : y + 24, x : x + 24] = 200
    boxes = np.concatenate([corner, corner + 24], axis=2).astype(np.float32)
    return Batch(pictures, boxes, rng.integers(0, CLASSES, (2, 1)), np.zeros((2, 1), bool))


def tiny_fit(
    folder: Path, *, validate: Validate | None = None, batch: Callable[[int], Batch] = tiny_batch, **training: Any
) -> Fit:
    """A run whose state lies in `folder`; `training` is more of the recipe's section."""
    section = TrainingSection.model_validate({"steps": 6, "warmup_steps": 2, "validate_every": 2, **training})
    return Fit(tiny_network(), section, batch, validate=validate, state_path=folder / "state.pt", device=CPU)


def copied(weights: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """Weights as they are now."""
    return {name: value.detach().numpy().copy() for name, value in weights.items()}


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two sets of weights are equal to the bit."""
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)
