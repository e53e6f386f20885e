"""boxwright.json: beside labels in another tool's format, what that format cannot hold.

Ids, exact corners, areas, crowds, ignored boxes, attributes, conditions, sides, file names. The labels lead: what another
tool changed, added or removed there counts, and the side file only adds to boxes that still are where it knew them.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxwright.errors import FormatError
from boxwright.ingestion.attributes import as_text
from boxwright.ingestion.finding import SIDE_FILE, read_bytes, unlabelled
from boxwright.ingestion.reading import NO_ID, Boxes, PictureRecord, Reading
from boxwright.json_text import parse_json

_VERSION = 1
_SAME_PX = 1e-3  # corners that differ less are the same box
_MOST_PAIRS = 25_000_000
_UNDECLARED = ("voc", "labelme", "labelstudio")  # formats in which the order of classes may be lost
_WITHOUT_CROWDS = ("yolo",)  # a crowd is in the side file alone
_WITHOUT_ATTRIBUTES = ("yolo",)


def write_side_file(reading: Reading, out: Path, paths: list[str], *, format: str) -> None:
    """Keep everything a reading holds.

    Args:
        reading: what was written.
        out: folder.
        paths: of the pictures under `out`, by position.
        format: that it was written in.
    """
    tree = {
        "boxwright": _VERSION,
        "format": format,
        "class_names": reading.class_names,
        "category_ids": reading.category_ids,
    }
    with (out / SIDE_FILE).open("w", encoding="utf-8") as file:
        file.write(json.dumps(tree, ensure_ascii=False)[:-1] + ', "pictures": [')
        for number, (record, path) in enumerate(zip(reading.pictures, paths, strict=True)):
            file.write((",\n" if number else "\n") + json.dumps(_picture(record, path), ensure_ascii=False))
        file.write("\n]}\n")


def _picture(record: PictureRecord, path: str) -> dict[str, Any]:
    boxes = record.boxes
    found: dict[str, Any] = {
        "path": path, "file_name": record.file_name, "image_id": record.image_id,
        "size_hw": None if record.size_hw is None else [int(v) for v in record.size_hw],
        "side": record.side, "labelled": record.labelled, "conditions": record.conditions,
    }  # fmt: skip
    if len(boxes):
        found["boxes"] = {
            "class_id": boxes.class_id.tolist(),
            "xyxy": boxes.boxes_xyxy.tolist(),
            "annotation_id": [None if i == NO_ID else i for i in boxes.annotation_id.tolist()],
            "area": [None if math.isnan(a) else a for a in boxes.area.tolist()],
            "crowd": np.flatnonzero(boxes.crowd).tolist(),
            "ignore": np.flatnonzero(boxes.ignore).tolist(),
            "attributes": {str(k): a for k in range(len(boxes)) if (a := boxes.attributes_of(k))},
        }
    return found


def restore(reading: Reading, folder: Path) -> None:
    """Add to a reading of `folder` what the side file there knows; FormatError when that file is damaged."""
    path = folder / SIDE_FILE
    tree = parse_json(read_bytes(path), path, strict=True)
    try:
        known = [(entry, _boxes(entry.get("boxes"), len(tree["class_names"]))) for entry in tree["pictures"]]
        names = [str(name) for name in tree["class_names"]]
        ids = tree["category_ids"]
        if tree["format"] != reading.format:
            raise ValueError(f"it belongs to labels in the format {tree['format']!r:.20}, found {reading.format}")
        records = [_record(entry, folder) for entry, _ in known]
        if ids is not None and (
            len(ids) != len(names) or not all(isinstance(i, int) and abs(i) < 1 << 62 for i in ids)
        ):
            raise ValueError("category_ids do not go with class_names")
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError, IndexError) as error:
        raise FormatError(
            f"'{path}' is damaged ({error}). Remove it to read the labels alone, without ids and flags."
        ) from error
    _order_classes(reading, names)
    if reading.class_names == names:
        reading.category_ids = ids
    by_path = {record.path: record for record in reading.pictures}
    by_name: dict[str, list[PictureRecord]] = {}
    for record in reading.pictures:
        by_name.setdefault(record.path.name, []).append(record)
    ordered: list[PictureRecord] = []
    for (_, boxes), kept in zip(known, records, strict=True):
        alike = by_name.get(kept.path.name, [])
        found = by_path.get(kept.path) or (alike[0] if len(alike) == 1 and not alike[0].path.exists() else None)
        if found is None and kept.labelled:
            continue  # removed since
        if found is None:
            unlabelled(reading, kept.file_name, "entry in the labels")
            found = replace(kept, boxes=Boxes.empty())
        by_path.pop(found.path, None)
        found.file_name, found.image_id, found.side = kept.file_name, kept.image_id, kept.side
        found.conditions = kept.conditions
        found.size_hw = found.size_hw or kept.size_hw
        if found.labelled:
            boxes.class_id = (
                np.array(
                    [
                        reading.class_names.index(names[i]) if names[i] in reading.class_names else -1
                        for i in range(len(names))
                    ],
                    np.int32,
                )[boxes.class_id]
                if len(boxes)
                else boxes.class_id
            )
            found.boxes = _merged(found.boxes, boxes, reading.format)
        ordered.append(found)
    reading.pictures = ordered + [record for record in reading.pictures if record.path in by_path]


def _record(entry: dict[str, Any], folder: Path) -> PictureRecord:
    path, name = str(entry["path"]), str(entry["file_name"])
    if "\0" in path or not (folder / path).resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"the path {path!r:.60} leaves the folder")
    number, size = entry["image_id"], entry["size_hw"]
    if number is not None and not (isinstance(number, int) and abs(number) < 1 << 62):
        raise ValueError(f"image_id {number!r:.40}")
    if not isinstance(entry["conditions"], dict) or not isinstance(entry["labelled"], bool):
        raise TypeError("conditions or labelled")
    sized = None if size is None else (int(size[0]), int(size[1]))
    return PictureRecord(
        name, folder / path, number, sized, str(entry["side"]), entry["labelled"], entry["conditions"], root=folder
    )


def _boxes(kept: dict[str, Any] | None, classes: int) -> Boxes:
    if kept is None:
        return replace(Boxes.empty())
    n = len(kept["class_id"])
    class_id = np.array(kept["class_id"], np.int32)
    corners = np.array(kept["xyxy"], np.float64).reshape(n, 4)
    ids = np.array([NO_ID if i is None else i for i in kept["annotation_id"]], np.int64)
    area = np.array([np.nan if a is None else a for a in kept["area"]], np.float64)
    crowd, ignore = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    crowd[np.array(kept["crowd"], np.int64)] = True
    ignore[np.array(kept["ignore"], np.int64)] = True
    attributes = [kept["attributes"].get(str(k), {}) for k in range(n)]
    if len(ids) != n or len(area) != n or not np.isfinite(corners).all() or np.isinf(area).any():
        raise ValueError("columns of boxes do not go together")
    if (n and (class_id.min() < 0 or class_id.max() >= classes)) or not all(isinstance(a, dict) for a in attributes):
        raise ValueError("class_id or attributes")
    where = [f"{SIDE_FILE} box {k}" for k in range(n)]
    return Boxes(class_id, corners, ids, area, crowd, ignore, attributes if any(attributes) else None, where)


def _order_classes(reading: Reading, names: list[str]) -> None:
    """Classes as they were numbered, where the format does not number them."""
    if reading.format not in _UNDECLARED:
        return
    before = reading.class_names
    reading.class_names = [*names, *(name for name in before if name not in names)]
    place = np.array([reading.class_names.index(name) for name in before], np.int32)
    for record in reading.pictures:
        if len(record.boxes):
            record.boxes = replace(record.boxes, class_id=place[record.boxes.class_id])


def _merged(read: Boxes, kept: Boxes, format: str) -> Boxes:
    """The boxes as read, in the order they were kept in; what is new comes last."""
    hidden = kept.crowd if format in _WITHOUT_CROWDS else np.zeros(len(kept), np.bool_)
    shown = np.flatnonzero(~hidden)
    match = _match(read, kept, shown)  # row in `kept` of each box read, or -1
    found, source = [], np.full(len(kept), -1, np.int64)
    source[match[match >= 0]] = np.flatnonzero(match >= 0)
    columns = {name: getattr(kept, name).copy() for name in ("annotation_id", "area", "crowd", "ignore")}
    attributes = [dict(kept.attributes_of(k)) for k in range(len(kept))]
    for k in np.flatnonzero(source >= 0):
        row = int(source[k])
        if format in _WITHOUT_ATTRIBUTES:
            continue
        attributes[k] = _known(attributes[k], read.attributes_of(row), bool(kept.ignore[k] or kept.crowd[k]))
        if format == "voc":
            columns["ignore"][k] = (kept.ignore[k] and read.ignore[row]) or (read.ignore[row] and not kept.crowd[k])
            if not read.attributes_of(row).get("difficult"):
                columns["crowd"][k] = False
        else:
            columns["crowd"][k], columns["ignore"][k] = read.crowd[row], read.ignore[row]
    found = np.flatnonzero(hidden | (source >= 0))
    rest = read.take(np.flatnonzero(match < 0))
    known = Boxes(
        kept.class_id, kept.boxes_xyxy, columns["annotation_id"], columns["area"], columns["crowd"], columns["ignore"],
        attributes if any(attributes) else None,
        [read.where[int(source[k])] if source[k] >= 0 else kept.where[k] for k in range(len(kept))],
    ).take(found)  # fmt: skip
    return known if not len(rest) else _joined(known, rest)


def _match(read: Boxes, kept: Boxes, shown: NDArray[np.int64]) -> NDArray[np.int64]:
    """Row in `kept` of each box read, or -1: same class, same corners, in order."""
    match = np.full(len(read), -1, np.int64)
    if len(read) == len(shown):
        same = read.class_id == kept.class_id[shown]
        same &= np.abs(read.boxes_xyxy - kept.boxes_xyxy[shown]).max(axis=1, initial=0) <= _SAME_PX
        if same.all():
            return shown.copy()
    if len(read) * len(shown) > _MOST_PAIRS:
        return match
    free = dict.fromkeys(shown.tolist())
    for row in range(len(read)):
        rows = np.fromiter(free, np.int64, len(free))
        near = np.abs(kept.boxes_xyxy[rows] - read.boxes_xyxy[row]).max(axis=1, initial=0) <= _SAME_PX
        hits = rows[near & (kept.class_id[rows] == read.class_id[row])]
        if len(hits):
            match[row] = hits[0]
            del free[int(hits[0])]
    return match


def _known(kept: dict[str, Any], read: dict[str, Any], not_judged: bool) -> dict[str, Any]:
    """Attributes as the labels have them, with the types and the silence of those that were kept."""
    found: dict[str, Any] = {}
    for name, value in kept.items():
        if name in read:
            same = as_text(read[name]) == as_text(value) or (isinstance(read[name], bool) and read[name] == bool(value))
            found[name] = value if same or (name == "difficult" and not_judged) else read[name]
    for name, value in read.items():
        silent = value is False or (name == "difficult" and not_judged) or (name == "pose" and value == "Unspecified")
        if name not in kept and not silent:
            found[name] = value
    return found


def _joined(one: Boxes, other: Boxes) -> Boxes:
    names = ("class_id", "boxes_xyxy", "annotation_id", "area", "crowd", "ignore")
    columns = [np.concatenate([getattr(one, name), getattr(other, name)]) for name in names]
    attributes = [b.attributes_of(k) for b in (one, other) for k in range(len(b))]
    told = attributes if any(attributes) else None
    return Boxes(*columns, told, [*one.where, *other.where])  # pyright: ignore[reportCallIssue]
