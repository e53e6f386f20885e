"""Two sets of detections on the same pictures: what got better, what got worse, and how sure that is.

Differences are paired: both sides are resampled with the same groups, so what is hard for both cancels out and a difference
far smaller than either side's own interval can be told. A figure is better or worse when the interval of the difference
leaves 0 out. Beside the figures every object is followed by itself: fixed (A missed it, B finds it), broken, or still missed;
and every false alarm: gone, new, or still there (same class, IoU at least 0.5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numba
import numpy as np
import pyarrow as pa
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
from boxwright.boxes import iou_of_two
from boxwright.errors import InputError
from boxwright.evaluation.average_precision import Reducer
from boxwright.evaluation.diagnose import Diagnosis, diagnose
from boxwright.evaluation.error_types import error_types
from boxwright.evaluation.evaluate import CONFIDENCE, judged_on
from boxwright.evaluation.observe import AVERAGES, OF_POINT, UNBOUNDED, Holding, Observer
from boxwright.evaluation.operating import answered
from boxwright.evaluation.slices import Axis, Slice, axis, cut, standard_conditions
from boxwright.spec import Spec, figure_key
from boxwright.spec.spec import ConditionClause
from boxwright.statistics import LEAST_GROUPS, Resampling, plain_intervals, replicates_for

T = TypeVar("T")
LOWER_IS_BETTER = ("false_alarms_per_image",)
_OF_SLICE = ("ap50", "precision", "recall")
_MATCH = 0.5
CHANGED = pa.schema(
    [
        ("what", pa.string()),  # object, or false alarm
        ("change", pa.string()),  # fixed, broken, still missed; gone, new, still there
        ("image_id", pa.int64()),
        ("file_name", pa.string()),
        ("class_id", pa.int32()),
        ("score_a", pa.float64()),  # of the detection that took the object, or of the false alarm; 0 for none
        ("score_b", pa.float64()),
        ("annotation_id", pa.int64()),  # -1 for false alarms
        ("x1", pa.float64()),
        ("y1", pa.float64()),
        ("x2", pa.float64()),
        ("y2", pa.float64()),
    ]
)


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
class _Judged:
    """A contender with what is derived from it."""

    matches: Matches
    passes: NDArray
    point: Diagnosis
    observer: Observer
    axes: tuple[Axis, ...]

    @classmethod
    def of(
        cls, contender: Contender, clauses: Sequence[ConditionClause], resampling: Resampling, confidence: float
    ) -> _Judged:
        matches = contender.matches
        passes = answered(matches, contender.least)
        observer = Observer(matches, Reducer(matches), passes, resampling, confidence=confidence)
        return cls(matches, passes, diagnose(matches, passes), observer, tuple(axis(matches, c) for c in clauses))


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
    objects, alarms = _objects(sides[0], sides[1]), _false_alarms(sides[0], sides[1])
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
        objects=_by_class(objects, a.matches.class_names, ObjectChanges, kinds=4),
        false_alarms=_by_class(alarms, a.matches.class_names, AlarmChanges, kinds=3),
        slices=tuple(_slices(sides, objects, alarms)),
        error_types={code: CostPair(cost.dap, daps[1][code].dap) for code, cost in daps[0].items()},
        resampling=Resampled(
            unit="picture" if resampling.single else "group",
            groups=resampling.groups,
            replicates=len(resampling.new),
            confidence=confidence,
            these_replicates=len(resampling.these),
        ),
        judged_on=judged_on(a.matches),
        changed=_changed_table(a.matches, objects, alarms),
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
    holding_a, holding_b = (s.observer.holding(p) for s, p in zip(sides, parts, strict=True))
    names: list[str | None] = [*sides[0].matches.class_names, None]
    for metric in metrics:
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


@dataclass(frozen=True)
class _Changes:
    """What became of things from A to B; `change` counts in the order given to `_by_class`."""

    change: NDArray
    class_id: NDArray
    image: NDArray
    boxes: NDArray
    score_a: NDArray
    score_b: NDArray
    annotation_id: NDArray
    row_a: NDArray  # of the tables of A and B that it is in, -1 for none: objects, or detections
    row_b: NDArray


def _objects(a: _Judged, b: _Judged) -> _Changes:
    """Objects: 0 fixed, 1 broken, 2 still missed, 3 found by both."""
    asked = np.flatnonzero(a.point.state >= 0)
    found_a, found_b = a.point.state[asked] == 0, b.point.state[asked] == 0
    table = a.matches.objects
    return _Changes(
        change=np.select([~found_a & found_b, found_a & ~found_b, ~found_a & ~found_b], [0, 1, 2], 3),
        class_id=table.column("class_id").to_numpy()[asked],
        image=table.column("image").to_numpy()[asked],
        boxes=_boxes(table)[asked],
        score_a=_score_of_taker(a, asked, found_a),
        score_b=_score_of_taker(b, asked, found_b),
        annotation_id=table.column("annotation_id").to_numpy()[asked],
        row_a=asked,
        row_b=asked,
    )


def _score_of_taker(side: _Judged, asked: NDArray, found: NDArray) -> NDArray[np.float64]:
    taker = side.matches.objects.column("detection").to_numpy()[asked]
    score = side.matches.detections.column("score").to_numpy()
    return np.where(found, score[np.maximum(taker, 0)], 0.0) if len(score) else np.zeros(len(asked))


def _false_alarms(a: _Judged, b: _Judged) -> _Changes:
    """False alarms: 0 gone, 1 new, 2 still there."""
    rows = [np.flatnonzero((s.point.kind >= 0) & s.point.counts) for s in (a, b)]
    tables = [s.matches.detections for s in (a, b)]
    columns = [[t.column(n).to_numpy()[r] for n in ("image", "class_id")] for t, r in zip(tables, rows, strict=True)]
    boxes = [_boxes(t)[r] for t, r in zip(tables, rows, strict=True)]
    (image_a, class_a), (image_b, class_b) = columns
    partner = _partners(  # (n_b,) row of A or -1
        image_a, class_a, boxes[0], image_b, class_b, boxes[1], len(a.matches.images), _MATCH
    )
    kept = np.zeros(len(rows[0]), np.bool_)
    kept[partner[partner >= 0]] = True
    gone = np.flatnonzero(~kept)
    score = [t.column("score").to_numpy()[r] for t, r in zip(tables, rows, strict=True)]
    of_b = np.where(partner >= 0, score[0][np.maximum(partner, 0)], 0.0) if len(rows[0]) else np.zeros(len(rows[1]))
    return _Changes(
        change=np.concatenate([np.zeros(len(gone), np.int64), np.where(partner >= 0, 2, 1)]),
        class_id=np.concatenate([class_a[gone], class_b]),
        image=np.concatenate([image_a[gone], image_b]),
        boxes=np.concatenate([boxes[0][gone], boxes[1]]),
        score_a=np.concatenate([score[0][gone], of_b]),
        score_b=np.concatenate([np.zeros(len(gone)), score[1]]),
        annotation_id=np.full(len(gone) + len(partner), -1),
        row_a=np.concatenate([rows[0][gone], np.full(len(partner), -1)]),
        row_b=np.concatenate([np.full(len(gone), -1), rows[1]]),
    )


def _boxes(table: pa.Table) -> NDArray[np.float64]:
    return np.stack([table.column(name).to_numpy() for name in ("x1", "y1", "x2", "y2")], axis=1)


def _by_class(changes: _Changes, class_names: Sequence[str], record: Callable[..., T], *, kinds: int) -> dict[str, T]:
    """`all`, then class name, to how many of each kind of change, in the order of the record's fields."""
    table = np.zeros((len(class_names), kinds), np.int64)
    np.add.at(table, (changes.class_id, changes.change), 1)
    return {
        "all": record(*table.sum(axis=0).tolist()),
        **{name: record(*row) for name, row in zip(class_names, table.tolist(), strict=True)},
    }


