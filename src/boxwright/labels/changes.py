"""What changed between two versions, as a table with one row per box and kind of change, and the same counted and in words.

Kinds: `added`, `removed`; of a box both sides have `moved` (another place), `relabelled` (another class), `rejudged`
(ignored now and not before, or the other way round) and `details` (attributes, crowd, or an area that is not its box's). A
box that moved and was relabelled has two rows.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyarrow as pa

KINDS = ("added", "removed", "moved", "relabelled", "rejudged", "details")
_BOX = pa.list_(pa.float64())
CHANGE_SCHEMA = pa.schema(
    [
        ("image", pa.int64()),  # image_id in the later version; in the earlier where the picture went
        ("file_name", pa.string()),
        ("kind", pa.string()),
        ("annotation_id", pa.int64()),  # in the later version; in the earlier where the box went
        ("annotation_id_before", pa.int64()),
        ("class_before", pa.string()),
        ("class_after", pa.string()),
        ("box_before", _BOX),
        ("box_after", _BOX),
        ("iou", pa.float64()),  # of box_before with box_after
        ("ignore_before", pa.bool_()),
        ("ignore_after", pa.bool_()),
        ("attributes_before", pa.string()),
        ("attributes_after", pa.string()),
        ("annotator", pa.string()),  # who drew it: attribute `annotator`, or empty
        ("conditions", pa.string()),  # of its picture, JSON object
    ]
)
_SHOWN = [f.name for f in CHANGE_SCHEMA if f.name != "conditions"]


@dataclass(frozen=True, eq=False)
class Difference:
    """Changes from one version to the next.

    Attributes:
        boxes: one row per box and kind of change, as CHANGE_SCHEMA, ordered by picture.
        pictures_added, pictures_removed, pictures_replaced: file names; replaced is the same name with other bytes.
        pictures_edited: file name to what changed of the picture itself (name, side, conditions, labelled), in words.
        believed_ids: whether annotations were recognised by their ids, or by place alone.
        least_iou: of boxes that are recognised by place.
        classes: (before, after), by class_id.
        paired: rule to how many images it paired, see `same_image`.
        not_paired: images that agree with one of the other side in the end of their path only; examples as (before, after).
        respelled: names that are one path in two spellings, as (before, after); no change.
    """

    boxes: pa.Table = field(default_factory=CHANGE_SCHEMA.empty_table)
    pictures_added: list[str] = field(default_factory=list)
    pictures_removed: list[str] = field(default_factory=list)
    pictures_replaced: list[str] = field(default_factory=list)
    pictures_edited: dict[str, list[str]] = field(default_factory=dict)
    believed_ids: bool = True
    least_iou: float = 0.5
    classes: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    paired: Mapping[str, int] = field(default_factory=dict)
    not_paired: int = 0
    not_paired_examples: tuple[tuple[str, str], ...] = ()
    respelled: list[tuple[str, str]] = field(default_factory=list)

    @property
    def nothing(self) -> bool:
        """Whether both versions say the same."""
        pictures = (self.pictures_added, self.pictures_removed, self.pictures_replaced, self.pictures_edited)
        return not len(self.boxes) and not any(pictures) and self.classes[0] == self.classes[1]

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many boxes of each kind."""
        return _tally(self.boxes.column("kind").to_pylist())

    @property
    def boxes_added(self) -> int:
        """Boxes only the later version has; those of added pictures included."""
        return self.counts["added"]

    @property
    def boxes_removed(self) -> int:
        """Boxes only the earlier version has; those of removed pictures included."""
        return self.counts["removed"]

    @property
    def boxes_moved(self) -> int:
        """Boxes of both in another place."""
        return self.counts["moved"]

    @property
    def boxes_relabelled(self) -> int:
        """Boxes of both with another class."""
        return self.counts["relabelled"]

    @property
    def boxes_rejudged(self) -> int:
        """Boxes of both that are ignored on one side only."""
        return self.counts["rejudged"]

    @cached_property
    def per_class(self) -> dict[str, dict[str, int]]:
        """Class to count per kind; a relabelled box counts as `relabelled_from` of one and `relabelled_to` of the other."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        columns = (self.boxes.column(name).to_pylist() for name in ("kind", "class_before", "class_after"))
        for kind, before, after in zip(*columns, strict=True):
            if kind == "relabelled":
                found[before]["relabelled_from"] += 1
                found[after]["relabelled_to"] += 1
            else:
                found[before if after is None else after][kind] += 1
        kinds = ("added", "removed", "moved", "relabelled_from", "relabelled_to", "rejudged", "details")
        return {name: {kind: tally[kind] for kind in kinds} for name, tally in sorted(found.items())}

    @cached_property
    def per_annotator(self) -> dict[str, dict[str, int]]:
        """Who drew the boxes (empty: nobody says) to count per kind."""
        return _grouped(self.boxes.column("annotator").to_pylist(), self.boxes.column("kind").to_pylist())

    @cached_property
    def per_condition(self) -> dict[str, dict[str, dict[str, int]]]:
        """Condition to value to count per kind; only conditions that are text, a number is not a slice of its own."""
        kinds = self.boxes.column("kind").to_pylist()
        texts = self.boxes.column("conditions").to_pylist()
        read = {text: _conditions(text) for text in set(texts)}
        names = sorted({name for conditions in read.values() for name in conditions})
        found = {}
        for name in names:
            having = [(read[text][name], kind) for text, kind in zip(texts, kinds, strict=True) if name in read[text]]
            found[name] = _grouped([value for value, _ in having], [kind for _, kind in having])
        return found

    @cached_property
    def pictures_changed(self) -> dict[str, list[str]]:
        """Pictures both versions hold: file name to what happened to their boxes, in words."""
        alone = {*self.pictures_added, *self.pictures_removed}
        found: dict[str, list[str]] = defaultdict(list)
        for row in self.boxes.to_pylist():
            if row["file_name"] not in alone:
                found[row["file_name"]].append(in_words(row))
        return dict(sorted(found.items()))

    @property
    def as_document(self) -> dict[str, Any]:
        """The difference as a JSON object."""
        return {
            "pictures_added": self.pictures_added,
            "pictures_removed": self.pictures_removed,
            "pictures_replaced": self.pictures_replaced,
            "pictures_edited": self.pictures_edited,
            **{f"boxes_{kind}": count for kind, count in self.counts.items()},
            "pictures_changed": self.pictures_changed,
            "counts": self.counts,
            "per_class": self.per_class,
            "per_condition": self.per_condition,
            "per_annotator": self.per_annotator,
            "classes_before": list(self.classes[0]),
            "classes_after": list(self.classes[1]),
            "paired_by": "ids" if self.believed_ids else "place",
            "least_iou": self.least_iou,
            "pictures_paired": {**self.paired, "not_paired": self.not_paired},
            "names_respelled": len(self.respelled),
            "boxes": [_plain(row) for row in self.boxes.select(_SHOWN).to_pylist()],
        }


def in_words(row: Mapping[str, Any]) -> str:
    """What happened to a box, for people."""
    before, after = row["class_before"], row["class_after"]
    if row["kind"] == "added":
        return f"added {after} {_rounded(row['box_after'])}"
    if row["kind"] == "removed":
        return f"removed {before} {_rounded(row['box_before'])}"
    if row["kind"] == "moved":
        return f"moved {after} {_rounded(row['box_before'])} to {_rounded(row['box_after'])} (IoU {row['iou']:.2f})"
    if row["kind"] == "relabelled":
        return f"{before} became {after} {_rounded(row['box_after'])}"
    if row["kind"] == "rejudged":
        return f"{'no longer judged' if row['ignore_after'] else 'judged again'}: {after} {_rounded(row['box_after'])}"
    if row["attributes_before"] == row["attributes_after"]:
        return f"other area or crowd mark: {after} {_rounded(row['box_after'])}"
    return (
        f"attributes {row['attributes_before']} became {row['attributes_after']}: {after} {_rounded(row['box_after'])}"
    )


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row as JSON takes it: attributes as objects."""
    for name in ("attributes_before", "attributes_after"):
        row[name] = json.loads(row[name]) if row[name] else None
    return row


def _conditions(text: str) -> dict[str, str]:
    return {name: value for name, value in json.loads(text or "{}").items() if isinstance(value, str)}


def _grouped(groups: list[str], kinds: list[str]) -> dict[str, dict[str, int]]:
    found: dict[str, list[str]] = defaultdict(list)
    for group, kind in zip(groups, kinds, strict=True):
        found[group].append(kind)
    return {group: _tally(found[group]) for group in sorted(found)}


def _tally(kinds: list[str]) -> dict[str, int]:
    counted = Counter(kinds)
    return {kind: counted[kind] for kind in KINDS}


def _rounded(box: list[float]) -> list[float]:
    return [round(v, 1) for v in box]
