"""What changed between two versions of a data set, to the box.

Pictures are the same when their bytes are; annotations when their ids are. A box moved when it is the same annotation
in another place, and was relabelled when its class changed.
"""

from __future__ import annotations

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
        boxes_moved, boxes_relabelled: annotations both versions hold.
        pictures_changed: file name to what happened to its boxes, in words.
    """

    pictures_added: list[str] = field(default_factory=list)
    pictures_removed: list[str] = field(default_factory=list)
    boxes_added: int = 0
    boxes_removed: int = 0
    boxes_moved: int = 0
    boxes_relabelled: int = 0
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
    old, new = _by_picture(before), _by_picture(after)
    counts = {"boxes_added": 0, "boxes_removed": 0, "boxes_moved": 0, "boxes_relabelled": 0}
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


def _by_picture(dataset: Dataset) -> dict[str, dict[str, Any]]:
    found = {}
    for row in dataset.rows.to_pylist():
        corners = zip(row["x1"], row["y1"], row["x2"], row["y2"], strict=True)
        boxes = {i: (c, xyxy) for i, c, xyxy in zip(row["annotation_id"], row["class_id"], corners, strict=True)}
        found[row["picture"] or row["file_name"]] = {"file_name": row["file_name"], "boxes": boxes}
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
            (class_a, box_a), (class_b, box_b) = old[key], new[key]
            if before.class_names[class_a] != after.class_names[class_b]:
                counts["boxes_relabelled"] += 1
                lines.append(f"{before.class_names[class_a]} became {after.class_names[class_b]} {_rounded(box_b)}")
            if max(abs(p - q) for p, q in zip(box_a, box_b, strict=True)) > _MOVED_PX:
                counts["boxes_moved"] += 1
                lines.append(f"moved {after.class_names[class_b]} {_rounded(box_a)} to {_rounded(box_b)}")
    return lines


def _rounded(box: tuple[float, ...]) -> list[float]:
    return [round(v, 1) for v in box]
