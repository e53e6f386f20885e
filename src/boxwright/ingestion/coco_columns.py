"""Two COCO files as bare columns, for judging without a store: ground truth and results.

Nothing is mended here: figures must be those of the files as they are. Boxes stay `xywh` in float64, pictures are
numbered by rising image id, classes by rising category id. Large plain files go through the compiled scanner; small ones,
and whatever it does not take, are read record by record, so that a complaint names the record.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxwright.boxes import xyxy_from_xywh
from boxwright.errors import FormatError
from boxwright.ingestion.finding import read_bytes
from boxwright.ingestion.formats.coco import read_categories
from boxwright.ingestion.json_columns import Key, members, scan_array, scan_file
from boxwright.ingestion.json_text import load_json, parse_json

_BOX = (Key("image_id", whole=True), Key("category_id", whole=True), Key("bbox", many=True))
_TRUTH = (*_BOX, Key("id", whole=True, needed=False), Key("area", needed=False), Key("iscrowd", needed=False))
_RESULTS = (*_BOX, Key("score"))
_EXACT = float(1 << 53)
SCAN_FROM = 1 << 22  # bytes; below, the scanner's compilation would cost a first run more than it saves


@dataclass(frozen=True)
class TruthColumns:
    """COCO ground truth.

    Attributes:
        image_ids, file_names: (images,) in rising id.
        sizes_hw: (images, 2) height and width as the file gives them, NaN where it does not.
        category_ids, class_names: (K,) in rising id.
        image, class_id: (n,) positions in the above.
        boxes_xywh: (n, 4) float64.
        area: (n,) as the file gives it, else width times height.
        crowd: (n,) bool.
        annotation_id: (n,) int64.
        ignore: (n,) bool, not to be judged, crowds included; None where only crowds are not.
        has_ids, has_category_ids: whether ids are the source's own, so that results can name them.
        notes: what its reader should tell.
    """

    image_ids: NDArray
    file_names: list[str]
    sizes_hw: NDArray
    category_ids: list[int]
    class_names: list[str]
    image: NDArray
    class_id: NDArray
    boxes_xywh: NDArray
    area: NDArray
    crowd: NDArray
    annotation_id: NDArray
    ignore: NDArray | None = None
    has_ids: bool = True
    has_category_ids: bool = True
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ResultColumns:
    """COCO results: positions as in the ground truth they were read against."""

    image: NDArray
    class_id: NDArray
    boxes_xywh: NDArray
    score: NDArray


def read_truth(path: Path) -> TruthColumns:
    """COCO ground truth; FormatError with the annotation when one cannot be used."""
    text = read_bytes(path)
    parts = members(text) if len(text) >= SCAN_FROM else None
    scanned = scan_array(parts["annotations"], _TRUTH) if parts and "annotations" in parts else None
    if parts is None or scanned is None:
        return _truth_of_tree(parse_json(text, path), path)
    tree = {key: parse_json(parts[key], path) for key in ("images", "categories") if key in parts}
    return _truth_of_scan(tree, scanned, path) or _truth_of_tree(parse_json(text, path), path)


def _pictures_and_classes(tree: Any, path: Path) -> tuple[list[tuple[int, str, float, float]], dict[int, str]]:
    """(id, file name, height, width) of every picture in rising id, and category id to name."""
    names = read_categories(tree, path)
    if not names:
        raise FormatError(f"'{path}' lists no category; there is nothing to judge.")
    try:
        images = sorted(
            (
                (int(e["id"]), str(e.get("file_name", e["id"])), _number(e.get("height")), _number(e.get("width")))
                for e in tree["images"]
            ),
            key=lambda e: e[0],
        )
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise FormatError(f"'{path}': every image needs an integer 'id' ({type(error).__name__}: {error}).") from error
    wild = next((entry[0] for entry in images if abs(entry[0]) >= 1 << 62), None)
    if wild is not None:
        raise FormatError(f"'{path}': image id {str(wild)[:40]} is out of range; ids must fit 62 bits.")
    twice = next((one[0] for one, two in pairwise(images) if one[0] == two[0]), None)
    if twice is not None:
        raise FormatError(
            f"'{path}': image id {twice} is used twice; which of the two a box belongs to cannot be known."
        )
    return images, names


def _truth_of_scan(tree: Any, scanned: dict[str, NDArray], path: Path) -> TruthColumns | None:
    """Ground truth from scanned columns; None where a record needs a complaint."""
    images, names = _pictures_and_classes(tree, path)
    image_ids, category_ids = np.array([e[0] for e in images], np.int64), sorted(names)
    image, known_image = _positions(scanned["image_id"], image_ids)
    class_id, known_class = _positions(scanned["category_id"], np.array(category_ids, np.int64))
    ids = np.where(np.isnan(scanned["id"]), np.arange(len(image)), scanned["id"])
    if not (known_image and known_class and (np.abs(ids) < _EXACT).all()):
        return None
    boxes = scanned["bbox"]
    with np.errstate(over="ignore"):
        area = np.where(np.isnan(scanned["area"]), boxes[:, 2] * boxes[:, 3], scanned["area"])
    if not np.isfinite(area).all():
        return None
    return TruthColumns(
        image_ids=image_ids,
        file_names=[e[1] for e in images],
        sizes_hw=np.array([e[2:] for e in images], np.float64).reshape(-1, 2),
        category_ids=category_ids,
        class_names=[names[i] for i in category_ids],
        image=image,
        class_id=class_id.astype(np.int32),
        boxes_xywh=boxes,
        area=area,
        crowd=np.nan_to_num(scanned["iscrowd"]) != 0,
        annotation_id=ids.astype(np.int64),
    )


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")


def _positions(ids: NDArray, known: NDArray) -> tuple[NDArray[np.int64], bool]:
    """Where each id stands among the known, rising ids, and whether all are among them."""
    if not len(known) or not len(ids):
        return np.zeros(len(ids), np.int64), not len(ids)
    at = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    return at, bool((known[at] == ids).all() and np.abs(ids).max() < _EXACT)


def _truth_of_tree(tree: Any, path: Path) -> TruthColumns:
    """Ground truth record by record."""
    images, names = _pictures_and_classes(tree, path)
    if not isinstance(tree.get("annotations") or [], list):
        raise FormatError(f"'{path}': 'annotations' must be a list.")
    category_ids = sorted(names)
    rows = {entry[0]: row for row, entry in enumerate(images)}
    classes = {category: i for i, category in enumerate(category_ids)}
    columns: list[tuple] = []
    for number, entry in enumerate(tree.get("annotations") or []):
        try:
            x, y, w, h = map(float, entry["bbox"])
            area = float(entry.get("area", w * h))
            key = int(entry.get("id", number))
            if abs(key) >= 1 << 62:
                raise ValueError("id out of range")
            columns.append(
                (
                    rows[entry["image_id"]],
                    classes[entry["category_id"]],
                    x,
                    y,
                    w,
                    h,
                    area,
                    bool(entry.get("iscrowd", 0)),
                    key,
                )
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise FormatError(f"'{path}' annotation {number}: {_complaint(entry, rows, classes, ())}") from error
    table = np.array(columns, np.float64).reshape(-1, 9)
    if not np.isfinite(table).all():
        raise FormatError(f"'{path}' annotation {int(np.argmin(np.isfinite(table).all(1)))}: a number is not finite.")
    return TruthColumns(
        image_ids=np.array([e[0] for e in images], np.int64),
        file_names=[e[1] for e in images],
        sizes_hw=np.array([e[2:] for e in images], np.float64).reshape(-1, 2),
        category_ids=category_ids,
        class_names=[names[i] for i in category_ids],
        image=table[:, 0].astype(np.int64),
        class_id=table[:, 1].astype(np.int32),
        boxes_xywh=table[:, 2:6],
        area=table[:, 6],
        crowd=table[:, 7].astype(np.bool_),
        annotation_id=np.array([c[8] for c in columns], np.int64),
    )


def read_results(path: Path, truth: TruthColumns) -> ResultColumns:
    """A COCO results file, read against its ground truth.

    Raises:
        FormatError: not a list of {image_id, category_id, bbox, score}; or an entry names an unknown image or category, gives a
            number as text, one that is not finite, or a negative width or height.
    """
    scanned = scan_file(path, _RESULTS) if path.is_file() and path.stat().st_size >= SCAN_FROM else None
    if scanned is not None:
        image, known_image = _positions(scanned["image_id"], truth.image_ids)
        class_id, known_class = _positions(scanned["category_id"], np.array(truth.category_ids, np.int64))
        if known_image and known_class and not (scanned["bbox"][:, 2:] < 0).any():
            return ResultColumns(image, class_id.astype(np.int32), scanned["bbox"], scanned["score"])
    entries = load_json(path)
    if isinstance(entries, dict) and isinstance(entries.get("annotations"), list):
        entries = entries["annotations"]
    if not isinstance(entries, list):
        raise FormatError(f"'{path}' must be a JSON list of detections (COCO results); found {type(entries).__name__}.")
    rows = {int(image): row for row, image in enumerate(truth.image_ids)}
    classes = {category: i for i, category in enumerate(truth.category_ids)}
    columns: list[tuple] = []
    for number, entry in enumerate(entries):
        try:
            x, y, w, h = map(_plain, entry["bbox"])
            columns.append((rows[entry["image_id"]], classes[entry["category_id"]], x, y, w, h, _plain(entry["score"])))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise FormatError(f"'{path}' entry {number}: {_complaint(entry, rows, classes, ('score',))}") from error
    table = np.array(columns, np.float64).reshape(-1, 7)
    if not np.isfinite(table).all():
        raise FormatError(f"'{path}' entry {int(np.argmin(np.isfinite(table).all(1)))}: a number is not finite.")
    negative = (table[:, 4:6] < 0).any(axis=1)
    if negative.any():
        number = int(np.argmax(negative))
        raise FormatError(
            f"'{path}' entry {number}: a box is left, top, width and height, and these must not be negative; found "
            f"{table[number, 4]:g} x {table[number, 5]:g} ({int(negative.sum())} such entries)."
        )
    return ResultColumns(table[:, 0].astype(np.int64), table[:, 1].astype(np.int32), table[:, 2:6], table[:, 6])


def _plain(value: Any) -> float:
    """A number that is no text and no truth value; TypeError else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("no number")
    return float(value)


