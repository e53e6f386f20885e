"""COCO files, written: the records of images and categories, whole documents, and results.

Values go out as they are; a number that JSON lacks is never turned into null.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from boxwright.coco.records import Entry

_ENCODER = msgspec.json.Encoder()


def encoded(value: Any) -> bytes:
    """JSON in UTF-8 of a tree of dictionaries, lists, plain values and `Entry`; NaN as Python's `json` spells it."""
    try:
        text = _ENCODER.encode(value)
    except (OverflowError, TypeError, ValueError):
        return _spelled(value)
    return _spelled(value) if b"null" in text else text  # msgspec writes NaN and infinity as null


def _spelled(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, default=_tree).encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which only an escape can spell
        return json.dumps(value, default=_tree).encode()


def _tree(value: Any) -> Any:
    if isinstance(value, Entry):
        return value.tree()
    raise TypeError(f"{type(value).__name__} has no place in a COCO file")


def image(number: int, file_name: str, size_hw: Sequence[float] | None, **more: Any) -> dict[str, Any]:
    """The record of an image, `more` being what stands beside COCO's keys."""
    size = {} if size_hw is None else {"width": int(size_hw[1]), "height": int(size_hw[0])}
    return {"id": number, "file_name": file_name, **size, **more}


def categories(class_names: Sequence[str], ids: Sequence[int] | None = None) -> list[dict[str, Any]]:
    """The records of the classes; counted from 1 unless they have ids of their own."""
    ids = counted_ids(class_names) if ids is None else ids
    return [{"id": number, "name": name} for number, name in zip(ids, class_names, strict=True)]


def counted_ids(class_names: Sequence[str]) -> list[int]:
    """Category ids by class_id where a dataset has none of its own: from 1 on."""
    return list(range(1, len(class_names) + 1))


def document(
    images: list[dict[str, Any]], annotations: Iterable[Entry], classes: list[dict[str, Any]]
) -> dict[str, Any]:
    """Ground truth as a tree."""
    return {"images": images, "categories": classes, "annotations": [entry.tree() for entry in annotations]}


def results(
    image_ids: Sequence[int],
    file_names: Sequence[str],
    category_ids: Sequence[int],
    *,
    boxes_xywh: NDArray[np.floating],
    score: NDArray[np.floating],
) -> bytes:
    """COCO results, each with the name of its file.

    Args:
        image_ids, file_names, category_ids: by row.
        boxes_xywh: (n, 4) pixels.
        score: (n,).
    """
    rows = zip(image_ids, file_names, category_ids, boxes_xywh.tolist(), score.tolist(), strict=True)
    return encoded(
        [
            Entry(image_id=number, file_name=name, category_id=category, bbox=box, score=one)
            for number, name, category, box, one in rows
        ]
    )


def exact_xywh(boxes_xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 4) left, top, width, height such that left + width is exactly right again, where float64 has such a width.

    Of the widths that do, the one with the fewest decimals is taken: what came as 200.61 goes out as 200.61.
    """
    start, end = boxes_xyxy[:, :2], boxes_xyxy[:, 2:]
    size = end - start
    best = np.full_like(size, np.nan)
    for decimals in range(16):
        if not (left := np.isnan(best)).any():
            break
        rounded = np.round(size, decimals)
        best = np.where(left & (start + rounded == end) & (rounded > 0), rounded, best)
    for nudged in (size, np.nextafter(size, np.inf), np.nextafter(size, -np.inf)):
        best = np.where(np.isnan(best) & (start + nudged == end), nudged, best)
    return np.concatenate([start, np.where(np.isnan(best), size, best)], axis=1)
