"""The learning rate over a run: warm-up, flat, then a cosine to 2 %. How high it is, is the recipe's; this is its shape."""

from __future__ import annotations

import math

from boxwright.training.recipe import TrainingSection

LAST_SHARE = 0.02


def rate_share(step: int, recipe: TrainingSection) -> float:
    """Share of the learning rate at a step, in (0, 1].

    Args:
        step: 0 to `recipe.steps`.
        recipe: its `steps`, `warmup_steps` and `flat` are read.
    """
    warm = min(1.0, (step + 1) / max(1, recipe.warmup_steps))
    progress = step / max(1, recipe.steps)
    if progress < recipe.flat:
        return warm
    fall = 0.5 * (1 + math.cos(math.pi * (progress - recipe.flat) / max(1e-9, 1 - recipe.flat)))
    return warm * (LAST_SHARE + (1 - LAST_SHARE) * fall)
