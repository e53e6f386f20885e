"""Every miss and every false alarm at the operating point: its type, what was near it, its slices, and a first verdict.

The verdict is a guess for a person to confirm, never a correction. In this order:

    suspect annotation   the model is as sure as it is of its surest tenth of true detections, and nothing is annotated
                         there, or another class is, or the box disagrees; or an object of ordinary size on which not even
                         the faintest detection lies
    gap in the data      the failure lies in a slice found weak (weak_slices.py)
    limit of the model   the rest

A false alarm is the worse the surer the model was; a miss the worse the less there was to build on: nothing near, then
another class, then a box too far off, then a score just under the threshold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numba
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from boxwright.artifacts import Matches
from boxwright.artifacts.report import WeakSlices
from boxwright.boxes import iou_of_two
from boxwright.evaluation.diagnose import CLS, DUPE, KINDS, LOC, MISS, Diagnosis
from boxwright.evaluation.slices import Axis

SUSPECT, GAP, LIMIT = "suspect annotation", "gap in the data", "limit of the model"
_NEAR, _MATCH = 0.1, 0.5
_RIVALS = 3
_SURE = 0.9  # quantile of the true detections' scores above which the model is as sure as it gets
_SMALL = 16.0  # px of side under which a miss says nothing about the annotation
_FALSE_REASONS = {
    "Cls": "annotated as another class",
    "Loc": "box badly placed",
    "Both": "badly placed, and another class",
    "Dupe": "second box on one object",
    "Bkg": "nothing annotated here",
}
_MISS_REASONS = (
    ("score under the threshold", 0.3),
    ("box badly placed", 0.5),
    ("another class, under its threshold", 0.6),
    ("taken for another class", 0.7),
    ("nothing found here", 0.9),
)
# lists call their field "element", as Parquet does: a table must be the same after it was saved
RIVAL = pa.struct([("side", pa.string()), ("class_id", pa.int32()), ("score", pa.float64()), ("iou", pa.float64())])
SCHEMA = pa.schema(
    [
        ("kind", pa.string()),  # miss, or false alarm
        ("type", pa.string()),  # of KINDS
        ("reason", pa.string()),
        ("verdict", pa.string()),  # suspect annotation, gap in the data, limit of the model: to be confirmed
        ("why", pa.string()),  # what the verdict rests on
        ("severity", pa.float64()),  # in [0, 1], the worst first
        ("image_id", pa.int64()),
        ("file_name", pa.string()),
        ("class_id", pa.int32()),  # annotated, for a miss; said, for a false alarm
        ("other_class_id", pa.int32()),  # of the nearest box on the other side, or -1
        ("annotation_id", pa.int64()),  # of the missed object, or of the nearest one; -1 for none
        ("score", pa.float64()),  # of the false alarm, or of what was nearest to the miss
        ("iou", pa.float64()),  # with the nearest box of the other side
        ("x1", pa.float64()),
        ("y1", pa.float64()),
        ("x2", pa.float64()),
        ("y2", pa.float64()),
        ("slices", pa.list_(pa.field("element", pa.string()))),  # condition=value
        ("rivals", pa.list_(pa.field("element", RIVAL))),  # nearest boxes of the other side, the nearest first
    ]
)


def failures(
    matches: Matches,
    passes: NDArray,
    point: Diagnosis,
    *,
    axes: Sequence[Axis] = (),
    weak: WeakSlices | None = None,
) -> pa.Table:
    """The table of failures at an operating point, in descending severity.

    Args:
        matches: the match tables.
        passes: (detections,) bool, those answered.
        point: diagnosis of the answered detections.
        axes: conditions, for the slices of each failure.
        weak: see `weak_slices`.
    """
    detections, objects = _columns(matches.detections), _columns(matches.objects)
    false = np.flatnonzero((point.kind >= 0) & point.counts)
    missed = np.flatnonzero(point.state > 0)
    parts = [
        _false_alarms(false, point, detections, objects, matches),
        _misses(missed, point, detections, objects, passes, matches),
    ]
    codes = [[a.detections[false] for a in axes], [a.objects[missed] for a in axes]]
    tables = []
    for part, of_part, what in zip(parts, codes, ("false", "missed"), strict=True):
        part["slices"] = _slice_names(axes, of_part, len(part["class_id"]))
        gap = _in_weak(axes, of_part, part["class_id"], matches.class_names, weak, what)
        part["verdict"], part["why"] = _verdicts(part, gap)
        tables.append(pa.table({f.name: pa.array(part[f.name], f.type) for f in SCHEMA}, schema=SCHEMA))
    table = pa.concat_tables(tables)
    order = np.lexsort(
        [table.column(n).to_numpy() for n in ("x1", "image_id")] + [-table.column("severity").to_numpy()]
    )
    return table.take(pa.array(order))


def _columns(table: pa.Table) -> dict[str, NDArray]:
    columns = {name: table.column(name).to_numpy(zero_copy_only=False) for name in table.column_names}
    columns["boxes"] = np.stack([columns[name] for name in ("x1", "y1", "x2", "y2")], axis=1)
    columns["by_image"] = np.argsort(columns["image"], kind="stable")
    columns["sorted_image"] = columns["image"][columns["by_image"]]
    return columns


def _common(rows: NDArray, side: dict[str, NDArray], matches: Matches) -> dict[str, Any]:
    image = side["image"][rows]
    names = np.array(matches.images.column("file_name").to_pylist(), dtype=object)
    corners = {name: side[name][rows] for name in ("x1", "y1", "x2", "y2")}
    return {
        "image_id": matches.images.column("image_id").to_numpy()[image],
        "file_name": names[image],
        "class_id": side["class_id"][rows],
        **corners,
    }


def _rivals(rows: NDArray, mine: dict[str, NDArray], theirs: dict[str, NDArray]) -> tuple[NDArray, NDArray]:
    """(n, 3) rows of the other side that overlap most on the same picture, -1 for none, and their IoU."""
    images = mine["image"][rows]
    first = np.searchsorted(theirs["sorted_image"], images)
    last = np.searchsorted(theirs["sorted_image"], images, "right")
    boxes = np.ascontiguousarray(theirs["boxes"][theirs["by_image"]])
    found, iou = _nearest(mine["boxes"][rows], boxes, first, last, _RIVALS)
    return np.where(found >= 0, theirs["by_image"][np.maximum(found, 0)] if len(boxes) else -1, -1), iou


def _rival_records(side: str, rows: NDArray, iou: NDArray, theirs: dict[str, NDArray]) -> list[list[dict[str, Any]]]:
    score = theirs.get("score")
    return [
        [
            {
                "side": side,
                "class_id": int(theirs["class_id"][row]),
                "score": None if score is None else float(score[row]),
                "iou": float(overlap),
            }
            for row, overlap in zip(of_row, of_iou, strict=True)
            if row >= 0
        ]
        for of_row, of_iou in zip(rows.tolist(), iou.tolist(), strict=True)
    ]


def _false_alarms(
    rows: NDArray, point: Diagnosis, detections: dict[str, NDArray], objects: dict[str, NDArray], matches: Matches
) -> dict[str, Any]:
    part = _common(rows, detections, matches)
    rivals, iou = _rivals(rows, detections, objects)
    nearest = np.where(point.kind[rows] == CLS, detections["other"][rows], detections["nearest"][rows])
    nearest = np.where(np.isin(point.kind[rows], (CLS, LOC, DUPE)), nearest, rivals[:, 0])
    kinds = [KINDS[k] for k in point.kind[rows]]
    score = detections["score"][rows]
    known = nearest >= 0
    at = np.maximum(nearest, 0)
    told = np.where(point.kind[rows] == CLS, detections["other_iou"][rows], detections["nearest_iou"][rows])
    overlap = np.where(np.isin(point.kind[rows], (CLS, LOC, DUPE)), told, iou.max(axis=1, initial=0.0)).astype(
        np.float64
    )
    near = known & (overlap >= _NEAR)
    sure = _surest(point, detections)
    place = np.array([k == "Loc" for k in kinds], bool) & (overlap >= 0.3)
    suspect = (score >= sure[part["class_id"]]) & (np.isin(kinds, ["Bkg", "Cls"]) | place)
    return {
        **part,
        "kind": ["false alarm"] * len(rows),
        "type": kinds,
        "reason": [_FALSE_REASONS[k] for k in kinds],
        "severity": np.clip(score, 0, 1),
        "other_class_id": np.where(near, objects["class_id"][at] if len(objects["class_id"]) else -1, -1),
        "annotation_id": np.where(near, objects["annotation_id"][at] if len(objects["class_id"]) else -1, -1),
        "score": score,
        "iou": overlap,
        "rivals": _rival_records("annotation", rivals, iou, objects),
        "suspect": [_FALSE_SUSPICION[k] if s else "" for k, s in zip(kinds, suspect, strict=True)],
    }


_FALSE_SUSPICION = {
    "Bkg": "as sure as the surest true detections of the class: an object may not be annotated",
    "Cls": "as sure as the surest true detections of the class: the annotated class may be wrong",
    "Loc": "as sure as the surest true detections of the class: the annotated box may be off",
    "Both": "",
    "Dupe": "",
}


def _surest(point: Diagnosis, detections: dict[str, NDArray]) -> NDArray[np.float64]:
    """(K,) score above which the model is as sure as in its surest tenth of true detections; above 1 for classes without."""
    classes = int(detections["class_id"].max(initial=-1)) + 1
    limit = np.full(classes, 2.0)
    for c in range(classes):
        true = point.true & (detections["class_id"] == c)
        if true.sum() >= 10:
            limit[c] = np.quantile(detections["score"][true], _SURE)
    return limit


def _misses(
    rows: NDArray,
    point: Diagnosis,
    detections: dict[str, NDArray],
    objects: dict[str, NDArray],
    passes: NDArray,
    matches: Matches,
) -> dict[str, Any]:
    part = _common(rows, objects, matches)
    rivals, iou = _rivals(rows, objects, detections)
    first = np.searchsorted(detections["sorted_image"], objects["image"][rows])
    last = np.searchsorted(detections["sorted_image"], objects["image"][rows], "right")
    order = detections["by_image"]
    reason, by, overlap = _explained(
        objects["boxes"][rows], objects["class_id"][rows], detections["boxes"][order], detections["class_id"][order],
        passes[order], first, last, _MATCH, _NEAR,
    )  # fmt: skip
    row = np.where(by >= 0, order[np.maximum(by, 0)] if len(order) else -1, -1)
    at = np.maximum(row, 0)
    side = np.sqrt(np.maximum((part["x2"] - part["x1"]) * (part["y2"] - part["y1"]), 0))
    silent = (iou.max(axis=1, initial=0.0) < _NEAR) & (side >= _SMALL)
    silent &= ~_mostly(silent, part["class_id"], objects["class_id"][point.state >= 0])[part["class_id"]]
    return {
        **part,
        "kind": ["miss"] * len(rows),
        "type": [KINDS[k] for k in _kinds_of_misses(point)[rows]],
        "reason": [_MISS_REASONS[r][0] for r in reason],
        "severity": np.array([_MISS_REASONS[r][1] for r in reason]),
        "other_class_id": np.where(row >= 0, detections["class_id"][at] if len(order) else -1, -1),
        "annotation_id": objects["annotation_id"][rows],
        "score": np.where(row >= 0, detections["score"][at] if len(order) else 0.0, 0.0),
        "iou": np.where(row >= 0, overlap, iou.max(axis=1, initial=0.0)),
        "rivals": _rival_records("detection", rivals, iou, detections),
        "suspect": [
            "not even the faintest detection lies here: there may be no object" if s else "" for s in silent.tolist()
        ],
    }


def _mostly(silent: NDArray, missed: NDArray, asked: NDArray) -> NDArray[np.bool_]:
    """(K,) classes whose objects have, most of them, no detection near: there silence tells of the model, not of an annotation."""
    classes = int(asked.max(initial=-1)) + 1
    return 2 * np.bincount(missed[silent], minlength=classes) > np.bincount(asked, minlength=classes)


def _kinds_of_misses(point: Diagnosis) -> NDArray[np.int8]:
    """(objects,) Miss, or the kind of the best scored error that claims the object."""
    kinds = np.full(len(point.state), MISS, np.int8)
    claiming = np.flatnonzero(point.claims >= 0)[::-1]  # best scored last
    kinds[point.claims[claiming]] = point.kind[claiming]
    return kinds


def _slice_names(axes: Sequence[Axis], codes: Sequence[NDArray], rows: int) -> list[list[str]]:
    names: list[list[str]] = [[] for _ in range(rows)]
    for axis, of_axis in zip(axes, codes, strict=True):
        for row, code in enumerate(of_axis.tolist()):
            if code >= 0:
                names[row].append(f"{axis.name}={axis.labels[code]}")
    return names


def _in_weak(
    axes: Sequence[Axis],
    codes: Sequence[NDArray],
    class_id: NDArray,
    class_names: Sequence[str],
    weak: WeakSlices | None,
    what: str,
) -> list[str]:
    """Per failure the name of the worst weak slice of its kind that it lies in, or nothing."""
    found = [""] * len(class_id)
    by_name = {axis.name: (axis, of_axis) for axis, of_axis in zip(axes, codes, strict=True)}
    for record in weak.found if weak else ():
        if record.what != what:
            continue
        inside = np.ones(len(class_id), np.bool_)
        for name, label in record.slice.items():
            if name == "class":
                inside &= class_id == list(class_names).index(label)
            else:
                axis, of_axis = by_name[name]
                inside &= of_axis == axis.labels.index(label)
        for row in np.flatnonzero(inside).tolist():
            found[row] = found[row] or record.named
    return found


def _verdicts(part: Mapping[str, Any], gap: Sequence[str]) -> tuple[list[str], list[str]]:
    verdicts, why = [], []
    for suspicion, weak, reason in zip(part["suspect"], gap, part["reason"], strict=True):
        verdicts.append(SUSPECT if suspicion else GAP if weak else LIMIT)
        why.append(suspicion or (f"in the weak slice {weak}" if weak else reason))
    return verdicts, why


@numba.njit(cache=True, nogil=True)
def _nearest(boxes, others, first, last, most):
    """(n, most) rows of others[first:last] with the largest IoU, falling, -1 for none, and the IoU."""
    found = np.full((len(boxes), most), -1, np.int64)
    best = np.zeros((len(boxes), most))
    for n in range(len(boxes)):
        for o in range(first[n], last[n]):
            overlap = iou_of_two(boxes[n], others[o])
            if overlap <= best[n, most - 1]:
                continue
            i = most - 1
            while i > 0 and overlap > best[n, i - 1]:
                best[n, i], found[n, i] = best[n, i - 1], found[n, i - 1]
                i -= 1
            best[n, i], found[n, i] = overlap, o
    return found, best


@numba.njit(cache=True, nogil=True)
def _explained(boxes, class_id, others, other_class, passes, first, last, match, near):
    """Why each object was missed (row of _MISS_REASONS; the first that fits), by which detection, with which IoU."""
    reason = np.full(len(boxes), 4, np.int64)
    by = np.full(len(boxes), -1, np.int64)
    iou = np.zeros(len(boxes))
    rank = np.array(
        [0, 3, 1, 2]
    )  # of the cases below, as reasons: under threshold, other class, badly placed, faint other
    order = np.array([0, 1, 2, 3])
    for n in range(len(boxes)):
        best = np.zeros(4)
        found = np.full(4, -1, np.int64)
        for o in range(first[n], last[n]):
            overlap = iou_of_two(boxes[n], others[o])
            if overlap < near:
                continue
            same = other_class[o] == class_id[n]
            case = -1
            if overlap >= match:
                case = (2 if passes[o] else 0) if same else (1 if passes[o] else 3)
            elif same and passes[o]:
                case = 2
            if case >= 0 and overlap > best[case]:
                best[case], found[case] = overlap, o
        for case in order:
            if found[case] >= 0:
                reason[n], by[n], iou[n] = rank[case], found[case], best[case]
                break
    return reason, by, iou
