"""Boxes that show a rule better than words: per class a typical one, the smallest that counts, a crowded one, one at the border.

They come from annotations as they are, so they show what was drawn, not what should have been: look at them before they are
handed to annotators.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from boxwright.boxes import pairwise_iou
from boxwright.labels.agreement.axes import at_border

MARKS = ("occluded", "truncated", "difficult")
_MOST_LOOKED_AT = 400  # boxes of a class whose neighbours are looked at for the crowded one


@dataclass(frozen=True)
class Drawn:
    """Annotations as columns, in the order of the pictures.

    Attributes:
        class_names: by class_id.
        file_names: (P,).
        sizes_hw: (P, 2), NaN where not known.
        picture: (n,) rising.
        class_id: (n,).
        boxes_xyxy: (n, 4) pixels.
        marks: name to (n,) bool: occluded, truncated, difficult.
    """

    class_names: tuple[str, ...]
    file_names: Sequence[str]
    sizes_hw: NDArray
    picture: NDArray
    class_id: NDArray
    boxes_xyxy: NDArray
    marks: Mapping[str, NDArray] = field(default_factory=dict)


@dataclass(frozen=True)
class Example:
    """One box worth showing.

    Attributes:
        what: typical, large, smallest, crowded, border, occluded, truncated or difficult.
        row: of the annotation.
    """

    what: str
    row: int


def examples_of(drawn: Drawn, class_id: int, *, least_size_px: float = 0.0) -> list[Example]:
    """The boxes that show a class, each once.

    Args:
        drawn: the annotations.
        class_id: of the class.
        least_size_px: shorter side from which on an object counts.
    """
    rows = np.flatnonzero(drawn.class_id == class_id)
    if not len(rows):
        return []
    boxes = drawn.boxes_xyxy[rows]
    sides = boxes[:, 2:] - boxes[:, :2]
    area, shorter = sides.prod(axis=1), sides.min(axis=1)
    border = at_border(boxes, drawn.sizes_hw[drawn.picture[rows]])
    marked = np.zeros(len(rows), np.bool_)
    for name in MARKS:
        marked |= drawn.marks.get(name, np.zeros(len(drawn.class_id), np.bool_))[rows]
    counts = (shorter >= least_size_px) & ~border & ~marked
    plain = np.flatnonzero(counts) if counts.any() else np.arange(len(rows))
    overlap = _overlap(drawn, rows)
    alone = plain[overlap[plain] <= np.quantile(overlap[plain], 0.5)]
    found = [
        ("typical", _nearest(area, alone, 0.5)),
        ("large", _nearest(area, alone, 0.95)),
        ("smallest", int(plain[shorter[plain].argmin()])),
        ("crowded", int(plain[overlap[plain].argmax()]) if overlap[plain].max(initial=0) > 0.02 else None),
        ("border", int(np.flatnonzero(border)[area[border].argmax()]) if border.any() else None),
    ]
    for name in MARKS:
        mine = np.flatnonzero(drawn.marks.get(name, np.zeros(len(drawn.class_id), np.bool_))[rows])
        found.append((name, int(mine[area[mine].argmax()]) if len(mine) else None))
    seen: dict[int, str] = {}
    for what, i in found:
        if i is not None:
            seen.setdefault(int(rows[i]), what)
    return [Example(what, row) for row, what in seen.items()]


def _nearest(area: NDArray, among: NDArray, share: float) -> int:
    """Position of the box whose area is nearest to a quantile."""
    return int(among[np.abs(area[among] - np.quantile(area[among], share)).argmin()])


def _overlap(drawn: Drawn, rows: NDArray) -> NDArray[np.float64]:
    """(n,) largest IoU of each with another box of its picture; 0 beyond the first _MOST_LOOKED_AT, spread evenly."""
    found = np.zeros(len(rows))
    begin, end = (np.searchsorted(drawn.picture, drawn.picture[rows], side).tolist() for side in ("left", "right"))
    for i in np.unique(np.linspace(0, len(rows) - 1, min(len(rows), _MOST_LOOKED_AT)).astype(int)):
        others = np.arange(begin[i], end[i])
        others = others[others != rows[i]]
        found[i] = pairwise_iou(drawn.boxes_xyxy[rows[i : i + 1]], drawn.boxes_xyxy[others]).max(initial=0.0)
    return found
