"""What a format's reader hands on, and what a writer takes: pictures, columns of boxes, and what was wrong with them.

A reader reads one format and judges nothing but that format. Whether pictures exist, decode, and hold their boxes is
looked at afterwards, for all formats alike, in `pictures.py`. Boxes are columns: a million of them are a few arrays.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from boxwright.coco import NO_ID

Severity = Literal["error", "warning"]
LOSE_A_BOX = ("bad-box", "no-box", "unknown-class", "unknown-image", "outside-picture", "bad-frame")  # as errors
MOST_OF_A_KIND = 10_000  # problems of one code that are kept one by one; the rest are counted


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a source.

    Attributes:
        code: short and stable, such as `bad-box`.
        severity: an error loses data or misleads; a warning was mended or may be meant.
        where: file and record, such as `annotations.json annotation 3`.
        message: what was expected and found, and what was done.
    """

    code: str
    severity: Severity
    where: str
    message: str


@dataclass
class BoxRecord:
    """One annotation as read from a format of small files.

    Attributes:
        annotation_id: the file's, or None.
        class_name: by name.
        box_xyxy: continuous pixels.
        where: for problems.
        area: the file's own (a mask's), or None.
        crowd: COCO iscrowd.
        ignore: not to be judged.
        attributes: truncated, occluded, difficult, ... as the file gives them.
    """

    annotation_id: int | None
    class_name: str
    box_xyxy: tuple[float, float, float, float]
    where: str
    area: float | None = None
    crowd: bool = False
    ignore: bool = False
    attributes: dict[str, Any] = field(default_factory=dict)


class Numbered(Sequence[str]):
    """Where annotations of one file stand, spelled out only when somebody asks: `gt.json annotation 3`."""

    def __init__(self, file: str, ids: NDArray[np.int64], positions: NDArray[np.int64]) -> None:
        self.file, self.ids, self.positions = file, ids, positions

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice | np.ndarray):
            return Numbered(self.file, self.ids[i], self.positions[i])
        number = self.ids[i] if self.ids[i] != NO_ID else f"at position {self.positions[i]}"
        return f"{self.file} annotation {number}"


class Interned(Sequence[dict[str, Any]]):
    """Attributes of annotations: every different text is kept once, as JSON, and parsed when it is asked for."""

    __slots__ = ("codes", "texts")

    def __init__(self, codes: NDArray[np.int32], texts: Sequence[bytes | dict[str, Any]]) -> None:
        self.codes, self.texts = codes, texts

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice | np.ndarray):
            return Interned(self.codes[i], self.texts)
        code = int(self.codes[i])
        if code < 0:
            return {}
        text = self.texts[code]
        return json.loads(text) if isinstance(text, bytes) else text

    def every(self) -> list[dict[str, Any]]:
        """What each code stands for, and last what -1 does: nothing."""
        return [json.loads(text) if isinstance(text, bytes) else text for text in self.texts] + [{}]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


@dataclass(slots=True)
class Boxes:
    """The annotations of one picture as columns, in the order of the source.

    Attributes:
        class_id: (n,) int32 index into the reading's class_names.
        boxes_xyxy: (n, 4) float64 continuous pixels.
        annotation_id: (n,) int64 the file's, or NO_ID.
        area: (n,) float64 the file's own (a mask's), NaN where it gives none.
        crowd, ignore: (n,) bool: COCO's iscrowd; not to be judged.
        attributes: one dictionary per annotation; None when none has any.
        where: file and record, for problems.
    """

    class_id: NDArray[np.int32]
    boxes_xyxy: NDArray[np.float64]
    annotation_id: NDArray[np.int64]
    area: NDArray[np.float64]
    crowd: NDArray[np.bool_]
    ignore: NDArray[np.bool_]
    attributes: Sequence[dict[str, Any]] | None
    where: Sequence[str]

    def __len__(self) -> int:
        return len(self.class_id)

    @classmethod
    def empty(cls) -> Boxes:
        """No annotations; the columns are never written to."""
        return _NONE

    @classmethod
    def of(cls, records: Sequence[BoxRecord], class_id: Sequence[int]) -> Boxes:
        """Columns of some records."""
        if not records:
            return cls.empty()
        return cls(
            class_id=np.array(class_id, np.int32),
            boxes_xyxy=np.array([r.box_xyxy for r in records], np.float64),
            annotation_id=np.array([NO_ID if r.annotation_id is None else r.annotation_id for r in records], np.int64),
            area=np.array([np.nan if r.area is None else r.area for r in records], np.float64),
            crowd=np.array([r.crowd for r in records], np.bool_),
            ignore=np.array([r.ignore for r in records], np.bool_),
            attributes=[r.attributes for r in records] if any(r.attributes for r in records) else None,
            where=[r.where for r in records],
        )

    def attributes_of(self, row: int) -> dict[str, Any]:
        """The attributes of one annotation."""
        return self.attributes[row] if self.attributes is not None else {}

    def take(self, rows: NDArray[np.int64]) -> Boxes:
        """Some of the rows, in the order given."""
        return Boxes(
            self.class_id[rows],
            self.boxes_xyxy[rows],
            self.annotation_id[rows],
            self.area[rows],
            self.crowd[rows],
            self.ignore[rows],
            _taken(self.attributes, rows),
            _taken(self.where, rows) or [],
        )

    def cut(self, start: int, stop: int) -> Boxes:
        """Rows that follow each other, as views."""
        part = slice(start, stop)
        attributes = self.attributes[part] if self.attributes is not None else None
        if isinstance(attributes, Interned) and not (attributes.codes >= 0).any():
            attributes = None
        return Boxes(
            self.class_id[part], self.boxes_xyxy[part], self.annotation_id[part], self.area[part], self.crowd[part],
            self.ignore[part], attributes, self.where[part],
        )  # fmt: skip

    def keep(self, mask: NDArray[np.bool_]) -> Boxes:
        """The rows where `mask` holds; the same object when it holds everywhere."""
        return self if mask.all() else self.take(np.flatnonzero(mask))