def _slices(sides: Sequence[_Judged], objects: _Changes, alarms: _Changes) -> Iterator[ComparedSlice]:
    for of_a, of_b in zip(sides[0].axes, sides[1].axes, strict=True):
        for label in of_a.labels:
            code = of_a.labels.index(label)
            part_a, part_b = of_a.slice(label), of_b.slice(label)
            of_all = {r.metric: r for r in _metrics(sides, part_a, part_b, _OF_SLICE, ()) if r.class_name is None}
            support = of_all["recall"].support
            inside = of_a.objects[objects.row_a] == code
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
                fixed=int((objects.change[inside] == 0).sum()),
                broken=int((objects.change[inside] == 1).sum()),
                gone=int((alarms.change[there] == 0).sum()),
                new=int((alarms.change[there] == 1).sum()),
            )


def _changed_table(matches: Matches, objects: _Changes, alarms: _Changes) -> pa.Table:
    """Rows of CHANGED: broken and new first, then fixed and gone, then what is wrong on both sides; surest first."""
    image_id = matches.images.column("image_id").to_numpy()
    names = np.array(matches.images.column("file_name").to_pylist(), dtype=object)
    tables = []
    for what, changes, words in (
        ("object", objects, ("fixed", "broken", "still missed", "")),
        ("false alarm", alarms, ("gone", "new", "still there")),
    ):
        rows = np.flatnonzero(changes.change < 3)
        columns = {
            "what": [what] * len(rows),
            "change": [words[c] for c in changes.change[rows]],
            "image_id": image_id[changes.image[rows]],
            "file_name": names[changes.image[rows]],
            "class_id": changes.class_id[rows],
            "score_a": changes.score_a[rows],
            "score_b": changes.score_b[rows],
            "annotation_id": changes.annotation_id[rows],
            **{name: changes.boxes[rows, i] for i, name in enumerate(("x1", "y1", "x2", "y2"))},
        }
        tables.append(pa.table({f.name: pa.array(columns[f.name], f.type) for f in CHANGED}, schema=CHANGED))
    table = pa.concat_tables(tables)
    first = {"broken": 0, "new": 1, "fixed": 2, "gone": 3, "still missed": 4, "still there": 5}
    order = np.array([first[change] for change in table.column("change").to_pylist()], np.int64)
    score = np.maximum(table.column("score_a").to_numpy(), table.column("score_b").to_numpy())
    return table.take(pa.array(np.lexsort((table.column("image_id").to_numpy(), -score, order))))


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


