"""Many questions at once: which answers stand.

Benjamini and Hochberg (JRSS B 57, 1995) bound the expected share of false finds among what is found; Holm (Scandinavian
Journal of Statistics 6, 1979) the chance of any false find.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def benjamini_hochberg(p_values: NDArray, *, rate: float) -> NDArray[np.bool_]:
    """(n,) which of n hypotheses are rejected at a false discovery rate."""
    p_values = np.asarray(p_values, np.float64)
    kept = np.zeros(len(p_values), np.bool_)
    order = np.argsort(p_values, kind="stable")
    passing = np.flatnonzero(p_values[order] <= rate * np.arange(1, len(p_values) + 1) / max(len(p_values), 1))
    if len(passing):
        kept[order[: passing[-1] + 1]] = True
    return kept


def holm(p_values: NDArray) -> NDArray[np.float64]:
    """(n,) p-values corrected so that the chance of any false rejection stays what is asked of one."""
    n = len(p_values)
    order = np.argsort(p_values)
    raised = np.maximum.accumulate((n - np.arange(n)) * p_values[order])
    corrected = np.empty(n)
    corrected[order] = np.minimum(raised, 1.0)
    return corrected
