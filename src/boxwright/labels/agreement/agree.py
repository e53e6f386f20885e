"""How far people agree about the same pictures, and whether that is enough.

Read `agree`: units, figures over everything, over IoU thresholds, per class and slice, per annotator and pair, then what the
spec requires. Who differs and why is in `differences.py`, `edges.py` and `session.py`; what to take for true in `consensus.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Agreement
from boxwright.artifacts.agreement import (
    AnnotatorFigures,
    AtIou,
    ClassAgreement,
    PairAgreement,
    Separated,
    SliceAgreement,
    Tally,
)
from boxwright.artifacts.codec import Document
from boxwright.labels.agreement.axes import SIZES_PX, UnitAxis, unit_axes
from boxwright.labels.agreement.differences import differing_units, elsewhere, gaps
from boxwright.labels.agreement.edges import edge_biases, measured
from boxwright.labels.agreement.krippendorff import coincidences
from boxwright.labels.agreement.localisation import Separation, separation
from boxwright.labels.agreement.pairs import pair_figures, pairs_of
from boxwright.labels.agreement.ratings import NOT_ASKED, Ratings, Units, units_of
from boxwright.labels.agreement.required import Required, judged
from boxwright.labels.agreement.session import drifts, resemblance
from boxwright.labels.agreement.sureness import Sureness
from boxwright.spec import Observed

GRID = tuple(round(0.1 + 0.05 * i, 2) for i in range(18))  # 0.10 to 0.95
_MOST_SLICES = 60


def agree(
    ratings: Ratings,
    sure: Sureness,
    *,
    title: str,
    iou_threshold: float = 0.5,
    required: Required | None = None,
    sizes_px: Sequence[float] = SIZES_PX,
    facts: Document | None = None,
    made_from: Mapping[str, str] | None = None,
) -> Agreement:
    """Everything about how far the annotators agree.

    Args:
        ratings: what they drew.
        sure: groups of the pictures and how intervals are made.
        title: what is rated.
        iou_threshold: overlap from which on two boxes mean the same object.
        required: what agreement is asked for; None asks for nothing.
        sizes_px: edges of the size bins, square root of the area.
        facts: of the reading, kept in the artifact.
        made_from: role to digest of what was read.
    """
    units = units_of(ratings, iou_threshold=iou_threshold)
    axes = unit_axes(units, sizes_px=sizes_px)
    apart = separation(ratings)
    figures = {"alpha": _alpha(units, sure), **pair_figures(pairs_of(units), sure)}
    findings = [*gaps(units, axes, sure), *edge_biases(units, sure), *drifts(units, sure)]
    several = ratings.saw.sum(axis=1) > 1
    return Agreement(
        title=title,
        annotators=ratings.annotators,
        class_names=ratings.class_names,
        iou_threshold=iou_threshold,
        figures=figures,
        tally=Tally(
            pictures=len(several),
            pictures_of_several=int(several.sum()),
            boxes={name: ratings.boxes_of(r) for r, name in enumerate(ratings.annotators)},
            objects=int((units.asked > 1).sum()),
            drawn_by_all=int(((units.asked > 1) & (units.drew == units.asked)).sum()),
            too_far_off=int(elsewhere(units).sum()),
            of_one_class=int(((units.asked > 1) & (units.drew == units.asked) & units.one_class).sum()),
        ),
        over_iou=tuple(_at(ratings, sure, threshold) for threshold in GRID),
        per_class=_per_class(units, sure),
        slices=tuple(_slices(units, axes, sure)),
        people=_people(units, sure),
        pairs=tuple(_pairs(units, sure)),
        separation=_separated(apart),
        required=judged(required, figures, ratings) if required else None,
        findings=tuple(findings),
        resampling=sure.resampling,
        resemblance=resemblance(units, sure),
        facts=facts or {},
        differences=differing_units(units),
        made_from=made_from or {},
    )


def _alpha(units: Units, sure: Sureness, *, only: int | None = None, chosen: NDArray | None = None) -> Observed:
    parts = coincidences(units, only=only, chosen=chosen)
    return sure.figure(parts.alpha(), parts.resampled(sure), parts.values.sum(axis=1))


def _at(ratings: Ratings, sure: Sureness, threshold: float) -> AtIou:
    units = units_of(ratings, iou_threshold=threshold)
    rest = pair_figures(pairs_of(units), sure, kappa=False)
    return AtIou(threshold, _alpha(units, sure), rest["f1"], rest["f1_class"])


def _per_class(units: Units, sure: Sureness) -> dict[str, ClassAgreement]:
    found = {}
    of_class = units.ratings.class_id
    for k, name in enumerate(units.ratings.class_names):
        rest = pair_figures(pairs_of(units, of_class=k), sure, kappa=False)
        drawn = np.bincount(units.ratings.annotator[of_class == k], minlength=len(units.ratings.annotators))
        found[name] = ClassAgreement(
            alpha=_alpha(units, sure, only=k) if drawn.sum() else Observed(None),
            f1=rest["f1_class"],
            mean_iou=rest["mean_iou"],
            boxes=dict(zip(units.ratings.annotators, drawn.tolist(), strict=True)),
        )
    return found


def _slices(units: Units, axes: Sequence[UnitAxis], sure: Sureness) -> list[SliceAgreement]:
    found = []
    for axis in axes:
        if axis.name in ("class", "neighbour") or len(np.unique(axis.codes[axis.codes >= 0])) < 2:
            continue
        for code, label in enumerate(axis.labels):
            chosen = axis.codes == code
            if chosen.any() and len(found) < _MOST_SLICES:
                rest = pair_figures(pairs_of(units, chosen=chosen), sure, kappa=False)
                found.append(
                    SliceAgreement(
                        axis.name, label, int(chosen.sum()), _alpha(units, sure, chosen=chosen), rest["f1"], rest["f1_class"],
                        rest["mean_iou"],
                    )
                )  # fmt: skip
    return found


def _people(units: Units, sure: Sureness) -> dict[str, AnnotatorFigures]:
    """Per annotator: boxes, objects only they drew, objects only they lack, and vitality: alpha minus alpha without them."""
    found, names = {}, units.ratings.annotators
    whole = coincidences(units)
    for r, name in enumerate(names):
        mine = units.member[:, r]
        others = units.drew - (mine >= 0)
        asked = units.asked - (mine != NOT_ASKED)
        vitality = None
        if len(names) > 2:
            rest = coincidences(units, without=r)
            with_all, without = whole.resampled(sure), rest.resampled(sure)
            spread = None if with_all is None or without is None else with_all - without
            vitality = sure.figure(whole.alpha() - rest.alpha(), spread, whole.values.sum(axis=1))
        found[name] = AnnotatorFigures(
            pictures=int(units.ratings.saw[:, r].sum()),
            boxes=units.ratings.boxes_of(r),
            alone=int(((mine >= 0) & (others == 0) & (asked > 0)).sum()),
            lacks=int(((mine == -1) & (others == asked) & (asked > 0)).sum()),
            edges=measured(units, r),
            vitality=vitality,
        )
    return found


def _pairs(units: Units, sure: Sureness) -> list[PairAgreement]:
    """Per pair: alpha, F1, mean IoU and kappa; how many boxes both, and each alone, drew."""
    found, ratings = [], units.ratings
    for pair in pairs_of(units):
        a, b = ratings.annotators[pair.a], ratings.annotators[pair.b]
        rest = pair_figures([pair], sure)
        both = int(pair.both.sum())
        two = Units(
            _only(ratings, pair.a, pair.b), units.member[:, [pair.a, pair.b]], units.picture, units.iou_threshold
        )
        found.append(
            PairAgreement(
                a, b, both, int(pair.boxes_a.sum()) - both, int(pair.boxes_b.sum()) - both, int(pair.same.sum()),
                _alpha(two, sure), rest["f1"], rest["f1_class"], rest["mean_iou"], rest["kappa"],
            )
        )  # fmt: skip
    return found


def _only(ratings: Ratings, a: int, b: int) -> Ratings:
    """The same boxes, seen by two annotators only; members of units go on naming rows of all boxes."""
    return Ratings(
        (ratings.annotators[a], ratings.annotators[b]), ratings.class_names, ratings.file_names, ratings.sizes_hw,
        ratings.saw[:, [a, b]], ratings.offsets, ratings.boxes_xyxy, ratings.class_id,
    )  # fmt: skip


def _separated(apart: Separation) -> Separated:
    edges = np.linspace(0, 1, 41)
    observed, expected = (
        tuple((np.histogram(of, edges)[0] / max(len(of), 1)).tolist()) for of in (apart.observed, apart.expected)
    )
    return Separated(apart.iou_threshold, apart.found, apart.ks if np.isfinite(apart.ks) else None, observed, expected)
