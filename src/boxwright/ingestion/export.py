"""A reading as files of another tool, and what that tool's format cannot hold.

What a format lacks is kept in boxwright.json beside it (side_file.py) and said. Boxes are of the upright picture: tools that
honour EXIF show them in place, others do not, so turned pictures are counted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from boxwright.artifacts import Dataset
from boxwright.errors import InputError
from boxwright.images.names import spelled_alike
from boxwright.ingestion.formats.coco_write import write_coco
from boxwright.ingestion.formats.cvat_write import write_cvat
from boxwright.ingestion.formats.labelme import write_labelme
from boxwright.ingestion.formats.labelstudio_write import write_labelstudio
from boxwright.ingestion.formats.voc import write_voc
from boxwright.ingestion.formats.yolo_write import write_yolo
from boxwright.ingestion.reading import NO_ID, Boxes, PictureRecord, Reading
from boxwright.ingestion.side_file import write_side_file

PutPicture = Callable[[PictureRecord, Path], None]


@dataclass(frozen=True)
class Target:
    """A format as something to write.

    Attributes:
        write: (reading, folder, paths of the pictures below `pictures`).
        pictures: folder of the pictures below the target.
        holds: what of a reading it can say by itself.
        by_side: pictures lie in a folder per side.
        flat: pictures lie in one folder.
        by_stem: labels are named after a picture without its ending.
    """

    write: Callable[[Reading, Path, list[str]], None]
    pictures: str
    holds: frozenset[str]
    by_side: bool = False
    flat: bool = False
    by_stem: bool = False


_ALL = (
    "crowd",
    "ignore",
    "attributes",
    "conditions",
    "image ids",
    "annotation ids",
    "areas",
    "file names",
    "category ids",
)
TARGETS: dict[str, Target] = {
    "coco": Target(write_coco, "images", frozenset(_ALL) | {"sides"}),
    "yolo": Target(write_yolo, "images", frozenset({"sides"}), by_side=True, by_stem=True),
    "voc": Target(write_voc, "JPEGImages", frozenset({"ignore", "attributes", "sides"}), flat=True, by_stem=True),
    "cvat": Target(write_cvat, "images", frozenset({"crowd", "ignore", "attributes", "sides"})),
    "labelstudio": Target(
        write_labelstudio, "images", frozenset({"crowd", "ignore", "attributes", "conditions", "image ids", "sides"})
    ),
    "labelme": Target(
        write_labelme,
        "",
        frozenset({"crowd", "ignore", "attributes", "conditions", "sides"}),
        by_side=True,
        by_stem=True,
    ),
}


@dataclass(frozen=True)
class Lost:
    """What a format cannot hold.

    Attributes:
        what: such as `crowd`.
        count: boxes, pictures or classes it concerns.
        kept_in: the side file, or empty when it is gone.
    """

    what: str
    count: int
    kept_in: str


def write_source(reading: Reading, out: Path, *, format: str, put: PutPicture | None = None) -> list[Lost]:
    """Write a reading into an empty folder.

    Args:
        reading: with boxes of the upright pictures.
        out: an empty folder.
        format: key of TARGETS.
        put: places a picture at a path; None writes labels alone.

    Returns:
        what the format cannot say by itself.

    Raises:
        InputError: the format needs what the reading lacks, such as a picture's size.
    """
    target = TARGETS[format]
    paths = _paths(reading.pictures, target)
    target.write(reading, out, paths)
    if reading.sheet is not None:
        (out / "datasheet.yaml").write_text(yaml.safe_dump(reading.sheet, sort_keys=False, allow_unicode=True), "utf-8")
    full = [f"{target.pictures}/{path}" if target.pictures else path for path in paths]
    if format != "coco":
        write_side_file(reading, out, full, format=format)
    if put is not None:
        for record, path in zip(reading.pictures, full, strict=True):
            (out / path).parent.mkdir(parents=True, exist_ok=True)
            put(record, out / path)
    return _lost(reading, target, format, paths)


def _paths(records: Iterable[PictureRecord], target: Target) -> list[str]:
    """Where each picture goes: names stay as they are as far as the format allows, and none meets another."""
    taken: set[str] = set()
    numbers: dict[str, int] = {}  # the last that was given to names alike
    found = []
    for record in records:
        name = re.sub(r"[\x00-\x1f]", "_", record.file_name.replace("\\", "/"))
        parts = [part for part in name.split("/") if part not in ("", ".", "..")] or ["picture"]
        if target is not TARGETS["coco"]:
            while len(parts) > 1 and parts[0].lower() in (
                "images",
                "jpegimages",
                "imgs",
                "train",
                "val",
                "valid",
                "test",
            ):
                parts = parts[1:]
        if target.flat:
            parts = ["__".join(parts)]
        if target.by_side and record.side:
            parts = [record.side, *parts]
        stem, ending = str(Path(*parts).with_suffix("")), Path(parts[-1]).suffix
        path, alike = f"{stem}{ending}", stem
        first = key = spelled_alike(stem if target.by_stem else path).casefold()
        while key in taken:
            numbers[first] = number = numbers.get(first, 0) + 1
            alike = f"{stem}_{number}"
            path = f"{alike}{ending}"
            key = spelled_alike(alike if target.by_stem else path).casefold()
        taken.add(key)
        found.append(path)
    return found


def _lost(reading: Reading, target: Target, format: str, paths: list[str]) -> list[Lost]:
    records = reading.pictures
    boxes = [record.boxes for record in records if len(record.boxes)]
    area = sum(int((np.abs(b.area - _area(b)) > 1e-6 * _area(b)).sum()) for b in boxes)
    counts = {
        "crowd": sum(int(b.crowd.sum()) for b in boxes),
        "ignore": sum(int((b.ignore & ~b.crowd).sum()) for b in boxes),
        "attributes": sum(sum(map(bool, b.attributes)) for b in boxes if b.attributes is not None),
        "conditions": sum(bool(record.conditions) for record in records),
        "image ids": sum(record.image_id is not None for record in records),
        "annotation ids": sum(int((b.annotation_id != NO_ID).sum()) for b in boxes),
        "areas": area,
        "file names": sum(r.file_name != p for r, p in zip(records, paths, strict=True)),
        "category ids": len(reading.category_ids or ()),
        "sides": sum(bool(record.side) for record in records),
    }
    side_file = "" if format == "coco" else "boxwright.json"
    lost = [Lost(what, count, side_file) for what, count in counts.items() if count and what not in target.holds]
    if format == "coco" and (count := sum(not record.labelled for record in records)):
        lost.append(Lost("not labelled (other tools take these pictures as empty)", count, "labelled: false"))
    if (bits := reading.bit_depth) is not None:
        lost.append(Lost(f"bit depth {bits} (--bit-depth {bits} declares it again)", len(records), ""))
    return lost


def _area(boxes: Boxes) -> np.ndarray:
    sides = boxes.boxes_xyxy[:, 2:] - boxes.boxes_xyxy[:, :2]
    return sides[:, 0] * sides[:, 1]


def of_dataset(dataset: Dataset) -> Reading:
    """A stored version as a reading; measured conditions (brightness, contrast, sharpness) are left to be measured again."""
    ids = dataset.provenance.get("category_ids")
    reading = Reading(str(dataset.provenance.get("format", "store")), list(dataset.class_names), category_ids=ids)
    reading.sheet = dataset.provenance.get("sheet")
    reading.bit_depth = dataset.bit_depth
    columns, labelled = dataset.annotations, dataset.rows.column("labelled").to_pylist()
    sides = dataset.rows.column("side").to_pylist()
    texts = dataset.rows.column("attributes").combine_chunks()
    for i, name in enumerate(dataset.file_names):
        rows = slice(int(columns.offsets[i]), int(columns.offsets[i + 1]))
        attributes = [_attributes(text) for text in texts[i].as_py()]
        conditions = {
            k: v for k, v in dataset.conditions[i].items() if k not in ("brightness", "contrast", "sharpness")
        }
        boxes = Boxes(
            columns.class_id[rows], columns.boxes_xyxy[rows], columns.annotation_id[rows], columns.area[rows],
            columns.crowd[rows], columns.ignore[rows] & ~columns.crowd[rows],
            attributes if any(attributes) else None, [f"{name} annotation {k}" for k in columns.annotation_id[rows]],
        )  # fmt: skip
        reading.pictures.append(
            PictureRecord(
                name, Path(name), int(dataset.image_ids[i]), (int(dataset.sizes_hw[i, 0]), int(dataset.sizes_hw[i, 1])),
                sides[i], labelled[i], conditions, boxes, digest=dataset.picture_digests[i],
            )
        )  # fmt: skip
    return reading


def _attributes(text: str) -> dict:
    try:
        found = json.loads(text or "{}")
    except ValueError as error:
        raise InputError(f"The dataset holds attributes that are no JSON: {text!r:.60}.") from error
    return found if isinstance(found, dict) else {}
