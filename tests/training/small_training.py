"""A whole training of a few steps: six painted images, a split, a recipe. Also run as a program, which kills itself without warning.

python small_training.py FOLDER STEP
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from boxwright.artifacts import Checkpoint, Dataset, Split
from boxwright.training import Forward, Recipe, train
from tests.training.painted import scattered
from tests.worlds import dataset, digest_of, encoded, row, spec

SIDE = 96
EVERY = 3
RECIPE: dict[str, Any] = {
    "model": {"input_hw": (SIDE, SIDE), "width": 0.25},
    "training": {
        "steps": 8, "batch": 2, "crop": 64, "warmup_steps": 2, "validate_every": EVERY, "threads": 1, "overfit_check": False,
    },
    "augment": {"mosaic": 0.5},
}  # fmt: skip
SCENES = [scattered(seed, size_hw=(SIDE, SIDE), cell=24) for seed in range(6)]
DIGESTS = [digest_of(f"image {k}") for k in range(len(SCENES))]
FILES = {digest: encoded(scene.picture) for digest, scene in zip(DIGESTS, SCENES, strict=True)}


def data() -> tuple[Dataset, Split]:
    """Six images of two classes, four of them to learn from."""
    rows = [
        {
            **row(k, scene.boxes_xyxy.tolist(), classes=(scene.class_id % 2).tolist(), picture=digest),
            "width": SIDE,
            "height": SIDE,
        }
        for k, (scene, digest) in enumerate(zip(SCENES, DIGESTS, strict=True))
    ]
    made = dataset(rows)
    sides = ("train", "train", "val", "train", "test", "train")
    return made, Split(image_ids=made.image_ids, side=sides, group=tuple("abcdef"), summary={"seed": 0})


def mean_score(forward: Forward) -> float:
    """In the place of val mAP: a figure that depends on the weights."""
    return float(forward(np.stack([SCENES[2].picture]))[1].mean())


def trained(
    folder: Path, *, progress: Callable[[str, int, int, str], None] = lambda *_: None, **training: Any
) -> Checkpoint:
    """The checkpoint of this training; taken up where `folder` holds its state."""
    made, parts = data()
    recipe = Recipe.model_validate({**RECIPE, "training": {**RECIPE["training"], **training}})
    return train(
        made, parts, spec(), recipe, read=FILES.__getitem__, work_folder=folder, validate=mean_score, progress=progress
    )


def kill_at(step: int) -> Callable[[str, int, int, str], None]:
    """Nothing is caught, flushed or written after this step."""

    def progress(_what: str, now: int, _steps: int, text: str) -> None:
        if now == step and "look" not in text:
            os.kill(os.getpid(), signal.SIGKILL)

    return progress


if __name__ == "__main__":
    trained(Path(sys.argv[1]), progress=kill_at(int(sys.argv[2])))
