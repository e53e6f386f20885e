"""Which pictures and which objects belong to a slice of a condition.

A condition of the picture (lighting, camera, measured brightness) selects pictures: a weight of 0 or 1 each. The box
size and crowding are conditions of the object: outside the slice objects are not asked for, and detections are not
blamed. A measured bin [a, b) holds its lower edge; the last bin holds its upper edge too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from boxwright.artifacts import Matches
from boxwright.errors import InputError
from boxwright.evaluation.operating import operating_bit
from boxwright.spec.spec import OF_OBJECTS, ConditionClause


@dataclass(frozen=True)
class Slice:
    """What belongs.

    Attributes:
        pictures: (images,) bool.
        objects: (objects,) bool, or None for all.
        detections: (detections,) bool, or None for all.
    """

    pictures: NDArray
    objects: NDArray | None = None
    detections: NDArray | None = None


def label_of(clause: ConditionClause, value: Any) -> str:
    """The slice a condition's value falls into; empty where unknown or outside all bins."""
    if value is None or value == "":
        return ""
    if clause.source == "metadata":
        return str(value)
    edges = np.array(clause.bins, np.float64)
    try:
        value = float(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"Condition '{clause.name}' is measured and must be a number; found {value!r}.") from error
    index = int(np.searchsorted(edges, value, "right")) - 1
    if value == edges[-1]:
        index = len(edges) - 2
    return clause.labels[index] if 0 <= index < len(clause.labels) else ""


def picture_labels(clauses: Sequence[ConditionClause], conditions: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Condition name to the label of each picture; only conditions of pictures."""
    return {
        clause.name: [label_of(clause, c.get(clause.name)) for c in conditions]
        for clause in clauses
        if clause.name not in OF_OBJECTS
    }


def cut(matches: Matches, clauses: Sequence[ConditionClause], selected: Sequence[tuple[str, str]]) -> Slice:
    """The slice where every (condition, label) holds."""
    by_name = {clause.name: clause for clause in clauses}
    pictures = np.ones(len(matches.images), np.bool_)
    objects: NDArray | None = None
    detections: NDArray | None = None
    for name, label in selected:
        if name in OF_OBJECTS:
            of_objects, of_detections = _object_values(matches, name)
            inside_o, inside_d = (_inside(by_name[name], label, v) for v in (of_objects, of_detections))
            objects = inside_o if objects is None else objects & inside_o
            detections = inside_d if detections is None else detections & inside_d
        elif name in matches.images.column_names:
            values = np.array(matches.images.column(name).to_pylist(), dtype=object)
            pictures &= values == label
        else:
            pictures[:] = False
    return Slice(pictures, objects, detections)


def labels(matches: Matches, clause: ConditionClause) -> list[str]:
    """Labels of a condition worth reporting: the spec's, else those that occur."""
    if clause.labels:
        return list(clause.labels)
    if clause.name in matches.images.column_names:
        return sorted({value for value in matches.images.column(clause.name).to_pylist() if value})
    return []


def _inside(clause: ConditionClause, label: str, values: NDArray) -> NDArray[np.bool_]:
    index = clause.labels.index(label)
    low, high = float(clause.bins[index]), float(clause.bins[index + 1])
    last = index == len(clause.labels) - 1
    return (values >= low) & ((values <= high) if last else (values < high))


def _object_values(matches: Matches, name: str) -> tuple[NDArray, NDArray]:
    """Value of each object, and of each detection: its object's where it has one, else its own."""
    objects, detections = matches.objects, matches.detections
    measure = _side if name == "box_size" else _neighbours
    of_objects, of_detections = measure(objects, len(matches.images)), measure(detections, len(matches.images))
    annotation = detections.column("annotation").to_numpy()
    hit = (detections.column("hit").to_numpy() & operating_bit(matches) != 0) & (annotation >= 0)
    of_detections = of_detections.copy()
    of_detections[hit] = of_objects[annotation[hit]]
    return of_objects, of_detections


def _side(table: pa.Table, _images: int) -> NDArray[np.float64]:
    """Square root of the box's area, pixels."""
    x1, y1, x2, y2 = (table.column(name).to_numpy() for name in ("x1", "y1", "x2", "y2"))
    return np.sqrt(np.maximum(x2 - x1, 0) * np.maximum(y2 - y1, 0))


def _neighbours(table: pa.Table, images: int) -> NDArray[np.float64]:
    """How many boxes of the same table share the picture, itself included."""
    image = table.column("image").to_numpy()
    return np.bincount(image, minlength=images)[image].astype(np.float64)
