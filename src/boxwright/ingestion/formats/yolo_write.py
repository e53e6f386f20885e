"""A reading as a YOLO folder: data.yaml, and a label file for each image that somebody has looked at."""

from __future__ import annotations

import json
from pathlib import Path

from boxwright.errors import InputError
from boxwright.ingestion.reading import Reading


def write_yolo(reading: Reading, out: Path, paths: list[str]) -> None:
    """data.yaml, and `labels/` that mirrors `images/`; a picture nobody has looked at gets no label file.

    Crowds are not written: YOLO would take them for objects. Fractions have all the digits of a float64.
    """
    for record, path in zip(reading.pictures, paths, strict=True):
        if not record.labelled:
            continue
        if record.size_hw is None:
            raise InputError(
                f"The size of '{record.file_name}' is not known; YOLO's fractions need it. Give its picture."
            )
        height, width = record.size_hw
        boxes = record.boxes
        lines = [
            f"{class_id} {(x1 + x2) / 2 / width!r} {(y1 + y2) / 2 / height!r} {(x2 - x1) / width!r} {(y2 - y1) / height!r}\n"
            for class_id, (x1, y1, x2, y2), crowd in zip(
                boxes.class_id.tolist(), boxes.boxes_xyxy.tolist(), boxes.crowd.tolist(), strict=True
            )
            if not crowd
        ]
        label = (out / "labels" / path).with_suffix(".txt")
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text("".join(lines), encoding="utf-8")
    (out / "data.yaml").write_text(_data_yaml(reading), encoding="utf-8")


def _data_yaml(reading: Reading) -> str:
    sides = {record.side for record in reading.pictures}
    lines = [
        "path: .\n",
        *(f"{side}: images/{side}\n" for side in ("train", "val", "test") if side in sides),
        "names:\n" if reading.class_names else "names: []\n",
    ]
    return "".join(
        [*lines, *(f"  {i}: {json.dumps(n, ensure_ascii=False)}\n" for i, n in enumerate(reading.class_names))]
    )
