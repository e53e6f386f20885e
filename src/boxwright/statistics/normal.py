"""The normal distribution, from the standard library: scipy is slow to import, and a server does without it."""

from __future__ import annotations

from statistics import NormalDist

_NORMAL = NormalDist()


def normal_quantile(share: float) -> float:
    """The value that a share of the standard normal distribution lies below; share in (0, 1)."""
    return _NORMAL.inv_cdf(share)


def two_sided_z(confidence: float) -> float:
    """Half the width, in standard errors, of a normal interval; 1.96 for 0.95."""
    return normal_quantile(0.5 + confidence / 2)


def normal_share_below(value: float) -> float:
    """Share of the standard normal distribution below a value."""
    return _NORMAL.cdf(value)
