"""Shares and their log odds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_EDGE = 1e-9  # keeps the logit finite at 0 and 1


def logit(share: NDArray) -> NDArray[np.float64]:
    """(n,) log odds of shares in [0, 1]; finite and strictly rising, 0 and 1 included."""
    share = np.asarray(share, np.float64)
    return np.log((share + _EDGE) / (1 - share + _EDGE))


def sigmoid(value: NDArray) -> NDArray[np.float64]:
    """(n,) the share whose log odds are `value`; no overflow."""
    return 0.5 * (1 + np.tanh(0.5 * np.asarray(value, np.float64)))
