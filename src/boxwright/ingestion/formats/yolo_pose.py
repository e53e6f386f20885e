"""Keypoints or polygon? Where no kpt_shape says it, what the lines of a whole dataset show.

A pose line is a class, a box and keypoints of two or three values; a polygon is a class and its corners. Both are a class and an
odd number of values, so one line alone cannot tell. All pose lines of a dataset have the same number of columns, polygons hardly
ever. Besides:

- third values that are all 0, 1 or 2 are visibilities; coordinates of a polygon are not;
- keypoints lie in the box that the first four values are, and (w, h) taken as a point lies far from them; a polygon's second corner
  lies beside its others.

Where both hold or neither does, nobody can know: the lines are read as polygons, and it is told with what to write if they are not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from boxwright.ingestion.formats.yolo_config import read_text
from boxwright.ingestion.formats.yolo_lines import BOX_COLUMNS, LEAST_OUTLINE, Keypoints
from boxwright.ingestion.reading import Reading, Severity

_MOST_LINES = 20_000  # that are looked at
_LEAST_LINES = 5  # on which keypoints without visibility are believed
_LEAST_POINTS = 3  # of each; two are told from a rotated box, one is not told from a triangle
_ROTATED = 9  # columns of a rotated box
_INSIDE = 0.95  # share of keypoints in their box
_OUTLYING = 0.5  # share of lines whose (w, h) lies far from the keypoints


@dataclass(frozen=True)
class Evidence:
    """What the lines show.

    Attributes:
        shape: keypoints and values of each that the columns allow; None where nothing hints at keypoints.
        sure: whether the lines are taken to have them.
        severity: of the problem to tell.
        why: the reason, as a part of a sentence.
    """

    shape: tuple[int, int] | None = None
    sure: bool = False
    severity: Severity = "warning"
    why: str = ""


def keypoints_of(
    shape: tuple[int, int] | None, labels: Iterable[Path], reading: Reading, *, where: str
) -> Keypoints | None:
    """What lines have after their box, by `kpt_shape` or else by the lines themselves; what is not certain is told."""
    if shape is not None:
        return Keypoints(*shape)
    found = look_at_lines(_outlines(labels))
    if found.shape is None:
        return None
    points, values = found.shape
    columns = BOX_COLUMNS + points * values
    if found.sure:
        reading.problem(
            "keypoints-by-look", found.severity, where,
            f"has no kpt_shape, but every line with more than a box has {columns} columns and {found.why}: read as a box and "
            f"{points} keypoints. Write `kpt_shape: [{points}, {values}]` in the YAML file to say so",
        )  # fmt: skip
        return Keypoints(points, values)
    reading.problem(
        "keypoints-or-polygon", found.severity, where,
        f"has no kpt_shape, and every outline has {columns} columns, as lines of {points} keypoints have{found.why}; they were read as "
        f"polygons. If they are keypoints, write `kpt_shape: [{points}, {values}]` in the YAML file: the boxes are others then",
    )  # fmt: skip
    return None


def tell_left_out(keypoints: Keypoints | None, reading: Reading, *, where: str) -> None:
    """Say how many lines lost their keypoints."""
    if keypoints is not None and keypoints.count:
        lines = f"{keypoints.count} lines have" if keypoints.count > 1 else "1 line has"
        points = f"{keypoints.points} keypoints" if keypoints.points > 1 else "1 keypoint"
        message = f"{lines} {points} each; the box (columns 2 to 5) was read and the keypoints were left out"
        reading.problem("keypoints-left-out", "warning", where, message)


def look_at_lines(rows: NDArray[np.float64]) -> Evidence:
    """Whether lines of one length are boxes with keypoints.

    Args:
        rows: (n, columns) class and values of the lines that have more than a box; empty where their lengths differ.
    """
    if not len(rows):
        return Evidence()
    columns = rows.shape[1]
    values = rows[:, 1:]
    points, rest = divmod(columns - BOX_COLUMNS, 3)
    if points and not rest:
        flags = values[:, 6::3]
        if np.isin(flags, (0.0, 1.0, 2.0)).all() and (columns % 2 == 0 or len(rows) > 1 or (flags == 2).any()):
            return Evidence((points, 3), sure=True, why="every third value after the box is 0, 1 or 2, a visibility")
    if columns % 2 == 0:
        return Evidence()  # refused line by line
    rotated = columns == _ROTATED
    inside, outlying = _lies_in_box(values), _lies_apart(values, with_first=rotated)
    shape = ((columns - BOX_COLUMNS) // 2, 2)
    if (
        inside >= _INSIDE
        and outlying >= _OUTLYING
        and len(rows) >= _LEAST_LINES
        and (rotated or shape[0] >= _LEAST_POINTS)
    ):
        why = "the points lie in the box that the first four values are, while as a polygon its second corner would lie apart"
        return Evidence(shape, sure=True, severity="error", why=why)
    if rotated:
        return Evidence()
    if inside >= _INSIDE:
        return Evidence(
            shape, severity="error", why=", and the points lie in the box that the first four values would be"
        )
    return Evidence(shape)


def _lies_in_box(values: NDArray[np.float64]) -> float:
    """Share of the points that lie in the box of the first four values; 0 where that is no box in the image."""
    centre, size, points = values[:, None, :2], values[:, None, 2:4], _points(values)
    fits = ((np.abs(centre - 0.5) + size / 2 <= 0.51) & (size > 0)).all(axis=2)
    inside = (np.abs(points - centre) <= size / 2 * 1.05 + 0.005).all(axis=2)
    seen = (points != 0).any(axis=2)
    return float((inside & seen & fits).sum() / max(seen.sum(), 1))


def _lies_apart(values: NDArray[np.float64], *, with_first: bool) -> float:
    """Share of the lines whose third and fourth value, as a point, lie further from the other points than these are wide.

    Args:
        values: (n, columns) of the lines.
        with_first: whether the first two values are one of the other points, as where there are few.
    """
    points = _points(values)
    points = np.concatenate([values[:, None, :2], points], axis=1) if with_first else points
    seen: NDArray[np.bool_] = (points != 0).any(axis=2, keepdims=True)
    low = np.where(seen, points, np.inf).min(axis=1)
    high = np.where(seen, points, -np.inf).max(axis=1)
    none = np.flatnonzero(~seen.any(axis=(1, 2)))
    low[none], high[none] = 0.0, 1.0
    around = np.maximum(high - low, 0.02)
    second = values[:, 2:4]
    return float(((second < low - around) | (second > high + around)).any(axis=1).mean())


def _points(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[:, 4:].reshape(len(values), -1, 2)


def _outlines(labels: Iterable[Path]) -> NDArray[np.float64]:
    """The lines of more columns than a box and a score; none as soon as two of them differ in length."""
    found: list[list[float]] = []
    columns = 0
    for path in labels:
        for line in read_text(path).splitlines():
            texts = line.split()
            if len(texts) < LEAST_OUTLINE:
                continue
            if columns not in (0, len(texts)):
                return np.zeros((0, BOX_COLUMNS))
            columns = len(texts)
            if len(found) < _MOST_LINES:
                try:
                    found.append([float(v) for v in texts])
                except ValueError:
                    continue
    rows = np.array(found, np.float64).reshape(len(found), columns if found else BOX_COLUMNS)
    return rows[np.isfinite(rows).all(axis=1)]
