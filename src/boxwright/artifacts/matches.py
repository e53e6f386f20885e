"""Matches: detections met annotations once, and this is what came of it.

Every figure of an evaluation is a reduction of these three tables; tables of shards concatenate. Bit t + T * a of the
packed columns says what happened at IoU threshold t within area range a (T thresholds).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import pyarrow as pa

from boxwright.artifacts.artifact import Artifact, Parts


@dataclass(frozen=True, eq=False, kw_only=True)
class Matches(Artifact):
    """The match tables.

    Attributes:
        class_names: by class_id.
        iou_thresholds: rising.
        area_names: names of the area ranges, the first being all.
        images: columns image_id, file_name, group, and one per condition.
        detections: columns image (row of `images`), class_id, score, x1, y1, x2, y2, rank (within picture and class),
            hit (packed), ignored (packed), annotation (row of `objects` taken at IoU 0.5 in any area, or -1),
            iou (with it; else the largest with any annotation of the class).
        objects: columns image, class_id, annotation_id, x1, y1, x2, y2, area, left_out (packed: not asked for in this
            area range), ignore, crowd, detection (row of `detections` that took it at IoU 0.5, or -1).
    """

    kind: ClassVar[str] = "matches"

    class_names: tuple[str, ...]
    iou_thresholds: tuple[float, ...]
    area_names: tuple[str, ...]
    images: pa.Table
    detections: pa.Table
    objects: pa.Table

    def parts(self) -> Parts:
        document = {
            "class_names": list(self.class_names),
            "iou_thresholds": list(self.iou_thresholds),
            "area_names": list(self.area_names),
        }
        return Parts(document, {"images": self.images, "detections": self.detections, "objects": self.objects})

    @classmethod
    def from_parts(cls, parts: Parts, made_from: Mapping[str, str]) -> Self:
        document = parts.document
        return cls(
            class_names=tuple(document["class_names"]),
            iou_thresholds=tuple(document["iou_thresholds"]),
            area_names=tuple(document["area_names"]),
            made_from=made_from,
            **parts.tables,
        )
