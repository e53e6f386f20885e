"""Ground truth for judging, in any format: a COCO file as it is, other files as ingestion reads them, or a stored dataset.

Images that nobody has labelled are left out, and it is told: without labels every detection there would count as false.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from boxwright.artifacts import Dataset
from boxwright.boxes import xywh_from_xyxy
from boxwright.errors import FormatError, InputError
from boxwright.ingestion.coco_columns import ResultColumns, TruthColumns, read_truth
from boxwright.ingestion.formats.coco_write import exact_xywh
from boxwright.ingestion.reading import NO_ID, Reading
from boxwright.ingestion.source import read_source


def read_ground_truth(path: Path, *, pictures: Path | None = None, side: str | None = None) -> TruthColumns:
    """Ground truth at a path.

    Args:
        path: a COCO file, or a file or folder of any format that is ingested.
        pictures: folder of the images, where the format does not say it.
        side: only the images that the files put there (train, val, test); COCO files do not say it.
    """
    if path.is_file() and path.suffix.lower() == ".json" and side is None:
        try:
            return read_truth(path)
        except FormatError:
            try:
                reading = read_source(path, pictures=pictures)
            except FormatError:
                reading = None
            if reading is None or reading.format == "coco":
                raise
    else:
        reading = read_source(path, pictures=pictures if path.is_file() else None)
    return truth_of_reading(reading, str(path), side=side)


def truth_of_reading(reading: Reading, title: str, *, side: str | None = None) -> TruthColumns:
    """What was read as ground truth; ids are its own where every image has one."""
    sides = sorted({record.side for record in reading.pictures} - {""})
    if side is not None and side not in sides:
        raise InputError(f"'{title}' has no images of the side '{side}' ({', '.join(sides) or 'no sides'}).")
    every = [record for record in reading.pictures if side in (None, record.side)]
    records = [record for record in every if record.labelled]
    told = []
    if len(records) < len(every):
        told.append(
            f"'{title}': {len(every) - len(records):,} of {len(every):,} images have no labels and are not judged"
        )
    if side is None and len(sides) > 1:
        told.append(f"'{title}': images of {', '.join(sides)} are judged together; --side {sides[-1]} judges one")
    if problems := sum(problem.severity == "error" for problem in reading.problems):
        told.append(f"'{title}': {problems:,} errors in the ground truth; see `boxwright check {title}`")
    if not reading.class_names:
        raise FormatError(f"'{title}' lists no class; there is nothing to judge.")
    ids = [record.image_id for record in records]
    has_ids = None not in ids and len(set(ids)) == len(ids)
    if has_ids:
        records = sorted(records, key=lambda record: record.image_id or 0)
    boxes = [record.boxes for record in records]

    def joined(name: str, empty: np.ndarray) -> np.ndarray:
        return np.concatenate([empty, *(getattr(b, name) for b in boxes)])

    corners, crowd = joined("boxes_xyxy", np.zeros((0, 4))), joined("crowd", np.zeros(0, np.bool_))
    xywh = exact_xywh(corners)
    area, given = joined("area", np.zeros(0)), joined("annotation_id", np.zeros(0, np.int64))
    return TruthColumns(
        image_ids=np.array([r.image_id for r in records] if has_ids else range(1, len(records) + 1), np.int64),
        file_names=[record.file_name for record in records],
        sizes_hw=np.array([record.size_hw or (np.nan, np.nan) for record in records], np.float64).reshape(-1, 2),
        category_ids=reading.category_ids or list(range(len(reading.class_names))),
        class_names=list(reading.class_names),
        image=np.repeat(np.arange(len(records)), [len(b) for b in boxes]),
        class_id=joined("class_id", np.zeros(0, np.int32)).astype(np.int32),
        boxes_xywh=xywh,
        area=np.where(np.isnan(area), xywh[:, 2] * xywh[:, 3], area),
        crowd=crowd,
        annotation_id=given if (given != NO_ID).all() else np.arange(1, len(given) + 1),
        ignore=joined("ignore", np.zeros(0, np.bool_)) | crowd,
        has_ids=has_ids,
        has_category_ids=reading.category_ids is not None,
        notes=tuple(told),
    )


def truth_of_dataset(dataset: Dataset) -> TruthColumns:
    """A stored dataset; its ids are those that `boxwright convert --to coco` writes."""
    columns = dataset.annotations
    return TruthColumns(
        image_ids=dataset.image_ids,
        file_names=dataset.file_names,
        sizes_hw=dataset.sizes_hw.astype(np.float64),
        category_ids=list(dataset.provenance.get("category_ids") or [i + 1 for i in range(len(dataset.class_names))]),
        class_names=list(dataset.class_names),
        image=columns.image_index.astype(np.int64),
        class_id=columns.class_id,
        boxes_xywh=xywh_from_xyxy(columns.boxes_xyxy),
        area=columns.area,
        crowd=columns.crowd,
        annotation_id=columns.annotation_id,
        ignore=columns.ignore | columns.crowd,
    )


def only_images(truth: TruthColumns, results: ResultColumns, rows: np.ndarray) -> tuple[TruthColumns, ResultColumns]:
    """Ground truth and predictions on some images, in the order of `rows`."""
    place = np.full(len(truth.file_names), -1, np.int64)
    place[rows] = np.arange(len(rows))
    mine, found = np.flatnonzero(place[truth.image] >= 0), np.flatnonzero(place[results.image] >= 0)
    names = ("class_id", "boxes_xywh", "area", "crowd", "annotation_id")
    cut = replace(
        truth, image_ids=truth.image_ids[rows], file_names=[truth.file_names[i] for i in rows.tolist()],
        sizes_hw=truth.sizes_hw[rows], image=place[truth.image[mine]],
        given_image_ids=None if truth.given_image_ids is None else [truth.given_image_ids[i] for i in rows.tolist()],
        ignore=None if truth.ignore is None else truth.ignore[mine], **{n: getattr(truth, n)[mine] for n in names},
    )  # fmt: skip
    return cut, ResultColumns(
        place[results.image[found]], results.class_id[found], results.boxes_xywh[found], results.score[found]
    )
