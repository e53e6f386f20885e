"""What lies around a box in its picture: the pixels, people's boxes and the model's.

Pictures, annotations and detections are asked for only for what is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from boxwright.detections import Annotations, Detections
from boxwright.pages.views import Box, Window, around, view

_MOST_FAINT = 2
_MOST_BOXES = 60
_MOST_UNKNOWN = 4
_SAME_PX = 0.5


@dataclass(frozen=True)
class Surroundings:
    """Where to find what lies around a box; each takes an image_id and may answer None.

    Attributes:
        picture: RGB uint8.
        annotations, detections: of that picture.
        class_names: by class_id.
        thresholds: class name to the least score that is answered; None when they are not known.
    """

    picture: Callable[[int], NDArray[np.uint8] | None]
    annotations: Callable[[int], Annotations | None]
    detections: Callable[[int], Detections | None]
    class_names: Sequence[str]
    thresholds: Mapping[str, float] | None

    def remembered(self) -> Surroundings:
        """The same, not asking twice for the few pictures asked for last: rows of one picture lie together."""
        return Surroundings(
            lru_cache(4)(self.picture),
            lru_cache(64)(self.annotations),
            lru_cache(64)(self.detections),
            self.class_names,
            self.thresholds,
        )


def drawn(row: Mapping[str, Any], near: Surroundings, *, what: str) -> tuple[Markup, bool]:
    """The part of the picture around a row's box, and whether pixels were at hand.

    Args:
        row: image_id, file_name, class_id and corners.
        near: where to find the rest.
        what: what the box is, such as `miss`.
    """
    picture = near.picture(row["image_id"])
    box = (row["x1"], row["y1"], row["x2"], row["y2"])
    window = around(box, None if picture is None else (int(picture.shape[0]), int(picture.shape[1])))
    name = name_of(near.class_names, row["class_id"])
    others = [*_annotations(row, near, window), *_detections(row, near, window)]
    boxes = [other for other in others if not _same(other.box_xyxy, box)]
    label = f"{what} of {name} in {row['file_name']}"
    return view(picture, window, [*boxes, Box("failure", box, f"{what}: {name}")], label=label), picture is not None


def name_of(class_names: Sequence[str], class_id: int | None) -> str:
    """Name of a class, or empty for none."""
    if class_id is None or class_id < 0:
        return ""
    return class_names[class_id] if class_id < len(class_names) else f"class {class_id}"


def _annotations(row: Mapping[str, Any], near: Surroundings, window: Window) -> Iterator[Box]:
    """People's boxes in the window."""
    found = near.annotations(row["image_id"])
    if found is None:
        return
    inside = [i for i, box in enumerate(found.boxes_xyxy) if window.touches(box.tolist())]
    for i in inside[:_MOST_BOXES]:
        left_out = ", not judged" if found.ignore[i] else ""
        title = f"annotation: {name_of(near.class_names, int(found.class_id[i]))}{left_out}"
        yield Box("annotation", found.boxes_xyxy[i].tolist(), title)


def _detections(row: Mapping[str, Any], near: Surroundings, window: Window) -> Iterator[Box]:
    """The model's boxes in the window, the surest first.

    Of those under their threshold only the surest few that touch the row's box; where thresholds are not known, only the
    surest few.
    """
    found = near.detections(row["image_id"])
    if found is None:
        return
    most = _MOST_UNKNOWN if near.thresholds is None else _MOST_BOXES
    centre = Window(row["x1"], row["y1"], row["x2"] - row["x1"], row["y2"] - row["y1"])
    inside = [int(i) for i in np.argsort(-found.score) if window.touches(found.boxes_xyxy[i].tolist())]
    faint = 0
    for i in inside[:most]:
        name, box, score = (
            name_of(near.class_names, int(found.class_id[i])),
            found.boxes_xyxy[i].tolist(),
            found.score[i],
        )
        if near.thresholds is None or score >= near.thresholds.get(name, 0.0):
            yield Box("detection", box, f"detection: {name} {score:.2f}")
        elif centre.touches(box) and faint < _MOST_FAINT:
            faint += 1
            yield Box("faint", box, f"detection: {name} {score:.2f}, under the threshold")


def _same(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(abs(a - b) < _SAME_PX for a, b in zip(one, other, strict=True))
