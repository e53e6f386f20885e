"""Label Studio's JSON export: a list of tasks, each with annotations that hold a result.

Coordinates are per cent of the picture as it is seen, upright; a turned rectangle turns clockwise about its left top
corner. Of several people's annotations of a task the one marked as ground truth is read, else the first, and that is told.
A task without an annotation, or with a cancelled or only a predicted one, is not labelled.
https://labelstud.io/guide/task_format, https://labelstud.io/tags/rectanglelabels
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.etree.ElementTree import Element, ParseError, SubElement, indent, tostring

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from boxwright.errors import FormatError, InputError, PictureError
from boxwright.images import read_header
from boxwright.ingestion.attributes import cleaned
from boxwright.ingestion.finding import SIDES, Finder, class_names, files_below, read_bytes, side_of_folders
from boxwright.ingestion.formats.outline import Corners, around, around_ellipse, around_turned
from boxwright.ingestion.formats.voc import xml_text
from boxwright.ingestion.json_text import parse_json
from boxwright.ingestion.reading import BoxRecord, PictureRecord, Reading

_PREFIX = re.compile(r"[0-9a-f]{8}-")  # that an upload puts before a name
_SHAPES = ("rectangle", "ellipse", "polygon")
_PICTURE = re.compile(r"\.(jpe?g|png|bmp|webp|tiff?|ppm|pgm)\b", re.IGNORECASE)
_CONFIG = "label_config.xml"


def is_labelstudio(tree: Any) -> bool:
    """Whether parsed JSON is an export of tasks."""
    return isinstance(tree, list) and bool(tree) and isinstance(tree[0], dict) and isinstance(tree[0].get("data"), dict)


def read_labelstudio(files: list[Path], folder: Path, *, pictures: Path | None = None) -> Reading:
    """The annotations in Label Studio exports; classes as label_config.xml beside them orders them, else alphabetical.

    Args:
        files: JSON exports.
        folder: the source.
        pictures: folder of the pictures; looked for below `folder` when None.

    Raises:
        FormatError: a file is no export.
    """
    reading = Reading("labelstudio", [])
    root = pictures or folder
    finder = Finder(root, files_below(root))
    reading.class_names = class_names(_configured(files), f"'{files[0]}'", reading)
    names = {name: i for i, name in enumerate(reading.class_names)}
    declared = len(names)
    for path in files:
        tasks = parse_json(read_bytes(path), path, strict=True)
        if not is_labelstudio(tasks):
            raise FormatError(f"'{path}' is no Label Studio export: expected a list of tasks with 'data'.")
        for position, task in enumerate(tasks):
            _read_task(reading, task, f"{path.name} task", position, finder, names, path)
    if not declared:
        reading.sort_classes()
    class_names(reading.class_names, f"'{files[0]}'", reading)
    ids = [record.image_id for record in reading.pictures]
    if len(set(ids)) < len(ids):
        for record in reading.pictures:
            record.image_id = None
    return reading


def _configured(files: list[Path]) -> list[str]:
    for path in files:
        config = path.parent / _CONFIG
        if config.is_file() and not config.is_symlink():
            try:
                tree = fromstring(read_bytes(config, most=1 << 24))
            except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError) as error:
                raise FormatError(f"'{config}' cannot be read as XML ({error}).") from error
            return [label.get("value") or "" for label in tree.iter("Label")]
    return []


def _read_task(
    reading: Reading, task: Any, where: str, position: int, finder: Finder, names: dict[str, int], path: Path
) -> None:
    number = task.get("id") if isinstance(task, dict) else None
    where = f"{where} {number if number is not None else f'at position {position}'}"[:200]
    values = task.get("data") if isinstance(task, dict) else None
    values = values if isinstance(values, dict) else {}
    link = _link(values)
    if link is None or "\0" in link:
        reading.problem("bad-image", "error", where, "its data names no picture; it was left out with its boxes")
        return
    name = picture_name(link)
    at = finder.find(name, near=path) or finder.find(_PREFIX.sub("", name.rsplit("/", 1)[-1], count=1), near=path)
    side = values.get("side")
    record = PictureRecord(
        file_name=at.relative_to(finder.folder).as_posix() if at else name,
        path=at or finder.folder / name.lstrip("/"),
        image_id=number if isinstance(number, int) and not isinstance(number, bool) and abs(number) < 1 << 62 else None,
        side=SIDES.get(str(side).lower(), "") or (side_of_folders(finder.folder, at) if at else ""),
        conditions=cleaned(_conditions(values), reading, where),
        root=finder.folder,
    )
    regions, who = _chosen(reading, task, record, where)
    record.size_hw = _size(reading, regions, record, where)
    found = []
    for region in regions:
        box = _read_region(reading, region, regions, record, where, who)
        found += [box] if box is not None else []
    record.boxes = reading.boxes(found, names=names)
    reading.pictures.append(record)


def _link(values: dict[str, Any]) -> str | None:
    texts = {key: value for key, value in values.items() if isinstance(value, str) and 0 < len(value) < 5000}
    return texts.get("image") or next((text for text in texts.values() if _PICTURE.search(text)), None)


def picture_name(link: str) -> str:
    """The path in a link: of a local file, an upload, a bucket or the web."""
    try:
        parts = urlsplit(link)
        query = parse_qs(parts.query)
    except ValueError:
        return link
    if "d" in query and "local-files" in parts.path:
        return query["d"][0].lstrip("/")
    if parts.scheme or link.startswith("/"):
        return unquote(parts.path).lstrip("/") or link
    return link  # a plain name may hold '#', '%' and '?'


def _conditions(values: dict[str, Any]) -> dict[str, Any]:
    nested = values.get("conditions")
    if isinstance(nested, dict):
        return nested
    return {
        key: value
        for key, value in values.items()
        if isinstance(value, str | int | float | bool)
        and key not in ("image", "side")
        and not _PICTURE.search(str(value))
    }


def _chosen(reading: Reading, task: dict[str, Any], record: PictureRecord, where: str) -> tuple[list[dict], Any]:
    """The regions of the annotation that counts, and who drew it."""
    listed = task.get("annotations", task.get("completions"))
    listed = [a for a in listed if isinstance(a, dict)] if isinstance(listed, list) else []
    valid = [a for a in listed if not a.get("was_cancelled") and isinstance(a.get("result"), list)]
    if not valid:
        record.labelled = False
        why = "only predictions" if task.get("predictions") else "no annotation that was not cancelled"
        reading.problem(
            "unlabelled", "warning", where, f"has {why}; it is kept as not labelled, which is not the same as empty"
        )
        return [], None
    if len(valid) > 1:
        message = f"has {len(valid)} annotations; the one marked as ground truth, else the first, was read"
        reading.problem("several-annotations", "warning", where, message)
    one = next((a for a in valid if a.get("ground_truth")), valid[0])
    who = one.get("completed_by")
    who = (who.get("email") or who.get("id")) if isinstance(who, dict) else who
    return [r for r in one["result"] if isinstance(r, dict)], who if isinstance(who, str | int) else None


def _size(reading: Reading, regions: list[dict], record: PictureRecord, where: str) -> tuple[int, int] | None:
    """The size in pixels that a region declares; else the picture's own, told when regions need it."""
    for region in regions:
        height, width = region.get("original_height"), region.get("original_width")
        if all(isinstance(v, int) and not isinstance(v, bool) and 0 < v < 1 << 31 for v in (height, width)):
            return (int(height), int(width))  # type: ignore[arg-type]
    if not regions:
        return None
    try:
        found = read_header(read_bytes(record.path, most=1 << 29), name=record.file_name).size_hw
        reading.problem(
            "no-size", "warning", where, "has no original_width and original_height; taken from the picture"
        )
        return found
    except (PictureError, FormatError, ValueError):
        return None


