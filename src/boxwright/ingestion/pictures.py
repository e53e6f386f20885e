"""The same look at every picture, whatever the format: is it there, does it decode, does it hold its boxes?

Boxes are brought into the upright picture: what leaves it is cut, what lies outside is refused. Two boxes in the same
place are told, because a person drew one of them by mistake. The reading itself is left as it was read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from boxwright.errors import FormatError, PictureError, StoreError
from boxwright.images import read_header, read_picture
from boxwright.ingestion.finding import PICTURE_ENDINGS, is_there, read_bytes
from boxwright.ingestion.looks import Looks
from boxwright.ingestion.noticed import Noticed
from boxwright.ingestion.reading import Boxes, PictureRecord, Reading
from boxwright.ingestion.same_place import same_place, untroubled

_SAME_PLACE = 0.9
_ROUNDING_PX = 1.0
# An export of tasks is often of a part of the images; YOLO's reader sees every image below its folder.
_TELL_THEMSELVES = ("labelstudio", "yolo")
_STEP = 512  # pictures that are looked at together where only their boxes are
_MOST_BRUTE = 200  # boxes of a picture that are compared each with each
MOST_PICTURE_BYTES = 1 << 29
Progress = Callable[[int, int], None]
Depth = Literal["pixels", "header", "nothing"]
Fetch = Callable[[str], bytes]


@dataclass(frozen=True)
class Seen:
    """A picture that can be used.

    Attributes:
        record: as read, boxes cut to the picture, with its upright size.
        data: the encoded file; empty when pictures are not looked at.
        size_hw: of the upright picture; None when it is not known.
        measures: brightness, contrast, sharpness; empty unless pixels are looked at.
    """

    record: PictureRecord
    data: bytes
    size_hw: tuple[int, int] | None
    measures: dict[str, float]


def look(
    reading: Reading,
    *,
    depth: Depth = "pixels",
    fetch: Fetch | None = None,
    looks: Looks | None = None,
    progress: Progress | None = None,
) -> Iterator[Seen]:
    """Every usable picture, in order; problems are noted in the reading.

    Args:
        reading: what to look at; its problems grow.
        depth: how far: decode the pixels, read the header alone, or believe the annotation file without any picture.
        fetch: the encoded picture of a digest, for a stored version; files are read when None.
        looks: remembers what pixels say, for the next run.
        progress: called with (done, all).
    """
    looks = Looks() if looks is None else looks
    taken: set[Path | tuple[str, str]] = set()  # a stored version may hold two pictures of one name
    noticed = Noticed(reading)
    fine = _untroubled(reading.pictures) if depth == "nothing" else None
    for number, record in enumerate(reading.pictures, start=1):
        seen, key = None, (record.file_name, record.digest) if record.digest else record.path
        if key in taken:
            reading.problem(
                "duplicate-picture",
                "error",
                record.file_name,
                "is listed twice; the second entry was left out with its boxes",
            )
        elif fine is not None:
            if not fine(number - 1):
                record = _with(record, _fitted(reading, record))
            seen = Seen(record, b"", record.size_hw, {})
        else:
            seen = _look_at(reading, record, depth, fetch, looks, noticed)
        if seen is not None:
            seen = _not_empty(reading, reading.pictures[number - 1], seen)
        taken.add(key)
        if progress and (fine is None or number % _STEP == 0 or number == len(reading.pictures)):
            progress(number, len(reading.pictures))
        if seen is not None:
            if fine is None or not fine(number - 1):
                _report_same_place(reading, seen.record)
            yield seen
    noticed.tell()
    if depth != "nothing" and fetch is None and reading.format not in _TELL_THEMSELVES:
        _report_unlisted(reading)


def _with(record: PictureRecord, boxes: Boxes) -> PictureRecord:
    return record if boxes is record.boxes else replace(record, boxes=boxes)


def _untroubled(records: list[PictureRecord]) -> Callable[[int], bool]:
    """Whether nothing is wrong with the boxes of a picture, by position; asked of many at a time by one compiled look."""
    start, fine = -_STEP, np.zeros(0, np.bool_)

    def of(position: int) -> bool:
        nonlocal start, fine
        if not start <= position < start + _STEP:
            start = position - position % _STEP
            part = records[start : start + _STEP]
            boxes = [record.boxes for record in part]
            corners = np.concatenate([np.zeros((0, 4)), *(b.boxes_xyxy for b in boxes)])
            crowd = np.concatenate([np.zeros(0, np.bool_), *(b.crowd for b in boxes)])
            bounds = np.concatenate([[0], np.cumsum([len(b) for b in boxes])])
            sizes = np.array([record.size_hw or (np.inf, np.inf) for record in part], np.float64)
            fine = untroubled(corners, bounds, sizes, crowd, _SAME_PLACE, _MOST_BRUTE)
            fine &= np.array([record.size_hw is not None or not len(b) for record, b in zip(part, boxes, strict=True)])
        return bool(fine[position - start])

    return of


def _look_at(
    reading: Reading, record: PictureRecord, depth: Depth, fetch: Fetch | None, looks: Looks, noticed: Noticed
) -> Seen | None:
    name = record.file_name
    lost = f", and its {len(record.boxes)} boxes with it" if len(record.boxes) else ""
    if fetch is None and not is_there(record.path):
        reading.problem(
            "missing-picture",
            "error",
            name,
            f"is listed, but no file was found; it was left out{lost}. `--pictures FOLDER` names the folder of the images",
        )
        return None
    if fetch is None and record.root is not None and not record.path.resolve().is_relative_to(record.root.resolve()):
        reading.problem(
            "outside-folder", "error", name, f"leads out of the folder of pictures by a link; it was left out{lost}"
        )
        return None
    try:
        data = fetch(record.digest) if fetch is not None else read_bytes(record.path, most=MOST_PICTURE_BYTES)
        header = read_header(data, name=name)
        decode = partial(read_picture, data, name=name, bit_depth=reading.bit_depth)
        pixels = looks.look(data, reading.bit_depth, decode) if depth == "pixels" else None
    except PictureError as error:
        reading.problem(f"picture-{error.reason}", "error", name, f"{error} It was left out with its boxes.")
        return None
    except (FormatError, StoreError) as error:
        reading.problem("picture-damaged", "error", name, f"{error} It was left out with its boxes.")
        return None
    noticed.look(name, data, header, pixels)
    size_hw = header.size_hw
    if record.size_hw is not None and record.size_hw != size_hw:
        if record.size_hw == size_hw[::-1] and header.orientation >= 5:
            record = _turned(reading, record, header.orientation)
        else:
            reading.problem(
                "size-differs", "error", name,
                f"is said to be {record.size_hw[1]}x{record.size_hw[0]} but is {size_hw[1]}x{size_hw[0]} upright; "
                f"boxes are taken as pixels of the upright picture",
            )  # fmt: skip
    record = replace(record, size_hw=size_hw)
    record.boxes = _fitted(reading, record)
    return Seen(record, data, size_hw, dict(pixels.measures) if pixels else {})


def _turned(reading: Reading, record: PictureRecord, orientation: int) -> PictureRecord:
    """A picture that was annotated lying on its side, its boxes brought to the upright frame."""
    assert record.size_hw is not None
    height, width = record.size_hw
    x1, y1, x2, y2 = record.boxes.boxes_xyxy.T
    x1, y1, x2, y2 = y1, x1, y2, x2  # orientations 5 to 8 all transpose first
    if orientation in (6, 7):
        x1, x2 = height - x2, height - x1
    if orientation in (7, 8):
        y1, y2 = width - y2, width - y1
    reading.problem(
        "turned", "warning", record.file_name,
        f"was annotated as stored ({width}x{height}) but EXIF turns it upright; its boxes were turned with it",
    )  # fmt: skip
    return replace(record, boxes=replace(record.boxes, boxes_xyxy=np.stack([x1, y1, x2, y2], axis=1)))


def _fitted(reading: Reading, record: PictureRecord) -> Boxes:
    """The boxes, cut to the picture; those outside are left out."""
    boxes = record.boxes
    if record.size_hw is None or not len(boxes):
        return boxes
    height, width = record.size_hw
    given = boxes.boxes_xyxy
    fits = given.min() >= 0 and given[:, 2].max() <= width and given[:, 3].max() <= height
    if fits and (given[:, 2:] > given[:, :2]).all():
        return boxes
    cut = np.clip(given, 0.0, [width, height, width, height])
    inside = (cut[:, 2] > cut[:, 0]) & (cut[:, 3] > cut[:, 1])
    over = np.abs(cut - given).max(axis=1) >= _ROUNDING_PX
    for row in np.flatnonzero(over | ~inside):
        place = f"the box {given[row].round(1).tolist()}"
        if not inside[row]:
            message = f"{place} lies outside of the {width}x{height} picture; it was left out"
            reading.problem("outside-picture", "error", boxes.where[int(row)], message)
        else:
            message = f"{place} leaves the {width}x{height} picture and was cut to it"
            reading.problem("outside-picture", "warning", boxes.where[int(row)], message)
    return replace(boxes, boxes_xyxy=cut).keep(inside)


def _not_empty(reading: Reading, read: PictureRecord, seen: Seen) -> Seen:
    """The picture, not labelled where all of its annotations were left out: it is not empty then."""
    left_out = read.left_out + read.box_count
    if not left_out or not seen.record.labelled or seen.record.box_count:
        return seen
    what = f"all of its {left_out} annotations were" if left_out > 1 else "its only annotation was"
    message = f"{what} left out; it is kept as not labelled, which is not the same as empty"
    reading.problem("unlabelled", "warning", read.file_name, message)
    return replace(seen, record=replace(seen.record, labelled=False))


def _report_same_place(reading: Reading, record: PictureRecord) -> None:
    boxes = record.boxes.keep(~record.boxes.crowd) if len(record.boxes) > 1 else record.boxes
    if len(boxes) < 2:
        return
    for i, j, iou in same_place(boxes.boxes_xyxy, _SAME_PLACE):
        one, other = (reading.class_names[boxes.class_id[row]] for row in (i, j))
        what = "the same class" if one == other else f"'{one}' and '{other}'"
        reading.problem(
            "duplicate-box", "warning", f"{record.file_name}: {boxes.where[i]} / {boxes.where[j]}",
            f"two boxes in the same place (IoU {iou:.2f}), {what}; both are kept",
        )  # fmt: skip


def _report_unlisted(reading: Reading) -> None:
    """Pictures that lie among the listed ones but are not listed: forgotten, or negatives nobody declared."""
    listed = {record.path.resolve() for record in reading.pictures if is_there(record.path)}
    folders = {path.parent for path in listed}
    for folder in sorted(folders):
        for path in sorted(folder.iterdir()):
            if path.name.startswith("._"):
                continue
            if path.suffix.lower() in PICTURE_ENDINGS and path.resolve() not in listed and is_there(path):
                reading.problem(
                    "unlisted-picture", "warning", Path(path.name).as_posix(),
                    "lies beside the listed pictures but is not listed; it was not read",
                )  # fmt: skip
