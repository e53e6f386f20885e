"""Two sets of detections on the same pictures: what got better, what got worse, and how sure that is.

Differences are paired: both sides are resampled with the same groups, so what is hard for both cancels out and a difference
far smaller than either side's own interval can be told. A figure is better or worse when the interval of the difference
leaves 0 out. Beside the figures every object is followed by itself: fixed (A missed it, B finds it), broken, or still missed;
and every false alarm: gone, new, or still there (same class, IoU at least 0.5).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Comparison, Matches
from boxwright.artifacts.comparison import (
    AlarmChanges,
    ComparedMetric,
    ComparedSlice,
    CostPair,
    ObjectChanges,
    Standing,
)
from boxwright.artifacts.resampled import Resampled
from boxwright.errors import InputError
from boxwright.evaluation.average_precision import Reducer
from boxwright.evaluation.changes import Changes, Diagnosed, by_class, changed_table, false_alarms, objects
from boxwright.evaluation.diagnose import diagnose
from boxwright.evaluation.error_types import error_types
from boxwright.evaluation.evaluate import CONFIDENCE, judged_on
from boxwright.evaluation.observe import AVERAGES, OF_POINT, UNBOUNDED, Holding, Observer
from boxwright.evaluation.operating import answered
from boxwright.evaluation.slices import Axis, Slice, axis, cut, standard_conditions
from boxwright.spec import Spec, figure_key
from boxwright.spec.spec import ConditionClause
from boxwright.statistics import LEAST_GROUPS, Resampling, plain_intervals, replicates_for

LOWER_IS_BETTER = ("false_alarms_per_image",)
_OF_SLICE = ("ap50", "precision", "recall")


@dataclass(frozen=True)
class Contender:
    """One side of a comparison.

    Attributes:
        title: what it is.
        matches: on the pictures both are judged on.
        least: (detections,) score each detection has to reach to be answered.
    """

    title: str
    matches: Matches
    least: NDArray


@dataclass(frozen=True)
class _Judged(Diagnosed):
    """A contender with what is derived from it."""

    observer: Observer
    axes: tuple[Axis, ...]

    @classmethod
    def of(
        cls, contender: Contender, clauses: Sequence[ConditionClause], resampling: Resampling, confidence: float
    ) -> _Judged:
        matches = contender.matches
        passes = answered(matches, contender.least)
        observer = Observer(matches, Reducer(matches), passes, resampling, confidence=confidence)
        return cls(matches, diagnose(matches, passes), observer, tuple(axis(matches, c) for c in clauses))


def compare(
    a: Contender, b: Contender, *, spec: Spec | None = None, conditions: Sequence[ConditionClause] = ()
) -> Comparison:
    """B against A.

    Args:
        a, b: on the same pictures and annotations.
        spec: its conditions are sliced by, and the figures its clauses ask for are compared too.
        conditions: to slice by where there is no spec.

    Raises:
        InputError: the two were judged on different pictures, annotations or classes.
    """
    if a.matches.class_names != b.matches.class_names or judged_on(a.matches) != judged_on(b.matches):
        raise InputError(
            f"'{a.title}' and '{b.title}' were judged on different pictures, annotations or classes; "
            f"evaluate both on the same ones, then compare."
        )
    if not (a.matches.images.equals(b.matches.images) and _same_objects(a.matches, b.matches)):
        raise InputError(
            f"'{a.title}' and '{b.title}' were matched with different groups, conditions or crowd marks; "
            f"evaluate both again with the same spec, then compare."
        )
    groups = a.matches.images.column("group").to_pylist()
    resampling = Resampling.of(groups, replicates=replicates_for(len(a.matches.detections)))
    confidence = spec.acceptance.confidence if spec else CONFIDENCE
    clauses = (*(spec.conditions if spec else conditions),)
    every = clauses + standard_conditions(a.matches, clauses)
    sides = [_Judged.of(side, every, resampling, confidence) for side in (a, b)]
    followed, alarms = objects(sides[0], sides[1]), false_alarms(sides[0], sides[1])
    daps = [error_types(side.matches).kinds for side in sides]
    metrics = list(_metrics(sides, sides[0].observer.whole(), sides[1].observer.whole(), (*AVERAGES, *OF_POINT), ()))
    for selected in sorted({r.conditions for r in spec.requirements if r.conditions} if spec else ()):
        asked = sorted({r.metric for r in spec.requirements if r.conditions == selected} & {*AVERAGES, *OF_POINT})  # type: ignore[union-attr]
        part_a, part_b = (cut(side.matches, every, selected) for side in sides)
        metrics += _metrics(sides, part_a, part_b, asked, selected)
    return Comparison(
        title_a=a.title,
        title_b=b.title,
        class_names=a.matches.class_names,
        metrics=tuple(metrics),
        objects=by_class(followed, a.matches.class_names, ObjectChanges, kinds=4),
        false_alarms=by_class(alarms, a.matches.class_names, AlarmChanges, kinds=3),
        slices=tuple(_slices(sides, followed, alarms)),
        error_types={code: CostPair(cost.dap, daps[1][code].dap) for code, cost in daps[0].items()},
        resampling=Resampled(
            unit="picture" if resampling.single else "group",
            groups=resampling.groups,
            replicates=len(resampling.new),
            confidence=confidence,
            these_replicates=len(resampling.these),
        ),
        judged_on=judged_on(a.matches),
        changed=changed_table(a.matches, followed, alarms),
        made_from={"matches_a": a.matches.digest, "matches_b": b.matches.digest},
    )


def _same_objects(a: Matches, b: Matches) -> bool:
    given = ["annotation_id", "area", "left_out", "ignore", "crowd"]
    return a.objects.select(given).equals(b.objects.select(given))


def _metrics(
    sides: Sequence[_Judged],
    part_a: Slice,
    part_b: Slice,
    metrics: Sequence[str],
    selected: tuple[tuple[str, str], ...],
) -> Iterator[ComparedMetric]:
    """Every metric of a slice, per class and over all: both sides, and the difference with its interval."""
    parts = (part_a, part_b)
    found_a, found_b = (s.observer.replicated(p, metrics) for s, p in zip(sides, parts, strict=True))
    names: list[str | None] = [*sides[0].matches.class_names, None]
    for metric in metrics:
        holding_a, holding_b = (s.observer.holding(p, metric) for s, p in zip(sides, parts, strict=True))
        (value_a, spread_a), (value_b, spread_b) = found_a[metric], found_b[metric]
        difference = value_b - value_a
        (low, high), (these_low, these_high) = _ends(
            sides[0].observer, metric, difference, spread_b - spread_a, (holding_a, holding_b)
        )
        for i, name in enumerate(names):
            yield ComparedMetric(
                key=figure_key(metric, name, selected),
                metric=metric,
                class_name=name,
                conditions=dict(selected),
                a=_plain(value_a[i]),
                b=_plain(value_b[i]),
                difference=_plain(difference[i]),
                low=_plain(low[i]),
                high=_plain(high[i]),
                support=int(holding_a.objects[i]),
                verdict=_verdict(metric, low[i], high[i]) if np.isfinite(difference[i]) else "undefined",
                these_low=_plain(these_low[i]),
                these_high=_plain(these_high[i]),
            )


def _ends(
    observer: Observer, metric: str, difference: NDArray, replicates: NDArray, holdings: tuple[Holding, Holding]
) -> tuple[tuple[NDArray, NDArray], tuple[NDArray, NDArray]]:
    """Ends of the differences' intervals for new groups, and for these; NaN where there are none."""
    resampling, nothing = observer.resampling, np.full(len(difference), np.nan)
    centre, new, these = resampling.parted(replicates)
    within = (-np.inf, np.inf) if metric in UNBOUNDED else (-1.0, 1.0)

    def ends(spread: NDArray, groups: NDArray, around: NDArray, enough: NDArray) -> tuple[NDArray, NDArray]:
        if not len(spread):
            return nothing, nothing
        low, high = plain_intervals(
            difference, spread, groups=groups, confidence=observer.confidence, within=within, centre=around
        )
        return np.where(enough, low, np.nan), np.where(enough, high, np.nan)

    a, b = holdings
    of_new = ends(new, np.maximum(a.effective, b.effective), centre, np.maximum(a.groups, b.groups) >= LEAST_GROUPS)
    if resampling.single:
        return of_new, of_new
    images = np.maximum(a.freedom, b.freedom) + 1
    return of_new, ends(these, images, difference, images >= LEAST_GROUPS)