def _read_region(
    reading: Reading, region: dict, regions: list[dict], record: PictureRecord, where: str, who: Any
) -> BoxRecord | None:
    value, kind = region.get("value"), str(region.get("type", ""))
    shape = next((s for s in _SHAPES if kind in (s, f"{s}labels")), None)
    where = f"{where} region {str(region.get('id', ''))[:40]}"
    if not isinstance(value, dict) or shape is None:
        if isinstance(value, dict) and kind in ("brushlabels", "brush", "keypointlabels", "keypoint"):
            reading.problem(
                "no-box", "warning", where, f"is of type {kind}, which holds no box we read; it was left out"
            )
        return None
    siblings = [
        r for r in regions if r is not region and r.get("id") == region.get("id") and isinstance(r.get("value"), dict)
    ]
    labels = next(
        (v[k] for v in [value, *(s["value"] for s in siblings)] for k in (f"{shape}labels", "labels") if v.get(k)), None
    )
    label = labels[0] if isinstance(labels, list) and labels and isinstance(labels[0], str) else ""
    if not label.strip():
        reading.problem("unknown-class", "error", where, "has no label; it was left out")
        return None
    if region.get("image_rotation") not in (None, 0):
        reading.problem(
            "no-box",
            "error",
            where,
            f"was drawn on a picture turned by {region['image_rotation']!r:.20} degrees; it was left out",
        )
        return None
    if record.size_hw is None:
        reading.problem(
            "no-size",
            "error",
            where,
            "per cent need the picture's size, which neither region nor picture tells; it was left out",
        )
        return None
    try:
        corners, angle = _corners(shape, value, record.size_hw)
    except (TypeError, ValueError, OverflowError, KeyError, IndexError):
        corners, angle = (math.nan, math.nan, math.nan, math.nan), 0.0
    if not all(math.isfinite(v) for v in corners) or corners[0] >= corners[2] or corners[1] >= corners[3]:
        reading.problem("bad-box", "error", where, "needs finite numbers and a size above 0; it was left out")
        return None
    if angle or shape != "rectangle":
        outline = shape if shape != "rectangle" else "rotated box"
        reading.turned[outline] += 1
        if reading.turned[outline] == 1:
            message = f"is a {outline}; the upright box around it was taken, here and for all like it"
            reading.problem("turned-upright", "warning", where, message)
    attributes = cleaned(region.get("meta"), reading, where)
    for other in siblings:
        choices = other["value"].get("choices")
        if isinstance(choices, list) and choices and all(isinstance(c, str) for c in choices):
            attributes = {**attributes, str(other.get("from_name")): choices[0] if len(choices) == 1 else choices}
    crowd, ignore = (attributes.get(flag) is True for flag in ("crowd", "ignore"))
    attributes = {k: v for k, v in attributes.items() if k not in ("crowd", "ignore")}
    if who is not None:
        attributes.setdefault("annotator", who)
    return BoxRecord(None, label, corners, where, crowd=crowd, ignore=ignore, attributes=attributes)


def _corners(shape: str, value: dict[str, Any], size_hw: tuple[int, int]) -> tuple[Corners, float]:
    sy, sx = size_hw[0] / 100, size_hw[1] / 100
    angle = float(value.get("rotation") or 0) % 360
    if shape == "polygon":
        return around([(float(x) * sx, float(y) * sy) for x, y in value["points"]]), angle
    if shape == "ellipse":
        rx, ry = float(value["radiusX"]) * sx, float(value["radiusY"]) * sy
        return around_ellipse(float(value["x"]) * sx, float(value["y"]) * sy, rx, ry, angle), angle
    x, y, w, h = (float(value[key]) for key in ("x", "y", "width", "height"))
    if w <= 0 or h <= 0:
        raise ValueError("no size")
    corners = (x * sx, y * sy, (x + w) * sx, (y + h) * sy)
    return (around_turned(corners, angle, about="corner") if angle else corners), angle


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
    (out / _CONFIG).write_bytes(tostring(view, encoding="utf-8") + b"\n")


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
