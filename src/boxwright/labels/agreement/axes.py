"""What is known about each object people rated, as codes along axes: class, size, border, crowding, neighbour, marks, conditions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numba
import numpy as np
from numpy.typing import NDArray

from boxwright.boxes import iou_of_two
from boxwright.labels.agreement.ratings import Units

SIZES_PX = (0.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0, 64.0, 96.0, float("inf"))
_MOST_VALUES = 30  # of a condition; more are names, not conditions
_BORDER_PX = 1.5


@dataclass(frozen=True)
class UnitAxis:
    """One thing known about units.

    Attributes:
        name: of the axis.
        labels: what the codes stand for.
        codes: (U,) positions in `labels`, -1 where it is not known.
    """

    name: str
    labels: tuple[str, ...]
    codes: NDArray


def unit_axes(units: Units, *, sizes_px: Sequence[float] = SIZES_PX) -> list[UnitAxis]:
    """Everything known about the units.

    Args:
        units: the rated objects.
        sizes_px: rising edges of the size bins, square root of the area.
    """
    ratings, names = units.ratings, units.ratings.class_names
    overlap, neighbour = _neighbours(units.middle_xyxy, units.picture, units.majority, units.drew > 1)
    found = [
        UnitAxis("class", names, units.majority),
        UnitAxis("size", _size_labels(sizes_px), np.digitize(units.side_px, np.array(sizes_px[1:-1]))),
        UnitAxis("overlap", ("alone", "touched", "overlapped"), np.digitize(overlap, [1e-9, 0.2])),
        UnitAxis("neighbour", names, np.where(overlap >= 0.02, neighbour, -1)),
    ]
    size = ratings.sizes_hw[units.picture]
    known = np.isfinite(size).all(axis=1)
    if known.any():
        cut = np.where(known, at_border(units.middle_xyxy, size), -1)
        found.append(UnitAxis("border", ("inside", "at the border"), cut))
    for name, marked in ratings.marks.items():
        if marked.any():
            of_unit = np.where(units.member >= 0, marked[np.maximum(units.member, 0)], False).any(axis=1)
            found.append(UnitAxis(name, (f"not {name}", name), np.asarray(of_unit, np.int64)))
    return [*found, *_conditions(units)]


def at_border(boxes_xyxy: NDArray, sizes_hw: NDArray) -> NDArray[np.bool_]:
    """(n,) whether a box reaches its picture's border; False where the picture's size is not known.

    Args:
        boxes_xyxy: (n, 4).
        sizes_hw: (n, 2) of each box's picture, NaN where it is not known.
    """
    with np.errstate(invalid="ignore"):
        reaches = boxes_xyxy[:, 2:] > sizes_hw[:, ::-1] - _BORDER_PX
    known = np.isfinite(sizes_hw).all(axis=1)
    return np.asarray(known & ((boxes_xyxy[:, :2] < _BORDER_PX).any(axis=1) | reaches.any(axis=1)))


def _conditions(units: Units) -> list[UnitAxis]:
    found = []
    conditions = units.ratings.conditions
    for name in dict.fromkeys(key for row in conditions for key in row):
        values = [str(row.get(name, "")) for row in conditions]
        labels = tuple(sorted(set(values) - {""}))
        if 2 <= len(labels) <= _MOST_VALUES:
            at = {label: i for i, label in enumerate(labels)}
            found.append(UnitAxis(name, labels, np.array([at.get(v, -1) for v in values])[units.picture]))
    return found


def _size_labels(edges: Sequence[float]) -> tuple[str, ...]:
    return tuple(f"{a:g}+ px" if not np.isfinite(b) or b >= 1e5 else f"{a:g}-{b:g} px" for a, b in pairwise(edges))


@numba.njit(cache=True, nogil=True)
def _neighbours(boxes, picture, class_id, solid):
    """(n,) largest IoU with another unit of the picture that several drew, and its class: two boxes of one object that did
    not meet are no crowd."""
    n = len(boxes)
    overlap, of_class = np.zeros(n), np.full(n, -1, np.int64)
    begin = 0
    for i in range(n):
        if picture[i] != picture[begin]:
            begin = i
        j = begin
        while j < i:
            both = iou_of_two(boxes[i], boxes[j])
            if solid[j] and both > overlap[i]:
                overlap[i], of_class[i] = both, class_id[j]
            if solid[i] and both > overlap[j]:
                overlap[j], of_class[j] = both, class_id[i]
            j += 1
    return overlap, of_class