def _verdict(metric: str, low: float, high: float) -> Standing:
    if not (np.isfinite(low) and np.isfinite(high)) or low <= 0 <= high:
        return "no significant difference"
    return "better" if (low > 0) != (metric in LOWER_IS_BETTER) else "worse"


def _slices(sides: Sequence[_Judged], followed: Changes, alarms: Changes) -> Iterator[ComparedSlice]:
    for of_a, of_b in zip(sides[0].axes, sides[1].axes, strict=True):
        for label in of_a.labels:
            code = of_a.labels.index(label)
            part_a, part_b = of_a.slice(label), of_b.slice(label)
            of_all = {r.metric: r for r in _metrics(sides, part_a, part_b, _OF_SLICE, ()) if r.class_name is None}
            support = of_all["recall"].support
            inside = of_a.objects[followed.row_a] == code
            tables = ((of_a.detections, alarms.row_a), (of_b.detections, alarms.row_b))
            there = np.zeros(len(alarms.change), np.bool_)
            for codes, rows in tables:
                if len(codes):
                    there |= (rows >= 0) & (codes[np.maximum(rows, 0)] == code)
            if not support and not there.any():
                continue
            yield ComparedSlice(
                condition=of_a.name,
                value=label,
                objects=support,
                ap50=of_all["ap50"],
                precision=of_all["precision"],
                recall=of_all["recall"],
                fixed=int((followed.change[inside] == 0).sum()),
                broken=int((followed.change[inside] == 1).sum()),
                gone=int((alarms.change[there] == 0).sum()),
                new=int((alarms.change[there] == 1).sum()),
            )


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
