"""COCO detection files as a data set.

A source is one JSON file, or a folder with one per side (`instances_train.json`, `_annotations.coco.json`, ...).
Categories are ordered by id. Boxes come from `bbox`; masks are not read. `iscrowd` regions are kept as crowds, `ignore`
boxes are not judged. A picture's own keys beyond COCO's become its conditions. Large plain files go through the compiled
scanner; all others are read record by record, never as one tree.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxwright.errors import FormatError
from boxwright.ingestion.attributes import cleaned
from boxwright.ingestion.finding import MOST_BYTES, SIDES, class_names, read_bytes, stays_inside
from boxwright.ingestion.formats.coco_scan import SCANNED_KEYS, ScannedBlocks
from boxwright.ingestion.json_columns import scan_object
from boxwright.ingestion.json_text import parse_json, parse_members
from boxwright.ingestion.reading import NO_ID, Boxes, Interned, Numbered, Reading, SharedRecord

_COCO_KEYS = {"id", "file_name", "width", "height", "license", "flickr_url", "coco_url", "date_captured", "labelled"}
_SCAN_FROM = 1 << 22  # bytes; below, the scanner's compilation would cost a first run more than it saves


@dataclass
class _Columns:
    """Annotations of one file as columns; a row that cannot be used is not in it."""

    image_id: NDArray[np.int64]
    category_id: NDArray[np.int64]
    bbox: NDArray[np.float64]
    id: NDArray[np.int64]  # NO_ID where there is none
    area: NDArray[np.float64]  # NaN where there is none
    crowd: NDArray[np.bool_]
    ignore: NDArray[np.bool_]
    position: NDArray[np.int64]  # in the file
    attributes: Interned
    exact: dict[int, list[float]]  # row to corners that left + width cannot give

    def keep(self, rows: NDArray[np.int64]) -> None:
        """These rows alone, in the order given; one column after another, so that no two tables stand in memory."""
        if self.exact:
            moved = {int(old): new for new, old in enumerate(rows)}
            self.exact = {moved[old]: value for old, value in self.exact.items() if old in moved}
        self.attributes = self.attributes[rows]
        for name in ("image_id", "category_id", "bbox", "id", "area", "crowd", "ignore", "position"):
            setattr(self, name, getattr(self, name)[rows])


@dataclass
class _Filling:
    """Columns that grow by one annotation after another."""

    reading: Reading
    file: str
    whole: array = field(default_factory=lambda: array("q"))  # image, category, id, position
    numbers: array = field(default_factory=lambda: array("d"))  # x, y, w, h, area
    flags: array = field(default_factory=lambda: array("b"))  # crowd, ignore
    codes: array = field(default_factory=lambda: array("i"))
    attributes: list[bytes | dict[str, Any]] = field(default_factory=list)
    exact: dict[int, list[float]] = field(default_factory=dict)

    def take(self, position: int, entry: Any) -> None:
        """One annotation, if its values are of the right kind."""
        number = entry.get("id") if isinstance(entry, dict) else None
        where = f"{self.file} annotation {number if number is not None else f'at position {position}'}"[:200]
        problem = self.reading.problem
        if not isinstance(entry, dict) or not _is_id(entry.get("image_id")):
            image = entry.get("image_id") if isinstance(entry, dict) else None
            problem("unknown-image", "error", where, f"its image_id {image!r:.60} is not listed; the box was left out")
            return
        if not _is_id(entry.get("category_id")):
            unknown_class(self.reading, where, entry.get("category_id"))
            return
        bbox = entry.get("bbox")
        if not isinstance(bbox, list) or len(bbox) != 4 or not all(_is_number(v) for v in bbox):
            problem("no-box", "error", where, f"bbox must be four finite numbers, found {bbox!r:.200}; it was left out")
            return
        if number is not None and not _is_id(number):
            problem("bad-id", "warning", where, "its id is no whole number; it was given another")
            number = None
        area = entry.get("area")
        if area is not None and not _is_number(area):
            problem("bad-area", "warning", where, "its area is no number; width times height was taken")
            area = None
        if (corners := _exact_corners(entry.get("xyxy"), bbox)) is not None:
            self.exact[len(self.flags) // 2] = corners
        attributes = cleaned(entry.get("attributes"), self.reading, where)
        self.codes.append(len(self.attributes) if attributes else -1)
        self.attributes += [attributes] if attributes else []
        self.whole.extend((entry["image_id"], entry["category_id"], NO_ID if number is None else number, position))
        self.numbers.extend((*map(float, bbox), float("nan") if area is None else float(area)))
        self.flags.extend((bool(entry.get("iscrowd", 0)), bool(entry.get("ignore", 0))))

    def columns(self) -> _Columns:
        """What was taken."""
        whole = np.array(self.whole, np.int64).reshape(-1, 4)
        numbers = np.array(self.numbers, np.float64).reshape(-1, 5)
        flags = np.array(self.flags, np.bool_).reshape(-1, 2)
        return _Columns(
            whole[:, 0], whole[:, 1], numbers[:, :4], whole[:, 2], numbers[:, 4], flags[:, 0], flags[:, 1],
            whole[:, 3], Interned(np.array(self.codes, np.int32), self.attributes), self.exact,
        )  # fmt: skip


def read_coco(files: list[Path], *, pictures: Path | None = None) -> Reading:
    """The annotations in one or several COCO files.

    Args:
        files: JSON files; with several, each is a side of one data set. Ids are kept where they are unique in all.
        pictures: folder the file names are relative to; guessed from the layout when None.

    Raises:
        FormatError: a file is no COCO detection file.
    """
    reading = Reading("coco", [])
    names: dict[int, str] = {}
    parts: list[tuple[Path, dict[str, Any], _Columns]] = []
    for path in files:
        tree, columns = _read_file(path, reading)
        names.update(read_categories(tree, path))
        parts.append((path, tree, columns))
    reading.category_ids = sorted(names)
    reading.class_names = class_names((names[i] for i in reading.category_ids), f"'{files[0]}'", reading)
    seen = np.zeros(0, np.int64)
    while parts:
        path, tree, columns = parts.pop(0)
        listed = _list_pictures(reading, path, tree, pictures)
        seen = _add(reading, path.name, listed, columns, seen)
    ids = [record.image_id for record in reading.pictures]
    if len(set(ids)) < len(ids):
        for record in reading.pictures:
            record.image_id = None
    return reading


def _read_file(path: Path, reading: Reading) -> tuple[dict[str, Any], _Columns]:
    """A file without its annotations, and those as columns."""
    if path.is_file() and path.stat().st_size >= _SCAN_FROM and (scanned := _scanned(path, reading)) is not None:
        return scanned
    filling = _Filling(reading, path.name)
    tree = parse_members(read_bytes(path), path, each={"annotations": filling.take})
    if tree.get("annotations") not in ([], None):
        raise FormatError(f"'{path}': 'annotations' must be a list, found {type(tree['annotations']).__name__}.")
    return tree, filling.columns()


def _scanned(path: Path, reading: Reading) -> tuple[dict[str, Any], _Columns] | None:
    """The same by the compiled scanner, a block of the file at a time; None where it is not plain."""
    blocks = ScannedBlocks()
    parts = None if path.stat().st_size > MOST_BYTES else scan_object(path, "annotations", SCANNED_KEYS, blocks.take)
    if parts is None or not blocks.parse():
        return None
    tree = {key: parse_json(parts[key], path, strict=True) for key in ("images", "categories") if key in parts}
    columns = _Columns(*blocks.columns(), blocks.attributes(reading, path.name), blocks.exact)  # pyright: ignore[reportCallIssue]
    return tree, columns


def read_categories(tree: Any, path: Path) -> dict[int, str]:
    """Category id to name; FormatError when the file is no COCO ground truth."""
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
            raise FormatError(f"'{path}': every category needs an integer 'id' and a 'name'; found {category!r:.200}.")
        if category["name"] is None or not str(category["name"]).strip():
            raise FormatError(f"'{path}': category {category['id']} has an empty name; give it one.")
        found[category["id"]] = str(category["name"])
    if len(set(found.values())) < len(found):
        twice = next(name for name in found.values() if list(found.values()).count(name) > 1)
        raise FormatError(f"'{path}': two categories are called '{twice}'; names must differ.")
    return found


def unknown_class(reading: Reading, where: str, category: Any) -> None:
    """Tell of a category that is not listed."""
    reading.problem(
        "unknown-class", "error", where, f"its category_id {category!r:.60} is not listed; the box was left out"
    )


def _list_pictures(reading: Reading, path: Path, tree: dict, pictures: Path | None) -> dict[int, SharedRecord]:
    """The pictures a file lists, by id."""
    side = side_of(path)
    entries = [e for e in tree["images"] if isinstance(e, dict) and e.get("file_name") is not None and "id" in e]
    if len(entries) < len(tree["images"]):
        lost = len(tree["images"]) - len(entries)
        reading.problem("bad-image", "error", path.name, f"{lost} images lack 'id' or 'file_name' and were left out")
    root = pictures or picture_root(path, side, [str(e["file_name"]) for e in entries[:20]])
    records: dict[int, SharedRecord] = {}
    for entry in entries:
        where, name = f"{path.name} image {str(entry['id'])[:40]}", str(entry["file_name"])
        if not _is_id(entry["id"]):
            reading.problem("bad-image", "error", where, "its id is no whole number; it was left out")
            continue
        if not name or not stays_inside(name):
            reading.problem(
                "outside-folder", "error", where,
                f"its file_name {name!r:.80} is none, or leaves the folder of pictures; it was left out with its boxes",
            )  # fmt: skip
            continue
        if entry["id"] in records:
            reading.problem("duplicate-image", "error", where, "this image id is used twice; the first is kept")
            continue
        width, height = entry.get("width"), entry.get("height")
        extra = {k: v for k, v in entry.items() if k not in _COCO_KEYS and isinstance(v, str | int | float | bool)}
        nested = entry.get("conditions")
        conditions = {**extra, **(nested if isinstance(nested, dict) else {})}
        records[entry["id"]] = SharedRecord(
            file_name=name,
            path=root / name,
            image_id=entry["id"],
            size_hw=(int(height), int(width)) if _is_size(width) and _is_size(height) else None,  # pyright: ignore
            side=side,
            labelled=entry.get("labelled") is not False,
            conditions=cleaned(conditions, reading, where) if conditions else {},
            root=root,
        )
    return records


def _add(
    reading: Reading, file: str, listed: dict[int, SharedRecord], columns: _Columns, seen: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Hand each picture its boxes; the annotation ids used so far, this file's included."""
    image_ids = np.array(sorted(listed), np.int64)
    image, known_image = _positions(columns.image_id, image_ids)
    class_id, known_class = _positions(columns.category_id, np.array(reading.category_ids, np.int64))
    sized = (columns.bbox[:, 2] > 0) & (columns.bbox[:, 3] > 0)
    good = known_image & known_class & sized
    places = Numbered(file, columns.id, columns.position)
    for row in np.flatnonzero(~good):
        if not known_image[row]:
            message = f"its image_id {columns.image_id[row]} is not listed; the box was left out"
            reading.problem("unknown-image", "error", places[row], message)
        elif not known_class[row]:
            unknown_class(reading, places[row], int(columns.category_id[row]))
        else:
            w, h = columns.bbox[row, 2:]
            message = f"width and height must be positive, found {w:g} x {h:g}; it was left out"
            reading.problem("bad-box", "error", places[row], message)
    given = np.flatnonzero(good & (columns.id != NO_ID))
    _, first = np.unique(columns.id[given], return_index=True)
    again = np.ones(len(given), np.bool_)
    again[first] = False
    again |= np.isin(columns.id[given], seen)
    names = columns.id.copy()
    for row in given[again]:
        message = f"annotation id {columns.id[row]} is used twice; both boxes are kept"
        reading.problem("duplicate-id", "warning", places[row], message)
        names[row] = NO_ID
    used = np.concatenate([seen, columns.id[given]])
    order = np.flatnonzero(good)
    order = order[np.argsort(image[order], kind="stable")]
    class_id, image, names = class_id[order].astype(np.int32), image[order], names[order]
    columns.keep(order)
    corners = columns.bbox
    corners[:, 2:] += corners[:, :2]
    for row, exact in columns.exact.items():
        corners[row] = exact
    bounds = np.searchsorted(image, np.arange(len(image_ids) + 1)).tolist()
    known = (columns.attributes.codes >= 0).any()
    everything = Boxes(
        class_id, corners, names, columns.area, columns.crowd, columns.ignore, columns.attributes if known else None,
        Numbered(file, columns.id, columns.position),
    )  # fmt: skip
    for i, image_id in enumerate(image_ids.tolist()):
        if bounds[i] < bounds[i + 1]:
            listed[image_id].share(everything, bounds[i], bounds[i + 1])
    reading.pictures.extend(listed.values())
    return used


