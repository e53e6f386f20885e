"""Two COCO files as bare columns, for judging without a store: ground truth and results.

Nothing is mended here: figures must be those of the files as they are. Boxes stay `xywh` in float64, pictures are
numbered by rising image id, classes by rising category id. Plain files are read into columns at once; whatever is not plain is
read record by record, so that a complaint names the record.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxwright.boxes import xyxy_from_xywh
from boxwright.coco import (
    NO_ID,
    AnnotationRows,
    Entry,
    Id,
    RowOfId,
    annotation_rows,
    as_flag,
    as_id,
    complaint,
    entry_of,
    given,
    in_order,
    result_rows,
)
from boxwright.errors import FormatError
from boxwright.ingestion.finding import MOST_BYTES, load_json
from boxwright.ingestion.formats.coco_categories import list_categories, unlike_names
from boxwright.ingestion.formats.coco_suspects import suspicion


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
        annotation_id: (n,) int64; all anew, 0, 1, ..., where one of them is not an integer below 2^62.
        ignore: (n,) bool, not to be judged, crowds included; None where only crowds are not.
        has_ids, has_category_ids: whether ids are the source's own, so that results can name them.
        given_image_ids, given_category_ids: the file's, by position, where they are not all integers below 2^62 and `image_ids` or
            `category_ids` number them anew from 1; None elsewhere.
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
    given_image_ids: list[Id] | None = None
    given_category_ids: list[Id] | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for theirs, ids in ((self.given_image_ids, self.image_ids), (self.given_category_ids, self.category_ids)):
            if theirs is not None and len(theirs) != len(ids):
                raise ValueError(f"{len(theirs)} ids of the file beside {len(ids)} of ours; cut both alike")

    @property
    def image_rows(self) -> RowOfId:
        """The position of an image, by its id as files spell it."""
        return RowOfId(self.image_ids.tolist() if self.given_image_ids is None else self.given_image_ids)

    @property
    def category_rows(self) -> RowOfId:
        """The position of a category, by its id as files spell it."""
        return RowOfId(self.category_ids if self.given_category_ids is None else self.given_category_ids)


@dataclass(frozen=True)
class ResultColumns:
    """COCO results: positions as in the ground truth they were read against."""

    image: NDArray
    class_id: NDArray
    boxes_xywh: NDArray
    score: NDArray


def read_truth(path: Path) -> TruthColumns:
    """COCO ground truth; FormatError with the annotation when one cannot be used."""
    plain = annotation_rows(path, once=False) if path.is_file() and path.stat().st_size <= MOST_BYTES else None
    truth = None if plain is None else _truth_of_rows(*plain, path)
    return _truth_of_tree(load_json(path), path) if truth is None else truth


@dataclass(frozen=True)
class _Listed:
    """What a file lists: images and classes in rising id."""

    image_ids: list[Id]
    file_names: list[str]
    sizes_hw: NDArray
    category_ids: list[Id]
    class_names: list[str]
    told: list[str]

    def columns(
        self, boxes: NDArray, given_area: NDArray, *, image: NDArray, crowd: NDArray, **columns: Any
    ) -> TruthColumns:
        """The ground truth with these annotations; `given_area` is NaN where the file gives none."""
        images, categories = _numbers(self.image_ids), _numbers(self.category_ids)
        rows = ~crowd
        found = suspicion(boxes[rows], given_area[rows], self.sizes_hw[image[rows]])
        return TruthColumns(
            image_ids=np.array(images or range(1, len(self.image_ids) + 1), np.int64),
            file_names=self.file_names,
            sizes_hw=self.sizes_hw,
            category_ids=categories or list(range(1, len(self.category_ids) + 1)),
            class_names=self.class_names,
            boxes_xywh=boxes,
            given_image_ids=None if images else self.image_ids,
            given_category_ids=None if categories else self.category_ids,
            notes=(*self.told, *(() if found is None else (found[1],))),
            image=image,
            crowd=crowd,
            **columns,
        )


def _numbers(ids: list[Id]) -> list[int]:
    """The ids where all are integers below 2^62, else nothing."""
    found = [id for id in ids if isinstance(id, int) and abs(id) < 1 << 62]
    return found if len(found) == len(ids) else []


def _pictures_and_classes(tree: Any, path: Path, used: Iterable[Any]) -> _Listed:
    """What a file lists; `used` are the category ids of its annotations, as they are spelled."""
    every = list_categories(tree, path)
    if not every:
        raise FormatError(f"'{path}' lists no category; there is nothing to judge.")
    rows = RowOfId(c.id for c in every)
    categories, told = unlike_names(
        every, {every[row].id for value in used if (row := rows.get(value)) is not None}, path
    )
    images: dict[Id, tuple[str, float, float]] = {}
    for entry in tree["images"]:
        number = as_id(entry.get("id")) if isinstance(entry, dict) else None
        if number is None:
            found = entry.get("id") if isinstance(entry, dict) else entry
            raise FormatError(
                f"'{path}': every image needs an 'id', an integer below 2^64 or a text; found {found!r:.60}."
            )
        if number in images:
            raise FormatError(
                f"'{path}': image id {str(number)[:60]} is used twice; which of the two a box belongs to cannot be known."
            )
        images[number] = (
            str(entry.get("file_name", number)),
            _number(entry.get("height")),
            _number(entry.get("width")),
        )
    image_ids, by_id = in_order(images), {c.id: c.name for c in categories}
    return _Listed(
        image_ids=image_ids,
        file_names=[images[i][0] for i in image_ids],
        sizes_hw=np.array([images[i][1:] for i in image_ids], np.float64).reshape(-1, 2),
        category_ids=in_order(by_id),
        class_names=[by_id[i] for i in in_order(by_id)],
        told=told,
    )


def _truth_of_rows(tree: Any, rows: AnnotationRows, path: Path) -> TruthColumns | None:
    """Ground truth from the columns of a plain file; None where a record needs a complaint."""
    listed = _pictures_and_classes(tree, path, np.unique(rows.category_id).tolist())
    if not (_numbers(listed.image_ids) and _numbers(listed.category_ids)):
        return None
    image, known_image = _positions(rows.image_id, np.array(listed.image_ids, np.int64))
    class_id, known_class = _positions(rows.category_id, np.array(listed.category_ids, np.int64))
    if not (known_image and known_class):
        return None
    boxes = rows.boxes_xywh
    with np.errstate(over="ignore"):
        area = np.where(np.isnan(rows.area), boxes[:, 2] * boxes[:, 3], rows.area)
    if not np.isfinite(area).all():
        return None
    return listed.columns(
        boxes, rows.area, image=image, class_id=class_id.astype(np.int32), area=area, crowd=rows.crowd,
        annotation_id=np.where(rows.id == NO_ID, np.arange(len(image)), rows.id),
    )  # fmt: skip


def _beyond_floats(value: int | float) -> bool:
    """Whether it is an integer that no float can hold."""
    return isinstance(value, int) and abs(value) > sys.float_info.max


def _number(value: Any) -> float:
    """A number as it is, anything else as not-a-number; an integer that no float can hold is no number either."""
    if isinstance(value, bool) or not isinstance(value, int | float) or _beyond_floats(value):
        return float("nan")
    return float(value)


def _positions(ids: NDArray[np.int64], known: NDArray[np.int64]) -> tuple[NDArray[np.int64], bool]:
    """Where each id stands among the known, rising ids, and whether all are among them."""
    if not len(known) or not len(ids):
        return np.zeros(len(ids), np.int64), not len(ids)
    at = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    return at, bool((known[at] == ids).all())


def _truth_of_tree(tree: Any, path: Path) -> TruthColumns:
    """Ground truth record by record."""
    entries = tree.get("annotations") if isinstance(tree, dict) else None
    used = [given(entry_of(e).category_id) for e in entries if isinstance(e, dict)] if isinstance(entries, list) else []
    listed = _pictures_and_classes(tree, path, used)
    if entries is None:
        raise FormatError(
            f"'{path}' lists {len(listed.image_ids)} images but has no 'annotations': nobody has labelled them, so there is "
            f"nothing to judge by. Give a file with annotations; an empty list says that no image shows an object."
        )
    if not isinstance(entries, list):
        raise FormatError(f"'{path}': 'annotations' must be a list.")
    rows, classes = RowOfId(listed.image_ids), RowOfId(listed.category_ids)
    columns: list[tuple] = []
    ids: list[int | None] = []
    for number, record in enumerate(entries):
        try:
            entry = _entry(record)
            x, y, w, h = map(float, entry.bbox)
            columns.append(
                (
                    rows[entry.image_id], classes[entry.category_id], x, y, w, h, _area(given(entry.area)),
                    as_flag(given(entry.iscrowd)),
                )
            )  # fmt: skip
            ids.append(_own_id(given(entry.id), number))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            said = complaint(record, rows, classes, scored=False)
            raise FormatError(f"'{path}' annotation {number}: {said}") from error
    table = np.array(columns, np.float64).reshape(-1, 8)
    with np.errstate(over="ignore"):
        area = np.where(np.isnan(table[:, 6]), table[:, 4] * table[:, 5], table[:, 6])
    finite = np.isfinite(table[:, :6]).all(axis=1) & np.isfinite(area)
    if not finite.all():
        raise FormatError(f"'{path}' annotation {int(np.argmin(finite))}: a number is not finite.")
    fine = None not in ids
    return listed.columns(
        table[:, 2:6], table[:, 6], image=table[:, 0].astype(np.int64), class_id=table[:, 1].astype(np.int32), area=area,
        crowd=table[:, 7].astype(np.bool_), annotation_id=np.array(ids if fine else range(len(ids)), np.int64),
    )  # fmt: skip


def _entry(record: Any) -> Entry:
    """What a record says; TypeError where it is no object."""
    if not isinstance(record, dict):
        raise TypeError("no object")
    return entry_of(record)


def _area(value: Any) -> float:
    """The area a record gives, NaN where it gives none; ValueError or TypeError for what is no number."""
    if value is None or value is False:
        return float("nan")
    area = float(value)
    if area != area:
        raise ValueError("area is not a number")
    return area


def _own_id(value: Any, position: int) -> int | None:
    """An annotation's id, its position where it has none, None where it is not an integer below 2^62."""
    id = position if value is None else as_id(value)
    return id if isinstance(id, int) and abs(id) < 1 << 62 else None


