"""Predictions as tools write them, before it is known which image and which class each one means.

JSON: a list of COCO results (also Ultralytics' predictions.json), or a COCO dataset whose annotations have a score. Text: a folder with one file per image and `class cx cy w h confidence` a line, in shares of the
image (Ultralytics, save_txt with save_conf).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxwright.coco import UNSET, Entry, entry_of, given, result_rows
from boxwright.errors import FormatError
from boxwright.ingestion.finding import load_json, read_lines

_NOT_PREDICTIONS = {"classes", "labels", "names", "readme"}
_COLUMNS = 6


@dataclass(frozen=True)
class Predicted:
    """Detections with the images and classes as their writer calls them.

    Attributes:
        images: different images, as (id or None, name or None); a name may lack its ending.
        image: (n,) position in `images`.
        categories: different categories: number, or name.
        category: (n,) position in `categories`.
        boxes_xywh: (n, 4) float64, in pixels, or in shares of the image (centre, width, height) where `relative`.
        score: (n,) float64.
        relative: whether boxes are shares of the image.
        named: whether images are told by name: ids, if any, are of a numbering of their own.
        category_names: category to name, where the writer says it.
    """

    images: list[tuple[Any, str | None]]
    image: NDArray[np.int64]
    categories: list[Any]
    category: NDArray[np.int64]
    boxes_xywh: NDArray[np.float64]
    score: NDArray[np.float64]
    relative: bool = False
    named: bool = False
    category_names: dict[Any, str] | None = None


_MOST = 10**18  # of a number in a file; larger ones fit no column


def predicted_json(path: Path) -> Predicted:
    """A JSON file of detections.

    Raises:
        FormatError: with the entry that cannot be used.
    """
    if (plain := _plain(path)) is not None:
        return plain
    tree = load_json(path)
    entries, names, category_names = tree, {}, None
    if isinstance(tree, dict) and isinstance(tree.get("annotations"), list):
        entries = tree["annotations"]
        names = _texts_by_id(tree.get("images"), "file_name")
        category_names = _texts_by_id(tree.get("categories"), "name") or None
    if not isinstance(entries, list):
        raise FormatError(
            f"'{path}' must be a JSON list of detections {{image_id, category_id, bbox, score}}, or a COCO dataset whose "
            f"annotations have a score; found {type(tree).__name__}."
        )
    images: dict[tuple[Any, str | None], int] = {}
    categories: dict[Any, int] = {}
    rows: list[tuple] = []
    for number, record in enumerate(entries):
        entry = _entry(record, f"'{path}' entry {number}")
        image, category, numbers = _checked(entry, f"'{path}' entry {number}")
        key = (image, str(entry.file_name) if given(entry.file_name) else names.get(image))
        rows.append(
            (
                images.setdefault(key, len(images)),
                categories.setdefault(category, len(categories)),
                *numbers,
            )
        )
    table = np.array(rows, np.float64).reshape(-1, 7)
    found = list(images)
    return Predicted(
        found, table[:, 0].astype(np.int64), list(categories), table[:, 1].astype(np.int64), table[:, 2:6], table[:, 6],
        named=bool(found) and all(name is not None for _, name in found), category_names=category_names,
    )  # fmt: skip


def _plain(path: Path) -> Predicted | None:
    """A list of results that all name their image, as `boxwright predict` writes it; None where it is not plain."""
    rows = result_rows(path, named=True) if path.is_file() else None
    if rows is None or not len(rows.score) or "" in rows.names:
        return None
    if (
        (np.abs(rows.boxes_xywh) >= _MOST).any()
        or (np.abs(rows.score) >= _MOST).any()
        or (rows.boxes_xywh[:, 2:] < 0).any()
    ):
        return None
    pairs, image = _in_order_met(np.stack([rows.image_id, rows.name.astype(np.int64)], axis=1))
    categories, category = _in_order_met(rows.category_id[:, None])
    return Predicted(
        [(number, rows.names[name]) for number, name in pairs], image, [number for (number,) in categories], category,
        rows.boxes_xywh, rows.score, named=True,
    )  # fmt: skip


def _in_order_met(rows: NDArray[np.int64]) -> tuple[list[list[int]], NDArray[np.int64]]:
    """The different rows in the order in which they come, and the place of each row among them."""
    different, first, where = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return different[order].tolist(), np.argsort(order)[where.reshape(-1)]


def _texts_by_id(records: Any, key: str) -> dict[Any, str]:
    """From the id of each record that has a usable one to its text."""
    known = [e for e in records if isinstance(e, dict)] if isinstance(records, list) else []
    return {e["id"]: str(e[key]) for e in known if key in e and isinstance(e.get("id"), int | float | str)}


def _entry(record: Any, where: str) -> Entry:
    """One entry; FormatError where it is none."""
    if not isinstance(record, dict):
        raise FormatError(f"{where}: expected an object with image_id, category_id, bbox, score; found {record!r:.60}.")
    entry = entry_of(record)
    if entry.score is UNSET:
        raise FormatError(
            f"{where}: the key 'score' is missing; predictions need one (ground truth is the other argument)."
        )
    return entry


def _checked(entry: Entry, where: str) -> tuple[Any, Any, list[float]]:
    """Image, category, and x, y, w, h, score of one entry."""
    image = given(entry.file_name if entry.image_id is UNSET else entry.image_id)
    category = given(entry.category_name if entry.category_id is UNSET else entry.category_id)
    for key, value in (("image_id", image), ("category_id", category)):
        if not isinstance(value, int | float | str) or isinstance(value, bool) or value != value:
            raise FormatError(f"{where}: {key} must be a number or a text; found {value!r:.60}.")
        if not isinstance(value, str) and not abs(value) < _MOST:
            raise FormatError(f"{where}: {key} must be a number of at most 18 digits; found {value!r:.60}.")
    box = given(entry.bbox)
    numbers = [*box, entry.score] if isinstance(box, list | tuple) and len(box) == 4 else []
    if len(numbers) != 5 or not all(isinstance(v, int | float) and not isinstance(v, bool) for v in numbers):
        raise FormatError(
            f"{where}: bbox must be four numbers and score one, none of them as text; found {box!r:.200} and "
            f"{entry.score!r:.60}."
        )
    if not all(abs(v) < _MOST for v in numbers):  # false for NaN too
        raise FormatError(f"{where}: a number is not finite, or has more than 18 digits.")
    if numbers[2] < 0 or numbers[3] < 0:
        raise FormatError(
            f"{where}: a box is left, top, width and height, and these must not be negative; found "
            f"{numbers[2]:g} x {numbers[3]:g}."
        )
    return _whole(image), _whole(category), [float(v) for v in numbers]


def _whole(value: Any) -> Any:
    """1 for 1.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def predicted_texts(folder: Path) -> Predicted:
    """A folder of text files, its own or those under `labels/`.

    Raises:
        FormatError: no such file, or a line that is not six numbers.
    """
    root = folder / "labels" if not any(folder.glob("*.txt")) and (folder / "labels").is_dir() else folder
    files = sorted(p for p in root.rglob("*.txt") if p.is_file() and p.stem.lower() not in _NOT_PREDICTIONS)
    if not files:
        raise FormatError(
            f"'{folder}' contains no .txt file; expected one per image with `class cx cy w h confidence` a line, or name a JSON "
            f"file of detections."
        )
    rows: list[list[float]] = []
    image: list[int] = []
    for number, path in enumerate(files):
        for at, line in enumerate(read_lines(path), start=1):
            if line.strip():
                rows.append(_line(line, f"'{path}' line {at}"))
                image.append(number)
    table = np.array(rows, np.float64).reshape(-1, _COLUMNS)
    categories = np.unique(table[:, 0])
    return Predicted(
        [(None, path.relative_to(root).with_suffix("").as_posix()) for path in files], np.array(image, np.int64),
        [int(k) for k in categories], np.searchsorted(categories, table[:, 0]), table[:, 1:5], table[:, 5],
        relative=True, named=True,
    )  # fmt: skip


def _line(line: str, where: str) -> list[float]:
    parts = line.split()
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) == _COLUMNS - 1:
        raise FormatError(
            f"{where}: five numbers, a label without its confidence; write predictions with save_conf=True "
            f"(`class cx cy w h confidence`)."
        )
    if len(numbers) != _COLUMNS or not all(map(math.isfinite, numbers)) or numbers[0] != int(numbers[0]):
        raise FormatError(
            f"{where}: expected `class cx cy w h confidence`, six numbers in shares of the image; found {line.strip()!r:.80}."
        )
    if numbers[3] < 0 or numbers[4] < 0:
        raise FormatError(f"{where}: width and height must not be negative; found {numbers[3]:g} x {numbers[4]:g}.")
    return numbers
