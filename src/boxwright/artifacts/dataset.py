"""Dataset: pictures, annotations, conditions and where they came from, as one version.

One row per picture, in rising `image_id`. Annotations are list columns of the row, so that a picture and its boxes
cannot come apart; `annotations` gives them as flat columns. Pictures themselves are kept by digest in the store.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from boxwright.artifacts.artifact import Artifact, Parts
from boxwright.detections import AnnotationColumns, offsets_from_counts
from boxwright.errors import InputError

ROW_SCHEMA = pa.schema(
    [
        ("image_id", pa.int64()),
        ("file_name", pa.string()),
        ("picture", pa.string()),  # digest; empty where the picture is not at hand
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("side", pa.string()),  # split the source files put it in, or empty
        ("labelled", pa.bool_()),  # False: nobody has looked, so no boxes does not mean no objects
        ("conditions", pa.string()),  # JSON object: condition name to text or number
        ("annotation_id", pa.list_(pa.int64())),
        ("class_id", pa.list_(pa.int32())),
        ("x1", pa.list_(pa.float64())),
        ("y1", pa.list_(pa.float64())),
        ("x2", pa.list_(pa.float64())),
        ("y2", pa.list_(pa.float64())),
        ("area", pa.list_(pa.float64())),
        ("crowd", pa.list_(pa.bool_())),
        ("ignore", pa.list_(pa.bool_())),
        ("attributes", pa.list_(pa.string())),  # JSON object per annotation: truncated, occluded, difficult, ...
    ]
)


@dataclass(frozen=True, eq=False, kw_only=True)
class Dataset(Artifact):
    """A version of the data.

    Attributes:
        name: of the data set; its versions share it.
        class_names: by class_id.
        rows: one per picture, as ROW_SCHEMA, in rising image_id.
        provenance: what it was read from, and what was refused on the way.
    """

    kind: ClassVar[str] = "dataset"
    rows_in_table: ClassVar[bool] = True

    name: str
    class_names: tuple[str, ...]
    rows: pa.Table
    provenance: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def from_rows(
        cls,
        rows: list[dict[str, Any]],
        *,
        name: str,
        class_names: tuple[str, ...],
        provenance: Mapping[str, Any],
        made_from: Mapping[str, str] | None = None,
    ) -> Self:
        """A dataset from one dictionary per picture, keyed as ROW_SCHEMA."""
        ordered = sorted(rows, key=lambda row: row["image_id"])
        table = pa.Table.from_pylist(ordered, schema=ROW_SCHEMA)
        return cls(name=name, class_names=class_names, rows=table, provenance=provenance, made_from=made_from or {})

    @property
    def counts(self) -> Mapping[str, int]:
        return {
            "pictures": len(self),
            "annotations": sum(len(chunk.flatten()) for chunk in self.rows.column("x1").chunks),
        }

    @property
    def bit_depth(self) -> int | None:
        """Bits that are used of samples of more than 8 bits, as declared when the pictures were ingested; or None."""
        return self.provenance.get("bit_depth")

    @cached_property
    def image_ids(self) -> NDArray[np.int64]:
        """(n,) stable ids."""
        return self.rows.column("image_id").to_numpy()

    @cached_property
    def file_names(self) -> list[str]:
        """(n,) names the pictures came with."""
        return self.rows.column("file_name").to_pylist()

    @cached_property
    def picture_digests(self) -> list[str]:
        """(n,) digests of the encoded pictures."""
        return self.rows.column("picture").to_pylist()

    @cached_property
    def sizes_hw(self) -> NDArray[np.int32]:
        """(n, 2) height and width of the upright pictures, in pixels."""
        return np.stack([self.rows.column("height").to_numpy(), self.rows.column("width").to_numpy()], axis=1)

    @cached_property
    def conditions(self) -> list[dict[str, Any]]:
        """(n,) condition name to value."""
        return [json.loads(text) for text in self.rows.column("conditions").to_pylist()]

    @cached_property
    def annotations(self) -> AnnotationColumns:
        """All annotations as flat columns."""
        counts = pc.list_value_length(self.rows.column("class_id")).to_numpy()  # pyright: ignore
        x1, y1, x2, y2 = (self._flat(name, np.float64) for name in ("x1", "y1", "x2", "y2"))
        return AnnotationColumns(
            offsets=offsets_from_counts(counts),
            boxes_xyxy=np.stack([x1, y1, x2, y2], axis=1),
            class_id=self._flat("class_id", np.int32),
            area=self._flat("area", np.float64),
            crowd=self._flat("crowd", np.bool_),
            ignore=self._flat("ignore", np.bool_),
            annotation_id=self._flat("annotation_id", np.int64),
        )

    def _flat(self, name: str, dtype: type) -> NDArray:
        return np.asarray(self._values(name).to_numpy(zero_copy_only=False), dtype)

    def _values(self, name: str) -> pa.Array:
        """What the lists of a column hold, one after the other."""
        column = self.rows.column(name).combine_chunks()
        return pa.concat_arrays(column.chunks).flatten() if isinstance(column, pa.ChunkedArray) else column.flatten()

    def with_classes(self, class_names: tuple[str, ...]) -> Self:
        """The same with class_ids of another list of classes; annotations of classes it does not hold are left out."""
        place = {name: i for i, name in enumerate(class_names)}
        lookup = np.array([place.get(name, -1) for name in (*self.class_names, "")], np.int32)
        of_class = lookup[self._flat("class_id", np.int32)]
        keep = of_class >= 0
        counts = np.bincount(self.annotations.image_index[keep], minlength=len(self))
        offsets = pa.array(offsets_from_counts(counts), pa.int32())
        rows = self.rows
        for position, column in enumerate(ROW_SCHEMA):
            if pa.types.is_list(column.type):
                flat = pa.array(of_class) if column.name == "class_id" else self._values(column.name)
                values = flat.filter(pa.array(keep)).cast(column.type.value_type)
                rows = rows.set_column(position, column, pa.ListArray.from_arrays(offsets, values))
        return replace(self, class_names=class_names, rows=rows)

    def positions(self, image_ids: NDArray) -> NDArray[np.int64]:
        """(k,) row of each image id; InputError when one is not in the dataset."""
        rows = np.searchsorted(self.image_ids, image_ids)
        found = self.image_ids[np.minimum(rows, len(self) - 1)] == image_ids if len(self) else np.zeros(len(rows), bool)
        if not np.all(found):
            missing = np.asarray(image_ids)[~found][0]
            raise InputError(f"Image {missing} is not in dataset '{self.name}' ({len(self)} images).")
        return rows

    @classmethod
    def from_parts(cls, parts: Parts, made_from: Mapping[str, str]) -> Self:
        rows = _in_order(parts.tables["rows"].select(ROW_SCHEMA.names).cast(ROW_SCHEMA))
        return super().from_parts(replace(parts, tables={"rows": rows}), made_from)


def _in_order(rows: pa.Table) -> pa.Table:
    """The rows in rising image_id, each column in one piece."""
    ids = rows.column("image_id").to_numpy()
    return (rows if np.all(ids[1:] > ids[:-1]) else rows.sort_by("image_id")).combine_chunks()