@numba.njit(cache=True, nogil=True)
def _partners(image_a, class_a, boxes_a, image_b, class_b, boxes_b, images, match):
    """(n_b,) row of A each row of B is paired with, or -1: pairs of one picture and class, largest IoU first."""
    partner = np.full(len(image_b), -1, np.int64)
    taken = np.zeros(len(image_a), np.bool_)
    from_a, from_b = 0, 0
    for image in range(images):
        to_a, to_b = from_a, from_b
        while to_a < len(image_a) and image_a[to_a] == image:
            to_a += 1
        while to_b < len(image_b) and image_b[to_b] == image:
            to_b += 1
        most = 0
        for b in range(from_b, to_b):
            for a in range(from_a, to_a):
                if class_a[a] == class_b[b] and iou_of_two(boxes_a[a], boxes_b[b]) >= match:
                    most += 1
        pairs, overlaps, n = np.empty((most, 2), np.int64), np.empty(most), 0
        for b in range(from_b, to_b):
            for a in range(from_a, to_a):
                if class_a[a] == class_b[b]:
                    overlap = iou_of_two(boxes_a[a], boxes_b[b])
                    if overlap >= match:
                        pairs[n, 0], pairs[n, 1], overlaps[n] = a, b, -overlap
                        n += 1
        for i in np.argsort(overlaps[:n], kind="mergesort"):
            a, b = pairs[i, 0], pairs[i, 1]
            if not taken[a] and partner[b] < 0:
                taken[a], partner[b] = True, a
        from_a, from_b = to_a, to_b
    return partner
