"""LabelMe: one JSON file per picture, with `shapes` in pixels of the picture as it is seen, upright.

LabelMe's way to outline an object is the polygon; the box of a polygon, circle or mask is the upright one around it, counted
but not complained of. Shapes of one label that share a `group_id` are one object. Lines and points hold no box. The picture
inside a file (`imageData`) is not read; `imagePath` is, and where it is missing or not found, the picture named like the file.
https://github.com/wkentaro/labelme
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from boxwright.errors import FormatError
from boxwright.images.names import spelled_alike
from boxwright.ingestion.attributes import cleaned
from boxwright.ingestion.finding import (
    add_unlabelled,
    class_names,
    files_below,
    read_bytes,
    side_of_folders,
    stays_inside,
)
from boxwright.ingestion.formats.outline import Corners, around
from boxwright.ingestion.image_names import Finder, Wanted, folder_of
from boxwright.ingestion.reading import BoxRecord, PictureRecord, Reading
from boxwright.json_text import parse_json

_MOST_BYTES = 1 << 28  # with the picture inside
_AROUND = ("polygon", "mask", "rotation", "oriented_rectangle", "quadrilateral")


def is_labelme(tree: Any) -> bool:
    """Whether parsed JSON is a LabelMe file."""
    return isinstance(tree, dict) and isinstance(tree.get("shapes"), list) and "imagePath" in tree


def read_labelme(files: list[Path], folder: Path, *, pictures: Path | None = None, alone: bool = False) -> Reading:
    """The annotations of LabelMe files; class names in alphabetical order.

    Args:
        files: JSON, one per picture.
        folder: the source.
        pictures: folder of the pictures; looked for below `folder` when None.
        alone: other pictures below the folder are not looked for.
    """
    reading = Reading("labelme", [])
    root = pictures or folder
    finder = Finder(root, files_below(root))
    names: dict[str, int] = {}
    read: list[tuple[PictureRecord, Wanted]] = []
    for path in files:
        try:
            tree = parse_json(read_bytes(path, most=_MOST_BYTES), path, strict=True)
        except FormatError as error:
            reading.problem("broken-file", "error", path.name, f"{error} It was left out.")
            continue
        if isinstance(tree, dict) and isinstance(tree.get("shapes"), list):
            read.append(_read_file(reading, tree, path, root, names))
        else:
            reading.problem("broken-file", "error", path.name, "has no list 'shapes'; it was left out")
    for (record, want), at in zip(read, finder.meet(reading, [want for _, want in read]), strict=True):
        _place(reading, record, want, at, finder)
    reading.sort_classes()
    class_names(reading.class_names, f"'{folder}'", reading)
    if not alone:
        add_unlabelled(reading, root, finder.pictures, lacking="JSON file")
    return reading


def _read_file(
    reading: Reading, tree: dict[str, Any], path: Path, root: Path, names: dict[str, int]
) -> tuple[PictureRecord, Wanted]:
    said = tree.get("imagePath")
    said = said.strip() if isinstance(said, str) and "\0" not in said and len(said) < 1000 else ""
    height, width = tree.get("imageHeight"), tree.get("imageWidth")
    sized = all(isinstance(v, int) and not isinstance(v, bool) and 0 < v < 1 << 31 for v in (height, width))
    record = PictureRecord(
        file_name=said.replace("\\", "/"),
        path=path,
        size_hw=(height, width) if sized else None,  # type: ignore[arg-type]
        conditions=cleaned(tree.get("conditions"), reading, path.name),
        root=root,
    )
    found = _objects(reading, tree["shapes"], path)
    record.boxes = reading.boxes(found, names=names)
    record.left_out = 0 if found else len(tree["shapes"])
    return record, Wanted((said, path.stem) if said else (path.stem,), path, folders=folder_of(path, root))


def _place(reading: Reading, record: PictureRecord, want: Wanted, at: Path | None, finder: Finder) -> None:
    """The picture at its file; left out, and told, where its imagePath leads out of the folder."""
    said, name = record.file_name, want.near.name
    if at is None and not (said and stays_inside(said.removeprefix("../"))):
        message = (
            f"its imagePath {said!r:.80} is no picture below the folder; left out with its {len(record.boxes)} boxes"
        )
        reading.problem("outside-folder", "error", name, message)
        return
    if at is not None and spelled_alike(said).split("/")[-1].casefold() != spelled_alike(at.name).casefold():
        why = f"its imagePath {said!r:.80} was not found" if said else "has no imagePath"
        message = f"{why}; '{at.name}', named like the JSON file, was taken"
        reading.problem("other-filename", "warning", name, message)
    record.path = at or finder.missing(want)
    record.file_name = at.relative_to(finder.folder).as_posix() if at else said
    record.side = side_of_folders(finder.folder, at or want.near)
    reading.pictures.append(record)


def _objects(reading: Reading, shapes: list[Any], path: Path) -> list[BoxRecord]:
    """One box per shape; shapes of one label and group_id are one object."""
    groups: dict[tuple[str, Any], BoxRecord] = {}
    found, joined = [], []
    for number, shape in enumerate(shapes, start=1):
        box = _read_shape(reading, shape, f"{path.name} shape {number}")
        if box is None:
            continue
        group = shape.get("group_id")
        key = (box.class_name, group)
        if isinstance(group, int) and key in groups:
            first = groups[key]
            first.box_xyxy = around([first.box_xyxy[:2], first.box_xyxy[2:], box.box_xyxy[:2], box.box_xyxy[2:]])
            joined += [box.where] if shape.get("shape_type") == "rectangle" else []
            continue
        if isinstance(group, int):
            groups[key] = box
        found.append(box)
    if joined:  # of outlines this is LabelMe's way to draw an object in parts
        message = (
            f"{len(joined)} rectangles share label and group_id with another shape and were joined with it to one box"
        )
        reading.problem("joined-boxes", "warning", joined[0], message)
    return found


def _read_shape(reading: Reading, shape: Any, where: str) -> BoxRecord | None:
    if not isinstance(shape, dict) or not isinstance(shape.get("label"), str) or not shape["label"].strip():
        reading.problem("unknown-class", "error", where, "has no label; it was left out")
        return None
    kind = shape.get("shape_type") or "polygon"
    try:
        corners = _corners(kind, shape.get("points"))
    except (TypeError, ValueError, OverflowError, IndexError):
        corners = (math.nan, math.nan, math.nan, math.nan)
    if corners is None:
        reading.problem("no-box", "warning", where, f"its type {kind!s:.40} holds no box; it was left out")
        return None
    if (
        not all(math.isfinite(v) and abs(v) < 1e300 for v in corners)
        or corners[0] >= corners[2]
        or corners[1] >= corners[3]
    ):
        reading.problem("bad-box", "error", where, "needs finite points that span a box; it was left out")
        return None
    if kind != "rectangle":
        reading.turned[str(kind)] += 1
    flags = cleaned(shape.get("flags"), reading, where)
    attributes = {**flags, **cleaned(shape.get("attributes"), reading, where)}
    if isinstance(shape.get("description"), str) and shape["description"]:
        attributes.setdefault("description", shape["description"][:1000])
    crowd, ignore = (attributes.pop(flag, None) is True for flag in ("crowd", "ignore"))
    return BoxRecord(None, shape["label"].strip(), corners, where, crowd=crowd, ignore=ignore, attributes=attributes)


def _corners(kind: Any, points: Any) -> Corners | None:
    if kind not in ("rectangle", "circle", *_AROUND):
        return None
    pairs = [(float(x), float(y)) for x, y in points]
    if kind == "mask":  # its corners are the first and last pixel, both inside
        x1, y1, x2, y2 = around(pairs)
        return (x1, y1, x2 + 1, y2 + 1)
    if kind == "circle":
        (cx, cy), (x, y) = pairs
        r = math.hypot(x - cx, y - cy)
        return (cx - r, cy - r, cx + r, cy + r)
    return around(pairs)


def write_labelme(reading: Reading, out: Path, paths: list[str]) -> None:
    """STEM.json beside each picture; a picture nobody has looked at gets none.

    Attributes that are true or false become a shape's flags, others its `attributes`, which LabelMe keeps.

    Args:
        reading: what to write.
        out: folder.
        paths: of the pictures under `out`, by position.
    """
    for record, path in zip(reading.pictures, paths, strict=True):
        if not record.labelled:
            continue
        height, width = record.size_hw or (None, None)
        tree: dict[str, Any] = {"version": "5.5.0", "flags": {}, "shapes": _shapes(reading, record)}
        tree |= {"imagePath": Path(path).name, "imageData": None, "imageHeight": height, "imageWidth": width}
        if record.conditions:
            tree["conditions"] = record.conditions
        place = (out / path).with_suffix(".json")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(tree, ensure_ascii=False, indent=1), encoding="utf-8")


def _shapes(reading: Reading, record: PictureRecord) -> list[dict[str, Any]]:
    boxes, found = record.boxes, []
    for k, (x1, y1, x2, y2) in enumerate(boxes.boxes_xyxy.tolist()):
        attributes = boxes.attributes_of(k)
        flags = {name: value for name, value in attributes.items() if isinstance(value, bool)}
        flags |= {name: True for name in ("crowd", "ignore") if getattr(boxes, name)[k]}
        others = {name: value for name, value in attributes.items() if not isinstance(value, bool)}
        shape = {
            "label": reading.class_names[boxes.class_id[k]], "points": [[x1, y1], [x2, y2]], "group_id": None,
            "description": "", "shape_type": "rectangle", "flags": flags,
        }  # fmt: skip
        found.append({**shape, **({"attributes": others} if others else {})})
    return found
