"""COCO files of a reading: one per side, with ids, flags, attributes, conditions and exact boxes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxwright.coco import Entry, categories, counted_ids, encoded, exact_xywh, image
from boxwright.ingestion.reading import NO_ID, PictureRecord, Reading
from boxwright.spec import sheet_of

_FILE = {"": "annotations.json"}


def write_coco(reading: Reading, out: Path, paths: list[str]) -> None:
    """`annotations/instances_SIDE.json` for each side; `annotations.json` when there are no sides.

    Keys beyond COCO's: `conditions` and `labelled` of an image (false: nobody has looked; true, in a file without a box: somebody
    has); `ignore`, `attributes` and, where left + width misses the right edge by the last bit, `xyxy` of an annotation. Ids that
    are missing are given after the highest.

    Args:
        reading: with sizes; pictures without an id are numbered after the highest.
        out: folder.
        paths: of the pictures under `out/images`, by position.
    """
    sides = sorted({record.side for record in reading.pictures})
    image_id = _next_ids(np.array([NO_ID if r.image_id is None else r.image_id for r in reading.pictures], np.int64))
    counts = [len(record.boxes) for record in reading.pictures]
    given = np.concatenate([np.zeros(0, np.int64), *(record.boxes.annotation_id for record in reading.pictures)])
    ids = np.split(_next_ids(given), np.cumsum(counts)[:-1]) if counts else []
    ids_of_classes = reading.category_ids or counted_ids(reading.class_names)
    for side in sides:
        rows = [i for i, record in enumerate(reading.pictures) if record.side == side]
        nothing = not sum(counts[i] for i in rows)  # then labelled images say so, or they would look forgotten
        path = out / "annotations" / f"instances_{side}.json" if side else out / _FILE[""]
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.write(b"{" + _about(reading) + b'"images": [')
            for number, i in enumerate(rows):
                entry = _image(reading.pictures[i], int(image_id[i]), paths[i], say=nothing)
                file.write((b",\n" if number else b"\n") + encoded(entry))
            names = encoded(categories(reading.class_names, ids_of_classes))
            file.write(b'],\n"categories": ' + names + b',\n"annotations": [')
            begun = False
            for i in rows:
                for entry in _annotations(reading.pictures[i], int(image_id[i]), ids[i], ids_of_classes):
                    file.write((b",\n" if begun else b"\n") + encoded(entry))
                    begun = True
            file.write(b"]}\n")


def _about(reading: Reading) -> bytes:
    """COCO's `info` and `licenses`, from the data sheet; nothing where there is none."""
    sheet = sheet_of({} if reading.sheet is None else {"sheet": reading.sheet})
    about = sheet.as_coco if sheet else {}
    return b"".join(encoded(key) + b": " + encoded(value) + b",\n" for key, value in about.items())


def _next_ids(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """The ids, with the missing ones given after the highest; all anew when one is used twice."""
    known = ids[ids != NO_ID]
    if len(np.unique(known)) < len(known):
        return np.arange(1, len(ids) + 1)
    filled = ids.copy()
    missing = ids == NO_ID
    filled[missing] = max(int(known.max(initial=0)), 0) + 1 + np.arange(int(missing.sum()))
    return filled


def _image(record: PictureRecord, number: int, path: str, *, say: bool) -> dict[str, Any]:
    """One image; `labelled` is written where it is false, and with `say` always."""
    conditions = {"conditions": record.conditions} if record.conditions else {}
    labelled = {"labelled": record.labelled} if say or not record.labelled else {}
    return image(number, path, record.size_hw, **conditions, **labelled)


def _annotations(record: PictureRecord, image_id: int, ids: NDArray, categories: list[int]) -> Iterator[Entry]:
    boxes = record.boxes
    xywh = exact_xywh(boxes.boxes_xyxy)
    area = np.where(np.isnan(boxes.area), xywh[:, 2] * xywh[:, 3], boxes.area)
    corners = boxes.boxes_xyxy.tolist()
    for k, (number, class_id, box, one_area, crowd, ignore) in enumerate(
        zip(ids.tolist(), boxes.class_id.tolist(), xywh.tolist(), area.tolist(), boxes.crowd.tolist(), boxes.ignore.tolist(), strict=True)
    ):  # fmt: skip
        entry = Entry(
            id=number, image_id=image_id, category_id=categories[class_id], bbox=box, area=one_area, iscrowd=int(crowd)
        )
        if ignore and not crowd:
            entry.ignore = 1
        if box[0] + box[2] != corners[k][2] or box[1] + box[3] != corners[k][3]:
            entry.xyxy = corners[k]
        if attributes := boxes.attributes_of(k):
            entry.attributes = attributes
        yield entry
