"""Which item of a queue an answer belongs to: by the item's id, its image's file name, or the image's digest, as tools spell them.

Exported images are called by their items. Labelling tools put folders before a name, change its case or its ending; `match_names`
says which spellings are the same. What fits two items belongs to none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import ReviewQueue
from boxwright.errors import InputError
from boxwright.images import match_names

_KEYS = ("item", "file_name", "picture")
_NAMED = 3


@dataclass(frozen=True)
class Items:
    """The queue's row for each name, and how many names were met by which rule of `match_names`, `exact` left out."""

    rows: list[dict[str, Any]]
    told: Mapping[str, int] = field(default_factory=dict)


def items_of(queue: ReviewQueue, names: Sequence[str]) -> Items:
    """The item for each name.

    Args:
        queue: what was asked.
        names: of the images in the answers, in any spelling.

    Raises:
        InputError: a name belongs to no item, or two names to the same one.
    """
    rows = queue.items.to_pylist()
    found, told = _exactly(rows, names), Counter[str]()
    for other_endings in (False, True):
        for key in _KEYS:
            left = [i for i in np.flatnonzero(found < 0).tolist() if names[i]]
            met = match_names([names[i] for i in left], [row[key] for row in rows], other_endings=other_endings)
            found[left] = met.index
            told.update(met.told())
    lost = [name for name, i in zip(names, found.tolist(), strict=True) if i < 0]
    if lost:
        shown = ", ".join(f"'{name}'" for name in lost[:_NAMED]) + (", ..." if len(lost) > _NAMED else "")
        raise InputError(
            f"The answer for {shown} belongs to no item of the queue ({len(queue)} items); nothing was accepted. Leave the "
            f"images named as `boxwright review export` named them, and give the queue they were exported from."
        )
    times = np.bincount(found, minlength=len(rows))
    twice = next((i for i in found.tolist() if times[i] > 1), None)
    if twice is not None:
        row = rows[twice]
        raise InputError(f"The item '{row['item']}' ({row['file_name']}) is answered twice; nothing was accepted.")
    return Items([rows[i] for i in found.tolist()], dict(told))


def _exactly(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> NDArray[np.int64]:
    """(n,) the row whose name, as exported or as the queue knows it, a name is to the letter; -1 where there is none, or several."""
    known: dict[str, set[int]] = {}
    for k, row in enumerate(rows):
        exported = (f"{folder}{row['item']}{ending}" for folder in ("", "images/") for ending in (".jpeg", ".png"))
        for name in (*exported, *(row[key] for key in _KEYS)):
            known.setdefault(name, set()).add(k)
    own = [name for name, of in known.items() if name and len(of) == 1]
    met = match_names(names, own)
    of_row = np.array([*(min(known[name]) for name in own), -1])
    return np.where(np.array(met.rule, object) == "exact", of_row[met.index], -1).astype(np.int64)