@dataclass(frozen=True)
class AnsweredPicture:
    """What a COCO file says one picture holds; with no boxes it says "nothing here"."""

    file_name: str
    boxes_xyxy: NDArray
    class_names: list[str]
    ignore: list[bool]
    conditions: dict[str, Any]


def read_answers(path: Path) -> list[AnsweredPicture]:
    """Every picture a COCO file lists, with its boxes and `conditions`; crowds are ignored boxes."""
    truth = read_truth(path)
    listed = {str(e.get("file_name", e["id"])): e.get("conditions") for e in load_json(path)["images"]}
    found = []
    for row, name in enumerate(truth.file_names):
        mine = truth.image == row
        classes = [truth.class_names[i] for i in truth.class_id[mine]]
        conditions = listed.get(name)
        conditions = conditions if isinstance(conditions, dict) else {}
        boxes = xyxy_from_xywh(truth.boxes_xywh[mine])
        found.append(AnsweredPicture(name, boxes, classes, truth.crowd[mine].tolist(), conditions))
    return found


def _complaint(entry: Any, rows: dict[int, int], classes: dict[int, int], more: tuple[str, ...]) -> str:
    keys = ("image_id", "category_id", "bbox", *more)
    if not isinstance(entry, dict):
        return f"expected an object with {', '.join(keys)}, found {type(entry).__name__}."
    for key in keys:
        if key not in entry:
            return f"the key '{key}' is missing."
    if not isinstance(entry["image_id"], int) or entry["image_id"] not in rows:
        return f"image_id {entry['image_id']} is not in the ground truth ({len(rows)} images)."
    if not isinstance(entry["category_id"], int) or entry["category_id"] not in classes:
        return f"category_id {entry['category_id']} is not among the {len(classes)} categories."
    if not more:
        return f"bbox must be four numbers; found {entry['bbox']!r:.200}."
    return (
        f"bbox must be four numbers and score one, none of them as text; found {entry['bbox']!r:.200} and "
        f"{entry['score']!r:.60}."
    )
