"""A version of data from what stands on the command line: in the store, or annotation files read as they are.

Files are read without opening a picture: what is compared or counted is what people wrote down.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import typer
from numpy.typing import NDArray

from boxwright.artifacts import ROW_SCHEMA, Dataset
from boxwright.cli.terminal import find
from boxwright.detections import offsets_from_counts
from boxwright.errors import BoxwrightError, InputError
from boxwright.images import read_picture
from boxwright.ingestion import read_conditions
from boxwright.ingestion.content import contents_of, digests_at
from boxwright.ingestion.reading import NO_ID, Boxes, Reading
from boxwright.ingestion.source import read_source
from boxwright.lifecycle.in_common import MATCH_BY
from boxwright.store import Store

MatchByOption = Annotated[
    str,
    typer.Option("--match-by", help="Which images are the same: auto (content, then name), name, or path-end."),
]
ReadPicture = Callable[[str, str], NDArray[np.uint8] | None]  # file name and digest to RGB


@dataclass(frozen=True)
class Version:
    """One side.

    Attributes:
        title: as it was called.
        dataset: its pictures and annotations.
        from_files: whether it was read from files.
        has_ids: whether its annotation ids mean anything.
        paths: file name to where the picture should lie; empty for the store.
        warnings: what was wrong with the files, one sentence each.
    """

    title: str
    dataset: Dataset
    from_files: bool
    has_ids: bool
    paths: dict[str, Path]
    warnings: tuple[str, ...] = ()


def version_at(store: Path, reference: str, *, pictures: Path | None = None, conditions: Path | None = None) -> Version:
    """What a folder of an artifact, a name, a version, a digest, or a path to annotations stands for.

    Args:
        store: folder of the store.
        reference: as it was typed.
        pictures: folder COCO's file names are relative to.
        conditions: CSV or Parquet with conditions by file name; only for files.
    """
    path = Path(reference)
    if (path / "manifest.json").is_file() or not path.exists():
        if not path.exists() and path.suffix and not store.is_dir():
            raise InputError(f"'{path}' does not exist, and there is no store at '{store}' that could hold it by name.")
        return Version(reference, find(store, reference, Dataset), False, True, {})
    reading = read_source(path, pictures=pictures)
    if not reading.pictures:
        raise InputError(f"'{path}' lists no picture; there is nothing to look at.")
    dataset, has_ids = dataset_of(reading, name=path.stem or "files", conditions=conditions)
    warnings = tuple(f"{p.where}: {p.message}" for p in reading.problems)
    paths = {record.file_name: record.path for record in reading.pictures}
    return Version(reference, dataset, True, has_ids, paths, warnings)


def dataset_of(reading: Reading, *, name: str, conditions: Path | None = None) -> tuple[Dataset, bool]:
    """A reading as a dataset without pictures, and whether the files gave the annotations ids."""
    told = read_conditions(conditions) if conditions else {}
    records = reading.pictures
    ids = [record.image_id for record in records]
    if any(i is None for i in ids) or len(set(ids)) < len(ids):
        ids = list(range(1, len(records) + 1))
    boxes = [record.boxes for record in records]
    counts = offsets_from_counts([len(b) for b in boxes])
    flat = _flat(boxes)
    given = flat["annotation_id"] != NO_ID
    has_ids = bool(given.all()) and len(given) > 0
    if not has_ids:
        flat["annotation_id"] = np.arange(1, len(given) + 1)
    columns: dict[str, Any] = {
        "image_id": ids,
        "file_name": [record.file_name for record in records],
        "picture": [""] * len(records),
        "width": [record.size_hw[1] if record.size_hw else 0 for record in records],
        "height": [record.size_hw[0] if record.size_hw else 0 for record in records],
        "side": [record.side for record in records],
        "labelled": [record.labelled for record in records],
        "conditions": [
            json.dumps({**record.conditions, **_told(told, record.file_name)}, sort_keys=True, ensure_ascii=False)
            for record in records
        ],
    }
    offsets = pa.array(counts, pa.int32())
    for column in (field for field in ROW_SCHEMA if pa.types.is_list(field.type)):
        columns[column.name] = pa.ListArray.from_arrays(offsets, pa.array(flat[column.name], column.type.value_type))
    rows = pa.table(columns, schema=ROW_SCHEMA).sort_by("image_id").combine_chunks()
    provenance = {"format": reading.format}
    return Dataset(name=name, class_names=tuple(reading.class_names), rows=rows, provenance=provenance), has_ids


def with_content(sides: list[Version], *, match_by: str) -> list[Version]:
    """The two sides with what is known of their images' content, so that they are paired by it; without, where names decide.

    Args:
        sides: two versions; the images of files are looked for on disk.
        match_by: one of MATCH_BY.
    """
    if match_by not in MATCH_BY:
        raise InputError(f"--match-by takes {', '.join(MATCH_BY)}; found '{match_by}'.")
    if match_by != "auto":
        return [_with_digests(side, [""] * len(side.dataset)) for side in sides]
    listed = [[side.paths.get(name, Path()) for name in side.dataset.file_names] for side in sides]
    if all(side.from_files for side in sides):
        return [_with_digests(side, found) for side, found in zip(sides, contents_of(listed), strict=True)]
    return [
        _with_digests(side, digests_at(paths)) if side.from_files else side
        for side, paths in zip(sides, listed, strict=True)
    ]


def _with_digests(side: Version, digests: list[str]) -> Version:
    rows = side.dataset.rows
    at = rows.schema.get_field_index("picture")
    rows = rows.set_column(at, rows.schema.field(at), pa.array(digests, pa.string()))
    return replace(side, dataset=replace(side.dataset, rows=rows))


def picture_finder(store: Path, sides: list[Version], folder: Path | None) -> ReadPicture:
    """Pixels of a picture by file name and digest: from the store, the folder named, or beside the files."""
    opened = Store(store) if store.is_dir() and any(not side.from_files for side in sides) else None

    def read(file_name: str, digest: str) -> NDArray[np.uint8] | None:
        try:
            if opened is not None and digest and digest in opened.pictures:
                return read_picture(opened.pictures.read(digest), name=file_name)
            roots = [folder, folder / "images"] if folder else []
            places = [root / file_name for root in roots if ".." not in Path(file_name).parts]
            places += [side.paths[file_name] for side in sides if file_name in side.paths]
            path = next((place for place in places if place.is_file()), None)
            return read_picture(path.read_bytes(), name=file_name) if path else None
        except (BoxwrightError, OSError):
            return None

    return read


def _flat(boxes: list[Boxes]) -> dict[str, Any]:
    """Columns of all annotations, keyed as ROW_SCHEMA."""

    def joined(name: str, empty: NDArray) -> NDArray:
        return np.concatenate([empty, *(getattr(b, name) for b in boxes)])

    corners = joined("boxes_xyxy", np.zeros((0, 4)))
    x1, y1, x2, y2 = corners.T
    area = joined("area", np.zeros(0))
    crowd = joined("crowd", np.zeros(0, np.bool_))
    return {
        "annotation_id": joined("annotation_id", np.zeros(0, np.int64)),
        "class_id": joined("class_id", np.zeros(0, np.int32)),
        "x1": x1, "y1": y1, "x2": x2, "y2": y2,
        "area": np.where(np.isnan(area), (x2 - x1) * (y2 - y1), area),
        "crowd": crowd,
        "ignore": joined("ignore", np.zeros(0, np.bool_)) | crowd,
        "attributes": [
            "{}" if b.attributes is None or not b.attributes[i] else json.dumps(b.attributes[i], sort_keys=True, ensure_ascii=False)
            for b in boxes
            for i in range(len(b))
        ],
    }  # fmt: skip


def _told(told: dict[str, dict[str, str]], file_name: str) -> dict[str, str]:
    return told.get(file_name) or told.get(Path(file_name).name) or {}
