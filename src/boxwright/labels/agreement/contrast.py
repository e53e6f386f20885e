"""Whether something happens more often inside a cell than outside, when pictures of one group resemble each other.

The difference of the two shares is taken over its standard error from the groups' summed residuals, so that one bad clip is
not taken for a bad class. Effects are log-odds ratios, drawn towards 0 by as much as their family shows no spread of its own
(empirical Bayes; DerSimonian and Laird, Controlled Clinical Trials 7, 1986).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FALSE_DISCOVERY = 0.1
LEAST_SUPPORT = 20
LEAST_GROUPS = 5


@dataclass(frozen=True)
class Contrast:
    """One cell against the rest.

    Attributes:
        rate, elsewhere: shares in which it happens.
        support: how many are in the cell.
        t: difference over its standard error.
        groups: how many groups the cell holds.
        log_odds, error: log-odds ratio with half a case added to each count, and its standard error.
    """

    rate: float
    elsewhere: float
    support: int
    t: float
    groups: int
    log_odds: float
    error: float


def contrast(happens: NDArray, inside: NDArray, group: NDArray) -> Contrast | None:
    """A cell against the rest; None where either side holds too little to say.

    Args:
        happens: (n,) bool.
        inside: (n,) bool, the cell.
        group: (n,) number of the group.
    """
    n_in, n_out = int(inside.sum()), int((~inside).sum())
    if n_in < LEAST_SUPPORT or n_out < LEAST_SUPPORT:
        return None
    groups = int(group.max()) + 1
    holding = int((np.bincount(group[inside], minlength=groups) > 0).sum())
    if holding < LEAST_GROUPS:
        return None
    k_in, k_out = int(happens[inside].sum()), int(happens[~inside].sum())
    rate, elsewhere = k_in / n_in, k_out / n_out
    residual = np.where(inside, (happens - rate) / n_in, -(happens - elsewhere) / n_out)
    spread = float(np.sqrt(groups / max(groups - 1, 1) * np.square(np.bincount(group, residual, groups)).sum()))
    floor = sum(s * (1 - s) / n for s, n in (((k_in + 0.5) / (n_in + 1), n_in), ((k_out + 0.5) / (n_out + 1), n_out)))
    spread = max(spread, float(np.sqrt(floor))) if k_in + k_out else 1.0
    log_odds = float(np.log((k_in + 0.5) / (n_in - k_in + 0.5)) - np.log((k_out + 0.5) / (n_out - k_out + 0.5)))
    t = (rate - elsewhere) / spread
    plain = float(np.sqrt(1 / (k_in + 0.5) + 1 / (n_in - k_in + 0.5) + 1 / (k_out + 0.5) + 1 / (n_out - k_out + 0.5)))
    return Contrast(rate, elsewhere, n_in, t, holding, log_odds, max(plain, abs(log_odds / t) if abs(t) > 1 else 0.0))


def shrunken(found: list[Contrast]) -> list[float]:
    """Log-odds ratios of one family, each drawn towards 0 by its own uncertainty."""
    if not found:
        return []
    effect, error = np.array([c.log_odds for c in found]), np.array([c.error for c in found])
    own = max(0.0, float((np.square(effect) - np.square(error)).mean()))
    return (effect * own / (own + np.square(error) + 1e-12)).tolist()
