"""What a count of independent trials says about the share behind it."""

from __future__ import annotations

import numpy as np

from boxwright.statistics.normal import two_sided_z


def wilson(share: float, trials: float, *, confidence: float) -> tuple[float, float]:
    """Wilson's interval of a share seen in so many independent trials (JASA 22, 1927); it contains the share and
    stays in [0, 1]."""
    z = two_sided_z(confidence)
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * np.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return max(0.0, min(share, float(centre - half))), min(1.0, max(share, float(centre + half)))


def clopper_pearson_lower(true: int, of: int, *, confidence: float) -> float:
    """Clopper and Pearson's one-sided lower bound of a share seen as `true` of `of` independent trials (Biometrika 26,
    1934): P(at least as many | bound) = 1 - confidence. 0 where none was true."""
    from scipy.special import betaincinv

    return float(betaincinv(true, of - true + 1, 1 - confidence)) if true > 0 else 0.0


def binomial_upper_tail(count: int, of: int, share: float) -> float:
    """Chance that a binomial of `of` draws at `share`, in [0, 1], is `count` or more."""
    from scipy.special import betainc

    if count <= 0:
        return 1.0
    if count > of:
        return 0.0
    return float(betainc(count, of - count + 1, min(max(share, 0.0), 1.0)))
