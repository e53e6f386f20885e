"""Matches: detections met annotations once, and this is what came of it.

Every figure of an evaluation is a reduction of these three tables; tables of shards concatenate. Bit t + T * a of the
packed columns says what happened at IoU threshold t within area range a (T thresholds).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import pyarrow as pa

from boxwright.artifacts.artifact import Artifact, Parts
from boxwright.errors import InputError


@dataclass(frozen=True, eq=False, kw_only=True)
class Matches(Artifact):
    """The match tables.

    Attributes:
        class_names: by class_id.
        iou_thresholds: rising.
        area_names: names of the area ranges, the first being all.
        images: columns image_id, file_name, group, and one per condition.
        detections: in the order of pictures, falling in score within each; columns image (row of `images`), class_id,
            score, x1, y1, x2, y2, rank (within picture and class), hit (packed), ignored (packed), annotation (row of
            `objects` taken at IoU 0.5 in any area, or -1), iou (with it; else the largest with any annotation of the
            class), nearest and nearest_iou (object of the class overlapped most, whoever took it), other and other_iou
            (the same of any other class); ignored annotations are nobody's nearest.
        objects: in the order of pictures; columns image, class_id, annotation_id, x1, y1, x2, y2, area, left_out (packed: not asked for in this
            area range), ignore, crowd, detection (row of `detections` that took it at IoU 0.5, or -1).
    """

    kind: ClassVar[str] = "matches"

    class_names: tuple[str, ...]
    iou_thresholds: tuple[float, ...]
    area_names: tuple[str, ...]
    images: pa.Table
    detections: pa.Table
    objects: pa.Table

    def check_rows(self) -> None:
        """InputError where a row number points outside its table; compiled loops follow them without looking."""
        images, objects, detections = len(self.images), len(self.objects), len(self.detections)
        classes = len(self.class_names)
        _within(self.detections, {"image": (0, images), "class_id": (0, classes)})
        _within(self.detections, dict.fromkeys(("annotation", "nearest", "other"), (-1, objects)))
        _within(self.objects, {"image": (0, images), "class_id": (0, classes), "detection": (-1, detections)})

    @classmethod
    def concatenated(cls, shards: Sequence[Self]) -> Self:
        """The tables of shards with different pictures as one; figures are those of matching everything at once.

        Raises:
            InputError: the shards were matched with different classes, thresholds or areas.
        """
        if not shards:
            raise InputError("There are no shards to put together.")
        first = shards[0]
        rules = {(s.class_names, s.iou_thresholds, s.area_names) for s in shards}
        if len(rules) > 1:
            raise InputError("Shards matched with different classes, IoU thresholds or areas cannot be put together.")
        if any(not shard.images.schema.equals(first.images.schema) for shard in shards):
            raise InputError(
                "Shards whose pictures have different conditions cannot be put together; match them alike."
            )
        ids = np.concatenate([shard.images.column("image_id").to_numpy() for shard in shards])
        if len(np.unique(ids)) < len(ids):
            raise InputError("A picture is in two shards; it would be counted twice.")
        images = detections = objects = 0
        tables: list[tuple[pa.Table, pa.Table]] = []
        for shard in shards:
            to_objects = dict.fromkeys(("annotation", "nearest", "other"), objects)
            tables.append(
                (
                    _moved(shard.detections, {"image": images, **to_objects}),
                    _moved(shard.objects, {"image": images, "detection": detections}),
                )
            )
            images += len(shard.images)
            detections += len(shard.detections)
            objects += len(shard.objects)
        return cls(
            class_names=first.class_names,
            iou_thresholds=first.iou_thresholds,
            area_names=first.area_names,
            images=pa.concat_tables([shard.images for shard in shards]).combine_chunks(),
            detections=pa.concat_tables([t for t, _ in tables]).combine_chunks(),
            objects=pa.concat_tables([t for _, t in tables]).combine_chunks(),
            made_from={f"shard_{i}": shard.digest for i, shard in enumerate(shards)},
        )

    @classmethod
    def from_parts(cls, parts: Parts, made_from: Mapping[str, str]) -> Self:
        loaded = super().from_parts(parts, made_from)
        loaded.check_rows()
        return loaded


def _within(table: pa.Table, ranges: Mapping[str, tuple[int, int]]) -> None:
    for name, (least, end) in ranges.items():
        column = table.column(name).to_numpy() if name in table.column_names else np.zeros(0)
        if len(column) and (column.min() < least or column.max() >= end):
            raise InputError(f"Matches are damaged: '{name}' must lie in {least} to {end - 1}; match again.")


def _moved(table: pa.Table, by: Mapping[str, int]) -> pa.Table:
    """The table with row numbers moved; -1 stays."""
    for name, offset in by.items():
        column = table.column(name).to_numpy()
        at = table.column_names.index(name)
        table = table.set_column(at, name, pa.array(np.where(column >= 0, column + offset, -1).astype(column.dtype)))
    return table
