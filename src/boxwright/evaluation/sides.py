"""The two sides of a match as flat columns: what people annotated, and what a model scored.

Boxes are COCO's `xywh` in float64, exactly as read, because overlap at a threshold can hang on the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Dataset, Predictions
from boxwright.boxes import xywh_from_xyxy
from boxwright.errors import InputError


@dataclass(frozen=True)
class GroundTruth:
    """Annotations in their role as ground truth.

    Attributes:
        image: (n,) row of the pictures evaluated.
        class_id: (n,) int32.
        boxes_xywh: (n, 4) float64.
        area: (n,) float64, decides the area range (COCO: the mask's where there is one).
        crowd: (n,) bool, a region that may absorb many detections.
        ignore: (n,) bool, not asked for; crowds included.
        annotation_id: (n,) int64.
    """

    image: NDArray
    class_id: NDArray
    boxes_xywh: NDArray
    area: NDArray
    crowd: NDArray
    ignore: NDArray
    annotation_id: NDArray


@dataclass(frozen=True)
class Scored:
    """Detections to be judged.

    Attributes:
        image: (n,) row of the pictures evaluated.
        class_id: (n,) int32.
        boxes_xywh: (n, 4) float64.
        score: (n,) float64.
    """

    image: NDArray
    class_id: NDArray
    boxes_xywh: NDArray
    score: NDArray


def truth_of(dataset: Dataset, rows: NDArray) -> GroundTruth:
    """Annotations of some rows of a dataset, pictures numbered in the order of `rows`."""
    columns = dataset.annotations.take(rows)
    return GroundTruth(
        image=columns.image_index,
        class_id=columns.class_id,
        boxes_xywh=xywh_from_xyxy(columns.boxes_xyxy),
        area=columns.area,
        crowd=columns.crowd,
        ignore=columns.ignore | columns.crowd,
        annotation_id=columns.annotation_id,
    )


def scored_of(predictions: Predictions, image_ids: NDArray) -> Scored:
    """Detections on some pictures, numbered in the order of `image_ids`.

    Raises:
        InputError: a picture was not predicted.
    """
    at = {int(image): row for row, image in enumerate(predictions.image_ids)}
    missing = [int(i) for i in image_ids if int(i) not in at]
    if missing:
        raise InputError(
            f"Image {missing[0]} has no predictions ({len(missing)} of {len(image_ids)} are missing). "
            f"Predict on the same pictures that are to be evaluated."
        )
    columns = predictions.columns.take(np.array([at[int(i)] for i in image_ids], np.int64))
    return Scored(columns.image_index, columns.class_id, xywh_from_xyxy(columns.boxes_xyxy), columns.score)
