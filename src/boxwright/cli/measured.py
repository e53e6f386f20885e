"""Conditions measured from pictures on disk, for COCO files judged without a store: light, contrast, sharpness."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from boxwright.images import MEASURES, measure
from boxwright.spec.spec import ConditionClause

_THREADS = 2
_PARTS = 3


def measure_pictures(
    names: Sequence[str], read: Callable[[int], NDArray | None], progress: Callable[[int, int], None]
) -> dict[str, dict[str, float]]:
    """File name to what was measured; pictures that cannot be read are left out.

    Args:
        names: file names.
        read: position to RGB uint8, or None.
        progress: told how many of how many are done.
    """
    found: dict[str, dict[str, float]] = {}

    def one(position: int) -> dict[str, float] | None:
        picture = read(position)
        return None if picture is None else measure(picture)

    with ThreadPoolExecutor(_THREADS) as threads:
        for position, measures in enumerate(threads.map(one, range(len(names)))):
            if measures is not None:
                found[names[position]] = measures
            progress(position + 1, len(names))
    return found


def in_thirds(measured: Mapping[str, Mapping[str, float]]) -> tuple[ConditionClause, ...]:
    """Conditions that cut what was measured into thirds, for slices that no spec describes."""
    clauses = []
    for name in MEASURES:
        values = [of_picture[name] for of_picture in measured.values()]
        if not values:
            continue
        edges = np.quantile(values, np.arange(_PARTS + 1) / _PARTS)
        bins = (math.floor(edges[0]), *(round(float(e), 1) for e in edges[1:-1]), math.ceil(edges[-1]))
        if all(a < b for a, b in pairwise(bins)):
            clauses.append(ConditionClause(name=name, source="measured", bins=bins))
    return tuple(clauses)