def _taken(column: Sequence[Any] | None, rows: NDArray[np.int64]) -> Any:
    if isinstance(column, Numbered | Interned):
        return column[rows]
    return None if column is None else [column[i] for i in rows]


_NONE = Boxes(
    np.zeros(0, np.int32), np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.bool_),
    np.zeros(0, np.bool_), None, [],
)  # fmt: skip


@dataclass(slots=True)
class PictureRecord:
    """One picture as listed.

    Attributes:
        file_name: relative, as the source calls it.
        path: where the file should be.
        image_id: the file's, or None.
        size_hw: height and width the source declares, or None.
        side: train, val, test, or empty.
        labelled: False when the source has no labels for it at all.
        conditions: metadata.
        boxes: annotations.
        root: folder the file must not leave, links followed; None where any place will do.
        digest: of the picture in the store, or empty.
        left_out: annotations of it that are not among the boxes, because they have no box or cannot be used.
    """

    file_name: str
    path: Path
    image_id: int | None = None
    size_hw: tuple[int, int] | None = None
    side: str = ""
    labelled: bool = True
    conditions: dict[str, Any] = field(default_factory=dict)
    boxes: Boxes = field(default_factory=Boxes.empty)
    root: Path | None = None
    digest: str = ""
    left_out: int = 0

    @property
    def box_count(self) -> int:
        """How many annotations, without cutting them out of shared columns."""
        return len(self.boxes)


class SharedRecord(PictureRecord):
    """A picture whose boxes are some rows of columns that many pictures share; they are cut out when asked for."""

    __slots__ = ("_own", "_rows", "_shared")
    _own: Boxes | None

    def share(self, columns: Boxes, start: int, stop: int) -> None:
        """Take rows start to stop of the columns."""
        self._own, self._shared, self._rows = None, columns, (start, stop)

    @property
    def boxes(self) -> Boxes:  # pyright: ignore
        """Annotations."""
        return self._own if self._own is not None else self._shared.cut(*self._rows)

    @boxes.setter
    def boxes(self, boxes: Boxes) -> None:  # pyright: ignore
        self._own = boxes

    @property
    def box_count(self) -> int:
        """How many annotations."""
        return len(self._own) if self._own is not None else self._rows[1] - self._rows[0]


@dataclass
class Reading:
    """A source, read.

    Attributes:
        format: coco, yolo, voc, cvat, labelstudio or labelme.
        class_names: in the order the source gives them.
        pictures: in the order of the source.
        problems: found while reading; of one code at most MOST_OF_A_KIND.
        category_ids: COCO's category id by position in class_names.
        turned: kinds of outline that were turned into upright boxes, and how many.
        counts: problems by (code, severity), those not kept included.
        sheet: the data sheet a stored version carries, as a JSON object.
        bit_depth: bits that are used of samples of more than 8 bits, where that is declared.
    """

    format: str
    class_names: list[str]
    pictures: list[PictureRecord] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    category_ids: list[int] | None = None
    turned: Counter[str] = field(default_factory=Counter)
    counts: Counter[tuple[str, Severity]] = field(default_factory=Counter)
    sheet: dict[str, Any] | None = None
    bit_depth: int | None = None

    def problem(self, code: str, severity: Severity, where: str, message: str) -> None:
        """Note one more problem."""
        self.counts[code, severity] += 1
        if self.counts[code, severity] <= MOST_OF_A_KIND:
            self.problems.append(Problem(code, severity, where, message))

    @property
    def boxes_refused(self) -> int:
        """Boxes that were left out because they could not be used."""
        return sum(self.counts[code, "error"] for code in LOSE_A_BOX)

    def take_problems(self, other: Reading) -> None:
        """Note the problems of another reading."""
        for (code, severity), count in other.counts.items():
            noted = self.counts[code, severity]
            kept = [p for p in other.problems if (p.code, p.severity) == (code, severity)]
            self.problems += kept[: max(MOST_OF_A_KIND - noted, 0)]
            self.counts[code, severity] += count

    def boxes(self, records: Sequence[BoxRecord], *, names: dict[str, int]) -> Boxes:
        """Columns of some records; `names` is class name to position and grows with class_names."""
        for record in records:
            if record.class_name not in names:
                names[record.class_name] = len(self.class_names)
                self.class_names.append(record.class_name)
        return Boxes.of(records, [names[r.class_name] for r in records])

    def sort_classes(self) -> None:
        """Class names in alphabetical order, for formats that declare none."""
        order = sorted(range(len(self.class_names)), key=lambda i: self.class_names[i])
        place = np.argsort(np.array(order, np.int64)).astype(np.int32)
        self.class_names = [self.class_names[i] for i in order]
        for record in self.pictures:
            if len(record.boxes):
                record.boxes = replace(record.boxes, class_id=place[record.boxes.class_id])
