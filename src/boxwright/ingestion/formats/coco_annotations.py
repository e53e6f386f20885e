"""The annotations of one COCO file as columns: all at once where the file is plain, else record by record.

What can be read as it is meant is: ids of any kind, a null or missing area and iscrowd. An annotation that cannot be used is told
and left out. Both ways give the same columns. Attributes of a plain file are kept as the text they are, each different text once;
they are parsed once, to be judged, and again when asked for.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxwright.coco import NO_ID, AnnotationRows, Entry, Ids, annotation_rows, as_flag, as_id, entry_of, given
from boxwright.errors import FormatError
from boxwright.ingestion.attributes import cleaned, is_good
from boxwright.ingestion.finding import MOST_BYTES, read_bytes
from boxwright.ingestion.reading import Interned, Numbered, Reading
from boxwright.json_text import parse_members, parse_strict


@dataclass
class Columns:
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
    without_box: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))  # images of what has no bbox

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
    ids: Ids
    whole: array = field(default_factory=lambda: array("q"))  # image, category, id, position
    numbers: array = field(default_factory=lambda: array("d"))  # x, y, w, h, area
    flags: array = field(default_factory=lambda: array("b"))  # crowd, ignore
    codes: array = field(default_factory=lambda: array("i"))
    attributes: list[bytes | dict[str, Any]] = field(default_factory=list)
    exact: dict[int, list[float]] = field(default_factory=dict)
    other_ids: list[Any] = field(default_factory=list)
    without_box: array = field(default_factory=lambda: array("q"))
    entries: int = 0

    def take(self, position: int, record: Any) -> None:
        """One annotation, if its values are of the right kind."""
        self.entries += 1
        entry = entry_of(record) if isinstance(record, dict) else Entry()
        number = given(entry.id)
        where = f"{self.file} annotation {number if number is not None else f'at position {position}'}"[:200]
        problem = self.reading.problem
        image = self.ids.code(given(entry.image_id))
        if image is None:
            found = given(entry.image_id)
            problem("unknown-image", "error", where, f"its image_id {found!r:.60} is not listed; the box was left out")
            return
        category = self.ids.code(given(entry.category_id))
        if category is None:
            unknown_class(self.reading, where, given(entry.category_id))
            return
        bbox = given(entry.bbox)
        if not isinstance(bbox, list) or len(bbox) != 4 or not all(_is_number(v) for v in bbox):
            self.without_box.append(image)
            problem("no-box", "error", where, f"bbox must be four finite numbers, found {bbox!r:.200}; it was left out")
            return
        area = given(entry.area)
        if area is None or area is False:
            area = float("nan")
        elif not _is_number(area):
            problem("bad-area", "warning", where, "its area is no number; width times height was taken")
            area = float("nan")
        if (corners := _exact_corners(given(entry.xyxy), bbox)) is not None:
            self.exact[len(self.flags) // 2] = corners
        attributes = cleaned(given(entry.attributes), self.reading, where)
        self.codes.append(len(self.attributes) if attributes else -1)
        self.attributes += [attributes] if attributes else []
        self.whole.extend((image, category, self._own_id(number), position))
        self.numbers.extend((*map(float, bbox), float(area)))
        self.flags.extend((as_flag(given(entry.iscrowd)), as_flag(given(entry.ignore))))

    def _own_id(self, number: Any) -> int:
        """The annotation's id where it is an integer below 2^62, else NO_ID."""
        id = as_id(number)
        if isinstance(id, int) and abs(id) < 1 << 62:
            return id
        if number is not None:
            self.other_ids.append(number)
        return NO_ID

    def tell(self) -> None:
        """Say that some ids could not be kept."""
        if self.other_ids:
            self.reading.problem(
                "bad-id", "warning", self.file,
                f"{len(self.other_ids)} annotation ids are not integers below 2^62 (such as {self.other_ids[0]!r:.60}); these "
                f"annotations were given other ids",
            )  # fmt: skip

    def columns(self) -> Columns:
        """What was taken."""
        whole = np.array(self.whole, np.int64).reshape(-1, 4)
        numbers = np.array(self.numbers, np.float64).reshape(-1, 5)
        flags = np.array(self.flags, np.bool_).reshape(-1, 2)
        return Columns(
            whole[:, 0], whole[:, 1], numbers[:, :4], whole[:, 2], numbers[:, 4], flags[:, 0], flags[:, 1],
            whole[:, 3], Interned(np.array(self.codes, np.int32), self.attributes), self.exact,
            np.array(self.without_box, np.int64),
        )  # fmt: skip


@dataclass
class CocoFile:
    """One file, read.

    Attributes:
        path: of the file.
        label: what it is called in problems.
        tree: its members, annotations left out.
        columns: its annotations; None where the file has none, not even an empty list.
        ids: codes of the ids of images and categories.
        entries: how many annotations the file lists, those that cannot be used included.
    """

    path: Path
    label: str
    tree: dict[str, Any]
    columns: Columns | None
    ids: Ids
    entries: int


def read_file(path: Path, label: str, reading: Reading) -> CocoFile:
    """A file; FormatError when it is not a JSON object whose `annotations` are a list."""
    ids = Ids()
    if (plain := _plain(path, label, reading, ids)) is not None:
        return plain
    filling = _Filling(reading, label, ids)
    tree = parse_members(read_bytes(path), path, each={"annotations": filling.take})
    annotations = tree.get("annotations")
    if annotations not in ([], None):
        raise FormatError(f"'{path}': 'annotations' must be a list, found {type(annotations).__name__}.")
    filling.tell()
    return CocoFile(path, label, tree, None if annotations is None else filling.columns(), ids, filling.entries)


def _plain(path: Path, label: str, reading: Reading, ids: Ids) -> CocoFile | None:
    """The same of a plain file; None where it is none."""
    if not path.is_file() or path.stat().st_size > MOST_BYTES:
        return None
    found = annotation_rows(path, once=True)
    attributes = None if found is None else _attributes(found[1], reading, label)
    if found is None or attributes is None:
        return None
    tree, rows = found
    columns = Columns(
        rows.image_id, rows.category_id, rows.boxes_xywh, rows.id, rows.area, rows.crowd, rows.ignore,
        np.arange(len(rows.id)), attributes, rows.exact,
    )  # fmt: skip
    return CocoFile(path, label, tree, columns, ids, len(rows.id))


def _attributes(rows: AnnotationRows, reading: Reading, label: str) -> Interned | None:
    """Attributes per row, every text parsed once; what is wrong with them is told of every row. None where a key is given twice."""
    empty: list[int] = []
    bad: dict[int, Any] = {}
    try:
        for code, text in enumerate(rows.texts):
            value = parse_strict(text)
            if not value:
                empty.append(code)
            elif not is_good(value):
                bad[code] = value
    except (ValueError, RecursionError):
        return None
    codes = rows.attributes.copy()
    codes[np.isin(codes, empty)] = -1
    places = Numbered(label, rows.id, np.arange(len(codes)))
    for row in np.flatnonzero(np.isin(codes, list(bad))):
        cleaned(bad[int(codes[row])], reading, str(places[int(row)])[:200])
        codes[row] = -1
    return Interned(codes, rows.texts)


def unknown_class(reading: Reading, where: str, category: Any) -> None:
    """Tell of a category that is not listed."""
    reading.problem(
        "unknown-class", "error", where, f"its category_id {category!r:.60} is not listed; the box was left out"
    )


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
