"""Whether somebody draws tighter or looser than the others, edge by edge.

Of every object an annotator and at least one other drew, each edge is compared with the mean of the others', outwards being
positive, as a share of the object's side. With two annotators the two figures are the same with opposite signs, so one is
told; with more, each is told beside the middle one. A mean that is not 0 is no noise but a habit: the rule "tight to what is visible", or its margin, is not written down.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts.agreement import AgreementFinding, EdgeHabit
from boxwright.labels.agreement.contrast import FALSE_DISCOVERY
from boxwright.labels.agreement.ratings import Units
from boxwright.labels.agreement.sureness import Sureness
from boxwright.statistics import benjamini_hochberg, t_upper_tail

EDGES = ("left", "top", "right", "bottom")
LEAST_SHARE, LEAST_PX = 0.01, 0.3  # smaller habits are not worth a sentence
_WILD = 0.5  # share of the side from which on the boxes are of different objects or parts
_LEAST_OBJECTS = 20
_Tested = tuple[int, str, float, float, int, float]  # annotator, edge, share of the side, px, objects, p


def edge_biases(units: Units, sure: Sureness) -> list[AgreementFinding]:
    """Findings about edges: one record per annotator who has a habit, with the figures of all four edges."""
    tested = _against_the_middle(
        [(r, *edge) for r in _told(units) for edge in _of_annotator(units, sure, r)], units, sure
    )
    kept = benjamini_hochberg(np.array([entry[-1] for entry in tested]), rate=FALSE_DISCOVERY)
    found = []
    for r in _told(units):
        mine = [(entry, keep) for entry, keep in zip(tested, kept, strict=True) if entry[0] == r]
        clear = [e for e, keep in mine if keep and abs(e[2]) >= LEAST_SHARE and abs(e[3]) >= LEAST_PX]
        if clear:
            found.append(_record(units, r, [e for e, _ in mine], clear))
    return found


def measured(units: Units, r: int) -> dict[str, EdgeHabit]:
    """Edge to how far outside the mean of the others' edges an annotator draws; no edge without objects."""
    rows, away, sides = outward(units, r)
    near = (np.abs(away / sides) < _WILD).all(axis=1)
    if not len(rows) or not near.any():
        return {}
    shares, px = (away / sides)[near].mean(axis=0), away[near].mean(axis=0)
    return {name: EdgeHabit(float(shares[e]), float(px[e])) for e, name in enumerate(EDGES)}


def _told(units: Units) -> range:
    """Annotators to tell about: of two, the first."""
    count = len(units.ratings.annotators)
    return range(1 if count == 2 else count)


def outward(units: Units, r: int) -> tuple[NDArray, NDArray, NDArray]:
    """Rows where the annotator and another drew; (n, 4) outward distance to the others' mean in px; and (n, 4) sides in px."""
    boxes = units.boxes_xyxy
    rows = np.flatnonzero((units.member[:, r] >= 0) & (units.drew > 1))
    others = np.delete(boxes[rows], r, axis=1)
    mean = np.nanmean(others, axis=1) if len(rows) else np.zeros((0, 4))
    width, height = mean[:, 2] - mean[:, 0], mean[:, 3] - mean[:, 1]
    sides = np.stack([width, height, width, height], axis=1)
    return rows, (boxes[rows, r] - mean) * np.array([-1.0, -1.0, 1.0, 1.0]), np.maximum(sides, 1e-9)


def _of_annotator(units: Units, sure: Sureness, r: int) -> list[tuple[str, float, float, int, float, int]]:
    """Per edge: name, mean share of the side, mean in px, objects, mean over its error, groups."""
    rows, away, sides = outward(units, r)
    group, found = sure.group[units.picture[rows]], []
    for e, name in enumerate(EDGES):
        share = away[:, e] / sides[:, e]
        near = np.abs(share) < _WILD
        if near.sum() < _LEAST_OBJECTS:
            continue
        mean, t, holding = sure.mean_over_error(share[near], group[near])
        found.append((name, mean, float(away[near, e].mean()), int(near.sum()), t, holding))
    return found


def _against_the_middle(
    tested: list[tuple[int, str, float, float, int, float, int]], units: Units, sure: Sureness
) -> list[_Tested]:
    """With three or more: where each stands beside the middle one, so that one who draws tight does not make the others loose."""
    annotators = len(units.ratings.annotators)
    if annotators < 3:
        return [(r, name, share, px, n, _p(sure, t, holding)) for r, name, share, px, n, t, holding in tested]
    found = []
    for r, name, share, px, n, t, holding in tested:
        others = [entry for entry in tested if entry[1] == name]
        own = (annotators - 1) / annotators  # the mean of the others moves against one's own
        away = (share - float(np.median([e[2] for e in others]))) * own
        away_px = (px - float(np.median([e[3] for e in others]))) * own
        ratio = away / share if share else 0.0
        found.append((r, name, away, away_px, n, _p(sure, t * ratio, holding)))
    return found


def _p(sure: Sureness, t: float, holding: int) -> float:
    return 2 * float(t_upper_tail(np.array([abs(t)]), np.array([holding - 1]))[0]) if holding > 4 else 1.0


def _record(units: Units, r: int, every: list[_Tested], clear: list[_Tested]) -> AgreementFinding:
    who, others = units.ratings.annotators[r], [n for i, n in enumerate(units.ratings.annotators) if i != r]
    word = {True: "looser", False: "tighter"}
    parts = [
        f"{word[share > 0]} by {abs(px):.1f} px ({100 * abs(share):.1f} %) on the {name}"
        for _, name, share, px, *_ in clear
    ]
    against = others[0] if len(others) == 1 else "the others"
    signs = {share > 0 for _, _, share, *_ in clear}
    rule = (
        "Say how tight a box is (labels.box)" if len(signs) == 1 else "Say where an object begins and ends (labels.box)"
    )
    measured: dict[str, float | str | None] = {"against": against}
    for _, name, share, px, _, p in every:
        measured |= {f"{name}_share": share, f"{name}_px": px, f"{name}_p": p}
    return AgreementFinding(
        kind="edges",
        axis="annotator",
        value=who,
        sentence=f"{who} draws {', '.join(parts)} than {against}, on {clear[0][4]} objects. {rule}.",
        support=clear[0][4],
        measured=measured,
    )
