"""Answers of people, as corrections: for each reviewed picture, all the boxes it should have.

Which item an answer belongs to is for `items`, whether a person looked at all for `changed`. An item without an entry stays open; an
entry without boxes says "nothing here". Where an answer knows who gave it and when, that counts. Tools round: a box that came back
within a hundredth of a pixel of a proposed one of its class is that one, to the last digit.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from boxwright.artifacts import CORRECTION_SCHEMA, Corrections, Proposal, ReviewQueue
from boxwright.boxes import clip
from boxwright.errors import InputError
from boxwright.review.items import items_of

_ROUNDED_PX = 0.01


@dataclass(frozen=True)
class Answer:
    """What a person says a picture holds.

    Attributes:
        file_name: of the answer's picture: item id, file name or digest.
        boxes_xyxy: (n, 4).
        class_names: (n,).
        ignore: (n,) bool.
        conditions: what the person, or their tool, knows about the picture.
        attributes: (n,) marks of each box, such as occluded; empty where the tool has none.
        reviewer: who answered, where the tool says so.
        answered_at: when, in seconds since 1970, where the tool says so.
        size_hw: height and width of the picture the boxes were drawn on, where the file says so.
        looked_at: whether a person looked, where the file says so; None where its format cannot say.
    """

    file_name: str
    boxes_xyxy: NDArray
    class_names: list[str]
    ignore: list[bool]
    conditions: dict[str, Any] = field(default_factory=dict)
    attributes: list[dict[str, Any]] = field(default_factory=list)
    reviewer: str = ""
    answered_at: float | None = None
    size_hw: tuple[float, float] | None = None
    looked_at: bool | None = None


def accept(
    queue: ReviewQueue,
    answers: list[Answer],
    *,
    look: Callable[[str], tuple[tuple[int, int], dict[str, float]]],
    reviewer: str = "",
    now: float | None = None,
) -> Corrections:
    """The corrections in some answers.

    Args:
        queue: what was asked.
        answers: what was answered, in any order.
        look: picture digest to height and width, and measured conditions.
        reviewer: who answered, where an answer does not say so itself.
        now: seconds since 1970, decides whether an item was answered in time.

    Raises:
        InputError: an answer belongs to no item, names an unknown class, or nobody gave it; nothing is accepted then.
    """
    now = time.time() if now is None else now
    rows = []
    for answer, item in zip(answers, items_of(queue, [a.file_name for a in answers]).rows, strict=True):
        _check(answer, queue.class_names)
        who = answer.reviewer or reviewer
        if not who:
            raise InputError(
                f"The answer for '{answer.file_name}' does not say who gave it; name them with --reviewer."
            )
        size_hw, measured = look(item["picture"])
        class_id = [queue.class_names.index(c) for c in answer.class_names]
        boxes = _as_proposed(_placed(answer, size_hw), np.array(class_id, np.int32), Proposal.read(item["proposal"]))
        at = now if answer.answered_at is None else min(now, answer.answered_at)
        rows.append(
            {
                **{name: item[name] for name in ("item", "picture", "file_name")},
                "width": size_hw[1],
                "height": size_hw[0],
                "conditions": json.dumps({"camera": item["camera"], **answer.conditions, **measured}, sort_keys=True),
                "reviewer": who,
                "answered_at": at,
                "in_time": at <= item["due_at"],
                "class_id": class_id,
                **{name: boxes[:, i].tolist() for i, name in enumerate(("x1", "y1", "x2", "y2"))},
                "ignore": list(answer.ignore),
                "attributes": [_marks(marks) for marks in answer.attributes or [{}] * len(boxes)],
            }
        )
    return Corrections(
        class_names=queue.class_names,
        answers=pa.Table.from_pylist(rows, schema=CORRECTION_SCHEMA),
        made_from={"review_queue": queue.digest},
    )


def _check(answer: Answer, class_names: Sequence[str]) -> None:
    """InputError for boxes without size and classes that the queue does not have."""
    given = np.asarray(answer.boxes_xyxy, np.float64).reshape(-1, 4)
    if not np.isfinite(given).all() or (given[:, 2:] <= given[:, :2]).any():
        raise InputError(f"The answer for '{answer.file_name}' has a box without size; nothing was accepted.")
    unknown = [c for c in answer.class_names if c not in class_names]
    if unknown:
        raise InputError(
            f"The answer for '{answer.file_name}' has the class '{unknown[0]}'; known: {', '.join(class_names)}."
        )


def _placed(answer: Answer, size_hw: tuple[int, int]) -> NDArray[np.float64]:
    """(n, 4) the boxes inside their picture; InputError where they were drawn on another size, or lie outside."""
    height, width = size_hw
    if answer.size_hw is not None and max(abs(answer.size_hw[0] - height), abs(answer.size_hw[1] - width)) > 1:
        raise InputError(
            f"The answer for '{answer.file_name}' was drawn on {answer.size_hw[1]:g} x {answer.size_hw[0]:g} pixels, but the "
            f"picture has {width} x {height}; nothing was accepted. Export in the picture's own size."
        )
    boxes = clip(np.asarray(answer.boxes_xyxy, np.float64).reshape(-1, 4), size_hw=size_hw)
    if (boxes[:, 2:] <= boxes[:, :2]).any():
        raise InputError(
            f"The answer for '{answer.file_name}' has a box outside its picture ({width} x {height}); nothing was accepted."
        )
    return np.asarray(boxes, np.float64)


def _as_proposed(boxes: NDArray, class_id: NDArray, proposal: Proposal | None) -> NDArray[np.float64]:
    """(n, 4) the boxes, those that only a tool's rounding tells from a proposed one as they were proposed."""
    boxes = np.asarray(boxes, np.float64)
    if proposal is None or not len(proposal) or not len(boxes):
        return boxes
    apart = np.abs(boxes[:, None] - proposal.boxes_xyxy[None]).max(axis=2)  # (n, m)
    apart[class_id[:, None] != proposal.class_id[None]] = np.inf
    nearest = apart.argmin(axis=1)
    same = apart[np.arange(len(boxes)), nearest] <= _ROUNDED_PX
    return np.where(same[:, None], proposal.boxes_xyxy[nearest], boxes)


def _marks(marks: dict[str, Any]) -> str:
    return json.dumps(marks, sort_keys=True, ensure_ascii=False)
