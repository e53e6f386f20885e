"""What became of each object and each false alarm from A to B, one by one.

An object is fixed (A missed it, B finds it), broken, still missed or found by both; a false alarm is gone, new or still there (one of
the same class with an IoU of at least 0.5).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numba
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from boxwright.artifacts import Matches
from boxwright.boxes import iou_of_two
from boxwright.evaluation.diagnose import Diagnosis

T = TypeVar("T")
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
class Diagnosed:
    """Matches, and what each of their objects and detections came to at the operating point."""

    matches: Matches
    point: Diagnosis


@dataclass(frozen=True)
class Changes:
    """What became of things from A to B; `change` counts in the order given to `by_class`."""

    change: NDArray
    class_id: NDArray
    image: NDArray
    boxes: NDArray
    score_a: NDArray
    score_b: NDArray
    annotation_id: NDArray
    row_a: NDArray  # of the tables of A and B that it is in, -1 for none: objects, or detections
    row_b: NDArray


def objects(a: Diagnosed, b: Diagnosed) -> Changes:
    """Objects: 0 fixed, 1 broken, 2 still missed, 3 found by both."""
    asked = np.flatnonzero(a.point.state >= 0)
    found_a, found_b = a.point.state[asked] == 0, b.point.state[asked] == 0
    table = a.matches.objects
    return Changes(
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


def _score_of_taker(side: Diagnosed, asked: NDArray, found: NDArray) -> NDArray[np.float64]:
    taker = side.matches.objects.column("detection").to_numpy()[asked]
    score = side.matches.detections.column("score").to_numpy()
    return np.where(found, score[np.maximum(taker, 0)], 0.0) if len(score) else np.zeros(len(asked))


def false_alarms(a: Diagnosed, b: Diagnosed) -> Changes:
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
    return Changes(
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


def by_class(changes: Changes, class_names: Sequence[str], record: Callable[..., T], *, kinds: int) -> dict[str, T]:
    """`all`, then class name, to how many of each kind of change, in the order of the record's fields."""
    table = np.zeros((len(class_names), kinds), np.int64)
    np.add.at(table, (changes.class_id, changes.change), 1)
    return {
        "all": record(*table.sum(axis=0).tolist()),
        **{name: record(*row) for name, row in zip(class_names, table.tolist(), strict=True)},
    }


def changed_table(matches: Matches, objects: Changes, alarms: Changes) -> pa.Table:
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
