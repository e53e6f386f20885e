"""Student's t with any number of degrees of freedom, fractions included."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def t_quantile(share: float, freedom: NDArray | float) -> NDArray[np.float64]:
    """The t that a share of the distribution lies below; share in (0, 1), degrees of freedom above 0."""
    from scipy.special import stdtrit

    return np.asarray(stdtrit(np.asarray(freedom, np.float64), share), np.float64)


def t_upper_tail(t: NDArray | float, freedom: NDArray | float) -> NDArray[np.float64]:
    """(n,) share of the distribution above each t."""
    from scipy.special import stdtr

    return np.asarray(stdtr(np.asarray(freedom, np.float64), -np.atleast_1d(np.asarray(t, np.float64))), np.float64)
