"""What a network may answer: boxes and scores of every cell, finite, in range, of the shapes that the contract says.

Scores must all be in order. Boxes must be where their cell has a score at or above the floor: what lies below is never
looked at. Clipping a score of 7 to 1, or leaving out a box that is not a number, would turn a broken model into a confident or
a blind one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from boxwright.errors import OutputError

SCORE_TOLERANCE = 1e-3  # a sigmoid in float16 may end that far above 1; clipped
SIDE_TOLERANCE_PX = 1e-3  # x2 may lie that far left of x1, from rounding
FARTHEST_INPUTS = 64  # a coordinate may lie so many input sides away,
FARTHEST_PX = 16_384  # or so many pixels: a Boxwright network, however wild, stays within 12 910 (e^6 strides of 32) plus its side


@dataclass(frozen=True)
class Expected:
    """What the outputs are held against.

    Attributes:
        classes: columns of the scores.
        input_hw: (height, width) of the input in pixels.
        score_floor: least score of a cell whose box is looked at.
    """

    classes: int
    input_hw: tuple[int, int]
    score_floor: float


def check_outputs(
    boxes: object, scores: object, *, images: int, expected: Expected, every_cell: bool = False
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """The two outputs of a run, in order; scores are clipped to [0, 1] where they were within rounding of it.

    Args:
        boxes: (images, cells, 4) float, xyxy in input pixels.
        scores: (images, cells, classes) float.
        images: how many were asked about.
        expected: see Expected.
        every_cell: the boxes of all cells must be finite, and there must be a cell; what is asked of a model on test images.

    Raises:
        OutputError: its `kind` is one of `type`, `shape`, `not_finite`, `score_range`, `box_range`, `box_size`.
    """
    boxes, scores = _floats(boxes, "boxes"), _floats(scores, "scores")
    _check_shapes(boxes, scores, images, expected.classes)
    if every_cell and not scores.shape[1]:
        raise OutputError("expected boxes and scores of at least one cell, found none", kind="shape")
    if every_cell:
        _check_finite(boxes, "boxes")
    return boxes, _check_scores_and_boxes(boxes, scores, expected)


def _floats(output: object, name: str) -> NDArray[np.floating]:
    if not isinstance(output, np.ndarray) or not np.issubdtype(output.dtype, np.floating):
        found = output.dtype if isinstance(output, np.ndarray) else type(output).__name__
        raise OutputError(f"expected '{name}' to be floats, found {found}", kind="type")
    return output


def _check_shapes(boxes: NDArray, scores: NDArray, images: int, classes: int) -> None:
    cells = boxes.shape[1] if boxes.ndim == 3 else -1
    if boxes.shape != (images, cells, 4) or scores.shape != (images, cells, classes):
        raise OutputError(
            f"expected boxes ({images}, cells, 4) and scores ({images}, cells, {classes}), "
            f"found {boxes.shape} and {scores.shape}",
            kind="shape",
        )


def _check_scores_and_boxes(boxes: NDArray, scores: NDArray, expected: Expected) -> NDArray:
    if not scores.size:
        return scores
    least, most = scores.min(), scores.max()  # NaN where there is one
    if not (np.isfinite(least) and np.isfinite(most)):
        _check_finite(scores, "scores")
    if least < -SCORE_TOLERANCE or most > 1 + SCORE_TOLERANCE:
        worst = scores.argmax() if most > 1 + SCORE_TOLERANCE else scores.argmin()
        at = _where(worst, scores.shape)
        raise OutputError(f"expected scores in [0, 1], found {scores.flat[worst]:.6g} {at}", kind="score_range")
    if most >= expected.score_floor:
        row = (
            np.flatnonzero(scores >= expected.score_floor) // expected.classes
        )  # cells of all images, one after the other
        _check_boxes(boxes.reshape(-1, 4)[row], row, boxes.shape[1], max(expected.input_hw))
    return scores if least >= 0 and most <= 1 else np.clip(scores, 0, 1)


def _check_boxes(boxes: NDArray, row: NDArray, cells: int, side_px: int) -> None:
    """(k, 4) boxes of the cells at or above the floor; (k,) their rows among the cells of all images."""
    farthest = max(FARTHEST_INPUTS * side_px, FARTHEST_PX)
    inside = np.abs(boxes) <= farthest  # False for NaN
    if not inside.all():
        k = int(np.argmin(inside.all(axis=1)))
        said = f"{[float(f'{value:.6g}') for value in boxes[k]]} of image {row[k] // cells}, cell {row[k] % cells}"
        if not np.isfinite(boxes[k]).all():
            raise OutputError(f"expected finite boxes, found {said}", kind="not_finite")
        raise OutputError(f"expected boxes within {farthest} pixels of the input, found {said}", kind="box_range")
    negative = boxes[:, 2:] - boxes[:, :2] < -SIDE_TOLERANCE_PX
    if negative.any():
        k = int(np.argmax(negative.any(axis=1)))
        raise OutputError(
            f"expected x1 <= x2 and y1 <= y2, found the box {[round(float(value), 3) for value in boxes[k]]} "
            f"of image {row[k] // cells}, cell {row[k] % cells}",
            kind="box_size",
        )


def _check_finite(output: NDArray, name: str) -> None:
    finite = np.isfinite(output)
    if not finite.all():
        worst = int(np.argmin(finite))
        raise OutputError(
            f"expected finite {name}, found {output.flat[worst]} {_where(worst, output.shape)}", kind="not_finite"
        )


def _where(flat: int | np.integer, shape: tuple[int, ...]) -> str:
    image, cell, column = np.unravel_index(int(flat), shape)
    return f"(image {image}, cell {cell}, column {column})"
