"""The learning rate over a run: rises, stays, falls as a cosine to 2 %."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxwright.training.recipe import TrainingSection
from boxwright.training.schedule import rate_share


def recipe(*, steps: int = 1000, warmup_steps: int = 100, flat: float = 0.4) -> TrainingSection:
    return TrainingSection(steps=steps, warmup_steps=warmup_steps, flat=flat)


@pytest.mark.parametrize(
    "step, expected", [(0, 0.01), (49, 0.5), (99, 1.0), (399, 1.0), (700, 0.51), (999, 0.02), (1000, 0.02)]
)
def test_known_points(step: int, expected: float) -> None:
    assert rate_share(step, recipe()) == pytest.approx(expected, abs=1e-4)


def test_the_fall_is_half_a_cosine() -> None:
    for step in range(400, 1000, 7):
        share = (step - 400) / 600
        assert rate_share(step, recipe()) == pytest.approx(0.02 + 0.98 * (1 + math.cos(math.pi * share)) / 2)


@given(st.integers(1, 60), st.integers(0, 80), st.floats(0, 1))
def test_it_rises_only_while_warming_up_and_stays_in_range(steps: int, warmup_steps: int, flat: float) -> None:
    shares = [rate_share(step, recipe(steps=steps, warmup_steps=warmup_steps, flat=flat)) for step in range(steps)]
    assert all(0 < share <= 1 for share in shares)
    after = shares[max(0, warmup_steps - 1) :]
    assert all(later <= earlier + 1e-12 for earlier, later in pairwise(after))


def test_without_warm_up_the_first_step_has_the_whole_rate() -> None:
    assert rate_share(0, recipe(warmup_steps=0)) == 1.0
