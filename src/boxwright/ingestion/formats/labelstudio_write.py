"""Writing Label Studio's JSON and the labelling configuration beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from boxwright.errors import InputError
from boxwright.ingestion.formats.labelstudio_config import CONFIG
from boxwright.ingestion.reading import PictureRecord, Reading
from boxwright.ingestion.xml_text import xml_text


def write_labelstudio(reading: Reading, out: Path, paths: list[str]) -> None:
    """export.json with one task a picture, and label_config.xml for the project.

    Pictures are given as local files, `/data/local-files/?d=images/NAME`: serve the folder as Label Studio's document root.
    Attributes, crowd and ignore are the region's `meta`.

    Args:
        reading: with sizes.
        out: folder.
        paths: of the pictures under `out/images`, by position.
    """
    tasks = []
    for number, (record, path) in enumerate(zip(reading.pictures, paths, strict=True), start=1):
        values: dict[str, Any] = {"image": f"/data/local-files/?d={quote('images/' + path)}"}
        if record.side:
            values["side"] = record.side
        if record.conditions:
            values["conditions"] = record.conditions
        result = _result(reading, record)
        annotations = [{"id": number, "result": result, "was_cancelled": False}] if record.labelled else []
        tasks.append({"id": record.image_id or number, "data": values, "annotations": annotations, "predictions": []})
    if len({task["id"] for task in tasks}) < len(tasks):
        tasks = [{**task, "id": i} for i, task in enumerate(tasks, start=1)]
    (out / "export.json").write_text(json.dumps(tasks, ensure_ascii=False, indent=1), encoding="utf-8")
    view = Element("View")
    SubElement(view, "Image", name="image", value="$image")
    labels = SubElement(view, "RectangleLabels", name="label", toName="image")
    for name in reading.class_names:
        SubElement(labels, "Label", value=xml_text(name))
    indent(view)
    (out / CONFIG).write_bytes(tostring(view, encoding="utf-8") + b"\n")


def _result(reading: Reading, record: PictureRecord) -> list[dict[str, Any]]:
    boxes = record.boxes
    if len(boxes) and record.size_hw is None:
        raise InputError(
            f"The size of '{record.file_name}' is not known; Label Studio's per cent need it. Give its picture."
        )
    height, width = record.size_hw or (1, 1)
    found = []
    for k, (x1, y1, x2, y2) in enumerate(boxes.boxes_xyxy.tolist()):
        flags = {name: True for name in ("crowd", "ignore") if getattr(boxes, name)[k]}
        meta = {**boxes.attributes_of(k), **flags}
        found.append({
            "id": f"box{k}", "type": "rectanglelabels", "from_name": "label", "to_name": "image",
            "original_width": width, "original_height": height, "image_rotation": 0,
            "value": {
                "x": x1 / width * 100, "y": y1 / height * 100, "width": (x2 - x1) / width * 100,
                "height": (y2 - y1) / height * 100, "rotation": 0,
                "rectanglelabels": [reading.class_names[boxes.class_id[k]]],
            },
            **({"meta": meta} if meta else {}),
        })  # fmt: skip
    return found
