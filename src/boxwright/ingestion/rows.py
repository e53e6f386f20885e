"""Rows of a dataset, grown picture by picture as columns: a box is a place in an array, never an object."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from boxwright.artifacts import ROW_SCHEMA, Dataset
from boxwright.ingestion.reading import NO_ID, Boxes, Interned, PictureRecord

_NO_ATTRIBUTES = "{}"
_MOST_SPELLED = 100_000


@dataclass
class Rows:
    """Pictures with their boxes, in the order they came."""

    pictures: list[tuple[int | None, str, str, int, int, str, bool, str]] = field(default_factory=list)
    boxes: list[Boxes] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def names(self) -> list[str]:
        """File names."""
        return [row[1] for row in self.pictures]

    @property
    def box_count(self) -> int:
        """Annotations of all pictures."""
        return sum(len(boxes) for boxes in self.boxes)

    def add(self, record: PictureRecord) -> None:
        """One more picture, with its digest, its size and its boxes."""
        height, width = record.size_hw or (0, 0)
        conditions = json.dumps(record.conditions, sort_keys=True, ensure_ascii=False)
        self.pictures.append(
            (record.image_id, record.file_name, record.digest, width, height, record.side, record.labelled, conditions)
        )
        self.boxes.append(record.boxes)

    def table(self, earlier: Dataset | None) -> pa.Table:
        """The rows as ROW_SCHEMA, in rising image_id.

        Args:
            earlier: the version before; where ids are missing, pictures it knows keep theirs.
        """
        ids = np.array(self._image_ids(earlier), np.int64)
        order = np.argsort(ids, kind="stable")
        pictures, boxes = [self.pictures[i] for i in order], [self.boxes[i] for i in order]
        bounds = pa.array(np.concatenate([[0], np.cumsum([len(b) for b in boxes])]).astype(np.int32))
        columns: dict[str, Any] = {"image_id": ids[order]}
        for position, name in enumerate(
            ("file_name", "picture", "width", "height", "side", "labelled", "conditions"), start=1
        ):
            columns[name] = [row[position] for row in pictures]
        corners = np.concatenate([np.zeros((0, 4)), *(b.boxes_xyxy for b in boxes)])
        sides = corners[:, 2:] - corners[:, :2]
        spelled: dict[bytes, str] = {}
        area, crowd = _joined(boxes, "area", np.float64), _joined(boxes, "crowd", np.bool_)
        flat = {
            "annotation_id": _numbered(_joined(boxes, "annotation_id", np.int64)),
            "class_id": _joined(boxes, "class_id", np.int32),
            **{name: corners[:, i] for i, name in enumerate(("x1", "y1", "x2", "y2"))},
            "area": np.where(np.isnan(area), sides[:, 0] * sides[:, 1], area),
            "crowd": crowd,
            "ignore": _joined(boxes, "ignore", np.bool_) | crowd,
            "attributes": [text for b in boxes for text in _attributes(b, spelled)],
        }
        for name, values in flat.items():
            kind = ROW_SCHEMA.field(name).type
            columns[name] = pa.ListArray.from_arrays(bounds, pa.array(values, kind.value_type))
        arrays = [
            pa.array(columns[f.name], f.type) if not isinstance(columns[f.name], pa.Array) else columns[f.name]
            for f in ROW_SCHEMA
        ]
        return pa.Table.from_arrays(arrays, schema=ROW_SCHEMA)

    def _image_ids(self, earlier: Dataset | None) -> list[int]:
        """Ids where the source gives none: those of the earlier version, then the next ones in the order of file names."""
        given = [row[0] for row in self.pictures]
        ids = [i for i in given if i is not None]
        if len(ids) == len(given) and len(set(ids)) == len(ids):
            return ids
        known: dict[tuple[str, str], int] = {}
        if earlier is not None:
            names = zip(earlier.picture_digests, earlier.file_names, strict=True)
            known = dict(zip(names, earlier.image_ids.tolist(), strict=True))
        following = max(known.values(), default=0) + 1
        found = [0] * len(given)
        for i in sorted(range(len(given)), key=lambda i: self.pictures[i][1]):
            _, name, digest, *_ = self.pictures[i]
            found[i] = known.pop((digest, name), following)
            following += found[i] == following
        return found


def _joined(boxes: list[Boxes], name: str, dtype: type) -> NDArray:
    return np.concatenate([np.zeros(0, dtype), *(getattr(b, name) for b in boxes)])


def _numbered(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """The ids, with the missing ones given after the highest, in order."""
    missing = ids == NO_ID
    if missing.any():
        ids[missing] = max(int(ids[~missing].max(initial=0)), 0) + 1 + np.arange(int(missing.sum()))
    return ids


def _attributes(boxes: Boxes, spelled: dict[bytes, str]) -> list[str]:
    """As JSON with sorted keys; `spelled` remembers the texts that were met before."""
    if boxes.attributes is None:
        return [_NO_ATTRIBUTES] * len(boxes)
    found = []
    codes = boxes.attributes.codes.tolist() if isinstance(boxes.attributes, Interned) else [-1] * len(boxes)
    for row, code in enumerate(codes):
        text = boxes.attributes.texts[code] if code >= 0 else None  # type: ignore[attr-defined]
        if isinstance(text, bytes) and text in spelled:
            found.append(spelled[text])
            continue
        found.append(json.dumps(boxes.attributes[row], sort_keys=True, ensure_ascii=False))
        if isinstance(text, bytes) and len(spelled) < _MOST_SPELLED:
            spelled[text] = found[-1]
    return found
