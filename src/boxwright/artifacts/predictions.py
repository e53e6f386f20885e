"""Predictions: all detections of a bundle on a set of pictures, with the time each took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from boxwright.artifacts.artifact import Artifact
from boxwright.artifacts.codec import Fact
from boxwright.detections import DetectionColumns, offsets_from_counts


@dataclass(frozen=True, eq=False, kw_only=True)
class Predictions(Artifact):
    """Detections above the score floor, not only above the thresholds.

    Attributes:
        class_names: by class_id.
        images: columns image_id, file_name, detections (count), latency_ms, brightness, contrast, sharpness.
        detections: columns x1, y1, x2, y2, score, class_id; rows in the order of `images`.
        measured_on: hardware, threads, peak memory in MB of the process that predicted.
    """

    kind: ClassVar[str] = "predictions"

    class_names: tuple[str, ...]
    images: pa.Table
    detections: pa.Table
    measured_on: Mapping[str, Fact]

    @cached_property
    def image_ids(self) -> NDArray[np.int64]:
        """(n,) image ids, in the order of `columns`."""
        return self.images.column("image_id").to_numpy()

    @cached_property
    def latency_ms(self) -> NDArray[np.float64]:
        """(n,) time from encoded picture to boxes."""
        return self.images.column("latency_ms").to_numpy()

    @cached_property
    def columns(self) -> DetectionColumns:
        """All detections as flat columns."""
        x1, y1, x2, y2 = (self.detections.column(name).to_numpy() for name in ("x1", "y1", "x2", "y2"))
        return DetectionColumns(
            offsets=offsets_from_counts(self.images.column("detections").to_numpy()),
            boxes_xyxy=np.stack([x1, y1, x2, y2], axis=1),
            score=self.detections.column("score").to_numpy(),
            class_id=self.detections.column("class_id").to_numpy(),
        )


def detection_table(columns: DetectionColumns) -> pa.Table:
    """Flat detection columns as a table."""
    boxes = columns.boxes_xyxy
    return pa.table(
        {
            "x1": boxes[:, 0],
            "y1": boxes[:, 1],
            "x2": boxes[:, 2],
            "y2": boxes[:, 3],
            "score": columns.score,
            "class_id": columns.class_id.astype(np.int32),
        }
    )
