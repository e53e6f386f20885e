"""Answers of people, as corrections: for each reviewed picture, all the boxes it should have.

Answers come as COCO ground truth (any labelling tool writes it). A picture of the answers belongs to the queue's item
whose id, file name or picture digest is its file name. An item without an entry stays open; an entry without boxes says
"nothing here".
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from boxwright.artifacts import CORRECTION_SCHEMA, Corrections, ReviewQueue
from boxwright.boxes import clip
from boxwright.errors import InputError


@dataclass(frozen=True)
class Answer:
    """What a person says a picture holds.

    Attributes:
        file_name: of the answer's picture: item id, file name or digest.
        boxes_xyxy: (n, 4).
        class_names: (n,).
        ignore: (n,) bool.
        conditions: what the person, or their tool, knows about the picture.
    """

    file_name: str
    boxes_xyxy: NDArray
    class_names: list[str]
    ignore: list[bool]
    conditions: dict[str, Any] = field(default_factory=dict)


def accept(
    queue: ReviewQueue,
    answers: list[Answer],
    *,
    look: Callable[[str], tuple[tuple[int, int], dict[str, float]]],
    reviewer: str,
    now: float | None = None,
) -> Corrections:
    """The corrections in some answers.

    Args:
        queue: what was asked.
        answers: what was answered, in any order.
        look: picture digest to height and width, and measured conditions.
        reviewer: who answered.
        now: seconds since 1970, decides whether an item was answered in time.

    Raises:
        InputError: an answer belongs to no item, or names an unknown class; nothing is accepted then.
    """
    now = time.time() if now is None else now
    known = _by_reference(queue)
    rows: list[dict[str, Any]] = []
    answered: set[str] = set()
    for answer in answers:
        name = PurePosixPath(answer.file_name)
        item = known.get(answer.file_name) or known.get(name.name) or known.get(name.stem)
        if item is None:
            raise InputError(
                f"The answer for '{answer.file_name}' belongs to no item of the queue ({len(queue)} items)."
            )
        if item["item"] in answered:
            raise InputError(
                f"The item '{item['item']}' ({item['file_name']}) is answered twice; nothing was accepted."
            )
        answered.add(item["item"])
        given = np.asarray(answer.boxes_xyxy, np.float64).reshape(-1, 4)
        if not np.isfinite(given).all() or (given[:, 2:] <= given[:, :2]).any():
            raise InputError(f"The answer for '{answer.file_name}' has a box without size; nothing was accepted.")
        unknown = [c for c in answer.class_names if c not in queue.class_names]
        if unknown:
            raise InputError(
                f"The answer for '{answer.file_name}' has the class '{unknown[0]}'; known: {', '.join(queue.class_names)}."
            )
        (height, width), measured = look(item["picture"])
        boxes = clip(given, size_hw=(height, width))
        rows.append(
            {
                "item": item["item"],
                "picture": item["picture"],
                "file_name": item["file_name"],
                "width": width,
                "height": height,
                "conditions": json.dumps({"camera": item["camera"], **answer.conditions, **measured}, sort_keys=True),
                "reviewer": reviewer,
                "answered_at": now,
                "in_time": now <= item["due_at"],
                "class_id": [queue.class_names.index(c) for c in answer.class_names],
                **{name: boxes[:, i].tolist() for i, name in enumerate(("x1", "y1", "x2", "y2"))},
                "ignore": list(answer.ignore),
            }
        )
    return Corrections(
        class_names=queue.class_names,
        answers=pa.Table.from_pylist(rows, schema=CORRECTION_SCHEMA),
        made_from={"review_queue": queue.digest},
    )


def _by_reference(queue: ReviewQueue) -> dict[str, dict[str, Any]]:
    """What an answer may call an item: its id, its picture, its file name; the bare name where it is the only one."""
    items = queue.items.to_pylist()
    known: dict[str, dict[str, Any]] = {}
    bare = Counter(PurePosixPath(item["file_name"]).name for item in items)
    for keys in (
        lambda i: i["item"],
        lambda i: i["picture"],
        lambda i: i["file_name"],
        lambda i: name if bare[name := PurePosixPath(i["file_name"]).name] == 1 else "",
    ):
        for item in items:
            if key := keys(item):
                known.setdefault(key, item)
    return known
