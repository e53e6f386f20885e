"""The same look at every picture, whatever the format: is it there, does it decode, does it hold its boxes?

Boxes are brought into the upright picture: what leaves it is cut, what lies outside is refused. Two boxes in the same
place are told, because a person drew one of them by mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from boxwright.boxes import pairwise_iou
from boxwright.errors import PictureError
from boxwright.images import measure, read_header, read_picture
from boxwright.ingestion.reading import BoxRecord, PictureRecord, Reading
from boxwright.ingestion.yolo import PICTURE_ENDINGS

_SAME_PLACE = 0.9
_ROUNDING_PX = 1.0
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Seen:
    """A picture that can be used.

    Attributes:
        record: as read, boxes cut to the picture.
        data: the encoded file.
        size_hw: of the upright picture.
        measures: brightness, contrast, sharpness.
    """

    record: PictureRecord
    data: bytes
    size_hw: tuple[int, int]
    measures: dict[str, float]


def look(reading: Reading, *, progress: Progress | None = None) -> Iterator[Seen]:
    """Every usable picture, in order; problems are noted in the reading.

    Args:
        reading: what to look at; its problems grow.
        progress: called with (done, all).
    """
    taken: set[Path] = set()
    for number, record in enumerate(reading.pictures, start=1):
        seen = None
        if record.path in taken:
            reading.problem(
                "duplicate-picture",
                "error",
                record.file_name,
                "is listed twice; the second entry was left out with its boxes",
            )
        else:
            seen = _look_at(reading, record)
        taken.add(record.path)
        if progress:
            progress(number, len(reading.pictures))
        if seen is not None:
            yield seen
    _report_unlisted(reading)


def _look_at(reading: Reading, record: PictureRecord) -> Seen | None:
    name = record.file_name
    if not _is_there(record.path):
        lost = f", and its {len(record.boxes)} boxes with it" if record.boxes else ""
        reading.problem("missing-picture", "error", name, f"is listed, but there is no file; it was left out{lost}")
        return None
    data = record.path.read_bytes()
    try:
        header = read_header(data, name=name)
        picture = read_picture(data, name=name)
    except PictureError as error:
        reading.problem(f"picture-{error.reason}", "error", name, f"{error} It was left out with its boxes.")
        return None
    size_hw = (picture.shape[0], picture.shape[1])
    if record.size_hw is not None and record.size_hw != size_hw:
        if record.size_hw == size_hw[::-1] and header.orientation >= 5:
            _turn(reading, record, header.orientation)
        else:
            reading.problem(
                "size-differs", "error", name,
                f"is said to be {record.size_hw[1]}x{record.size_hw[0]} but is {size_hw[1]}x{size_hw[0]} upright; "
                f"boxes are taken as pixels of the upright picture",
            )  # fmt: skip
    record.boxes = [box for box in record.boxes if _fit(reading, box, size_hw)]
    _report_same_place(reading, record)
    return Seen(record, data, size_hw, measure(picture))


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except ValueError:  # a name no file system can hold
        return False


def _turn(reading: Reading, record: PictureRecord, orientation: int) -> None:
    """Boxes of a picture that was annotated lying on its side, brought to the upright frame."""
    assert record.size_hw is not None
    height, width = record.size_hw
    for box in record.boxes:
        x1, y1, x2, y2 = box.box_xyxy
        x1, y1, x2, y2 = y1, x1, y2, x2  # orientations 5 to 8 all transpose first
        if orientation in (6, 7):
            x1, x2 = height - x2, height - x1
        if orientation in (7, 8):
            y1, y2 = width - y2, width - y1
        box.box_xyxy = (x1, y1, x2, y2)
    reading.problem(
        "turned", "warning", record.file_name,
        f"was annotated as stored ({width}x{height}) but EXIF turns it upright; its boxes were turned with it",
    )  # fmt: skip


def _fit(reading: Reading, box: BoxRecord, size_hw: tuple[int, int]) -> bool:
    height, width = size_hw
    x1, y1, x2, y2 = box.box_xyxy
    cut = (min(max(x1, 0.0), width), min(max(y1, 0.0), height), min(max(x2, 0.0), width), min(max(y2, 0.0), height))
    if cut[2] - cut[0] <= 0 or cut[3] - cut[1] <= 0:
        reading.problem(
            "outside-picture", "error", box.where,
            f"the box {[round(v, 1) for v in box.box_xyxy]} lies outside of the {width}x{height} picture; it was left out",
        )  # fmt: skip
        return False
    if max(abs(a - b) for a, b in zip(cut, box.box_xyxy, strict=True)) > _ROUNDING_PX:
        reading.problem(
            "outside-picture", "warning", box.where,
            f"the box {[round(v, 1) for v in box.box_xyxy]} leaves the {width}x{height} picture and was cut to it",
        )  # fmt: skip
    box.box_xyxy = cut
    return True


def _report_same_place(reading: Reading, record: PictureRecord) -> None:
    boxes = [box for box in record.boxes if not box.crowd]
    if len(boxes) < 2:
        return
    corners = np.array([box.box_xyxy for box in boxes], np.float64)
    iou = pairwise_iou(corners, corners)
    for i, j in zip(*np.nonzero(np.triu(iou >= _SAME_PLACE, k=1)), strict=True):
        one, other = boxes[i], boxes[j]
        what = (
            "the same class" if one.class_name == other.class_name else f"'{one.class_name}' and '{other.class_name}'"
        )
        reading.problem(
            "duplicate-box", "warning", f"{record.file_name}: {one.where} / {other.where}",
            f"two boxes in the same place (IoU {iou[i, j]:.2f}), {what}; both are kept",
        )  # fmt: skip


def _report_unlisted(reading: Reading) -> None:
    """Pictures that lie among the listed ones but are not listed: forgotten, or negatives nobody declared."""
    listed = {record.path.resolve() for record in reading.pictures}
    folders = {path.parent for path in listed if path.parent.is_dir()}
    for folder in sorted(folders):
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() in PICTURE_ENDINGS and path.resolve() not in listed:
                reading.problem(
                    "unlisted-picture", "warning", Path(path.name).as_posix(),
                    "lies beside the listed pictures but is not listed; it was not read",
                )  # fmt: skip
