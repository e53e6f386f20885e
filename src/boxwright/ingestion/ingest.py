"""Files of the field become a dataset; what was refused is reported with it."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from boxwright.artifacts import Dataset
from boxwright.errors import FormatError, InputError
from boxwright.ingestion.pictures import Depth, Fetch, Progress, Seen, look
from boxwright.ingestion.reading import Boxes, PictureRecord, Problem, Reading
from boxwright.ingestion.rows import Rows
from boxwright.ingestion.source import read_source
from boxwright.spec import Spec

KeepPictures = Callable[[Iterable[bytes]], list[str]]
_AT_ONCE = 256


def ingest(
    source: Path,
    *,
    name: str,
    keep: KeepPictures,
    spec: Spec | None = None,
    pictures: Path | None = None,
    conditions: Path | None = None,
    earlier: Dataset | None = None,
    format: str | None = None,
    progress: Progress | None = None,
) -> tuple[Dataset, list[Problem]]:
    """The dataset in a source, and everything that was wrong with it.

    Args:
        source: an annotation file or a folder in any format we read.
        name: of the data set.
        keep: stores encoded pictures and returns their digests.
        spec: its classes give the class_ids, its label policy says what "difficult" means.
        pictures: folder of the pictures, when it cannot be guessed.
        conditions: CSV or Parquet keyed by file name, for what the source does not tell.
        earlier: the version before this one; where the source gives no ids, pictures it knows keep theirs.
        format: as for `read_source`.
        progress: called with (done, all).

    Raises:
        FormatError: the source is in no format we read.
        InputError: nothing usable was found, or a condition file names no picture of the source.
    """
    ignored = spec is None or spec.labels.difficult == "ignore"
    reading = read_source(source, pictures=pictures, difficult_is_ignored=ignored, format=format)
    extra = read_conditions(conditions) if conditions else {}
    class_names = list(reading.class_names) if spec is None else list(spec.class_names)
    rows = Rows()
    waiting: list[Seen] = []

    def flush() -> None:
        for seen, digest in zip(waiting, keep(s.data for s in waiting), strict=True):
            record = _of_spec(reading, seen.record, spec) if spec is not None else seen.record
            rows.add(replace(record, digest=digest, conditions=_conditions(record, extra, seen.measures)))
        waiting.clear()

    for seen in look(reading, progress=progress):
        waiting.append(seen)
        if len(waiting) >= _AT_ONCE:
            flush()
    flush()
    if not len(rows):
        raise InputError(
            f"'{source}' holds no usable picture ({sum(reading.counts.values())} problems; see `boxwright check`)."
        )
    if extra and not any(key in extra for name in rows.names for key in (name, Path(name).name)):
        raise InputError(f"'{conditions}' names no picture of '{source}'; its first column must hold file names.")
    dataset = Dataset(
        name=name, class_names=tuple(class_names), rows=rows.table(earlier), provenance=_provenance(reading, class_names),
        made_from={},
    )  # fmt: skip
    return dataset, reading.problems


@dataclass(frozen=True)
class Checked:
    """What a look at a source found.

    Attributes:
        reading: as read, with every problem.
        images, annotations: that can be used.
        unlabelled: pictures nobody has looked at, among `images`.
    """

    reading: Reading
    images: int
    annotations: int
    unlabelled: int


def check(
    source: Path,
    *,
    pictures: Path | None = None,
    without_pictures: bool = False,
    format: str | None = None,
    progress: Progress | None = None,
) -> Checked:
    """A source read and looked at, without keeping anything.

    Args:
        source: an annotation file or a folder.
        pictures: folder of the pictures, when it cannot be found.
        without_pictures: judge the annotations alone, by the sizes they declare.
        format: as for `read_source`.
        progress: called with (done, all).
    """
    reading = read_source(source, pictures=pictures, format=format)
    return check_reading(reading, depth="nothing" if without_pictures else "pixels", progress=progress)


def check_reading(
    reading: Reading, *, depth: Depth = "pixels", fetch: Fetch | None = None, progress: Progress | None = None
) -> Checked:
    """A reading looked at, without keeping anything; the arguments are those of `look`."""
    images, annotations, unlabelled = 0, 0, 0
    for seen in look(reading, depth=depth, fetch=fetch, progress=progress):
        images += 1
        annotations += seen.record.box_count
        unlabelled += not seen.record.labelled
    return Checked(reading, images, annotations, unlabelled)


def read_conditions(path: Path) -> dict[str, dict[str, str]]:
    """File name to conditions, from a CSV or Parquet file whose first column holds the names.

    Raises:
        FormatError: the file cannot be read, has no second column, or gives one name twice with different values.
    """
    try:
        if path.suffix.lower() == ".parquet":
            table = pq.read_table(path).to_pylist()
        else:
            with path.open(newline="", encoding="utf-8-sig") as file:
                table = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise FormatError(f"Cannot read conditions from '{path}': {error}.") from error
    if any(None in row for row in table):
        raise FormatError(f"'{path}' has a row with more cells than its header; quote values that hold commas.")
    if not table or len(table[0]) < 2:
        raise FormatError(
            f"'{path}' must have a header with a file name column first and at least one condition beside it."
        )
    key = next(iter(table[0]))
    found: dict[str, dict[str, str]] = {}
    for number, row in enumerate(table, start=1):
        values = {k: str(v) for k, v in row.items() if k != key and v is not None}
        before = found.setdefault(str(row[key]), values)
        if before != values:
            raise FormatError(
                f"'{path}' gives '{row[key]}' twice with different values (again in row {number}: {values!s:.120}, before: "
                f"{before!s:.120}); which of the two is meant cannot be known. Keep one row per file name."
            )
    return found


def _conditions(
    record: PictureRecord, extra: Mapping[str, Mapping[str, str]], measures: Mapping[str, float]
) -> dict[str, Any]:
    more = extra.get(record.file_name) or extra.get(Path(record.file_name).name) or {}
    return {**record.conditions, **more, **measures}


def _of_spec(reading: Reading, record: PictureRecord, spec: Spec) -> PictureRecord:
    """The record with the spec's class_ids; boxes of other classes are left out, those too small or too hidden ignored."""
    boxes, known = record.boxes, list(spec.class_names)
    if not len(boxes):
        return record
    place = np.array([known.index(n) if n in known else -1 for n in reading.class_names], np.int32)[boxes.class_id]
    for row in np.flatnonzero(place < 0):
        reading.problem(
            "unknown-class", "error", boxes.where[int(row)],
            f"class '{reading.class_names[boxes.class_id[row]]}' is not in the spec ({', '.join(known)}); the box was left out",
        )  # fmt: skip
    boxes = replace(boxes, class_id=place).keep(place >= 0)
    size = (boxes.boxes_xyxy[:, 2:] - boxes.boxes_xyxy[:, :2]).min(axis=1, initial=np.inf)
    least = np.array([c.least_size_px for c in spec.classes], np.float64)[boxes.class_id]
    return replace(record, boxes=replace(boxes, ignore=boxes.ignore | (size < least) | _too_hidden(boxes, spec)))


def _too_hidden(boxes: Boxes, spec: Spec) -> NDArray[np.bool_]:
    """Whether the spec does not ask for an object this hidden (attribute `visible`, a share)."""
    hidden = np.zeros(len(boxes), np.bool_)
    for row in range(len(boxes)) if boxes.attributes is not None else ():
        visible = boxes.attributes_of(row).get("visible")
        least = spec.classes[int(boxes.class_id[row])].least_visible
        hidden[row] = isinstance(visible, int | float) and visible < least
    return hidden


def _provenance(reading: Reading, class_names: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"format": reading.format, "refused": [asdict(p) for p in reading.problems]}
    if reading.turned:
        found["turned_upright"] = dict(reading.turned)
    if reading.category_ids is not None and list(reading.class_names) == class_names:
        found["category_ids"] = reading.category_ids
    return found
