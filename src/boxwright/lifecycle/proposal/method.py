"""The recipe from sizes: input, pyramid levels, cuts and steps, each with its reason and what it costs.

Sizes of objects are taken as the model will see them: an image that is larger than usual is scaled down more. What training
costs follows from the pixels of its cuts and of the looks at val; the steps are limited so that a first training ends within
half an hour on two cores.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxwright.lifecycle.proposal.proposed import Guessed
from boxwright.lifecycle.proposal.survey import Survey
from boxwright.training import Recipe

_SMALLEST_INPUT_PX = 12.0  # side of an object, in input pixels, that the finest level still finds
_USUAL, _LARGEST = 640, 1280  # longer side of the input, pixels
_LOOKS = 32  # at each training image
_BATCH = 8
_STEPS = (400, 6000)
_CPU_S_A_MEGAPIXEL = 1.3  # of training; BCCD and DeepPCB in benchmarks/README.md
_LOOK_CPU_S_A_MEGAPIXEL = 0.5  # of an image of val, with what is found there
_PROOF_STEPS = 20  # what learning a handful of images by heart costs, in steps
_LOOKS_AT_VAL = 5
_CORES, _MOST_MINUTES = 2, 30
_FINE_ONLY = 56.0  # input pixels up to which stride 8 alone serves


def method_of(found: Survey, *, train_images: int, val_images: int) -> tuple[Recipe, list[Guessed], list[str]]:
    """A recipe, what in it was guessed, and what a reader must know of it."""
    height, width = _usual_size(found)
    sides = _sides_on_usual(found, height, width) if len(found.side_px) else np.array([32.0])
    small, large, largest = np.quantile(sides, [0.1, 0.95, 0.99]).tolist()
    longer = max(height, width)
    wanted = _SMALLEST_INPUT_PX / max(small, 1.0)
    scale = min(max(min(1.0, _USUAL / longer), min(wanted, 2.0)), _LARGEST / longer)
    input_hw = [_multiple(height * scale), _multiple(width * scale)]
    fine = largest * scale <= _FINE_ONLY
    crop = int(np.clip(_multiple(1.5 * large * scale), 256, 416))
    crop = min(crop, min(input_hw) // 32 * 32)
    wanted_steps = int(np.clip(math.ceil(train_images * _LOOKS / _BATCH / 100) * 100, *_STEPS))
    step_s = _BATCH * crop**2 / 1e6 * _CPU_S_A_MEGAPIXEL / _CORES
    looks_s = _LOOKS_AT_VAL * val_images * input_hw[0] * input_hw[1] / 1e6 * _LOOK_CPU_S_A_MEGAPIXEL / _CORES
    steps = min(wanted_steps, max(_STEPS[0], int(_MOST_MINUTES * 60 / step_s / 100) * 100))
    cost = f"about {math.ceil(((steps + _PROOF_STEPS) * step_s + looks_s) / 60)} minutes on {_CORES} cores"
    if steps < wanted_steps:
        cost += f" ({wanted_steps} steps would look {_LOOKS} times at each image)"
    document: dict[str, Any] = {
        "model": {"input_hw": input_hw, "strides": [8] if fine else [8, 16, 32]},
        "training": {
            "steps": steps, "batch": _BATCH, "crop": crop, "warmup_steps": min(150, steps // 4),
            "validate_every": max(steps // _LOOKS_AT_VAL, 1),
        },
        "augment": {"mosaic": 0.2},
    }  # fmt: skip
    n, m = len(found), len(found.side_px)
    guessed = [
        Guessed("model.input_hw", input_hw, f"images are {_sizes_told(found, height, width)}; a tenth of the objects are smaller than "
                f"{small:.0f} px, which is {small * scale:.0f} px of the input", m),
        Guessed("model.strides", document["model"]["strides"],
                f"99 % of the objects are up to {largest * scale:.0f} px of the input", m),
        Guessed("training.crop", crop, f"95 % of the objects are up to {large * scale:.0f} px of the input", m),
        Guessed("training.steps", steps, f"about {steps * _BATCH / max(train_images, 1):.0f} cuts from each of about {train_images} "
                f"training images; {cost}", n),
    ]  # fmt: skip
    remarks = []
    if small * scale < _SMALLEST_INPUT_PX * 0.75:
        remarks.append(
            f"a tenth of the objects are smaller than {small * scale:.1f} px of the input and will be missed: the images would have "
            f"to be cut into tiles before ingestion, or model.input_hw raised"
        )
    return Recipe.model_validate(document), guessed, remarks


def _sizes_told(found: Survey, height: float, width: float) -> str:
    """`640x480 px`, or with the extremes where sizes differ."""
    usual = f"{width:.0f}x{height:.0f} px"
    known = found.sizes_hw[np.isfinite(found.sizes_hw).all(axis=1)]
    if not len(known) or (known == known[0]).all():
        return usual
    area = known.prod(axis=1)
    (small_h, small_w), (large_h, large_w) = known[area.argmin()].tolist(), known[area.argmax()].tolist()
    return (
        f"{small_w:.0f}x{small_h:.0f} to {large_w:.0f}x{large_h:.0f} px, usually {usual} (sizes below are at this one)"
    )


def _usual_size(found: Survey) -> tuple[float, float]:
    """Median height and width; a square where lying and standing images are mixed."""
    known = found.sizes_hw[np.isfinite(found.sizes_hw).all(axis=1)]
    if not len(known):
        return float(_USUAL), float(_USUAL)
    height, width = np.median(known, axis=0).tolist()
    standing = float((known[:, 0] > known[:, 1]).mean())
    lying = float((known[:, 0] < known[:, 1]).mean())
    return (max(height, width),) * 2 if min(standing, lying) > 0.2 else (height, width)


def _sides_on_usual(found: Survey, height: float, width: float) -> NDArray[np.float64]:
    """(m,) side of each box, as if its image were scaled to fit the usual size, as the model's input is."""
    with np.errstate(divide="ignore", invalid="ignore"):
        fit = np.minimum(*(np.array([height, width]) / found.sizes_hw).T)
    return found.side_px * np.where(np.isfinite(fit), fit, 1.0)[found.image]


def _multiple(side: float) -> int:
    """The nearest multiple of 32, at least 96."""
    return max(96, round(side / 32) * 32)
