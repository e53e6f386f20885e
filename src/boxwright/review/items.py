"""Which item of a queue an answer belongs to: by the item's id, its image's file name, or the image's digest, as tools spell them.

Exported images are called by their items. Labelling tools put folders before a name, change its case or its ending; `match_names`
says which spellings are the same. What fits two items belongs to none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from boxwright.artifacts import ReviewQueue
from boxwright.errors import InputError
from boxwright.images import match_names

_KEYS = ("item", "file_name", "picture")
_NAMED = 3


def items_of(queue: ReviewQueue, names: Sequence[str]) -> list[dict[str, Any]]:
    """The queue's row for each name.

    Args:
        queue: what was asked.
        names: of the images in the answers, in any spelling.

    Raises:
        InputError: a name belongs to no item, or two names to the same one.
    """
    rows = queue.items.to_pylist()
    found = np.full(len(names), -1, np.int64)
    for other_endings in (False, True):
        for key in _KEYS:
            left = np.flatnonzero(found < 0).tolist()
            known = [row[key] for row in rows]
            matched = match_names([names[i] for i in left], known, other_endings=other_endings).index
            found[left] = np.where([bool(names[i]) for i in left], matched, -1)
    lost = [name for name, i in zip(names, found.tolist(), strict=True) if i < 0]
    if lost:
        shown = ", ".join(f"'{name}'" for name in lost[:_NAMED]) + (", ..." if len(lost) > _NAMED else "")
        raise InputError(
            f"The answer for {shown} belongs to no item of the queue ({len(queue)} items); nothing was accepted. Leave the "
            f"images named as `boxwright review export` named them, and give the queue they were exported from."
        )
    twice = next((i for i in found.tolist() if (found == i).sum() > 1), None)
    if twice is not None:
        row = rows[twice]
        raise InputError(f"The item '{row['item']}' ({row['file_name']}) is answered twice; nothing was accepted.")
    return [rows[i] for i in found.tolist()]
