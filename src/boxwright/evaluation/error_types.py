"""What each kind of error costs: the AP50 that mending it would give, and its fair share of what is missing.

`dap` of a kind (see diagnose.py) is the AP50, in points, that mending this kind alone would give, as tidecv has it: a Loc or
Cls error becomes true if its object is free and it is the best scored that claims it, and goes otherwise; Dupe, Bkg and Both
go; missed objects are no longer asked for. Among equal scores of a mended curve errors come before true detections, as in
tidecv. Where tidecv averages in classes without objects, we leave them out as COCO does; and where all objects of a class are
forgiven, tidecv gives AP 0 and we give 1: nothing is left to find.

Such gains do not add up. `share` does: the Shapley value of each kind over all 64 sets of kinds that could be mended, so
that the six shares and AP50 make 100. There the claimant of an object is the best scored among the kinds mended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import factorial

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Matches
from boxwright.artifacts.report import ERROR_KINDS, ErrorCost, ErrorCosts
from boxwright.evaluation.diagnose import KINDS, Diagnosis, diagnose, tally
from boxwright.evaluation.mended import ALONE, SETS, Entries
from boxwright.evaluation.slices import Slice
from boxwright.statistics import plain_intervals

_MOST_REPLICATES = 400
RULE = (
    "TIDE's six kinds at IoU 0.5 and background 0.1. dap: points of AP50 that mending this kind alone would give (they do not "
    "add up). share: Shapley value over all sets of kinds (the six and AP50 make 100). count: of all detections; answered: at "
    "the score thresholds."
)


def error_types(
    matches: Matches,
    *,
    diagnosis: Diagnosis | None = None,
    part: Slice | None = None,
    weights: NDArray | None = None,
    confidence: float = 0.95,
    groups: float = 0,
) -> ErrorCosts:
    """What each kind of error costs.

    Args:
        matches: the match tables.
        diagnosis: of all detections; made here when None.
        part: a slice; everything when None.
        weights: (1 + r, images) for intervals of `dap`: the weighting they stand around, then the bootstrap's; none when None.
        confidence: of the intervals.
        groups: how many groups of one weight were resampled, see `effective_groups`.
    """
    diagnosis = diagnosis or diagnose(matches)
    as_found = Entries.of(matches, diagnosis.within(part), part, mended="sets")
    everything = np.ones((1, len(matches.images)), np.float32)
    sets = as_found.walk(everything * _inside(matches, part), SETS)[0]  # (64, K)
    judged = np.isfinite(sets[0])
    if not judged.any():
        return ErrorCosts(rule=RULE)
    counted = tally(diagnosis, matches, part)
    shares = 100 * _shapley(sets)  # (6, K)
    alone = gains(matches, everything, diagnosis=diagnosis, part=part)[0]
    low = high = np.full(len(alone), np.nan)
    if weights is not None:
        spread = gains(matches, weights[: 1 + _MOST_REPLICATES], diagnosis=diagnosis, part=part)
        low, high = plain_intervals(
            alone,
            spread[1:],
            groups=np.full(len(alone), groups),
            confidence=confidence,
            within=(0.0, 100.0),
            centre=spread[0],
        )
    kinds = {
        kind.code: ErrorCost(
            kind.name,
            float(alone[i]),
            _plain(low[i]),
            _plain(high[i]),
            float(shares[i, judged].mean()),
            counted[kind.code],
        )
        for i, kind in enumerate(ERROR_KINDS)
    }
    per_class = {
        name: {kind: float(shares[i, c]) for i, kind in enumerate(KINDS)}
        for c, name in enumerate(matches.class_names)
        if judged[c]
    }
    return ErrorCosts(kinds, float(100 * sets[0, judged].mean()), per_class, float(alone[6]), float(alone[7]), RULE)


def with_advice(costs: ErrorCosts, answered: Mapping[str, int], evidence: Mapping[str, str]) -> ErrorCosts:
    """The same with what to do about each kind: how many were answered, and in which slice they are most frequent."""
    kinds = {
        kind.code: replace(
            costs.kinds[kind.code], answered=answered[kind.code], recommendation=kind.recommendation, collect=kind.collect,
            evidence=evidence[kind.code],
        )
        for kind in ERROR_KINDS
        if kind.code in costs.kinds
    }  # fmt: skip
    return replace(costs, kinds=kinds)


def gains(
    matches: Matches, weights: NDArray, *, diagnosis: Diagnosis | None = None, part: Slice | None = None
) -> NDArray[np.float64]:
    """(r, 8) points of AP50 that mending each kind alone, every false detection, or every unfound object would give.

    Args:
        matches, diagnosis, part: as for `error_types`.
        weights: (r, images).
    """
    diagnosis = (diagnosis or diagnose(matches)).within(part)
    drawn = weights * _inside(matches, part)
    before = Entries.of(matches, diagnosis, part, mended="sets").walk(drawn, SETS.only(0))
    after = Entries.of(matches, diagnosis, part, mended="alone").walk(drawn, ALONE)
    return 100 * _gains(before, after)


def _inside(matches: Matches, part: Slice | None) -> NDArray[np.float32]:
    return np.ones(len(matches.images), np.float32) if part is None else part.pictures.astype(np.float32)


def _gains(before: NDArray, after: NDArray) -> NDArray[np.float64]:
    """(r, variants) what each variant (r, variants, K) adds to the mean AP50 of doing nothing (r, 1, K); not negative."""
    judged = np.isfinite(before)
    classes = np.maximum(judged.sum(axis=2), 1)
    mean = np.where(judged, after, 0).sum(axis=2) / classes - np.where(judged, before, 0).sum(axis=2) / classes
    return np.where(judged.any(axis=2), np.maximum(mean, 0.0), np.nan)


def _shapley(sets: NDArray) -> NDArray[np.float64]:
    """(6, K) Shapley values from the (64, K) worth of every set of kinds; bit e of the row says kind e is mended."""
    kinds = len(KINDS)
    value = np.zeros((kinds, sets.shape[1]))
    for before in range(1 << kinds):
        size = before.bit_count()
        for kind in range(kinds):
            if not before >> kind & 1:
                weight = factorial(size) * factorial(kinds - 1 - size) / factorial(kinds)
                value[kind] += weight * (sets[before | 1 << kind] - sets[before])
    return value


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
