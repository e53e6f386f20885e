"""People's boxes and a model's boxes: two types that cannot be confused.

`Annotations` and `Detections` hold one picture; `AnnotationColumns` and `DetectionColumns` hold the same columns for
many pictures, concatenated, with offsets. There is no Python object per box.

One picture's boxes are float32. The columns keep float64, so that a file's figures survive reading and writing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from boxwright.boxes import as_boxes
from boxwright.errors import BoxError


def _column(value: object, n: int, dtype: type, name: str) -> NDArray:
    array = np.zeros(n, dtype) if value is None else np.asarray(value, dtype)
    if array.shape != (n,):
        raise BoxError(f"Column '{name}' must have the shape ({n},) to go with {n} boxes; found {array.shape}.")
    return array


def _check_boxes(boxes: NDArray) -> None:
    if not np.isfinite(boxes).all():
        raise BoxError(f"Boxes must be finite; row {int(np.argmin(np.isfinite(boxes).all(axis=1)))} is not.")
    inside_out = (boxes[:, 2:] < boxes[:, :2]).any(axis=1)
    if inside_out.any():
        row = int(np.argmax(inside_out))
        raise BoxError(f"A box must have x1 <= x2 and y1 <= y2; row {row} is {boxes[row].tolist()}.")


@dataclass(frozen=True)
class Annotations:
    """People's boxes on one picture.

    Args:
        boxes_xyxy: (n, 4) float32, continuous pixels of the upright original picture.
        class_id: (n,) int32 index into spec.classes.
        ignore: (n,) bool; neither asked for nor held against a detector (crowd regions, "difficult").
    """

    boxes_xyxy: NDArray
    class_id: NDArray
    ignore: NDArray = field(default=None)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        boxes = as_boxes(self.boxes_xyxy)
        _check_boxes(boxes)
        object.__setattr__(self, "boxes_xyxy", boxes)
        object.__setattr__(self, "class_id", _column(self.class_id, len(boxes), np.int32, "class_id"))
        object.__setattr__(self, "ignore", _column(self.ignore, len(boxes), np.bool_, "ignore"))

    def __len__(self) -> int:
        return len(self.boxes_xyxy)

    def __getitem__(self, rows: NDArray | slice) -> Self:
        return type(self)(*(getattr(self, f.name)[rows] for f in fields(self)))

    @classmethod
    def empty(cls) -> Self:
        return cls(np.zeros((0, 4)), np.zeros(0))


@dataclass(frozen=True)
class Detections:
    """A model's boxes on one picture.

    Args:
        boxes_xyxy: (n, 4) float32, continuous pixels of the upright original picture.
        score: (n,) float32 in [0, 1].
        class_id: (n,) int32 index into spec.classes.
    """

    boxes_xyxy: NDArray
    score: NDArray
    class_id: NDArray

    def __post_init__(self) -> None:
        boxes = as_boxes(self.boxes_xyxy)
        _check_boxes(boxes)
        score = _column(self.score, len(boxes), np.float32, "score")
        if not ((score >= 0) & (score <= 1)).all():
            raise BoxError(f"Scores must lie in [0, 1]; found {score.min()} to {score.max()}.")
        object.__setattr__(self, "boxes_xyxy", boxes)
        object.__setattr__(self, "score", score)
        object.__setattr__(self, "class_id", _column(self.class_id, len(boxes), np.int32, "class_id"))

    def __len__(self) -> int:
        return len(self.boxes_xyxy)

    def __getitem__(self, rows: NDArray | slice) -> Self:
        return type(self)(*(getattr(self, f.name)[rows] for f in fields(self)))

    @classmethod
    def empty(cls) -> Self:
        return cls(np.zeros((0, 4)), np.zeros(0), np.zeros(0))


def _check_index(image: int, images: int) -> None:
    if not 0 <= image < images:
        raise IndexError(f"picture {image} of {images}; positions begin at 0")


def offsets_from_counts(counts: NDArray | list[int]) -> NDArray[np.int64]:
    """(n + 1,) offsets such that picture i owns rows offsets[i] to offsets[i + 1]."""
    return np.concatenate([[0], np.cumsum(np.asarray(counts, np.int64))]).astype(np.int64)


def rows_of(offsets: NDArray, images: NDArray) -> NDArray[np.int64]:
    """(k,) rows that belong to the given pictures, in the order of the pictures."""
    images = np.asarray(images, np.int64)
    counts = offsets[images + 1] - offsets[images]
    starts = offsets_from_counts(counts)
    return np.repeat(offsets[images] - starts[:-1], counts) + np.arange(starts[-1])


@dataclass(frozen=True)
class AnnotationColumns:
    """People's boxes on many pictures.

    Args:
        offsets: (images + 1,) int64; picture i owns rows offsets[i] to offsets[i + 1].
        boxes_xyxy: (n, 4) float64.
        class_id: (n,) int32.
        area: (n,) float64, the annotation's own area in square pixels (a mask's, where COCO gives one).
        crowd: (n,) bool, COCO's iscrowd.
        ignore: (n,) bool, crowd or marked as not to be judged.
        annotation_id: (n,) int64, stable across versions.
    """

    offsets: NDArray
    boxes_xyxy: NDArray
    class_id: NDArray
    area: NDArray
    crowd: NDArray
    ignore: NDArray
    annotation_id: NDArray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, image: int) -> Annotations:
        _check_index(image, len(self))
        rows = slice(self.offsets[image], self.offsets[image + 1])
        return Annotations(self.boxes_xyxy[rows], self.class_id[rows], self.ignore[rows])

    @property
    def image_index(self) -> NDArray[np.int64]:
        """(n,) picture of each row."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    def take(self, images: NDArray) -> Self:
        """The same columns for some pictures, in the order given."""
        images = np.asarray(images, np.int64)
        rows = rows_of(self.offsets, images)
        columns = {f.name: getattr(self, f.name)[rows] for f in fields(self)[1:]}
        return type(self)(offsets=offsets_from_counts(np.diff(self.offsets)[images]), **columns)


