"""The page of a review queue: what people should look at, why, by when, and what the bundle proposed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from boxwright.artifacts import ReviewQueue
from boxwright.detections import Detections
from boxwright.errors import BoxError
from boxwright.pages.failures import name_of
from boxwright.pages.page import render
from boxwright.pages.views import Box, view, whole

_MOST_PICTURED = 120
_SHARP_PX = 520
_REASONS = {
    "uncertain": "a detection near its score threshold",
    "novel": "unlike the reference",
    "random": "drawn at random, so that figures may rest on it",
}


@dataclass(frozen=True)
class Item:
    """An item as the page shows it.

    Attributes:
        row: the queue's row.
        why: the reason in words.
        drawing: picture and proposed boxes; empty beyond the first items.
        has_picture: whether pixels were at hand.
        proposed: (class name, score), the surest first; None when the proposal cannot be read.
    """

    row: Mapping[str, Any]
    why: str
    drawing: Markup
    has_picture: bool
    proposed: list[tuple[str, float]] | None


def queue_page(queue: ReviewQueue, *, read_picture: Callable[[str], NDArray[np.uint8] | None]) -> str:
    """The page of a review queue.

    Args:
        queue: what to show.
        read_picture: a picture's digest to RGB uint8, or None when it is not at hand.
    """
    rows: list[dict[str, Any]] = queue.items.to_pylist()
    items = [_item(row, queue.class_names, read_picture) for row in rows[:_MOST_PICTURED]]
    priorities = sorted({row["priority"] for row in rows})
    tally = [(p, sum(row["priority"] == p for row in rows)) for p in priorities]
    summary = [(str(key).replace("_", " "), _words(value)) for key, value in queue.summary.items()]
    earliest = min((row["due_at"] for row in rows), default=None)
    return render(
        "queue.html",
        queue=queue,
        items=items,
        rest=rows[_MOST_PICTURED:],
        tally=tally,
        summary=summary,
        earliest=earliest,
    )


def proposal_of(text: str) -> Detections | None:
    """The boxes a proposal's JSON holds, as columns or as records; None when it cannot be read.

    Columns: `{"boxes_xyxy": [[x1, y1, x2, y2]], "score": [..], "class_id": [..]}`, boxes also as x1, y1, x2, y2.
    Records: `[{"box_xyxy": [..], "score": .., "class_id": ..}]`, the box also as x1, y1, x2, y2.
    """
    try:
        found = json.loads(text) if text else []
        if isinstance(found, dict) and isinstance(found.get("detections"), list):
            found = found["detections"]
        records = list(_records(found))
        boxes = np.array([box for box, _, _ in records], np.float64).reshape(-1, 4)
        scores, classes = [score for _, score, _ in records], [class_id for _, _, class_id in records]
        return Detections(boxes, np.array(scores, np.float32), np.array(classes, np.int32))
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError, BoxError):
        return None


def _records(found: Any) -> Iterator[tuple[Sequence[float], float, int]]:
    corners = ("x1", "y1", "x2", "y2")
    if isinstance(found, dict):
        boxes = found["boxes_xyxy"] if "boxes_xyxy" in found else zip(*(found[c] for c in corners), strict=True)
        yield from zip(boxes, found["score"], found["class_id"], strict=True)
        return
    for record in found:
        box = record["box_xyxy"] if "box_xyxy" in record else [record[c] for c in corners]
        yield box, record["score"], record["class_id"]


def _item(
    row: Mapping[str, Any], class_names: Sequence[str], read_picture: Callable[[str], NDArray[np.uint8] | None]
) -> Item:
    picture, proposal = read_picture(row["picture"]), proposal_of(row["proposal"])
    boxes: list[Box] = []
    proposed: list[tuple[str, float]] = []
    for i in np.argsort(-proposal.score, kind="stable") if proposal else ():
        name, score = name_of(class_names, int(proposal.class_id[i])), float(proposal.score[i])  # type: ignore[union-attr]
        boxes.append(Box("detection", proposal.boxes_xyxy[i].tolist(), f"{name} {score:.2f}"))  # type: ignore[union-attr]
        proposed.append((name, score))
    size_hw = None if picture is None else (int(picture.shape[0]), int(picture.shape[1]))
    window = whole(size_hw, np.zeros((0, 4)) if proposal is None else proposal.boxes_xyxy)
    label = f"{row['file_name'] or row['picture'][:12]} with the proposed boxes"
    return Item(
        row=row,
        why=_REASONS.get(row["reason"], ""),
        drawing=view(picture, window, boxes, label=label, sharp_px=_SHARP_PX),
        has_picture=picture is not None,
        proposed=None if proposal is None else proposed,
    )


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {inner}" for key, inner in value.items())  # pyright: ignore
    if isinstance(value, list | tuple):
        return ", ".join(str(inner) for inner in value)  # pyright: ignore
    return str(value)
