"""A person's answers to suspects, and the COCO file with exactly what was answered.

An answer is `yes` (do as proposed), `no` (leave it), four numbers `x1 y1 x2 y2` (this is the box), or the name of a class
(this is the class; may be followed by four numbers). Without an answer nothing is done. Yes to a missing box adds it, to a
spurious one removes it, to a class or a place changes that and nothing else. All other records of the file, their ids and
whatever else they hold stay as they are. A polygon or mask of a box that was moved no longer fits it and is left out.
"""

from __future__ import annotations

import copy
import csv
import io
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from boxwright.artifacts import Suspects
from boxwright.artifacts.suspects import SUSPECT_KINDS
from boxwright.coco import Entry, entry_of
from boxwright.csv_cells import as_meant, harmless
from boxwright.errors import FormatError, InputError

COLUMNS = (
    "image", "file_name", "annotation_id", "kind", "score", "class_name", "box_xyxy", "proposed_class_name",
    "proposed_box_xyxy", "answer",
)  # fmt: skip


@dataclass(frozen=True)
class Applied:
    """A corrected tree and what was done to it."""

    tree: dict[str, Any]
    added: int
    removed: int
    relabelled: int
    moved: int
    left: int


def answer_sheet(found: Suspects, *, least_score: float) -> list[dict[str, Any]]:
    """One record per suspected box from `least_score` on, with an empty answer."""
    return [
        {
            "image": row["image_id"],
            "file_name": row["file_name"],
            "annotation_id": row["annotation_id"],
            "kind": row["kind"],
            "score": round(row["score"], 4),
            "class_name": _name(found.class_names, row["class_id"]),
            "box_xyxy": [row[corner] for corner in ("x1", "y1", "x2", "y2")],
            "proposed_class_name": _name(found.class_names, row["proposed_class_id"]),
            "proposed_box_xyxy": row["proposed_box"],
            "answer": "",
        }
        for row in found.once.to_pylist()
        if row["score"] >= least_score
    ]


def sheet_text(sheet: Sequence[Mapping[str, Any]], *, as_csv: bool) -> str:
    """The sheet as CSV (boxes as four numbers with blanks between) or as JSON."""
    if not as_csv:
        return json.dumps(list(sheet), indent=1, ensure_ascii=False) + "\n"
    out = io.StringIO()
    writer: csv.DictWriter[str] = csv.DictWriter(
        out, list(COLUMNS), lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC
    )  # with quotes a `;` in a name begins no cell where cells are parted there
    writer.writeheader()
    for row in sheet:
        boxes = {key: " ".join(map(repr, row[key])) if row[key] else "" for key in ("box_xyxy", "proposed_box_xyxy")}
        writer.writerow({k: harmless(v) if isinstance(v, str) else v for k, v in {**row, **boxes}.items()})
    return out.getvalue()


