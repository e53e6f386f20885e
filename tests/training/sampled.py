"""Painted images for the sampler: every object of every image has an id of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxwright.detections import AnnotationColumns, offsets_from_counts
from boxwright.training.augment import Scene
from boxwright.training.recipe import Recipe
from boxwright.training.sample import Sampler
from tests.training.painted import scattered

SIDE = 96


def recipe(*, crop: int = 64, **augment: Any) -> Recipe:
    """Unscaled, uncoloured cuts of images of SIDE pixels."""
    plain = {"scale": (1.0, 1.0), "brightness": 0.0, "contrast": 0.0, "saturation": 0.0}
    return Recipe.model_validate(
        {
            "model": {"input_hw": (SIDE, SIDE)},
            "training": {"crop": crop, "batch": 3, "aim": augment.pop("aim", 0.85)},
            "augment": {**plain, **augment},
        }
    )


def images(count: int = 4) -> list[Scene]:
    """Scenes of about eight objects; ids go on from one to the next."""
    made: list[Scene] = []
    for seed in range(count):
        first = sum(len(scene.class_id) for scene in made)
        made.append(scattered(seed, size_hw=(SIDE, SIDE), cell=24, first_id=first))
    return made


def sampler(scenes: Sequence[Scene], made: Recipe, *, flips: tuple[str, ...] = (), seed: int = 0) -> Sampler:
    """A sampler of these scenes."""
    return Sampler(columns(scenes), lambda i: scenes[i].picture, made, flips=flips, seed=seed)


def columns(scenes: Sequence[Scene]) -> AnnotationColumns:
    """What is annotated in these scenes."""

    def joined(name: str, dtype: type) -> NDArray:
        return np.concatenate([getattr(scene, name) for scene in scenes]).astype(dtype)

    boxes = joined("boxes_xyxy", np.float64)
    n = len(boxes)
    return AnnotationColumns(
        offsets=offsets_from_counts([len(scene.class_id) for scene in scenes]), boxes_xyxy=boxes, class_id=joined("class_id", np.int32),
        area=np.ones(n), crowd=np.zeros(n, bool), ignore=joined("ignore", bool), annotation_id=np.arange(n),
    )  # fmt: skip
