"""The three ways to write an axis-aligned box, and how to go from one to another.

`xyxy` is (left, top, right, bottom), `xywh` is COCO's (left, top, width, height), `cxcywh` is YOLO's (centre, size).
Coordinates are continuous: a box covers [x1, x2) and its width is x2 - x1, never x2 - x1 + 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from boxwright.errors import BoxError

Array = NDArray[np.floating]


def as_boxes(boxes: ArrayLike, *, dtype: type[np.floating] = np.float32) -> Array:
    """The boxes as an (n, 4) array; an empty sequence becomes (0, 4).

    Raises:
        BoxError: when the shape is not (n, 4).
    """
    array = np.asarray(boxes, dtype=dtype)
    if array.size == 0:
        return np.zeros((0, 4), dtype)
    if array.ndim != 2 or array.shape[1] != 4:
        raise BoxError(f"Boxes must have the shape (n, 4); found {array.shape}. Give one row of four numbers per box.")
    return array


def xyxy_from_xywh(boxes_xywh: Array) -> Array:
    """(n, 4) left, top, right, bottom."""
    return np.concatenate([boxes_xywh[:, :2], boxes_xywh[:, :2] + boxes_xywh[:, 2:]], axis=1)


def xywh_from_xyxy(boxes_xyxy: Array) -> Array:
    """(n, 4) left, top, width, height."""
    return np.concatenate([boxes_xyxy[:, :2], boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]], axis=1)


def xyxy_from_cxcywh(boxes_cxcywh: Array) -> Array:
    """(n, 4) left, top, right, bottom from centre and size."""
    half = boxes_cxcywh[:, 2:] / 2
    return np.concatenate([boxes_cxcywh[:, :2] - half, boxes_cxcywh[:, :2] + half], axis=1)


def cxcywh_from_xyxy(boxes_xyxy: Array) -> Array:
    """(n, 4) centre x, centre y, width, height."""
    size = boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]
    return np.concatenate([boxes_xyxy[:, :2] + size / 2, size], axis=1)


def area(boxes_xyxy: Array) -> Array:
    """(n,) width times height; a box turned inside out has area 0."""
    size = np.maximum(boxes_xyxy[:, 2:] - boxes_xyxy[:, :2], 0)
    return size[:, 0] * size[:, 1]


def clip(boxes_xyxy: Array, *, size_hw: tuple[int, int]) -> Array:
    """The boxes cut to a picture of `size_hw` (height, width) pixels."""
    height, width = size_hw
    limit = np.array([width, height, width, height], boxes_xyxy.dtype)
    return np.clip(boxes_xyxy, 0, limit)
