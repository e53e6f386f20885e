"""Student's t by way of the normal distribution (Wallace, Annals of Mathematical Statistics 30, 1959).

z = (8v + 1) / (8v + 3) * sqrt(v * ln(1 + t^2 / v)) is normal to about three digits from v = 4 degrees of freedom on, and
can be turned round; that is enough for the ends of intervals and for tests, and needs no further library.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

_NORMAL = NormalDist()


def t_quantile(share: float, freedom: NDArray | float) -> NDArray[np.float64]:
    """The t that a share of the distribution lies below; share above one half, degrees of freedom above 0."""
    v = np.asarray(freedom, np.float64)
    z = _NORMAL.inv_cdf(share) * (8 * v + 3) / (8 * v + 1)
    return np.sqrt(v * np.expm1(z * z / v))


def t_upper_tail(t: NDArray, freedom: NDArray | int) -> NDArray[np.float64]:
    """(n,) share of the distribution above each t."""
    v = np.asarray(freedom, np.float64)
    z = np.sign(t) * (8 * v + 1) / (8 * v + 3) * np.sqrt(v * np.log1p(np.square(t) / v))
    return np.array([1 - _NORMAL.cdf(float(x)) for x in np.atleast_1d(z)])
