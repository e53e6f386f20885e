"""What changed between two versions of a data set, to the box.

Pictures are the same when their bytes are (and their names, where one version holds the same bytes twice); annotations
when their ids are. A box moved when it is the same annotation in another place, was relabelled when its class changed,
and was rejudged when it is ignored now and was not, or the other way round.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from boxwright.artifacts import Dataset

_MOVED_PX = 1e-6


@dataclass(frozen=True)
class Difference:
    """Changes from one version to the next.

    Attributes:
        pictures_added, pictures_removed: file names.
        boxes_added, boxes_removed: per picture both versions hold, or new or gone with their picture.
        boxes_moved, boxes_relabelled, boxes_rejudged: annotations both versions hold.
        pictures_changed: file name to what happened to its boxes, in words.
    """

    pictures_added: list[str] = field(default_factory=list)
    pictures_removed: list[str] = field(default_factory=list)
    boxes_added: int = 0
    boxes_removed: int = 0
    boxes_moved: int = 0
    boxes_relabelled: int = 0
    boxes_rejudged: int = 0
    pictures_changed: dict[str, list[str]] = field(default_factory=dict)

    @property
    def nothing(self) -> bool:
        """Whether both versions say the same."""
        return self == Difference()

    @property
    def as_document(self) -> dict[str, Any]:
        """The difference as a JSON object."""
        return asdict(self)


def diff(before: Dataset, after: Dataset) -> Difference:
    """What `after` has that `before` has not, and the other way round."""
    twice = _held_twice(before) | _held_twice(after)
    old, new = _by_picture(before, twice), _by_picture(after, twice)
    counts = {"boxes_added": 0, "boxes_removed": 0, "boxes_moved": 0, "boxes_relabelled": 0, "boxes_rejudged": 0}
    changed: dict[str, list[str]] = {}
    for picture in {**old, **new}:
        a, b = old.get(picture, {"boxes": {}}), new.get(picture, {"boxes": {}})
        lines = _compare(a["boxes"], b["boxes"], before, after, counts)
        if lines and picture in old and picture in new:
            changed[b["file_name"]] = lines
    return Difference(
        pictures_added=sorted(new[p]["file_name"] for p in new.keys() - old.keys()),
        pictures_removed=sorted(old[p]["file_name"] for p in old.keys() - new.keys()),
        pictures_changed=dict(sorted(changed.items())),
        **counts,
    )


def _held_twice(dataset: Dataset) -> set[str]:
    """Digests of pictures that several rows hold."""
    return {digest for digest, count in Counter(dataset.picture_digests).items() if count > 1}


def _by_picture(dataset: Dataset, twice: set[str]) -> dict[str, dict[str, Any]]:
    found = {}
    for row in dataset.rows.to_pylist():
        corners = zip(row["x1"], row["y1"], row["x2"], row["y2"], strict=True)
        columns = zip(row["annotation_id"], row["class_id"], corners, row["ignore"], strict=True)
        boxes = {i: (c, xyxy, ignore) for i, c, xyxy, ignore in columns}
        key = row["picture"] if row["picture"] and row["picture"] not in twice else row["picture"] + row["file_name"]
        found[key] = {"file_name": row["file_name"], "boxes": boxes}
    return found


def _compare(old: dict, new: dict, before: Dataset, after: Dataset, counts: dict[str, int]) -> list[str]:
    lines = []
    for key in sorted({*old, *new}):
        if key not in old:
            counts["boxes_added"] += 1
            lines.append(f"added {after.class_names[new[key][0]]} {_rounded(new[key][1])}")
        elif key not in new:
            counts["boxes_removed"] += 1
            lines.append(f"removed {before.class_names[old[key][0]]} {_rounded(old[key][1])}")
        else:
            (class_a, box_a, ignore_a), (class_b, box_b, ignore_b) = old[key], new[key]
            if ignore_a != ignore_b:
                counts["boxes_rejudged"] += 1
                what = "no longer judged" if ignore_b else "judged again"
                lines.append(f"{what}: {after.class_names[class_b]} {_rounded(box_b)}")
            if before.class_names[class_a] != after.class_names[class_b]:
                counts["boxes_relabelled"] += 1
                lines.append(f"{before.class_names[class_a]} became {after.class_names[class_b]} {_rounded(box_b)}")
            if max(abs(p - q) for p, q in zip(box_a, box_b, strict=True)) > _MOVED_PX:
                counts["boxes_moved"] += 1
                lines.append(f"moved {after.class_names[class_b]} {_rounded(box_a)} to {_rounded(box_b)}")
    return lines


def _rounded(box: tuple[float, ...]) -> list[float]:
    return [round(v, 1) for v in box]
