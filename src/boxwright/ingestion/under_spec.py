"""A reading under a spec: its classes give the class_ids, its policies say what is not judged, and what it does not know is told.

A box of a class that the spec does not name is left out; one below `least_size_px` or `least_visible` is kept and not judged.
Classes without a single box and values of conditions that the spec does not list are told: they cost nothing today and a
meaningless report tomorrow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxwright.images import exif_camera, exif_time
from boxwright.ingestion.reading import Boxes, PictureRecord, Reading
from boxwright.spec import Spec

_SHOWN = 5


@dataclass
class UnderSpec:
    """Records of a reading, one after another, as a spec sees them.

    Attributes:
        reading: gets the problems.
        spec: the promise.
    """

    reading: Reading
    spec: Spec
    _of_class: NDArray[np.int64] = field(init=False)
    _values: dict[str, Counter[str | None]] = field(init=False)

    def __post_init__(self) -> None:
        self._of_class = np.zeros(len(self.spec.classes), np.int64)
        self._values = {c.name: Counter() for c in self.spec.conditions if c.source == "metadata"}

    def take(self, record: PictureRecord, data: bytes = b"") -> PictureRecord:
        """The record with the spec's class_ids; boxes of other classes are left out, those too small or too hidden ignored.

        Its conditions gain what the spec reads off the file's name and, where there is `data`, its EXIF.
        """
        if self.spec.metadata:
            record = replace(record, conditions={**self._read_off(record, data), **record.conditions})
        boxes, known = record.boxes, list(self.spec.class_names)
        if not len(boxes):
            return record
        names = self.reading.class_names
        place = np.array([known.index(n) if n in known else -1 for n in names], np.int32)[boxes.class_id]
        for row in np.flatnonzero(place < 0):
            self.reading.problem(
                "unknown-class", "error", boxes.where[int(row)],
                f"class '{names[boxes.class_id[row]]}' is not in the spec ({', '.join(known)}); the box was left out",
            )  # fmt: skip
        boxes = replace(boxes, class_id=place).keep(place >= 0)
        self._of_class += np.bincount(boxes.class_id, minlength=len(known))
        size = (boxes.boxes_xyxy[:, 2:] - boxes.boxes_xyxy[:, :2]).min(axis=1, initial=np.inf)
        least = np.array([c.least_size_px for c in self.spec.classes], np.float64)[boxes.class_id]
        return replace(
            record, boxes=replace(boxes, ignore=boxes.ignore | (size < least) | _too_hidden(boxes, self.spec))
        )

    def _read_off(self, record: PictureRecord, data: bytes) -> dict[str, str]:
        """Conditions that the spec reads off a file's name and EXIF; those the file does not tell are left out."""
        read: dict[str, Callable[[bytes], str]] = {"exif_camera": exif_camera, "exif_time": exif_time}
        found = {
            clause.name: clause.of_name(record.file_name) if clause.source == "file_name" else read[clause.source](data)
            for clause in self.spec.metadata
        }
        return {name: value for name, value in found.items() if value}

    def count(self, conditions: Mapping[str, Any]) -> None:
        """Note the conditions of one more image, as it will be stored."""
        for name, values in self._values.items():
            value = conditions.get(name)
            values[None if value is None else str(value)] += 1

    def tell(self) -> None:
        """After the last record: classes without a box, and conditions that the spec does not know or that are lacking."""
        lacking = [c.name for c, n in zip(self.spec.classes, self._of_class, strict=True) if not n]
        if lacking and self._of_class.any():
            self.reading.problem(
                "class-without-annotations", "warning", "spec",
                f"no annotation is of the spec's {'class' if len(lacking) == 1 else 'classes'} {', '.join(lacking)}",
            )  # fmt: skip
        for condition in self.spec.conditions:
            values = self._values.get(condition.name)
            if values:
                self._tell_condition(condition.name, condition.labels, values)

    def _tell_condition(self, name: str, listed: tuple[str, ...], values: Counter[str | None]) -> None:
        images = values.total()
        if values[None]:
            self.reading.problem(
                "condition-lacking", "warning", f"spec condition '{name}'",
                f"{values[None]} of {images} images have no value for it and will be in no slice of it; "
                f"give a table with --conditions",
            )  # fmt: skip
        foreign = {
            value: n for value, n in values.most_common() if value is not None and listed and value not in listed
        }
        if foreign:
            shown = ", ".join(f"'{value}' ({n})" for value, n in list(foreign.items())[:_SHOWN])
            more = f" and {len(foreign) - _SHOWN} more" if len(foreign) > _SHOWN else ""
            self.reading.problem(
                "condition-unlisted", "warning", f"spec condition '{name}'",
                f"{sum(foreign.values())} of {images} images have values that its bins ({', '.join(listed)}) do not list: "
                f"{shown}{more}",
            )  # fmt: skip


def _too_hidden(boxes: Boxes, spec: Spec) -> NDArray[np.bool_]:
    """Whether the spec does not ask for an object this hidden (attribute `visible`, a share)."""
    hidden = np.zeros(len(boxes), np.bool_)
    for row in range(len(boxes)) if boxes.attributes is not None else ():
        visible = boxes.attributes_of(row).get("visible")
        least = spec.classes[int(boxes.class_id[row])].least_visible
        hidden[row] = isinstance(visible, int | float) and visible < least
    return hidden