def read_results(path: Path, truth: TruthColumns) -> ResultColumns:
    """A COCO results file, read against its ground truth.

    Raises:
        FormatError: not a list of {image_id, category_id, bbox, score}; or an entry names an unknown image or category, gives a
            number as text, one that is not finite, or a negative width or height.
    """
    plain = result_rows(path) if path.is_file() else None
    if plain is not None and truth.given_image_ids is None and truth.given_category_ids is None:
        image, known_image = _positions(plain.image_id, truth.image_ids)
        class_id, known_class = _positions(plain.category_id, np.array(truth.category_ids, np.int64))
        if known_image and known_class and not (plain.boxes_xywh[:, 2:] < 0).any():
            return ResultColumns(image, class_id.astype(np.int32), plain.boxes_xywh, plain.score)
    entries = load_json(path)
    if isinstance(entries, dict) and isinstance(entries.get("annotations"), list):
        entries = entries["annotations"]
    if not isinstance(entries, list):
        raise FormatError(f"'{path}' must be a JSON list of detections (COCO results); found {type(entries).__name__}.")
    rows, classes = truth.image_rows, truth.category_rows
    columns: list[tuple] = []
    for number, record in enumerate(entries):
        try:
            entry = _entry(record)
            x, y, w, h = map(_plain, entry.bbox)
            columns.append((rows[entry.image_id], classes[entry.category_id], x, y, w, h, _plain(entry.score)))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            said = complaint(record, rows, classes, scored=True)
            raise FormatError(f"'{path}' entry {number}: {said}") from error
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
    if isinstance(value, bool) or not isinstance(value, int | float) or _beyond_floats(value):
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
