"""Files of the field become a dataset; what was refused is reported with it."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from boxwright.artifacts import Dataset
from boxwright.csv_cells import as_meant
from boxwright.errors import FormatError, InputError
from boxwright.ingestion.looks import Looks
from boxwright.ingestion.pictures import Depth, Fetch, Progress, Seen, look
from boxwright.ingestion.reading import PictureRecord, Reading
from boxwright.ingestion.rows import Rows
from boxwright.ingestion.source import read_source
from boxwright.ingestion.under_spec import UnderSpec
from boxwright.plain_text import control_in, printable
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
    classes: Sequence[str] | None = None,
    bit_depth: int | None = None,
    looks: Looks | None = None,
    progress: Progress | None = None,
) -> tuple[Dataset, Reading]:
    """The dataset in a source, and the reading with everything that was wrong with it.

    Args:
        source: an annotation file or a folder in any format we read.
        name: of the data set.
        keep: stores encoded pictures and returns their digests.
        spec: its classes give the class_ids, its label policy says what "difficult" means.
        pictures: folder of the pictures, when it cannot be guessed.
        conditions: CSV or Parquet keyed by file name, for what the source does not tell.
        earlier: the version before this one; where the source gives no ids, pictures it knows keep theirs.
        format, classes: as for `read_source`.
        bit_depth: bits that are used of samples of more than 8 bits; the spec's where None.
        looks: remembers what pixels say, so that an interrupted ingest goes on.
        progress: called with (done, all).

    Raises:
        FormatError: the source is in no format we read.
        InputError: nothing usable was found, every box was refused, or a condition file names no picture of the source.
    """
    ignored = spec is None or spec.labels.difficult == "ignore"
    reading = read_source(source, pictures=pictures, difficult_is_ignored=ignored, format=format, classes=classes)
    reading.bit_depth = _declared(bit_depth, spec)
    extra = read_conditions(conditions) if conditions else {}
    class_names = list(reading.class_names) if spec is None else list(spec.class_names)
    under = UnderSpec(reading, spec) if spec is not None else None
    read = sum(record.box_count for record in reading.pictures)
    rows = Rows()
    waiting: list[Seen] = []

    def flush() -> None:
        for seen, digest in zip(waiting, keep(s.data for s in waiting), strict=True):
            record = under.take(seen.record, seen.data) if under else seen.record
            found = _conditions(record, extra, seen.measures)
            if under:
                under.count(found)
            rows.add(replace(record, digest=digest, conditions=found))
        waiting.clear()

    for seen in look(reading, looks=looks, progress=progress):
        waiting.append(seen)
        if len(waiting) >= _AT_ONCE:
            flush()
    flush()
    if under:
        under.tell()
    if not len(rows):
        raise InputError(
            f"'{source}' holds no usable picture ({sum(reading.counts.values())} problems; see `boxwright check`)."
        )
    if not rows.box_count and (read or reading.boxes_refused):
        raise InputError(every_box_refused(source, reading))
    if extra and not any(key in extra for name in rows.names for key in (name, Path(name).name)):
        raise InputError(f"'{conditions}' names no picture of '{source}'; its first column must hold file names.")
    dataset = Dataset(
        name=name, class_names=tuple(class_names), rows=rows.table(earlier), provenance=_provenance(reading, class_names),
        made_from={},
    )  # fmt: skip
    return dataset, reading


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
    spec: Spec | None = None,
    format: str | None = None,
    classes: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Checked:
    """A source read and looked at, without keeping anything.

    Args:
        source: an annotation file or a folder.
        pictures: folder of the pictures, when it cannot be found.
        without_pictures: judge the annotations alone, by the sizes they declare.
        spec: also say what it would refuse or miss.
        format, classes: as for `read_source`.
        progress: called with (done, all).
    """
    reading = read_source(source, pictures=pictures, format=format, classes=classes)
    return check_reading(reading, depth="nothing" if without_pictures else "pixels", spec=spec, progress=progress)


def check_reading(
    reading: Reading,
    *,
    depth: Depth = "pixels",
    fetch: Fetch | None = None,
    spec: Spec | None = None,
    conditions: Path | None = None,
    bit_depth: int | None = None,
    progress: Progress | None = None,
) -> Checked:
    """A reading looked at, without keeping anything.

    Args:
        reading: gets the problems.
        depth, fetch, progress: as for `look`.
        spec: also say what it would refuse or miss.
        conditions, bit_depth: as for `ingest`; None keeps what a stored version was ingested with.
    """
    reading.bit_depth = _declared(bit_depth if bit_depth is not None else reading.bit_depth, spec)
    under = UnderSpec(reading, spec) if spec is not None else None
    extra = read_conditions(conditions) if conditions else {}
    images, annotations, unlabelled = 0, 0, 0
    for seen in look(reading, depth=depth, fetch=fetch, progress=progress):
        record = under.take(seen.record, seen.data) if under else seen.record
        found = _conditions(record, extra, seen.measures)
        if under:
            under.count(found)
        images += 1
        annotations += record.box_count
        unlabelled += not record.labelled
    if under:
        under.tell()
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
                table = [
                    {as_meant(k) if k else k: as_meant(v) if isinstance(v, str) else v for k, v in row.items()}
                    for row in csv.DictReader(file)
                ]
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
    found = {**record.conditions, **more, **measures}
    for name, value in found.items():
        if control := control_in(name) or (control_in(value) if isinstance(value, str) else None):
            raise FormatError(
                f"'{printable(record.file_name)}': the condition '{printable(name)}' with the value '{printable(str(value))[:80]}' "
                f"contains the control character {control}. Conditions name slices on pages and in terminals; correct it in the source."
            )
    return found


def _declared(bit_depth: int | None, spec: Spec | None) -> int | None:
    """The bit depth that is declared, by the caller or the spec; InputError where they differ."""
    of_spec = spec.images.bit_depth if spec is not None else None
    if bit_depth is not None and of_spec is not None and bit_depth != of_spec:
        raise InputError(
            f"The bit depth is given as {bit_depth}, but images.bit_depth of the spec is {of_spec}; give one of them, or the same."
        )
    return bit_depth if bit_depth is not None else of_spec


def every_box_refused(source: Path, reading: Reading, *, done: str = "stored") -> str:
    """The refusal of a source with no box that can be used; `done` is what was not done."""
    kinds = [f"{n} {code}" for (code, severity), n in reading.counts.most_common() if severity == "error"]
    first = next((f" The first: {p.where}: {p.message}." for p in reading.problems if p.severity == "error"), "")
    return (
        f"'{source}' has annotations, but every one was refused ({', '.join(kinds)}), and nothing was {done}.{first} "
        f"`boxwright check {source}` lists them; with --spec spec.yaml also what the spec refuses."
    )


def _provenance(reading: Reading, class_names: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"format": reading.format, "refused": [asdict(p) for p in reading.problems]}
    if reading.bit_depth is not None:
        found["bit_depth"] = reading.bit_depth
    if reading.turned:
        found["turned_upright"] = dict(reading.turned)
    if reading.category_ids is not None and list(reading.class_names) == class_names:
        found["category_ids"] = reading.category_ids
    return found
