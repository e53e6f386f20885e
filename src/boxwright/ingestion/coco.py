"""COCO detection files as a data set.

A source is one JSON file, or a folder with one per side (`instances_train.json`, `_annotations.coco.json`, ...).
Categories are ordered by id. Boxes come from `bbox`; masks are not read. `iscrowd` regions are kept as crowds. A
picture's own keys beyond COCO's become its conditions.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from boxwright.errors import FormatError
from boxwright.ingestion.reading import BoxRecord, PictureRecord, Reading

_COCO_KEYS = {"id", "file_name", "width", "height", "license", "flickr_url", "coco_url", "date_captured"}
_SIDES = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


def read_coco(files: list[Path], *, pictures: Path | None = None) -> Reading:
    """The annotations in one or several COCO files.

    Args:
        files: JSON files; with several, each is a side of one data set.
        pictures: folder the file names are relative to; guessed from the layout when None.

    Raises:
        FormatError: a file is no COCO detection file.
    """
    reading = Reading("coco", [])
    names: dict[int, str] = {}
    trees = [(path, load_json(path)) for path in files]
    for path, tree in trees:
        names.update(read_categories(tree, path))
    reading.category_ids = sorted(names)
    reading.class_names = [names[i] for i in reading.category_ids]
    for path, tree in trees:
        _read_one(reading, names, path, tree, pictures, keep_ids=len(files) == 1)
    return reading


def load_json(path: Path) -> Any:
    """A JSON file in UTF-8, with or without a byte-order mark; FormatError with the place where it breaks."""
    return parse_json(read_bytes(path), path)


def read_bytes(path: Path) -> bytes:
    """A file's content; FormatError when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise FormatError(f"Cannot read '{path}': {error.strerror or error}.") from error


