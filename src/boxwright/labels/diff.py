"""What changed between two versions of a data set, to the box.

Pictures are paired first (pair_pictures.py), whole rows of both versions compared column by column, and only where they
differ annotations are paired (pair_boxes.py). So the cost is one look over the columns plus what changed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from boxwright.artifacts import Dataset
from boxwright.boxes import paired_iou
from boxwright.detections import rows_of
from boxwright.labels.changes import CHANGE_SCHEMA, KINDS, Difference
from boxwright.labels.pair_boxes import LEAST_IOU, By, pair_boxes
from boxwright.labels.pair_pictures import PicturePairs, pair_pictures
from boxwright.store import differing, flat_rows

_MOVED_PX = 1e-6
_OF_PICTURES = ("file_name", "side", "labelled", "conditions")
_OF_BOXES = ["annotation_id", "class_id", "x1", "y1", "x2", "y2", "area", "crowd", "ignore", "attributes"]


def diff(
    before: Dataset, after: Dataset, *, by: By = "auto", least_iou: float = LEAST_IOU, loose: bool = False
) -> Difference:
    """What `after` has that `before` has not, and the other way round.

    Args:
        before, after: two versions, or two data sets with the same pictures.
        by: how annotations are recognised: `ids`, `place`, or `auto`, which believes ids that prove themselves.
        least_iou: overlap from which two boxes are recognised as one by their place, in (0, 1].
        loose: images are paired by the end of their path whatever stands before it.
    """
    pairs = pair_pictures(before, after, loose=loose)
    columns = [c for c in _OF_BOXES if c != "class_id"] if before.class_names != after.class_names else _OF_BOXES
    unequal = differing(before.rows, after.rows, pairs.before, pairs.after, columns=columns)
    names = tuple(dict.fromkeys((*before.class_names, *after.class_names)))
    if before.class_names != after.class_names:
        unequal |= _classes_differ(before, after, names, pairs)
    old = _Side(before, names, np.concatenate([pairs.before[unequal], pairs.removed]))
    new = _Side(after, names, np.concatenate([pairs.after[unequal], pairs.added]))
    both, gone, come = (np.arange(k) for k in (unequal.sum(), len(pairs.removed), len(pairs.added)))
    a, b = old.of(both, listed=new), new.of(both)
    unchanged = int(flat_rows(after.rows.column("class_id"), pairs.after[~unequal])[0].sum())
    partner, believed = pair_boxes(
        old.all.take(both), new.all.take(both), by=by, unchanged=unchanged, least_iou=least_iou
    )
    pieces = [
        _table("added", names, None, b.take(np.flatnonzero(partner < 0))),
        _table("added", names, None, new.of(len(both) + come)),
        _table("removed", names, a.take(np.setdiff1d(np.arange(len(a.rows)), partner)), None),
        _table("removed", names, old.of(len(both) + gone), None),
        *_changes(names, a.take(partner[partner >= 0]), b.take(np.flatnonzero(partner >= 0))),
    ]
    boxes = pa.concat_tables(pieces)
    order = pc.sort_indices(boxes, [("file_name", "ascending"), ("image", "ascending"), ("annotation_id", "ascending")])  # pyright: ignore
    return Difference(
        boxes=boxes.take(order),
        pictures_added=sorted(after.rows.column("file_name").take(pa.array(pairs.added)).to_pylist()),
        pictures_removed=sorted(before.rows.column("file_name").take(pa.array(pairs.removed)).to_pylist()),
        pictures_replaced=sorted(
            after.rows.column("file_name").take(pa.array(pairs.after[pairs.replaced])).to_pylist()
        ),
        pictures_edited=_edited(before, after, pairs),
        paired=pairs.how.told(),
        not_paired=pairs.how.unclear,
        not_paired_examples=pairs.how.examples,
        respelled=_respelled(before, after, pairs),
        believed_ids=believed,
        least_iou=least_iou,
        classes=(before.class_names, after.class_names),
    )


@dataclass(frozen=True)
class _Boxes:
    """Some annotations of one side.

    Attributes:
        side: which.
        rows: (n,) in its flat columns.
        listed: the side under whose picture a change is listed.
        picture: (n,) row of that picture.
    """

    side: _Side
    rows: NDArray[np.int64]
    listed: _Side
    picture: NDArray[np.int64]

    def take(self, which: NDArray) -> _Boxes:
        return replace(self, rows=self.rows[which], picture=self.picture[which])

    def column(self, name: str) -> NDArray:
        return getattr(self.side.all, name)[self.rows]

    @property
    def attributes(self) -> pa.Array:
        return self.side.attributes.take(pa.array(self.rows))


class _Side:
    """Some pictures of a dataset, their annotations as flat columns, with class_ids of the list both sides share."""

    def __init__(self, dataset: Dataset, names: tuple[str, ...], pictures: NDArray) -> None:
        self.dataset = replace(dataset, rows=dataset.rows.take(pa.array(pictures, pa.int64())))
        found = self.dataset.annotations
        self.all = replace(found, class_id=_lookup(dataset, names)[found.class_id])

    @property
    def attributes(self) -> pa.Array:
        column = self.dataset.rows.column("attributes").combine_chunks()
        return pa.concat_arrays(column.chunks).flatten() if isinstance(column, pa.ChunkedArray) else column.flatten()

    def of(self, pictures: NDArray, *, listed: _Side | None = None) -> _Boxes:
        """The annotations of some of its pictures, in this order, listed under these or under the other side's."""
        counts = np.diff(self.all.offsets)[pictures]
        return _Boxes(self, rows_of(self.all.offsets, pictures), listed or self, np.repeat(pictures, counts))


