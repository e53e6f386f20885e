"""Whether somebody's differences grow along the session, and whether neighbouring pictures quarrel alike.

The session is the order of the pictures' names, numbers as numbers. It is cut into blocks of equal length; the rate of each
block (objects the annotator lacks and others drew, or how far their edges lie from the others') is regressed on its place.
Blocks, not pictures, are the cases: frames of a video repeat each other. A rising rate is what fatigue looks like; a falling
one is what learning looks like.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts.agreement import AgreementFinding, Resemblance
from boxwright.labels.agreement.edges import outward
from boxwright.labels.agreement.ratings import NOTHING, Units
from boxwright.labels.agreement.sureness import Sureness
from boxwright.statistics import benjamini_hochberg, t_upper_tail

BLOCKS = 20
_LEAST_PICTURES = 5  # of a block
_LEAST_RATIO = 1.5  # last third against first third
_LEAST_EVENTS = 20
_FALSE_DISCOVERY = 0.01  # lines through 20 blocks bend easily; what is planted bends far more


def drifts(units: Units, sure: Sureness) -> list[AgreementFinding]:
    """Findings about annotators whose differences grow or shrink along the session."""
    blocks = min(BLOCKS, len(units.ratings.saw) // _LEAST_PICTURES)
    if blocks < 6:
        return []
    several = np.flatnonzero(units.ratings.saw.sum(axis=1) > 1)
    block = np.full(len(units.ratings.saw), -1)
    block[several] = np.arange(len(several)) * blocks // max(len(several), 1)
    tested = [
        (r, what, *_trend(top, bottom, sure))
        for r in range(len(units.ratings.annotators))
        for what, top, bottom in _rates(units, r, block, blocks)
    ]
    kept = benjamini_hochberg(np.array([entry[-1] for entry in tested]), rate=_FALSE_DISCOVERY)
    return [
        _record(units, *entry)
        for entry, keep in zip(tested, kept, strict=True)
        if keep and max(entry[2], entry[3]) >= _LEAST_RATIO * min(entry[2], entry[3])
    ]


def _rates(units: Units, r: int, block: NDArray, blocks: int) -> list[tuple[str, NDArray, NDArray]]:
    """What is followed: name, and per block the sum and how many it is of."""
    at = block[units.picture]
    mine = units.member[:, r]
    others = units.drew - (mine >= 0)
    asked = (mine >= NOTHING) & (others > 0) & (at >= 0)
    lacks = asked & (mine == NOTHING)
    found = []
    if lacks.sum() >= _LEAST_EVENTS:
        found.append(("lacks", np.bincount(at[lacks], minlength=blocks), np.bincount(at[asked], minlength=blocks)))
    rows, away, sides = outward(units, r)
    off = np.abs(away / sides).mean(axis=1)
    near = (off < 0.5) & (at[rows] >= 0)
    if near.sum() >= _LEAST_EVENTS and (r > 0 or len(units.ratings.annotators) > 2):
        where = at[rows][near]
        found.append(("edges", np.bincount(where, off[near], blocks), np.bincount(where, minlength=blocks)))
    return found


def _trend(top: NDArray, bottom: NDArray, sure: Sureness) -> tuple[float, float, float, float]:
    """Rate in the first and the last third, slope over the whole session, and p of no slope, by weighted least squares."""
    held = bottom > 0
    x, weight = np.linspace(0, 1, len(top))[held], bottom[held].astype(np.float64)
    rate = top[held] / bottom[held]
    if len(x) < 5:
        return 0.0, 0.0, 0.0, 1.0
    mean_x, mean = np.average(x, weights=weight), np.average(rate, weights=weight)
    spread = (weight * np.square(x - mean_x)).sum()
    slope = float((weight * (x - mean_x) * (rate - mean)).sum() / spread)
    residual = rate - mean - slope * (x - mean_x)
    error = float(np.sqrt((weight * np.square(residual)).sum() / (len(x) - 2) / spread))
    t = abs(slope) / max(error, 1e-12)
    p = 2 * float(t_upper_tail(np.array([t]), np.array([len(x) - 2]))[0])
    third = max(len(top) // 3, 1)
    ends = [float(top[part].sum() / max(bottom[part].sum(), 1)) for part in (slice(None, third), slice(-third, None))]
    return ends[0], ends[1], slope, p


def _record(units: Units, r: int, what: str, first: float, last: float, slope: float, p: float) -> AgreementFinding:
    who = units.ratings.annotators[r]
    about = {
        "lacks": f"lacks {100 * first:.1f} % of what the others draw in the first third of the session and {100 * last:.1f} % in the last",
        "edges": f"is off the others' edges by {100 * first:.1f} % of the side in the first third of the session and {100 * last:.1f} % in the last",
    }[what]
    cause = (
        "This is what fatigue looks like: shorter sessions, a break"
        if slope > 0
        else "This is what learning looks like: look at the early pictures again"
    )
    return AgreementFinding(
        kind="fatigue" if slope > 0 else "learning",
        axis="annotator",
        value=who,
        sentence=f"{who} {about}. {cause}; or the pictures changed.",
        measured={"what": what, "first": first, "last": last, "p": p},
    )


def resemblance(units: Units, sure: Sureness) -> Resemblance:
    """How alike neighbouring pictures quarrel: lag-1 correlation of the share of objects people differ about.

    Above 0.3, with every picture a group of its own, intervals are too narrow.
    """
    rated = units.asked > 1
    differs = rated & ((units.drew < units.asked) | ~units.one_class)
    bottom = np.bincount(units.picture[rated], minlength=len(units.ratings.saw))
    top = np.bincount(units.picture[differs], minlength=len(units.ratings.saw))
    rate = (top / np.maximum(bottom, 1))[bottom > 0]
    if len(rate) < 20 or rate.std() < 1e-12:
        return Resemblance()
    centred = rate - rate.mean()
    lag = float((centred[1:] * centred[:-1]).sum() / np.square(centred).sum())
    return Resemblance(lag, sure.unit == "picture" and lag > 0.3)
