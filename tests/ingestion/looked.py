"""A source read and looked at, in plain values that a test can compare."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from boxwright.ingestion import look, read_source

Box = tuple[str, float, float, float, float]  # class, x, y, width, height


@dataclass(frozen=True)
class Looked:
    """What can be used of a source, and what was told.

    Attributes:
        boxes: file name to boxes, for images somebody looked at.
        sides: file name to side.
        unlabelled: file names of images nobody looked at.
        codes: of the problems, sorted.
        told: all problems as one text.
    """

    boxes: dict[str, list[Box]]
    sides: dict[str, str]
    unlabelled: list[str]
    codes: list[str]
    told: str


def looked(source: Path, *, pictures: Path | None = None) -> Looked:
    reading = read_source(source, pictures=pictures)
    boxes: dict[str, list[Box]] = {}
    records = [seen.record for seen in look(reading, depth="header")]
    for record in records:
        names = [reading.class_names[i] for i in record.boxes.class_id]
        x1, y1, x2, y2 = record.boxes.boxes_xyxy.round(6).T.tolist()
        rows = [
            (n, a, b, round(c - a, 6), round(d - b, 6)) for n, a, b, c, d in zip(names, x1, y1, x2, y2, strict=True)
        ]
        if record.labelled:
            boxes[record.file_name] = rows
    return Looked(
        boxes,
        {record.file_name: record.side for record in records},
        [record.file_name for record in records if not record.labelled],
        sorted(problem.code for problem in reading.problems),
        " | ".join(f"{p.severity} {p.code} {p.where} {p.message}" for p in reading.problems),
    )


def images(folder: Path, *names: str, size: tuple[int, int] = (64, 48)) -> None:
    """Small images of width and height `size`, no two alike."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(sum(map(ord, name))).integers(0, 255, (size[1], size[0], 3), np.uint8)
        Image.fromarray(pixels).save(path)