def _lookup(dataset: Dataset, names: tuple[str, ...]) -> NDArray[np.int32]:
    return np.array([names.index(name) for name in dataset.class_names], np.int32)


def _classes_differ(before: Dataset, after: Dataset, names: tuple[str, ...], pairs: PicturePairs) -> NDArray[np.bool_]:
    """Whether a pair of pictures differs in the names of its classes; other lengths are found elsewhere."""
    counts_old, at_old = flat_rows(before.rows.column("class_id"), pairs.before)
    counts_new, at_new = flat_rows(after.rows.column("class_id"), pairs.after)
    found = counts_old != counts_new
    of_pair_old, of_pair_new = np.repeat(found, counts_old), np.repeat(found, counts_new)
    old = _lookup(before, names)[before.annotations.class_id][at_old[~of_pair_old]]
    new = _lookup(after, names)[after.annotations.class_id][at_new[~of_pair_new]]
    found[np.repeat(np.arange(len(found)), counts_new)[~of_pair_new][old != new]] = True
    return found


def _changes(names: tuple[str, ...], a: _Boxes, b: _Boxes) -> list[pa.Table]:
    """One table per kind of change of boxes both sides have."""
    moved = np.abs(a.column("boxes_xyxy") - b.column("boxes_xyxy")).max(axis=1, initial=0.0) > _MOVED_PX
    relabelled, rejudged, recrowded, other_area = (
        a.column(name) != b.column(name) for name in ("class_id", "ignore", "crowd", "area")
    )
    other_marks = pc.not_equal(a.attributes, b.attributes).to_numpy(zero_copy_only=False)  # pyright: ignore
    details = other_marks | (recrowded & ~rejudged) | (other_area & ~moved)
    kinds = {"moved": moved, "relabelled": relabelled, "rejudged": rejudged, "details": details}
    chosen = {kind: np.flatnonzero(mask) for kind, mask in kinds.items()}
    return [_table(kind, names, a.take(which), b.take(which)) for kind, which in chosen.items()]


def _table(kind: str, names: tuple[str, ...], a: _Boxes | None, b: _Boxes | None) -> pa.Table:
    """Rows of one kind, as CHANGE_SCHEMA; either side may be missing."""
    one = b if b is not None else a
    assert one is not None and kind in KINDS
    count = len(one.rows)
    of_pictures = one.listed.dataset.rows.select(["image_id", "file_name", "conditions"])
    rows = of_pictures.take(pa.array(one.picture, pa.int64()))
    of_class = pa.array(names, pa.string())

    def column(boxes: _Boxes | None, make: Any, kind_of: pa.DataType) -> Any:
        return pa.nulls(count, kind_of) if boxes is None else make(boxes)

    def box(boxes: _Boxes) -> pa.Array:
        corners = pa.array(np.ascontiguousarray(boxes.column("boxes_xyxy"), np.float64).reshape(-1))
        return pa.ListArray.from_arrays(pa.array(np.arange(0, 4 * count + 1, 4), pa.int32()), corners)

    attributes = [column(s, lambda s: s.attributes, pa.string()) for s in (a, b)]
    iou = pa.nulls(count, pa.float64())
    if a is not None and b is not None:
        iou = pa.array(paired_iou(a.column("boxes_xyxy"), b.column("boxes_xyxy")))
    return pa.table(
        {
            "image": rows.column("image_id"),
            "file_name": rows.column("file_name"),
            "kind": pa.array([kind] * count, pa.string()),
            "annotation_id": pa.array(one.column("annotation_id")),
            "annotation_id_before": column(a, lambda s: pa.array(s.column("annotation_id")), pa.int64()),
            "class_before": column(a, lambda s: of_class.take(pa.array(s.column("class_id"))), pa.string()),
            "class_after": column(b, lambda s: of_class.take(pa.array(s.column("class_id"))), pa.string()),
            "box_before": column(a, box, pa.list_(pa.float64())),
            "box_after": column(b, box, pa.list_(pa.float64())),
            "iou": iou,
            "ignore_before": column(a, lambda s: pa.array(s.column("ignore")), pa.bool_()),
            "ignore_after": column(b, lambda s: pa.array(s.column("ignore")), pa.bool_()),
            "attributes_before": attributes[0],
            "attributes_after": attributes[1],
            "annotator": _annotators(attributes[1] if b is not None else attributes[0]),
            "conditions": rows.column("conditions"),
        },
        schema=CHANGE_SCHEMA,
    )


