"""Files of the field become a dataset; what was refused is reported with it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from boxwright.artifacts import Dataset
from boxwright.errors import FormatError, InputError
from boxwright.ingestion.pictures import Progress, Seen, look
from boxwright.ingestion.reading import BoxRecord, Problem, Reading
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
    progress: Progress | None = None,
) -> tuple[Dataset, list[Problem]]:
    """The dataset in a source, and everything that was wrong with it.

    Args:
        source: COCO JSON, or a COCO, YOLO or VOC folder.
        name: of the data set.
        keep: stores encoded pictures and returns their digests.
        spec: its classes give the class_ids, its label policy says what "difficult" means.
        pictures: folder of COCO's pictures, when it cannot be guessed.
        conditions: CSV or Parquet keyed by file name, for what the source does not tell.
        earlier: the version before this one; where the source gives no ids, pictures it knows keep theirs.
        progress: called with (done, all).

    Raises:
        FormatError: the source is in no format we read.
        InputError: nothing usable was found, or a condition file names no picture of the source.
    """
    ignored = spec is None or spec.labels.difficult == "ignore"
    reading = read_source(source, pictures=pictures, difficult_is_ignored=ignored)
    extra = read_conditions(conditions) if conditions else {}
    class_names = _class_names(reading, spec)
    rows: list[dict[str, Any]] = []
    waiting: list[Seen] = []

    def flush() -> None:
        for seen, digest in zip(waiting, keep(s.data for s in waiting), strict=True):
            rows.append(_row(seen, digest, class_names, extra, spec))
        waiting.clear()

    for seen in look(reading, progress=progress):
        waiting.append(seen)
        if len(waiting) >= _AT_ONCE:
            flush()
    flush()
    if not rows:
        raise InputError(
            f"'{source}' holds no usable picture ({len(reading.problems)} problems; see `boxwright check`)."
        )
    if extra and not any(key in extra for row in rows for key in (row["file_name"], Path(row["file_name"]).name)):
        raise InputError(f"'{conditions}' names no picture of '{source}'; its first column must hold file names.")
    _number(rows, earlier)
    dataset = Dataset.from_rows(
        rows, name=name, class_names=tuple(class_names), provenance=_provenance(reading, class_names)
    )
    return dataset, reading.problems


def check(source: Path, *, pictures: Path | None = None, progress: Progress | None = None) -> tuple[Reading, int, int]:
    """A source read and looked at, without keeping anything: the reading, usable pictures, usable annotations."""
    reading = read_source(source, pictures=pictures)
    images, annotations = 0, 0
    for seen in look(reading, progress=progress):
        images += 1
        annotations += len(seen.record.boxes)
    return reading, images, annotations


def read_conditions(path: Path) -> dict[str, dict[str, str]]:
    """File name to conditions, from a CSV or Parquet file whose first column holds the names.

    Raises:
        FormatError: the file cannot be read, or has no second column.
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
    return {str(row[key]): {k: str(v) for k, v in row.items() if k != key and v is not None} for row in table}


def _class_names(reading: Reading, spec: Spec | None) -> list[str]:
    if spec is None:
        return list(reading.class_names)
    known = list(spec.class_names)
    for record in reading.pictures:
        kept = []
        for box in record.boxes:
            if box.class_name in known:
                kept.append(box)
            else:
                reading.problem(
                    "unknown-class", "error", box.where,
                    f"class '{box.class_name}' is not in the spec ({', '.join(known)}); the box was left out",
                )  # fmt: skip
        record.boxes = kept
    return known


def _row(
    seen: Seen, digest: str, class_names: list[str], extra: Mapping[str, Mapping[str, str]], spec: Spec | None
) -> dict[str, Any]:
    record = seen.record
    more = extra.get(record.file_name) or extra.get(Path(record.file_name).name) or {}
    boxes = record.boxes
    corners = [box.box_xyxy for box in boxes]
    return {
        "image_id": record.image_id,
        "file_name": record.file_name,
        "picture": digest,
        "width": seen.size_hw[1],
        "height": seen.size_hw[0],
        "side": record.side,
        "labelled": record.labelled,
        "conditions": json.dumps({**record.conditions, **more, **seen.measures}, sort_keys=True, ensure_ascii=False),
        "annotation_id": [box.annotation_id for box in boxes],
        "class_id": [class_names.index(box.class_name) for box in boxes],
        **{name: [float(c[i]) for c in corners] for i, name in enumerate(("x1", "y1", "x2", "y2"))},
        "area": [box.area if box.area is not None else (c[2] - c[0]) * (c[3] - c[1]) for box, c in zip(boxes, corners, strict=True)],
        "crowd": [box.crowd for box in boxes],
        "ignore": [box.ignore or box.crowd or _too_little(box, spec) for box in boxes],
        "attributes": [json.dumps(box.attributes, sort_keys=True, ensure_ascii=False) for box in boxes],
    }  # fmt: skip


def _too_little(box: BoxRecord, spec: Spec | None) -> bool:
    """Whether the spec does not ask for an object this small, or this hidden (attribute `visible`, a share)."""
    clause = next((c for c in spec.classes if c.name == box.class_name), None) if spec else None
    if clause is None:
        return False
    x1, y1, x2, y2 = box.box_xyxy
    visible = box.attributes.get("visible")
    hidden = isinstance(visible, int | float) and visible < clause.least_visible
    return min(x2 - x1, y2 - y1) < clause.least_size_px or hidden


def _number(rows: list[dict[str, Any]], earlier: Dataset | None) -> None:
    """Ids where the source gives none: those of the earlier version, then the next ones in the order of file names."""
    ids = [row["image_id"] for row in rows]
    if any(i is None for i in ids) or len(set(ids)) < len(ids):
        known: dict[tuple[str, str], int] = {}
        if earlier is not None:
            names = zip(earlier.picture_digests, earlier.file_names, strict=True)
            known = dict(zip(names, earlier.image_ids.tolist(), strict=True))
        following = max(known.values(), default=0) + 1
        for row in sorted(rows, key=lambda r: r["file_name"]):
            row["image_id"] = known.pop((row["picture"], row["file_name"]), None)
            if row["image_id"] is None:
                row["image_id"] = following
                following += 1
    following = max((i for row in rows for i in row["annotation_id"] if i is not None), default=0) + 1
    for row in sorted(rows, key=lambda r: r["image_id"]):
        for position, value in enumerate(row["annotation_id"]):
            if value is None:
                row["annotation_id"][position] = following
                following += 1


def _provenance(reading: Reading, class_names: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"format": reading.format, "refused": [asdict(p) for p in reading.problems]}
    if reading.category_ids is not None and list(reading.class_names) == class_names:
        found["category_ids"] = reading.category_ids
    return found
