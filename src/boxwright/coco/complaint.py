"""What is wrong with one annotation or result that must be read as it is, in a sentence."""

from __future__ import annotations

from typing import Any

from boxwright.coco.ids import RowOfId
from boxwright.coco.records import entry_of

_NEEDED = ("image_id", "category_id", "bbox")


def complaint(record: Any, images: RowOfId, categories: RowOfId, *, scored: bool) -> str:
    """Why a record cannot be used.

    Args:
        record: as JSON gives it.
        images, categories: those that are listed.
        scored: whether it is a result, which needs a score and takes no number as text.
    """
    keys = (*_NEEDED, *(("score",) if scored else ()))
    if not isinstance(record, dict):
        return f"expected an object with {', '.join(keys)}, found {type(record).__name__}."
    for key in keys:
        if key not in record:
            return f"the key '{key}' is missing."
    entry = entry_of(record)
    if entry.image_id not in images:
        return f"image_id {entry.image_id!r:.60} is not in the ground truth ({len(images)} images)."
    if entry.category_id not in categories:
        return f"category_id {entry.category_id!r:.60} is not among the {len(categories)} categories."
    if not scored:
        return f"bbox must be four numbers and area one, or none; found {entry.bbox!r:.200} and {record.get('area')!r:.60}."
    return (
        f"bbox must be four numbers and score one, none of them as text; found {entry.bbox!r:.200} and "
        f"{entry.score!r:.60}."
    )