def _positions(ids: NDArray[np.int64], known: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Where each id stands among the known, rising ids, and whether it is among them."""
    if not len(known):
        return np.zeros(len(ids), np.int64), np.zeros(len(ids), np.bool_)
    at = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    return at, known[at] == ids


def _exact_corners(corners: Any, bbox: list[float]) -> list[float] | None:
    """The key `xyxy` that our writer adds where left + width cannot give the right edge to the last bit; None elsewhere."""
    if not isinstance(corners, list) or len(corners) != 4 or not all(_is_number(v) for v in corners):
        return None
    x, y, w, h = bbox
    near = all(abs(a - b) <= 1e-9 * max(1.0, abs(b)) for a, b in zip(corners, (x, y, x + w, y + h), strict=True))
    return [float(v) for v in corners] if near else None


def _is_number(value: Any) -> bool:
    """A finite number that a float can hold."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 62


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 31


def side_of(path: Path) -> str:
    """The side a COCO file's name or folder tells, or empty."""
    for part in (path.stem.lower().replace("-", "_").split("_"), [path.parent.name.lower()]):
        for word in reversed(part):
            if word.rstrip("0123456789") in SIDES:
                return SIDES[word.rstrip("0123456789")]
    return ""


def picture_root(path: Path, side: str, names: list[str]) -> Path:
    """The folder under which most of the first file names exist; the file's own folder when none do."""
    folder = path.parent
    candidates = [folder, folder / "images"]
    for word in (path.stem.split("_")[-1], side):
        candidates += [folder.parent / "images" / word, folder.parent / word, folder / "images" / word]
    candidates += [folder.parent / "images", folder.parent]
    names = [name for name in names if stays_inside(name) and len(name) < 1000]
    return max(candidates, key=lambda c: sum((c / name).is_file() for name in names)) if names else folder
