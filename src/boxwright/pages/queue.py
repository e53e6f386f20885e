"""The page of a review queue: what people should look at, why, by when, and the boxes to start from.

Shown are the boxes that the queue hands out; how many fainter ones are held back is said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from boxwright.artifacts import Doubt, Proposal, ReviewQueue
from boxwright.detections import Detections
from boxwright.pages.failures import name_of
from boxwright.pages.page import render
from boxwright.pages.views import Box, view, whole

_MOST_PICTURED = 120
_SHARP_PX = 520
_REASONS = {
    "uncertain": "a detection near its score threshold",
    "novel": "unlike the reference",
    "suspect": "an annotation here may be wrong",
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
        doubts: what may be wrong about the annotations, in words.
        held_back: proposed boxes that are too faint to be handed out.
    """

    row: Mapping[str, Any]
    why: str
    drawing: Markup
    has_picture: bool
    proposed: list[tuple[str, float]] | None
    doubts: list[str]
    held_back: int


def queue_page(queue: ReviewQueue, *, read_picture: Callable[[str], NDArray[np.uint8] | None]) -> str:
    """The page of a review queue.

    Args:
        queue: what to show.
        read_picture: a picture's digest to RGB uint8, or None when it is not at hand.
    """
    rows: list[dict[str, Any]] = queue.items.to_pylist()
    items = [_item(row, queue, read_picture) for row in rows[:_MOST_PICTURED]]
    priorities = sorted({row["priority"] for row in rows})
    tally = [(p, sum(row["priority"] == p for row in rows)) for p in priorities]
    summary = [
        (key.replace("_", " "), _words(value) or "nothing")
        for key, value in queue.parts().document["summary"].items()
        if value not in (None, (), {})
    ]
    earliest = min((row["due_at"] for row in rows), default=None)
    return render(
        "queue.html",
        queue=queue,
        items=items,
        doubtful=any(item.doubts for item in items),
        rest=rows[_MOST_PICTURED:],
        tally=tally,
        summary=summary,
        earliest=earliest,
    )


def proposal_of(text: str) -> Detections | None:
    """The boxes of an item's proposal, ready to be drawn; None when it cannot be read."""
    found = Proposal.read(text)
    return None if found is None else Detections(found.boxes_xyxy, found.score, found.class_id)


def _item(row: Mapping[str, Any], queue: ReviewQueue, read_picture: Callable[[str], NDArray[np.uint8] | None]) -> Item:
    picture, proposal, class_names = read_picture(row["picture"]), proposal_of(row["proposal"]), queue.class_names
    held_back = 0
    if proposal is not None:
        out = queue.handed_out(proposal.score, proposal.class_id, camera=row["camera"])
        proposal, held_back = proposal[out], int((~out).sum())
    boxes: list[Box] = []
    proposed: list[tuple[str, float]] = []
    for i in np.argsort(-proposal.score, kind="stable") if proposal else ():
        name, score = name_of(class_names, int(proposal.class_id[i])), float(proposal.score[i])  # type: ignore[union-attr]
        boxes.append(Box("detection", proposal.boxes_xyxy[i].tolist(), f"{name} {score:.2f}"))  # type: ignore[union-attr]
        proposed.append((name, score))
    doubts = Doubt.read_all(row["proposal"])
    boxes += [Box("failure", list(doubt.box_xyxy), f"in doubt: {doubt.words(class_names)}") for doubt in doubts]
    size_hw = None if picture is None else (int(picture.shape[0]), int(picture.shape[1]))
    window = whole(size_hw, np.zeros((0, 4)) if proposal is None else proposal.boxes_xyxy)
    label = f"{row['file_name'] or row['picture'][:12]} with the proposed boxes"
    return Item(
        row=row,
        why=_REASONS.get(row["reason"], ""),
        drawing=view(picture, window, boxes, label=label, sharp_px=_SHARP_PX),
        has_picture=picture is not None,
        proposed=None if proposal is None else proposed,
        doubts=[doubt.words(class_names) for doubt in doubts],
        held_back=held_back,
    )


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {inner}" for key, inner in value.items())  # pyright: ignore
    if isinstance(value, list | tuple):
        return ", ".join(str(inner) for inner in value)  # pyright: ignore
    return str(value)
