"""Two COCO files as bare columns, for judging without a store: ground truth and results.

Nothing is mended here: figures must be those of the files as they are. Boxes stay `xywh` in float64, pictures are
numbered by rising image id, classes by rising category id.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxwright.boxes import xyxy_from_xywh
from boxwright.errors import FormatError
from boxwright.ingestion.coco import load_json, read_categories


@dataclass(frozen=True)
class TruthColumns:
    """COCO ground truth.

    Attributes:
        image_ids, file_names: (images,) in rising id.
        category_ids, class_names: (K,) in rising id.
        image, class_id: (n,) positions in the above.
        boxes_xywh: (n, 4) float64.
        area: (n,) as the file gives it, else width times height.
        crowd: (n,) bool.
        annotation_id: (n,) int64.
    """

    image_ids: NDArray
    file_names: list[str]
    category_ids: list[int]
    class_names: list[str]
    image: NDArray
    class_id: NDArray
    boxes_xywh: NDArray
    area: NDArray
    crowd: NDArray
    annotation_id: NDArray


@dataclass(frozen=True)
class ResultColumns:
    """COCO results: positions as in the ground truth they were read against."""

    image: NDArray
    class_id: NDArray
    boxes_xywh: NDArray
    score: NDArray


def read_truth(path: Path) -> TruthColumns:
    """COCO ground truth; FormatError with the annotation when one cannot be used."""
    tree = load_json(path)
    names = read_categories(tree, path)
    if not names:
        raise FormatError(f"'{path}' lists no category; there is nothing to judge.")
    if not isinstance(tree.get("annotations") or [], list):
        raise FormatError(f"'{path}': 'annotations' must be a list.")
    try:
        images = sorted(((int(e["id"]), str(e.get("file_name", e["id"]))) for e in tree["images"]), key=lambda e: e[0])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise FormatError(f"'{path}': every image needs an integer 'id' ({type(error).__name__}: {error}).") from error
    category_ids = sorted(names)
    rows = {image: row for row, (image, _) in enumerate(images)}
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
        image_ids=np.array([i for i, _ in images], np.int64),
        file_names=[name for _, name in images],
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
        FormatError: not a list of {image_id, category_id, bbox, score}, or an entry names an unknown image or category.
    """
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
            x, y, w, h = map(float, entry["bbox"])
            columns.append((rows[entry["image_id"]], classes[entry["category_id"]], x, y, w, h, float(entry["score"])))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise FormatError(f"'{path}' entry {number}: {_complaint(entry, rows, classes, ('score',))}") from error
    table = np.array(columns, np.float64).reshape(-1, 7)
    if not np.isfinite(table).all():
        raise FormatError(f"'{path}' entry {int(np.argmin(np.isfinite(table).all(1)))}: a number is not finite.")
    return ResultColumns(table[:, 0].astype(np.int64), table[:, 1].astype(np.int32), table[:, 2:6], table[:, 6])


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
    return f"bbox must be four numbers{' and score one' if more else ''}; found {entry['bbox']!r}."
