"""The effect of a window."""

from __future__ import annotations

import numpy as np
import pytest

from boxwright.monitoring.effect import effect


def test_effect_is_in_standard_deviations_of_the_reference() -> None:
    reference = np.array([8.0, 12.0])
    assert effect(np.array([14.0]), reference) == pytest.approx(2)
    assert effect(np.array([6.0]), reference) == pytest.approx(-2)
    assert effect(np.array([5.0, 7.0]), np.array([3.0, 3.0])) == pytest.approx(3)  # a constant reference: its own unit
