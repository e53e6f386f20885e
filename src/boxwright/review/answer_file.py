"""Answers as a file between pulling and accepting: COCO ground truth of the answered pictures, with who answered and when.

What COCO has no word for stands beside its own keys: `reviewer` and `answered_at` (seconds since 1970) on images, `attributes` on
annotations, where CVAT and Datumaro put them too. `iscrowd` marks boxes that are not to be judged.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from boxwright.coco import UNSET, Entry, categories, document, entry_of, image
from boxwright.review.accept import Answer

_LATEST = 1e12  # seconds since 1970; nobody answers later
_LARGEST = 1e9  # pixels of a side


def answers_as_coco(
    answers: Sequence[Answer], *, class_names: Sequence[str], size_of: Callable[[Answer], tuple[int, int]], queue: str
) -> bytes:
    """The file that holds some answers.

    Args:
        answers: their boxes in pixels.
        class_names: by class_id.
        size_of: an answer to height and width of its picture.
        queue: digest of what was asked.
    """
    images: list[dict[str, Any]] = []
    annotations: list[Entry] = []
    for number, answer in enumerate(answers, start=1):
        by = {"reviewer": answer.reviewer, "answered_at": answer.answered_at if answer.looked_at else None}
        known = {key: value for key, value in by.items() if value}
        images.append(image(number, answer.file_name, size_of(answer), **known))
        for k, (x1, y1, x2, y2) in enumerate(answer.boxes_xyxy.tolist()):
            annotations.append(
                Entry(
                    id=len(annotations) + 1, image_id=number, bbox=[x1, y1, x2 - x1, y2 - y1],
                    category_id=class_names.index(answer.class_names[k]) + 1, area=(x2 - x1) * (y2 - y1),
                    iscrowd=int(answer.ignore[k]),
                    attributes=answer.attributes[k] if answer.attributes and answer.attributes[k] else UNSET,
                )
            )  # fmt: skip
    tree = {"info": {"review_queue": queue}, **document(images, annotations, categories(class_names))}
    return json.dumps(tree, ensure_ascii=False, allow_nan=False).encode()


def beside_coco(tree: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """File name to what a COCO file says beside COCO: keywords of `Answer` (reviewer, answered_at, size_hw, attributes).

    The tree is untrusted; what is of another type is left out.
    """
    found: dict[str, dict[str, Any]] = {}
    by_id: dict[int, list[dict[str, Any]]] = {}
    for record in tree["images"]:
        extra: dict[str, Any] = {}
        if isinstance(record.get("reviewer"), str):
            extra["reviewer"] = record["reviewer"]
        at = record.get("answered_at")
        if isinstance(at, int | float) and not isinstance(at, bool) and 0 < at <= _LATEST:
            extra["answered_at"] = float(at)
        sides = [record.get("height"), record.get("width")]
        if all(isinstance(side, int | float) and not isinstance(side, bool) and 0 < side <= _LARGEST for side in sides):
            extra["size_hw"] = (sides[0], sides[1])
        extra["attributes"] = by_id[int(record["id"])] = []
        found[str(record.get("file_name", record["id"]))] = extra
    for entry in map(entry_of, tree.get("annotations") or []):
        by_id[entry.image_id].append(entry.attributes if isinstance(entry.attributes, dict) else {})
    return found
