"""Lines of a YOLO label file: `class cx cy w h` as fractions of the image, corners of an outline, or a box and its keypoints.

Corners (rotated boxes, polygons) become the upright box around them, and that is told. Keypoints are left out, and that is told;
whether a line has any is said by kpt_shape, or found out by yolo_pose.py. A line of six columns is a detection with its score.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from boxwright.errors import FormatError, PictureError
from boxwright.images import read_header
from boxwright.ingestion.finding import read_bytes
from boxwright.ingestion.formats.yolo_config import read_text
from boxwright.ingestion.reading import BoxRecord, PictureRecord, Reading

LEAST_OUTLINE = 7  # columns: a class and three corners
BOX_COLUMNS = 5
_QUIET = 0.01  # over the edge by at most this fraction is rounding
_MOST_PICTURE_BYTES = 1 << 29
_LINES_LOOKED_AT = 5
_MOST_HEAD = 1 << 16  # characters that are looked at


@dataclass
class Keypoints:
    """Lines that have keypoints after their box.

    Attributes:
        points, values: how many keypoints, and how many values of each.
        count: lines read so.
    """

    points: int
    values: int
    count: int = 0

    @property
    def columns(self) -> int:
        """Of a line."""
        return BOX_COLUMNS + self.points * self.values


def like_labels(text: str, *, fractions: bool = False) -> bool:
    """Whether the first lines of a text are those of a label file; an empty text is not.

    Args:
        text: of the file.
        fractions: whether the values of a box must be fractions; other formats have lines of pixels.
    """
    lines = [line.split() for line in text[:_MOST_HEAD].splitlines() if line.strip()][:_LINES_LOOKED_AT]
    return bool(lines) and all(_like_a_line(columns, fractions) for columns in lines)


def _like_a_line(columns: list[str], fractions: bool) -> bool:
    numbers = _numbers(columns) if len(columns) >= BOX_COLUMNS else []
    if not numbers or not numbers[0].is_integer():
        return False
    return not fractions or all(-0.01 <= v <= 1.01 for v in numbers[1:BOX_COLUMNS])


def _numbers(columns: list[str]) -> list[float]:
    """The columns as numbers; none where one is no number."""
    try:
        return [float(v) for v in columns]
    except ValueError:
        return []


def read_labels(
    reading: Reading,
    record: PictureRecord,
    label: Path,
    *,
    where: str,
    names: dict[str, int],
    keypoints: Keypoints | None,
) -> None:
    """Give the record the boxes of its label file.

    Args:
        reading: takes the problems.
        record: its boxes and size are set; where the image cannot be read nothing is, and it is told when images are looked at.
        label: the file.
        where: what problems call the file.
        names: class name to position.
        keypoints: what lines have after their box; their count grows.
    """
    try:
        data = read_bytes(record.path, most=_MOST_PICTURE_BYTES)
        record.size_hw = read_header(data, name=record.file_name).size_hw
    except (PictureError, FormatError):
        return
    found = []
    for number, line in enumerate(read_text(label).splitlines(), start=1):
        if line.strip():
            box = _read_line(reading, f"{where} line {number}", line.split(), record.size_hw, keypoints)
            found += [box] if box is not None else []
            record.left_out += box is None
    record.boxes = reading.boxes(found, names=names)


def _read_line(
    reading: Reading, where: str, columns: list[str], size_hw: tuple[int, int], keypoints: Keypoints | None
) -> BoxRecord | None:
    with_points = keypoints is not None and len(columns) == keypoints.columns
    outline = keypoints is None and len(columns) >= LEAST_OUTLINE and len(columns) % 2 == 1
    if len(columns) != BOX_COLUMNS and not with_points and not outline:
        reading.problem("no-box", "error", where, _odd_columns(len(columns), keypoints))
        return None
    numbers = _numbers(columns)
    if not numbers:
        reading.problem("no-box", "error", where, f"expected numbers, found {' '.join(columns)[:60]!r}; left out")
        return None
    name = _class_of(reading, where, columns[0], numbers[0])
    if name is None:
        return None
    values = numbers[1:] if outline else numbers[1:BOX_COLUMNS]
    edges = _around(values) if outline else _corners(*values)
    fractions = [min(max(v, 0.0), 1.0) if abs(v - 0.5) < 0.6 else v for v in values] if outline else values
    if not all(math.isfinite(v) and 0 <= v <= 1 for v in fractions) or edges[0] >= edges[2] or edges[1] >= edges[3]:
        reading.problem(
            "bad-box", "error", where,
            f"values must be fractions of the image in [0, 1] and size above 0, found {' '.join(columns[1:])[:80]}; left out",
        )  # fmt: skip
        return None
    if outline:
        _tell_turned(reading, where, "rotated box or outline of four corners" if len(columns) == 9 else "polygon")
    if with_points and keypoints is not None:
        keypoints.count += 1
    over = max(-edges[0], -edges[1], edges[2] - 1, edges[3] - 1)
    if over > _QUIET:
        reading.problem(
            "outside-picture", "warning", where, f"the box leaves the image by {over:.3f} of its size and was cut to it"
        )
    height, width = size_hw
    x1, y1, x2, y2 = (min(1.0, max(0.0, edge)) * side for edge, side in zip(edges, (width, height) * 2, strict=True))
    return BoxRecord(None, name, (x1, y1, x2, y2), where)


def _odd_columns(count: int, keypoints: Keypoints | None) -> str:
    """What is said of a line with a number of columns that means nothing."""
    if keypoints is not None:
        shape = f"[{keypoints.points}, {keypoints.values}]"
        return f"expected {keypoints.columns} columns (a box and keypoints of shape {shape}) or {BOX_COLUMNS}; found {count}; left out"
    kind = "a detection with its score?" if count == BOX_COLUMNS + 1 else f"{count} columns"
    message = f"expected `class cx cy w h`, or a class and the corners of an outline; found {kind}; left out"
    points = (count - BOX_COLUMNS) // 3
    if count > BOX_COLUMNS + 1 and (count - BOX_COLUMNS) % 3 == 0:
        message += f". Keypoints? Write `kpt_shape: [{points}, 3]` in the YAML file to have the box read"
    return message


def _class_of(reading: Reading, where: str, text: str, index: float) -> str | None:
    """The class name of a line; None, and told, where its number means none."""
    if not math.isfinite(index) or index != int(index):
        message = f"class must be a whole number, found {text:.40}; left out"
    elif not 0 <= index < len(reading.class_names):
        message = f"class must lie in 0 to {len(reading.class_names) - 1}, found {text:.40}; left out"
    else:
        if "." in text:
            reading.problem("class-as-float", "warning", where, f"class {text:.40} was read as {int(index)}")
        return reading.class_names[int(index)]
    reading.problem("unknown-class", "error", where, message)
    return None


def _tell_turned(reading: Reading, where: str, kind: str) -> None:
    reading.turned[kind] += 1
    if reading.turned[kind] == 1:
        message = f"is a {kind}; the upright box around it was taken, here and in all lines like it"
        reading.problem("turned-upright", "warning", where, message)


def _corners(cx: float, cy: float, w: float, h: float) -> list[float]:
    return [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]


def _around(values: list[float]) -> list[float]:
    xs, ys = values[0::2], values[1::2]
    return [min(xs), min(ys), max(xs), max(ys)]
