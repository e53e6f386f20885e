"""Clopper and Pearson's lower bound of a share (Biometrika 26, 1934), without scipy.

The bound solves P(at least as many | share) = 1 - confidence; that tail is the regularised incomplete beta function, here
by its continued fraction (DLMF 8.17.22, evaluated as Lentz does). It holds for independent trials only.
"""

from __future__ import annotations

import math

_TERMS = 100_000
_TRIALS = 60
_TINY = 1e-300


def lower_bound(true: int, of: int, *, confidence: float) -> float:
    """The one-sided lower bound of a share seen as `true` of `of` independent trials; 0 where none was true."""
    if true <= 0:
        return 0.0
    low, high = 0.0, true / of
    for _ in range(_TRIALS):
        middle = (low + high) / 2
        if incomplete_beta(true, of - true + 1, middle) < 1 - confidence:
            low = middle
        else:
            high = middle
    return low


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b), for a, b > 0 and x in [0, 1]."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast on the other side only
        return 1 - incomplete_beta(b, a, 1 - x)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) / a * _continued_fraction(a, b, x)


def _continued_fraction(a: float, b: float, x: float) -> float:
    """1 / (1 + d1 / (1 + d2 / (1 + ...))) of DLMF 8.17.22, by modified Lentz."""
    value, c, d = 1.0, 1.0, 0.0
    for n in range(_TERMS):
        m = n // 2
        if n == 0:
            numerator = 1.0
        elif n % 2 == 0:
            numerator = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        else:
            numerator = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / _away_from_zero(1 + numerator * d)
        c = _away_from_zero(1 + numerator / c)
        value *= c * d
        if abs(1 - c * d) < 1e-14:
            return value - 1
    return value - 1


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
