"""recipe.yaml: the method. How we try to keep the promise; nothing here is promised.

Each field says what it is and its unit. Lengths are pixels of the model's input.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from boxwright.spec import Override
from boxwright.spec.clause import Seed, Share
from boxwright.spec.document import Section, read_document
from boxwright.spec.spec import MOST_SIDE_PX


class ModelSection(Section):
    """The network."""

    input_hw: tuple[int, int] = (640, 640)  # height, width of the model's input, multiples of 32
    width: Annotated[float, Field(gt=0, le=4)] = 1.0  # multiple of the standard channel counts
    strides: tuple[int, ...] = (8, 16, 32)  # pyramid levels that predict; 8 alone suits uniformly small objects

    @field_validator("input_hw")
    @classmethod
    def _multiples(cls, value: tuple[int, int]) -> tuple[int, int]:
        if any(side % 32 or side <= 0 for side in value):
            raise ValueError("height and width must be positive multiples of 32")
        if max(value) > MOST_SIDE_PX:
            raise ValueError(f"height and width must be at most {MOST_SIDE_PX} px")
        return value

    @field_validator("strides")
    @classmethod
    def _levels(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value or sorted(set(value)) != list(value) or not set(value) <= {8, 16, 32}:
            raise ValueError("strides must be some of 8, 16, 32, in rising order")
        return value


class TrainingSection(Section):
    """The optimisation."""

    steps: Annotated[int, Field(ge=1, le=100_000_000)] = 3000  # batches in all
    batch: Annotated[int, Field(ge=1, le=1024)] = 16  # pictures per batch
    crop: Annotated[int, Field(ge=64, le=MOST_SIDE_PX)] = 320  # side of a training cut, multiple of 32
    aim: Share = 0.85  # share of cuts placed about an annotation
    learning_rate: Annotated[float, Field(gt=0, ge=1e-12, le=100)] = (
        2e-3  # after warm-up; of AdamW, Muon's follows from it
    )
    weight_decay: Annotated[float, Field(ge=0, le=100)] = 0.02
    warmup_steps: Annotated[int, Field(ge=0, le=100_000_000)] = 150
    flat: Share = 0.45  # share of the steps before the rate starts to fall (cosine to 2 %)
    validate_every: Annotated[int, Field(ge=1, le=100_000_000)] = 300  # steps between looks at val
    patience: Annotated[int, Field(ge=1, le=1_000_000)] = 8  # looks below the best val mAP before stopping early
    overfit_check: bool = True  # first show that a handful of pictures can be learnt
    threads: Annotated[int, Field(ge=0, le=4096)] = 0  # CPU threads; 0 is one per core


class AugmentSection(Section):
    """Changes to training pictures. Flips are not here: the spec says which leave labels true."""

    mosaic: Share = 0.3  # share of cuts made of four pictures
    plain_end: Share = 0.15  # last share of the steps, without mosaics
    scale: tuple[float, float] = (0.8, 1.25)  # smallest and largest scale of a cut
    brightness: Share = 0.15  # largest shift, as a share of full scale
    contrast: Share = 0.2  # largest relative change
    saturation: Share = 0.3  # largest relative change
    least_visible: Share = 0.5  # share of an object that must remain for its box to remain

    @field_validator("scale")
    @classmethod
    def _range(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0.01 <= value[0] <= value[1] <= 100:
            raise ValueError("scale must be two numbers from 0.01 to 100, the smaller first")
        return value


class Recipe(Section):
    """The whole of recipe.yaml."""

    model: ModelSection = ModelSection()
    training: TrainingSection = TrainingSection()
    augment: AugmentSection = AugmentSection()
    seed: Seed = 0  # of every random draw

    @model_validator(mode="after")
    def _crop_fits(self) -> Recipe:
        if self.training.crop % 32 or self.training.crop > min(self.model.input_hw):
            raise ValueError(
                f"training.crop must be a multiple of 32 and at most the shorter side of model.input_hw "
                f"({min(self.model.input_hw)}), found {self.training.crop}"
            )
        return self


def load_recipe(path: str | Path, overrides: Sequence[Override] = ()) -> Recipe:
    """The recipe in a YAML file, with the overrides in it; SpecError with the key's path when it is wrong."""
    return read_document(path, Recipe, overrides)
