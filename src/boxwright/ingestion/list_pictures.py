"""The pictures to predict on: a folder of them, or those a COCO file lists, with its ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from boxwright.errors import FormatError
from boxwright.ingestion.finding import PICTURE_ENDINGS
from boxwright.ingestion.formats.coco import read_coco


@dataclass(frozen=True)
class Listed:
    """Pictures by position.

    Attributes:
        image_ids: COCO's, or 1, 2, ... in the order of file names.
        file_names: relative to the source.
        paths: of the files.
        category_ids: by class_id of the bundle; None where the source has no categories of its own.
    """

    image_ids: list[int]
    file_names: list[str]
    paths: list[Path]
    category_ids: list[int] | None


def list_pictures(source: Path, *, pictures: Path | None, class_names: Sequence[str]) -> Listed:
    """What to predict on.

    Raises:
        FormatError: a folder without pictures; a COCO file whose pictures or categories do not fit.
    """
    if source.is_dir():
        paths = sorted(p for p in source.rglob("*") if p.suffix.lower() in PICTURE_ENDINGS and p.is_file())
        if not paths:
            raise FormatError(f"'{source}' holds no picture ({', '.join(sorted(PICTURE_ENDINGS))}).")
        names = [p.relative_to(source).as_posix() for p in paths]
        return Listed(list(range(1, len(paths) + 1)), names, paths, None)
    reading = read_coco([source], pictures=pictures)
    missing = [record.file_name for record in reading.pictures if not record.path.is_file()]
    if missing:
        raise FormatError(
            f"'{source}' lists {len(missing)} pictures that are not there, the first '{missing[0]}' under "
            f"'{reading.pictures[0].path.parent}'. Name their folder with --pictures."
        )
    ids = [record.image_id for record in reading.pictures]
    if any(i is None for i in ids):
        raise FormatError(f"'{source}': every image needs an integer 'id' to keep in the results.")
    category_ids = None
    if reading.class_names:
        by_name = dict(zip(reading.class_names, reading.category_ids or [], strict=True))
        unknown = [name for name in class_names if name not in by_name]
        if unknown:
            raise FormatError(
                f"The bundle's class '{unknown[0]}' is no category of '{source}' ({', '.join(by_name)}); "
                f"its detections would have no category_id."
            )
        category_ids = [by_name[name] for name in class_names]
    return Listed(
        [int(i) for i in ids if i is not None],
        [record.file_name for record in reading.pictures],
        [record.path for record in reading.pictures],
        category_ids,
    )