def _annotators(attributes: pa.Array) -> pa.Array:
    """Attribute `annotator` of each; each text is read once."""
    texts = attributes.dictionary_encode()
    names = [_annotator(text) for text in texts.dictionary.to_pylist()]
    return pa.array(names, pa.string()).take(texts.indices)


def _annotator(text: str | None) -> str:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return ""
    return str(found.get("annotator", "")) if isinstance(found, dict) else ""


def _edited(before: Dataset, after: Dataset, pairs: PicturePairs) -> dict[str, list[str]]:
    """Pictures of both sides whose name, size, side, conditions or state changed, in words; another spelling of a name is no change."""
    unequal = differing(before.rows, after.rows, pairs.before, pairs.after, columns=list(_OF_PICTURES))
    rest = pairs.respelled & unequal
    columns = [name for name in _OF_PICTURES if name != "file_name"]
    unequal[rest] = differing(before.rows, after.rows, pairs.before[rest], pairs.after[rest], columns=columns)
    unequal |= _other_size(before, after, pairs)
    old, new = (
        dataset.rows.select([*_OF_PICTURES, "width", "height"]).take(pa.array(rows[unequal])).to_pylist()
        for dataset, rows in ((before, pairs.before), (after, pairs.after))
    )
    respelled = pairs.respelled[unequal].tolist()
    edits = {b["file_name"]: list(_words(a, b, same)) for a, b, same in zip(old, new, respelled, strict=True)}
    return dict(sorted(edits.items()))


def _other_size(before: Dataset, after: Dataset, pairs: PicturePairs) -> NDArray[np.bool_]:
    """(k,) pairs whose sizes are known on both sides and differ."""
    old, new = before.sizes_hw[pairs.before], after.sizes_hw[pairs.after]
    return ((old > 0).all(axis=1) & (new > 0).all(axis=1) & (old != new).any(axis=1)).astype(np.bool_)


def _respelled(before: Dataset, after: Dataset, pairs: PicturePairs) -> list[tuple[str, str]]:
    """Names that are one path in two spellings, as (before, after)."""
    rows = np.flatnonzero(pairs.respelled)
    columns = [
        dataset.rows.column("file_name").take(pa.array(of[rows])).to_pylist()
        for dataset, of in ((before, pairs.before), (after, pairs.after))
    ]
    return list(zip(*columns, strict=True))


def _words(a: dict[str, Any], b: dict[str, Any], respelled: bool) -> list[str]:
    names = ("side",) if respelled else ("file_name", "side")
    found = [f"{name}: {a[name]!r} became {b[name]!r}" for name in names if a[name] != b[name]]
    sizes = [(of["width"], of["height"]) for of in (a, b)]
    if sizes[0] != sizes[1] and all(all(size) for size in sizes):
        found.append("size: {} x {} became {} x {} pixels".format(*sizes[0], *sizes[1]))
    if a["labelled"] != b["labelled"]:
        found.append("labelled now" if b["labelled"] else "counts as not labelled now")
    was, now = json.loads(a["conditions"] or "{}"), json.loads(b["conditions"] or "{}")
    for name in sorted({*was, *now}):
        if was.get(name) != now.get(name):
            found.append(f"condition {name}: {was.get(name)!r} became {now.get(name)!r}")
    return found or ["conditions are written differently"]
