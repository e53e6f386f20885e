"""The worst failures, each with what was around it: a part of the picture, the boxes near, and a caption.

The report says which failures are the worst; pictures, annotations and detections are asked for only for those shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow.compute as pc
from markupsafe import Markup
from numpy.typing import NDArray

from boxwright.artifacts import Report
from boxwright.detections import Annotations, Detections
from boxwright.pages.views import Box, Window, around, view

_MOST_FAINT = 2
_MOST_BOXES = 60
_SAME_PX = 0.5


@dataclass(frozen=True)
class Surroundings:
    """Where to find what lies around a failure; each takes an image_id and may answer None.

    Attributes:
        picture: RGB uint8.
        annotations, detections: of that picture.
    """

    picture: Callable[[int], NDArray[np.uint8] | None]
    annotations: Callable[[int], Annotations | None]
    detections: Callable[[int], Detections | None]

    def remembered(self) -> Surroundings:
        """The same, not asking twice for the few pictures asked for last: failures of one picture lie together."""
        return Surroundings(lru_cache(4)(self.picture), lru_cache(64)(self.annotations), lru_cache(64)(self.detections))


@dataclass(frozen=True)
class Shown:
    """A failure as the page shows it.

    Attributes:
        row: the report's row.
        class_name, other_class_name: names; the other is empty when nothing was near.
        drawing: the part of the picture with boxes.
        has_picture: whether pixels were at hand.
    """

    row: Mapping[str, Any]
    class_name: str
    other_class_name: str
    drawing: Markup
    has_picture: bool


def shown(report: Report, kind: str, *, most: int, near: Surroundings) -> list[Shown]:
    """The worst failures of a kind, in the report's order.

    Args:
        report: whose failures.
        kind: `miss` or `false alarm`.
        most: how many.
        near: where to find what lies around them.
    """
    return [_show(row, report, near) for row in rows_of_kind(report, kind, most=most)]


def rows_of_kind(report: Report, kind: str, *, most: int | None = None) -> list[dict[str, Any]]:
    """Rows of the failures table of a kind, the worst first."""
    table = report.failures
    if "kind" not in table.column_names:
        return []
    chosen = table.filter(pc.equal(table.column("kind"), kind))  # pyright: ignore
    return chosen.slice(0, most).to_pylist()


def reasons(report: Report, kind: str) -> list[tuple[str, int]]:
    """Reason and how often it is in the failures table, the most frequent first."""
    tally: dict[str, int] = {}
    for row in rows_of_kind(report, kind):
        tally[row["reason"]] = tally.get(row["reason"], 0) + 1
    return sorted(tally.items(), key=lambda item: (-item[1], item[0]))


def name_of(class_names: Sequence[str], class_id: int | None) -> str:
    """Name of a class, or empty for none."""
    if class_id is None or class_id < 0:
        return ""
    return class_names[class_id] if class_id < len(class_names) else f"class {class_id}"


def _show(row: Mapping[str, Any], report: Report, near: Surroundings) -> Shown:
    picture = near.picture(row["image_id"])
    box = (row["x1"], row["y1"], row["x2"], row["y2"])
    window = around(box, None if picture is None else (int(picture.shape[0]), int(picture.shape[1])))
    name = name_of(report.class_names, row["class_id"])
    failing = Box("failure", box, f"{row['kind']}: {name}")
    others = [b for b in _nearby(row, report, near, window) if not _same(b.box_xyxy, box)]
    label = f"{row['kind']} of {name} in {row['file_name']}"
    return Shown(
        row=row,
        class_name=name,
        other_class_name=name_of(report.class_names, row["other_class_id"]),
        drawing=view(picture, window, [*others, failing], label=label),
        has_picture=picture is not None,
    )


def _nearby(row: Mapping[str, Any], report: Report, near: Surroundings, window: Window) -> Iterator[Box]:
    """Annotations and detections in the window. Of those under their threshold only the surest few that touch it."""
    annotations, detections = near.annotations(row["image_id"]), near.detections(row["image_id"])
    if annotations is not None:
        inside = [i for i, box in enumerate(annotations.boxes_xyxy) if window.touches(box.tolist())]
        for i in inside[:_MOST_BOXES]:
            left_out = ", not judged" if annotations.ignore[i] else ""
            title = f"annotation: {name_of(report.class_names, int(annotations.class_id[i]))}{left_out}"
            yield Box("annotation", annotations.boxes_xyxy[i].tolist(), title)
    if detections is not None:
        failing = Window(row["x1"], row["y1"], row["x2"] - row["x1"], row["y2"] - row["y1"])
        inside = [int(i) for i in np.argsort(-detections.score) if window.touches(detections.boxes_xyxy[i].tolist())]
        faint = 0
        for i in inside[:_MOST_BOXES]:
            name, box = name_of(report.class_names, int(detections.class_id[i])), detections.boxes_xyxy[i].tolist()
            passes = float(detections.score[i]) >= threshold(report, name)
            if passes or (failing.touches(box) and faint < _MOST_FAINT):
                faint += not passes
                under = "" if passes else ", under the threshold"
                yield Box(
                    "detection" if passes else "faint", box, f"detection: {name} {detections.score[i]:.2f}{under}"
                )


def threshold(report: Report, class_name: str) -> float:
    """Score threshold of a class as the report has it; 0 where it has none."""
    per_class: Mapping[str, Mapping[str, Any]] = report.operating.get("per_class", {})
    return float(per_class.get(class_name, {}).get("score_threshold") or 0.0)


def _same(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(abs(a - b) < _SAME_PX for a, b in zip(one, other, strict=True))