def read_sheet(path: Path) -> list[dict[str, Any]]:
    """A sheet that was written by `sheet_text` and filled in.

    Raises:
        FormatError: it is neither, or lacks a column.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")  # line ends inside a cell stay what they are
        as_csv = path.suffix.lower() == ".csv"
        reader = csv.DictReader(io.StringIO(text, newline="")) if as_csv else None
        rows = list(reader) if reader else json.loads(text)
        header = list(reader.fieldnames or ()) if reader else None
    except (ValueError, csv.Error, RecursionError) as error:
        raise FormatError(f"'{path}' is not a sheet of answers: {error}.") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise FormatError(f"'{path}' must be a list of suspects with their answers, as `--answers-to` writes it.")
    for number, keys in enumerate([header] if header is not None else rows):
        missing = [name for name in ("image", "annotation_id", "kind", "box_xyxy", "answer") if name not in keys]
        if missing:
            where = "the first line" if header is not None else f"row {number + 1}"
            raise FormatError(f"'{path}', {where}: the column '{missing[0]}' is missing; commas part the columns.")
    for number, row in enumerate(rows):
        if None in row:
            raise FormatError(f"'{path}' row {number + 1} has more cells than the first line; quote what holds commas.")
    if as_csv:
        return [{k: as_meant(v) if isinstance(v, str) else v for k, v in row.items()} for row in rows]
    return rows


def apply_answers(tree: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> Applied:
    """A COCO tree with what people answered, and nothing else.

    Args:
        tree: parsed ground truth; left as it is.
        rows: as `read_sheet` gives them.

    Raises:
        InputError: an answer cannot be understood, or speaks of a box that the file does not hold like that.
    """
    sheet = _Sheet.of(tree)
    for number, row in enumerate(rows, start=1):
        sheet.take(row, number)
    return sheet.applied()


@dataclass
class _Sheet:
    """A COCO tree into which answers are put one by one.

    Attributes:
        made: the tree, a copy.
        names: class name to category id.
        images: image id to its entry.
        by_id: annotation id to its entry.
        there: boxes that there are, see `_key`.
        answered: boxes that an answer was about.
        gone: identities of entries that were removed.
        counts: what was done, by name.
    """

    made: dict[str, Any]
    names: dict[str, Any]
    images: dict[int | None, dict[str, Any]]
    by_id: dict[int, dict[str, Any]]
    there: set[Any]
    answered: set[tuple[Any, ...]] = field(default_factory=set)
    gone: set[int] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, tree: Mapping[str, Any]) -> _Sheet:
        made = copy.deepcopy(dict(tree))
        annotations = made.setdefault("annotations", [])
        return cls(
            made,
            names={str(entry["name"]): entry["id"] for entry in made.get("categories", [])},
            images={_whole(entry["id"]): entry for entry in made.get("images", [])},
            by_id={int(entry.get("id", number)): entry for number, entry in enumerate(annotations)},
            there={_key(_whole(e.image_id), e.category_id, _corners(e.bbox)) for e in map(entry_of, annotations)},
        )

    def take(self, row: Mapping[str, Any], number: int) -> None:
        """One row of the answers; a row without one says nothing."""
        answer = _answer(row.get("answer"), self.names, number)
        if answer is None:
            return
        kind, image = str(row["kind"]), _whole(row["image"])
        if kind not in SUSPECT_KINDS:
            raise InputError(f"Answer {number}: the kind must be one of {', '.join(SUSPECT_KINDS)}; found '{kind}'.")
        if image not in self.images:
            raise InputError(f"Answer {number}: the ground truth has no image '{row['image']}'.")
        about = (image, str(row["annotation_id"]) if kind != "missing" else tuple(_box(row["box_xyxy"], number)))
        if about in self.answered:
            raise InputError(f"Answer {number} is about a box that has been answered before; keep one of the rows.")
        self.answered.add(about)
        if answer == (False, None, None):
            self.counts["left"] += 1
            return
        _, said_class, said_box = answer
        if said_box is not None:
            _inside(said_box, self.images[image], number)
        if kind == "missing":
            self._add(row, number, image, said_class, said_box)
        else:
            self._change(row, number, kind, said_class, said_box)

    def _add(
        self, row: Mapping[str, Any], number: int, image: int | None, said_class: Any, said_box: list[float] | None
    ) -> None:
        category = said_class if said_class is not None else self.names.get(str(row.get("proposed_class_name")))
        box = said_box or _box(row.get("proposed_box_xyxy") or row["box_xyxy"], number)
        if category is None:
            raise InputError(f"Answer {number}: the class of the missing box is not in the ground truth.")
        if _key(image, category, box) in self.there:
            raise InputError(
                f"Answer {number} adds a box that is there already; apply answers to the file that was audited."
            )
        fresh = max(self.by_id, default=0) + 1 + self.counts["added"]
        added = Entry(id=fresh, image_id=self.images[image]["id"], category_id=category)
        self.made["annotations"].append(added.tree() | _place(box))
        self.counts["added"] += 1

    def _change(
        self, row: Mapping[str, Any], number: int, kind: str, said_class: Any, said_box: list[float] | None
    ) -> None:
        entry = _entry(row, self.by_id, self.names, number)
        as_proposed = said_class is None and said_box is None
        if kind == "spurious" and as_proposed:
            self.gone.add(id(entry))
            self.counts["removed"] += 1
            return
        if kind == "class" and as_proposed:
            said_class = self.names.get(str(row.get("proposed_class_name")))
            if said_class is None:
                raise InputError(
                    f"Answer {number}: the proposed class '{row.get('proposed_class_name')}' is not known."
                )
        if kind == "location" and as_proposed:
            said_box = _box(row.get("proposed_box_xyxy"), number)
        if said_class is not None:
            entry.update(Entry(category_id=said_class).tree())
            self.counts["relabelled"] += 1
        if said_box is not None:
            entry.update(_place(said_box))
            entry.pop("segmentation", None)
            self.counts["moved"] += 1

    def applied(self) -> Applied:
        """What came of it."""
        kept = [entry for entry in self.made["annotations"] if id(entry) not in self.gone]
        of = self.counts
        return Applied(
            {**self.made, "annotations": kept}, added=of["added"], removed=of["removed"], relabelled=of["relabelled"],
            moved=of["moved"], left=of["left"],
        )  # fmt: skip


def _entry(row: Mapping[str, Any], by_id: Mapping[int, dict], names: Mapping[str, Any], number: int) -> dict[str, Any]:
    """The annotation a row speaks of, as the row has it."""
    known = _whole(row["annotation_id"])
    record = None if known is None else by_id.get(known)
    box = _box(row["box_xyxy"], number)
    if record is None or not _is_of(entry_of(record), row, names, box):
        raise InputError(
            f"Answer {number} is about annotation {row['annotation_id']} of image {row['image']}, which this ground truth "
            f"does not hold with that class and box; apply answers to the file that was audited."
        )
    return record


def _is_of(entry: Entry, row: Mapping[str, Any], names: Mapping[str, Any], box: list[float]) -> bool:
    """Whether an annotation has the image, class and box that a row of the sheet says."""
    return (
        _whole(entry.image_id) == _whole(row["image"])
        and entry.category_id == names.get(str(row.get("class_name")))
        and all(abs(a - b) < 1e-6 * max(1.0, abs(b)) for a, b in zip(_corners(entry.bbox), box, strict=True))
    )


def _answer(text: Any, names: Mapping[str, Any], number: int) -> tuple[bool, Any, list[float] | None] | None:
    """(do it, class, box) or None where nobody answered."""
    if isinstance(text, list):
        return True, None, _box(text, number)
    said = str(text or "").strip()
    if not said:
        return None
    if said.lower() in ("yes", "no"):
        return said.lower() == "yes", None, None
    name = next((n for n in sorted(names, key=len, reverse=True) if said == n or said.startswith(n + " ")), None)
    rest = said[len(name) :].strip() if name else said
    return True, names[name] if name else None, _box(rest, number) if rest else None


def _box(value: Any, number: int) -> list[float]:
    """Four numbers x1 y1 x2 y2."""
    parts = value.strip("[]() ").replace(",", " ").split() if isinstance(value, str) else value or []
    try:
        box = [float(part) for part in parts]
    except (TypeError, ValueError):
        box = []
    if len(box) != 4 or not all(map(math.isfinite, box)) or box[2] <= box[0] or box[3] <= box[1]:
        raise InputError(
            f"Answer {number} must be yes, no, a class, or a box 'x1 y1 x2 y2' with x1 < x2 and y1 < y2; found '{value}'."
        )
    return box


def _whole(value: Any) -> int | None:
    """An id as a sheet holds it: spreadsheets write 3.0 for 3. None where it is no whole number."""
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        text = str(value).strip()
        return int(text[:-2]) if text.endswith(".0") and text[:-2].isdigit() else None


def _inside(box: Sequence[float], image: Mapping[str, Any], number: int) -> None:
    """InputError when a box that a person gave reaches out of its picture by more than a pixel."""
    width, height = image.get("width"), image.get("height")
    if not isinstance(width, int | float) or not isinstance(height, int | float):
        return
    if min(box[:2]) < -1 or box[2] > width + 1 or box[3] > height + 1:
        raise InputError(
            f"Answer {number}: the box {' '.join(f'{v:g}' for v in box)} reaches out of its picture ({width} x {height}); "
            f"a box is x1 y1 x2 y2 in pixels."
        )


def _key(image: Any, category: Any, box: Sequence[float]) -> tuple[Any, ...]:
    return image, category, *(round(v, 3) for v in box)


def _corners(bbox: Sequence[float]) -> list[float]:
    x, y, w, h = map(float, bbox)
    return [x, y, x + w, y + h]


def _place(box: Sequence[float]) -> dict[str, Any]:
    x1, y1, x2, y2 = box
    return Entry(bbox=[x1, y1, x2 - x1, y2 - y1], area=(x2 - x1) * (y2 - y1), iscrowd=0).tree()


def _name(names: Sequence[str], class_id: int | None) -> str | None:
    return None if class_id is None else names[class_id]