@dataclass(frozen=True)
class DetectionColumns:
    """A model's boxes on many pictures.

    Args:
        offsets: (images + 1,) int64; picture i owns rows offsets[i] to offsets[i + 1].
        boxes_xyxy: (n, 4) float64.
        score: (n,) float64.
        class_id: (n,) int32.
    """

    offsets: NDArray
    boxes_xyxy: NDArray
    score: NDArray
    class_id: NDArray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, image: int) -> Detections:
        _check_index(image, len(self))
        rows = slice(self.offsets[image], self.offsets[image + 1])
        return Detections(self.boxes_xyxy[rows], self.score[rows], self.class_id[rows])

    @property
    def image_index(self) -> NDArray[np.int64]:
        """(n,) picture of each row."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    def take(self, images: NDArray) -> Self:
        """The same columns for some pictures, in the order given."""
        images = np.asarray(images, np.int64)
        rows = rows_of(self.offsets, images)
        columns = {f.name: getattr(self, f.name)[rows] for f in fields(self)[1:]}
        return type(self)(offsets=offsets_from_counts(np.diff(self.offsets)[images]), **columns)

    def keep(self, mask: NDArray) -> Self:
        """The same pictures with only the rows where `mask` holds."""
        counts = np.bincount(self.image_index[mask], minlength=len(self))
        columns = {f.name: getattr(self, f.name)[mask] for f in fields(self)[1:]}
        return type(self)(offsets=offsets_from_counts(counts), **columns)

    @classmethod
    def from_list(cls, detections: list[Detections]) -> Self:
        """Columns from one `Detections` per picture."""
        return cls(
            offsets=offsets_from_counts([len(d) for d in detections]),
            boxes_xyxy=np.concatenate([np.zeros((0, 4)), *(d.boxes_xyxy for d in detections)]).astype(np.float64),
            score=np.concatenate([np.zeros(0), *(d.score for d in detections)]).astype(np.float64),
            class_id=np.concatenate([np.zeros(0, np.int32), *(d.class_id for d in detections)]).astype(np.int32),
        )
