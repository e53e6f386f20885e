"""Small labelled worlds, random but the same for a seed: everything a reading can hold."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from boxwright.ingestion.reading import BoxRecord, PictureRecord, Reading

NAMES = ["bolt", "hex nut", "Schraube ü", "零件", "a&b<c>", 'quo"te', "#x: y"]
FILES = ["a.jpg", "b c.jpg", "ü.jpg", "cam1/a.jpg", "cam2/a.jpg", "d#e%20f.jpg", "x.y.jpg", "零件 1.jpg"]


def jpeg(width: int, height: int, orientation: int = 1, seed: int = 0) -> bytes:
    """A noisy picture as stored; EXIF may turn it."""
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    exif = Image.Exif()
    if orientation != 1:
        exif[0x0112] = orientation
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", exif=exif)
    return file.getvalue()


def world(seed: int, folder: Path, *, plain: bool = False) -> Reading:
    """A reading with its pictures below `folder`; `plain` leaves out what needs a side file."""
    rng = np.random.default_rng(seed)
    classes = rng.permutation(NAMES)[: int(rng.integers(1, len(NAMES)))].tolist()
    reading = Reading("coco", classes)
    reading.category_ids = sorted(rng.choice(90, len(classes), replace=False).tolist())
    ids = rng.choice(10_000, 400, replace=False)
    with_sides = rng.random() < 0.7
    used = 0
    for number, name in enumerate(rng.permutation(FILES)[: int(rng.integers(1, len(FILES)))].tolist()):
        turned = int(rng.choice([1, 1, 6, 3, 8]))
        stored = (int(rng.integers(16, 90)), int(rng.integers(16, 90)))
        width, height = stored[::-1] if turned >= 5 else stored
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(*stored, turned, seed + number))
        record = PictureRecord(
            name, path, image_id=int(ids[number]), size_hw=(height, width), root=folder,
            side=str(rng.choice(["train", "val", "test"])) if with_sides else "",
            labelled=bool(rng.random() < 0.8),
            conditions={} if plain or rng.random() < 0.5 else {"site": "ü", "shift": 3, "wet": True},
        )  # fmt: skip
        boxes: list[BoxRecord] = []
        for _ in range(int(rng.integers(0, 5)) if record.labelled else 0):
            boxes.append(_box(rng, width, height, classes, int(ids[100 + used]), plain))
            used += 1
        record.boxes = reading.boxes(boxes, names={name: i for i, name in enumerate(classes)})
        reading.pictures.append(record)
    return reading


def _box(rng: np.random.Generator, width: int, height: int, classes: list[str], number: int, plain: bool) -> BoxRecord:
    x1, x2 = np.sort(rng.random(2)) * width
    y1, y2 = np.sort(rng.random(2)) * height
    if rng.random() < 0.4:  # whole corners
        x1, y1 = np.floor(x1), np.floor(y1)
        x2, y2 = min(x1 + 1 + int(rng.integers(0, 9)), width), min(y1 + 1 + int(rng.integers(0, 9)), height)
    attributes: dict[str, Any] = {}
    if not plain and rng.random() < 0.6:
        attributes = {
            "occluded": bool(rng.random() < 0.5), "truncated": bool(rng.random() < 0.5), "shade": "dark ü",
            "visible": 0.25, "count": 3, "parts": ["a", 1],
        }  # fmt: skip
        attributes = {name: value for name, value in attributes.items() if rng.random() < 0.6}
    crowd = not plain and bool(rng.random() < 0.15)
    return BoxRecord(
        number, str(rng.choice(classes)), (float(x1), float(y1), float(x2), float(y2)), "here",
        area=None if plain or rng.random() < 0.5 else float(rng.random() * 50), crowd=crowd,
        ignore=not plain and not crowd and bool(rng.random() < 0.2), attributes=attributes,
    )  # fmt: skip


def told(reading: Reading, *, by: str = "all") -> dict[str, Any]:
    """What a reading says, in a form that can be compared: `all`, or the `labels` alone without ids and flags."""
    pictures = {}
    for record in reading.pictures:
        boxes = record.boxes
        names = [reading.class_names[i] for i in boxes.class_id]
        rows: list[Any] = [(n, *c) for n, c in zip(names, boxes.boxes_xyxy.tolist(), strict=True)]
        if by == "all":
            sides = boxes.boxes_xyxy[:, 2:] - boxes.boxes_xyxy[:, :2]
            area = np.where(np.isnan(boxes.area), sides[:, 0] * sides[:, 1], boxes.area).round(9).tolist()
            rows = [
                (*row, int(boxes.annotation_id[k]), area[k], bool(boxes.crowd[k]), bool(boxes.ignore[k]), boxes.attributes_of(k))
                for k, row in enumerate(rows)
            ]  # fmt: skip
            pictures[record.file_name] = (record.image_id, record.side, record.labelled, record.conditions, rows)
        else:
            pictures[record.path.name] = (record.side, record.labelled, rows)
    return (
        {"classes": reading.class_names, "categories": reading.category_ids, "pictures": pictures}
        if by == "all"
        else pictures
    )