def parse_json(text: bytes, path: Path) -> Any:
    """JSON in UTF-8; FormatError naming the file it is of, and the place where it breaks."""
    try:
        return json.loads(text.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise FormatError(f"'{path}' is not UTF-8 text: byte {error.start} cannot be read.") from error
    except json.JSONDecodeError as error:
        raise FormatError(
            f"'{path}' is not complete JSON: it breaks at line {error.lineno}, column {error.colno} ({error.msg}). "
            f"Nothing was read; write the file again."
        ) from error
    except (RecursionError, ValueError) as error:
        raise FormatError(f"'{path}' is no annotation file: {error}.") from error


def read_categories(tree: Any, path: Path) -> dict[int, str]:
    if not isinstance(tree, dict) or not isinstance(tree.get("images"), list):
        raise FormatError(
            f"'{path}' is not COCO ground truth: expected an object with the lists images, annotations and categories."
        )
    found: dict[int, str] = {}
    categories = tree.get("categories") or []
    if not isinstance(categories, list):
        raise FormatError(f"'{path}': 'categories' must be a list, found {type(categories).__name__}.")
    for category in categories:
        if not isinstance(category, dict) or not _is_id(category.get("id")) or "name" not in category:
            raise FormatError(f"'{path}': every category needs an integer 'id' and a 'name'; found {category!r}.")
        found[category["id"]] = str(category["name"])
    if len(set(found.values())) < len(found):
        twice = next(name for name in found.values() if list(found.values()).count(name) > 1)
        raise FormatError(f"'{path}': two categories are called '{twice}'; names must differ.")
    return found


def _read_one(
    reading: Reading, names: dict[int, str], path: Path, tree: dict, pictures: Path | None, *, keep_ids: bool
) -> None:
    side = _side_of(path)
    entries = [e for e in tree["images"] if isinstance(e, dict) and e.get("file_name") is not None and "id" in e]
    if len(entries) < len(tree["images"]):
        lost = len(tree["images"]) - len(entries)
        reading.problem("bad-image", "error", path.name, f"{lost} images lack 'id' or 'file_name' and were left out")
    root = pictures or _picture_root(path, side, [e["file_name"] for e in entries[:20]])
    records: dict[Any, PictureRecord] = {}
    for entry in entries:
        if not _is_id(entry["id"]):
            reading.problem(
                "bad-image",
                "error",
                f"{path.name} image {str(entry['id'])[:40]}",
                "its id is no whole number; it was left out",
            )
            continue
        if not _is_inside(root, str(entry["file_name"])):
            where = f"{path.name} image {entry['id']}"
            reading.problem(
                "outside-folder", "error", where, f"its file_name leaves '{root}'; it was left out with its boxes"
            )
            continue
        if entry["id"] in records:
            where = f"{path.name} image {entry['id']}"
            reading.problem("duplicate-image", "error", where, "this image id is used twice; the first is kept")
            continue
        width, height = entry.get("width"), entry.get("height")
        extra = {k: v for k, v in entry.items() if k not in _COCO_KEYS and isinstance(v, str | int | float | bool)}
        nested = entry.get("conditions")
        records[entry["id"]] = PictureRecord(
            file_name=str(entry["file_name"]),
            path=root / str(entry["file_name"]),
            image_id=entry["id"] if keep_ids and isinstance(entry["id"], int) else None,
            size_hw=(height, width) if isinstance(width, int) and isinstance(height, int) else None,
            side=side,
            conditions={**extra, **(nested if isinstance(nested, dict) else {})},
        )
    seen: set[Any] = set()
    annotations = tree.get("annotations") or []
    if not isinstance(annotations, list):
        raise FormatError(f"'{path}': 'annotations' must be a list, found {type(annotations).__name__}.")
    for position, annotation in enumerate(annotations):
        box = _box(reading, names, path, position, annotation, records, seen)
        if box is not None:
            records[annotation["image_id"]].boxes.append(box)
    reading.pictures.extend(records.values())


def _box(
    reading: Reading, names: dict[int, str], path: Path, position: int, annotation: Any, records: dict, seen: set
) -> BoxRecord | None:
    number = annotation.get("id") if isinstance(annotation, dict) else None
    where = f"{path.name} annotation {number if number is not None else f'at position {position}'}"
    if (
        not isinstance(annotation, dict)
        or not _is_id(annotation.get("image_id"))
        or annotation["image_id"] not in records
    ):
        image = annotation.get("image_id") if isinstance(annotation, dict) else None
        reading.problem("unknown-image", "error", where, f"its image_id {image} is not listed; the box was left out")
        return None
    if not _is_id(annotation.get("category_id")) or annotation["category_id"] not in names:
        category = annotation.get("category_id")
        reading.problem(
            "unknown-class", "error", where, f"its category_id {category} is not listed; the box was left out"
        )
        return None
    bbox = annotation.get("bbox")
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(_is_number(v) for v in bbox):
        reading.problem("no-box", "error", where, f"bbox must be four finite numbers, found {bbox!r}; it was left out")
        return None
    x, y, w, h = (float(v) for v in bbox)
    if w <= 0 or h <= 0:
        reading.problem(
            "bad-box", "error", where, f"width and height must be positive, found {w:g} x {h:g}; it was left out"
        )
        return None
    if number is not None and not _is_id(number):
        reading.problem("bad-id", "warning", where, "its id is no whole number; it was given another")
        number = None
    if number is not None and number in seen:
        reading.problem("duplicate-id", "warning", where, f"annotation id {number} is used twice; both boxes are kept")
        number = None
    seen.add(number)
    attributes = annotation.get("attributes")
    area = annotation.get("area")
    if area is not None and not _is_number(area):
        reading.problem("bad-area", "warning", where, "its area is no number; width times height was taken")
    return BoxRecord(
        annotation_id=number if isinstance(number, int) else None,
        class_name=names[annotation["category_id"]],
        box_xyxy=(x, y, x + w, y + h),
        where=where,
        area=float(area) if isinstance(area, int | float) and _is_number(area) else None,
        crowd=bool(annotation.get("iscrowd", 0)),
        attributes=dict(attributes) if isinstance(attributes, dict) else {},
    )


def _is_number(value: Any) -> bool:
    """A finite number that a float can hold."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 62


def _is_inside(root: Path, name: str) -> bool:
    """Whether a listed name stays under the folder of the pictures."""
    try:
        return (root / name).resolve().is_relative_to(root.resolve())
    except (ValueError, OSError):
        return False


def _side_of(path: Path) -> str:
    for part in (path.stem.lower().replace("-", "_").split("_"), [path.parent.name.lower()]):
        for word in reversed(part):
            if word.rstrip("0123456789") in _SIDES:
                return _SIDES[word.rstrip("0123456789")]
    return ""


def _picture_root(path: Path, side: str, names: list[str]) -> Path:
    """The folder under which most of the first file names exist; the file's own folder when none do."""
    folder = path.parent
    candidates = [folder, folder / "images"]
    for word in (path.stem.split("_")[-1], side):
        candidates += [folder.parent / "images" / word, folder.parent / word, folder / "images" / word]
    candidates += [folder.parent / "images", folder.parent]
    return max(candidates, key=lambda c: sum((c / name).is_file() for name in names)) if names else folder
