"""How far a window's mean has moved."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def effect(value: NDArray, reference: NDArray) -> float:
    """Difference of means in standard deviations of the reference; of a constant reference, in its own unit."""
    spread = float(np.std(reference))
    difference = float(np.mean(value) - np.mean(reference))
    return difference / spread if spread > 1e-9 else difference
