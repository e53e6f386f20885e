"""Where people differ, and whether it smells of a rule that is missing.

Objects that only some drew are counted along every axis (class, size, border, overlap, neighbour, marks, conditions). A cell
in which people differ clearly more often than elsewhere is a gap in the guideline when it is always the same people who draw
and the same who do not: each follows a rule, but not the same rule. Where there are no sides the objects are merely hard.
Classes are looked at in pairs: one calls it X where the other calls it Y. A cell that says no more than a stronger one
already listed is left out, after the objects of that one are set aside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from boxwright.artifacts.agreement import AgreementFinding
from boxwright.boxes import paired_iou
from boxwright.labels.agreement.axes import UnitAxis
from boxwright.labels.agreement.contrast import FALSE_DISCOVERY, LEAST_SUPPORT, Contrast, contrast, shrunken
from boxwright.labels.agreement.phrases import person, rule_gap
from boxwright.labels.agreement.ratings import NOTHING, Units, units_of
from boxwright.labels.agreement.sureness import Sureness
from boxwright.statistics import benjamini_hochberg, t_upper_tail

LEAST_EFFECT = float(np.log(1.5))  # shrunken odds ratio
HARD_EFFECT = float(np.log(2))  # for cells without sides, which ask for less
ONE_SIDED, SIDE_P = 0.6, 0.01  # mean side of the objects people differ about, and how sure it must be
PLACE_IOU = 0.7
NEAR_IOU = 0.1  # boxes that overlap by less are of different objects
_MOST_ROWS = 20_000


@dataclass(frozen=True)
class _Cell:
    """One cell of an axis, judged."""

    what: str
    axis: UnitAxis
    code: int
    inside: NDArray
    found: Contrast
    effect: float


def gaps(units: Units, axes: Sequence[UnitAxis], sure: Sureness) -> list[AgreementFinding]:
    """Findings about who draws what, the strongest first.

    Args:
        units: the rated objects.
        axes: what is known about them.
        sure: groups of the pictures.
    """
    rated = units.asked > 1
    missing = rated & (units.drew < units.asked) & ~elsewhere(units)
    sides = [_side(units, r) for r in range(units.member.shape[1])]
    group = sure.group[units.picture]
    cells = _raised(missing, rated, axes, group, sure)
    found, left = [], rated.copy()
    for cell in cells:
        again = contrast(missing[left], cell.inside[left], group[left])
        if again is None or t_upper_tail(np.array([again.t]), np.array([again.groups - 1]))[0] > 0.025:
            continue
        if again.log_odds < LEAST_EFFECT:
            continue
        who = _one_sided(sides, missing & cell.inside & left, group, sure)
        if who is None and (cell.effect < HARD_EFFECT or cell.inside[rated].mean() > 0.5):
            continue
        limit = _size_limit(units.side_px[left], missing[left]) if cell.axis.name == "size" else None
        found.append(
            rule_gap(cell.axis.name, cell.axis.labels[cell.code], cell.found, cell.effect, who, units.ratings.annotators, limit)
        )  # fmt: skip
        left &= ~cell.inside
        if limit is not None and who is not None:  # the rule ends where people part, not where a bin does
            left &= units.side_px > limit
    found += _class_pairs(units, group, sure)
    rest = _one_sided(sides, missing & left, group, sure)
    if rest is not None:
        found.append(person(rest, units.ratings.annotators))
    return found


def _raised(happens: NDArray, rated: NDArray, axes: Sequence[UnitAxis], group: NDArray, sure: Sureness) -> list[_Cell]:
    """Cells in which it happens clearly more often than elsewhere, the surest first."""
    cells: list[_Cell] = []
    for axis in axes:
        mine = []
        for code in range(len(axis.labels)):
            rows = rated & (axis.codes >= 0)
            found = contrast(happens[rows], axis.codes[rows] == code, group[rows]) if rows.any() else None
            if found is not None:
                mine.append((code, found))
        effects = shrunken([found for _, found in mine])
        cells += [
            _Cell("existence", axis, code, axis.codes == code, found, effect)
            for (code, found), effect in zip(mine, effects, strict=True)
        ]
    p = t_upper_tail(np.array([c.found.t for c in cells]), np.array([c.found.groups - 1 for c in cells]))
    kept = benjamini_hochberg(p, rate=FALSE_DISCOVERY) if cells else []
    raised = [c for c, keep in zip(cells, kept, strict=True) if keep and c.effect >= LEAST_EFFECT]
    return sorted(raised, key=lambda c: -c.found.t)


def _side(units: Units, r: int) -> NDArray[np.float64]:
    """(U,) 1 where the annotator draws what most others do not, -1 where they lack what most others draw, else 0."""
    mine = units.member[:, r]
    others = np.maximum(units.asked - 1, 1)
    share = (units.drew - (mine >= 0)) / others
    return np.where((mine >= 0) & (share < 0.5), 1.0, np.where((mine == NOTHING) & (share > 0.5), -1.0, 0.0))


@dataclass(frozen=True)
class Side:
    """Who stands on one side of a difference.

    Attributes:
        draws: position of the annotators who draw.
        lacks: of those who do not.
        share: of the differing objects that fall out this way.
        count: of differing objects.
        p: of a mean side as large by chance.
    """

    draws: tuple[int, ...]
    lacks: tuple[int, ...]
    share: float
    count: int
    p: float


def _one_sided(sides: Sequence[NDArray], rows: NDArray, group: NDArray, sure: Sureness) -> Side | None:
    """The sides, where it is always the same people who draw; None where it is not, or too few objects to tell."""
    if rows.sum() < LEAST_SUPPORT // 2:
        return None
    draws, lacks, shares, surest = [], [], [], 1.0
    for r, side in enumerate(sides):
        mean, t, holding = sure.mean_over_error(side[rows], group[rows])
        if holding < 2:
            continue
        p = min(1.0, 2 * len(sides) * float(t_upper_tail(np.array([abs(t)]), np.array([holding - 1]))[0]))
        if abs(mean) >= ONE_SIDED and p < SIDE_P:
            (draws if mean > 0 else lacks).append(r)
            shares.append((1 + abs(mean)) / 2)
            surest = min(surest, p)
    if not draws and not lacks:
        return None
    return Side(tuple(draws), tuple(lacks), max(shares), int(rows.sum()), surest)


def _size_limit(side_px: NDArray, missing: NDArray) -> float | None:
    """The size that parts objects people differ about from the others best: the split of largest likelihood."""
    order = np.argsort(side_px)
    size, wrong = side_px[order], missing[order].astype(np.float64)
    n = len(size)
    below, k = np.arange(1, n), np.cumsum(wrong)[:-1]

    def fit(hits: NDArray, of: NDArray) -> NDArray:
        share = np.clip(hits / of, 1e-9, 1 - 1e-9)
        return hits * np.log(share) + (of - hits) * np.log(1 - share)

    gain = fit(k, below) + fit(wrong.sum() - k, n - below)
    enough = (below >= LEAST_SUPPORT) & (n - below >= LEAST_SUPPORT) & (k / below > (wrong.sum() - k) / (n - below))
    if not enough.any():
        return None
    at = int(np.where(enough, gain, -np.inf).argmax())
    return float((size[at] + size[at + 1]) / 2)


def _class_pairs(units: Units, group: NDArray, sure: Sureness) -> list[AgreementFinding]:
    """Pairs of classes that people mix up more than others, with the side each takes."""
    names, label = units.ratings.class_names, units.label
    several = units.drew > 1
    low = np.where(label >= 0, label, len(names)).min(axis=1)
    high = np.where(label >= 0, label, -1).max(axis=1)
    mixed = several & (low != high)
    pairs = np.unique(np.stack([low[mixed], high[mixed]], axis=1), axis=0) if mixed.any() else np.zeros((0, 2), int)
    found, cells = [], []
    for x, y in pairs.tolist():
        both = mixed & (low == x) & (high == y)
        of_two = several & (np.isin(low, (x, y)) | np.isin(high, (x, y)))
        if both.sum() < LEAST_SUPPORT // 2 or of_two.sum() < LEAST_SUPPORT:
            continue
        pairs_else = max(len(names) * (len(names) - 1) / 2 - 1, 1.0)
        base = max(2 * float(several.sum()) / len(names), 1.0)  # objects a pair holds
        per_pair = max(float(mixed.sum() - both.sum()), 0.5) / pairs_else / base
        rate = float(both.sum() / of_two.sum())
        _, t, holding = sure.mean_over_error(both[of_two] - per_pair, group[of_two])
        alike = (rate - per_pair) / max(abs(t), 1e-9)  # its error, pictures of a group being alike
        by_chance = np.sqrt(per_pair * (1 - per_pair) * (1 / of_two.sum() + 1 / (pairs_else * base)))
        cells.append((x, y, both, rate, per_pair, (rate - per_pair) / max(alike, float(by_chance)), holding))
    p = (
        t_upper_tail(np.array([c[5] for c in cells]), np.array([max(c[6] - 1, 1) for c in cells]))
        if cells
        else np.zeros(0)
    )
    for (x, y, both, rate, per_pair, _, _), keep in zip(
        cells, benjamini_hochberg(p, rate=FALSE_DISCOVERY), strict=True
    ):
        if not keep or rate < 2 * per_pair:
            continue
        sides = [np.where(label[:, r] == x, 1.0, np.where(label[:, r] == y, -1.0, 0.0)) for r in range(label.shape[1])]
        side = _one_sided(sides, both, group, sure)
        who = units.ratings.annotators
        text = f"{names[x]} and {names[y]} are mixed up in {both.sum()} objects ({100 * rate:.1f} % of those called either)"
        if side is not None and side.draws and side.lacks:
            say_x, say_y = (" and ".join(who[r] for r in part) for part in (side.draws, side.lacks))
            text += f", in {100 * side.share:.0f} % of them {say_x} says {names[x]} where {say_y} says {names[y]}. The guideline does not part the two: write down what each includes and excludes."
            kind = "class-rule"
        else:
            text += ", without sides. Hard to tell apart, or careless: show examples of both side by side."
            kind = "hard"
        found.append(
            AgreementFinding(
                kind=kind, axis="class pair", value=f"{names[x]}/{names[y]}", sentence=text, support=int(both.sum()),
                measured={"rate": rate, "elsewhere": per_pair, "share": side.share if side else None},
            )
        )  # fmt: skip
    return found


def differing_units(units: Units) -> pa.Table:
    """Objects people differ about: class first, then existence (large before small), then place (boxes that
    did not meet, then least IoU first).

    Columns: image (position), file_name, kind, x1, y1, x2, y2 (mean box), classes (per annotator, empty where nothing was
    drawn, "–" where the picture was not had), boxes (four numbers per annotator, null where there is none), iou (least of any
    two, null for one box).
    """
    ratings, rated = units.ratings, units.asked > 1
    iou = least_iou(units)
    kind = np.full(len(rated), 3)
    kind[rated & (units.drew > 1) & (iou < PLACE_IOU)] = 2
    kind[rated & (units.drew < units.asked)] = 1
    kind[elsewhere(units)] = 2
    kind[rated & (units.drew > 1) & ~units.one_class] = 0
    rows = np.flatnonzero(kind < 3)
    rows = rows[
        np.lexsort((np.where(kind[rows] == 2, np.nan_to_num(iou[rows], nan=-1.0), -units.side_px[rows]), kind[rows]))
    ][:_MOST_ROWS]
    names = np.array([*ratings.class_names, "–", ""], dtype=object)  # -2 not asked, -1 nothing
    flat = units.boxes_xyxy[rows].reshape(len(rows), int(np.prod(units.boxes_xyxy.shape[1:])))
    boxes = pa.array(flat.ravel(), pa.float64(), from_pandas=True)
    offsets = pa.array(np.arange(len(rows) + 1, dtype=np.int32) * flat.shape[1])
    corners = units.middle_xyxy[rows]
    return pa.table(
        {
            "image": pa.array(units.picture[rows], pa.int64()),
            "file_name": pa.array([ratings.file_names[p] for p in units.picture[rows]], pa.string()),
            "kind": pa.array(np.array(["class", "existence", "place"], dtype=object)[kind[rows]], pa.string()),
            **{name: pa.array(corners[:, i], pa.float64()) for i, name in enumerate(("x1", "y1", "x2", "y2"))},
            "classes": pa.array([names[row].tolist() for row in units.label[rows]], pa.list_(pa.string())),
            "boxes": pa.ListArray.from_arrays(offsets, boxes),
            "iou": pa.array(iou[rows], pa.float64(), from_pandas=True),
        }
    )


def elsewhere(units: Units) -> NDArray[np.bool_]:
    """(U,) whether somebody lacks the object only because their box of it lies too far off: at IoU 0.1 it would have met."""
    loose = units_of(units.ratings, iou_threshold=min(NEAR_IOU, units.iou_threshold))
    met = np.zeros(len(units.ratings.class_id), np.bool_)
    rows = loose.member[(loose.drew == loose.asked) & (loose.drew > 1)]
    met[rows[rows >= 0]] = True
    short = units.drew < units.asked
    everyone = np.where(units.member >= 0, met[np.maximum(units.member, 0)], True).all(axis=1)
    return short & everyone & (units.asked > 1)


def least_iou(units: Units) -> NDArray[np.float64]:
    """(U,) least IoU of any two boxes of the unit; NaN where there are not two."""
    found = np.full(len(units.picture), np.nan)
    for a, b in combinations(range(units.member.shape[1]), 2):
        both = np.flatnonzero((units.member[:, a] >= 0) & (units.member[:, b] >= 0))
        found[both] = np.fmin(found[both], paired_iou(units.boxes_xyxy[both, a], units.boxes_xyxy[both, b]))
    return found
