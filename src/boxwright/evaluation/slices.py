"""Which pictures and which objects belong to a slice of a condition.

A condition of the picture (lighting, camera, measured brightness) selects pictures: a weight of 0 or 1 each. The box
size, crowding and the distance to the picture's border are conditions of the object: outside the slice objects are not
asked for, and detections are not blamed. A detection that took an object has that object's value, any other its own;
crowding is how many annotations share the picture, for both. A measured bin [a, b)
holds its lower edge; the last bin holds its upper edge too.
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


@dataclass(frozen=True, eq=False)
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

    def __and__(self, other: Slice) -> Slice:
        """What belongs to both."""
        return Slice(
            self.pictures & other.pictures, _both(self.objects, other.objects), _both(self.detections, other.detections)
        )


def _both(one: NDArray | None, other: NDArray | None) -> NDArray | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other


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


@dataclass(frozen=True)
class Axis:
    """One condition, laid over the match tables.

    Attributes:
        name: of the condition.
        labels: its slices; codes below are positions in it, -1 for unknown or outside all bins.
        pictures: (images,) codes, or None for a condition of objects.
        objects: (objects,) codes.
        detections: (detections,) codes.
        images: how many pictures there are.
    """

    name: str
    labels: tuple[str, ...]
    pictures: NDArray | None
    objects: NDArray
    detections: NDArray
    images: int = 0

    def slice(self, label: str) -> Slice:
        """The slice of one label."""
        code = self.labels.index(label) if label in self.labels else -2
        if self.pictures is not None:
            return Slice(self.pictures == code)
        everywhere = np.ones(self.images, np.bool_)
        return Slice(everywhere, self.objects == code, self.detections == code)


def axis(matches: Matches, clause: ConditionClause) -> Axis:
    """A condition laid over the match tables."""
    images = len(matches.images)
    if clause.name in OF_OBJECTS:
        of_objects, of_detections = (_binned(clause, values) for values in _object_values(matches, clause.name))
        return Axis(clause.name, clause.labels, None, of_objects, of_detections, images)
    names = labels(matches, clause)
    codes = np.full(images, -1, np.int32)
    if clause.name in matches.images.column_names:
        at = {label: i for i, label in enumerate(names)}
        codes[:] = [at.get(value, -1) for value in matches.images.column(clause.name).to_pylist()]
    of_objects = codes[matches.objects.column("image").to_numpy()]
    of_detections = codes[matches.detections.column("image").to_numpy()]
    return Axis(clause.name, tuple(names), codes, of_objects, of_detections, images)


def cut(matches: Matches, clauses: Sequence[ConditionClause], selected: Sequence[tuple[str, str]]) -> Slice:
    """The slice where every (condition, label) holds."""
    by_name = {clause.name: clause for clause in clauses}
    part = Slice(np.ones(len(matches.images), np.bool_))
    for name, label in selected:
        part = part & axis(matches, by_name[name]).slice(label)
    return part


def standard_conditions(matches: Matches, clauses: Sequence[ConditionClause]) -> tuple[ConditionClause, ...]:
    """Conditions of objects that need no spec: COCO's sizes, crowding and the border, unless the spec bins them."""
    known = {clause.name for clause in clauses}
    found = [ConditionClause(name="box_size", source="measured", bins=(0, 32, 96, 100_000))]
    found.append(ConditionClause(name="crowding", source="measured", bins=(0, 2, 5, 10, 20, 100_000)))
    if {"width", "height"} <= set(matches.images.column_names):
        found.append(ConditionClause(name="border", source="measured", bins=(0, 1, 16, 100_000)))
    return tuple(clause for clause in found if clause.name not in known)


def labels(matches: Matches, clause: ConditionClause) -> list[str]:
    """Labels of a condition worth reporting: the spec's, else those that occur."""
    if clause.labels:
        return list(clause.labels)
    if clause.name in matches.images.column_names:
        return sorted({value for value in matches.images.column(clause.name).to_pylist() if value})
    return []


def _binned(clause: ConditionClause, values: NDArray) -> NDArray[np.int32]:
    """(n,) which bin each value falls into, -1 for none."""
    edges = np.array(clause.bins, np.float64)
    code = np.searchsorted(edges, values, "right") - 1
    code[values == edges[-1]] = len(edges) - 2
    return np.where((code >= 0) & (code < len(clause.labels)), code, -1).astype(np.int32)


def _object_values(matches: Matches, name: str) -> tuple[NDArray, NDArray]:
    """Value of each object, and of each detection: its object's where it has one, else its own."""
    objects, detections = matches.objects, matches.detections
    if name == "crowding":
        sharing = np.bincount(objects.column("image").to_numpy(), minlength=len(matches.images)).astype(np.float64)
        return sharing[objects.column("image").to_numpy()], sharing[detections.column("image").to_numpy()]
    measure = {"box_size": _side, "border": _to_border}[name]
    of_objects, of_detections = measure(objects, matches.images), measure(detections, matches.images)
    annotation = detections.column("annotation").to_numpy()
    hit = (detections.column("hit").to_numpy() & operating_bit(matches) != 0) & (annotation >= 0)
    of_detections = of_detections.copy()
    of_detections[hit] = of_objects[annotation[hit]]
    return of_objects, of_detections


def _side(table: pa.Table, _images: pa.Table) -> NDArray[np.float64]:
    """Square root of the box's area, pixels."""
    x1, y1, x2, y2 = (table.column(name).to_numpy() for name in ("x1", "y1", "x2", "y2"))
    return np.sqrt(np.maximum(x2 - x1, 0) * np.maximum(y2 - y1, 0))


def _to_border(table: pa.Table, images: pa.Table) -> NDArray[np.float64]:
    """Pixels from the box to the nearest edge of its picture, 0 where it touches; NaN where sizes are not known."""
    image = table.column("image").to_numpy()
    if not {"width", "height"} <= set(images.column_names):
        return np.full(len(image), np.nan)
    x1, y1, x2, y2 = (table.column(name).to_numpy() for name in ("x1", "y1", "x2", "y2"))
    width, height = (images.column(name).to_numpy()[image] for name in ("width", "height"))
    return np.maximum(np.minimum.reduce([x1, y1, width - x2, height - y2]), 0.0)
