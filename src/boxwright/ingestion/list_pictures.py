"""The images to predict on: one, several, a folder, a pattern, or those a COCO file lists, with its ids."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from boxwright.errors import FormatError
from boxwright.ingestion.finding import PICTURE_ENDINGS, read_bytes
from boxwright.ingestion.formats.coco import read_coco
from boxwright.ingestion.pictures import MOST_PICTURE_BYTES


@dataclass(frozen=True)
class Listed:
    """Images by position.

    Attributes:
        image_ids: COCO's, or 1, 2, ... in the order of file names.
        file_names: relative to the folder, to the folder that all files share, or as COCO lists them; with `/`.
        paths: of the files.
        category_ids: by class_id of the bundle; None where the source has no categories of its own.
        conditions: of each image, as COCO gives them; None where there are none.
        skipped: files of a folder that are no images, by ending; `._*` are those that macOS leaves.
    """

    image_ids: list[int]
    file_names: list[str]
    paths: list[Path]
    category_ids: list[int] | None = None
    conditions: list[dict[str, Any]] | None = None
    skipped: dict[str, int] = field(default_factory=dict)

    def read(self, position: int) -> bytes:
        """The encoded image; FormatError where there is no file, or it cannot be read."""
        path = self.paths[position]
        if not path.is_file():
            raise FormatError(f"'{self.file_names[position]}' is listed, but there is no file '{path}'.")
        return read_bytes(path, most=MOST_PICTURE_BYTES)


def names_files(source: str) -> bool:
    """Whether a word means files: something that is there, or a pattern such as `images/*.jpg`."""
    path = Path(source)
    return (path.exists() and not (path / "manifest.json").is_file()) or (glob.has_magic(source) and not path.exists())


def list_pictures(sources: Sequence[str | Path], *, pictures: Path | None, class_names: Sequence[str]) -> Listed:
    """What to predict on.

    Args:
        sources: a folder, an image, a pattern, or a COCO file; or several images.
        pictures: folder that a COCO file's names are relative to.
        class_names: of the bundle.

    Raises:
        FormatError: nothing is found; a COCO file whose images or categories do not fit.
    """
    first = Path(sources[0])
    if len(sources) == 1 and first.is_file() and first.suffix.lower() == ".json":
        return _of_coco(first, pictures, class_names)
    if pictures is not None:
        raise FormatError(f"--pictures would do nothing: '{sources[0]}' is not a COCO file, whose names it is for.")
    if len(sources) == 1 and first.is_dir():
        paths, skipped = _images_among(path for path in first.rglob("*") if path.is_file() or _leads_nowhere(path))
        if not paths:
            raise FormatError(f"'{first}' contains no image ({', '.join(sorted(PICTURE_ENDINGS))}){_and(skipped)}.")
        return _numbered(paths, first, skipped)
    if len(sources) == 1 and not first.exists():
        found = [Path(name) for name in glob.glob(str(sources[0]), recursive=True) if Path(name).is_file()]
        paths, skipped = _images_among(found)
        if not paths:
            raise FormatError(f"'{sources[0]}' matches no image file ({len(found)} other files).")
        return _numbered(paths, _shared_folder(paths), skipped)
    paths = [Path(source) for source in dict.fromkeys(map(str, sources))]
    if missing := [path for path in paths if not path.is_file()]:
        raise FormatError(
            f"'{missing[0]}' is not a file; of several sources each must be an image. A folder, a COCO file or a quoted "
            f"pattern is given alone."
        )
    return _numbered(paths, _shared_folder(paths), {})


def _numbered(paths: list[Path], folder: Path, skipped: dict[str, int]) -> Listed:
    names = [Path(os.path.relpath(path, folder)).as_posix() for path in paths]
    return Listed(list(range(1, len(paths) + 1)), names, paths, skipped=skipped)


def _shared_folder(paths: Sequence[Path]) -> Path:
    return Path(os.path.commonpath([path.absolute().parent for path in paths]))


def _images_among(paths: Iterable[Path]) -> tuple[list[Path], dict[str, int]]:
    """Image files in the order of their names, and what else there is, by ending."""
    images, others = [], Counter()
    for path in sorted(paths):
        if path.name.startswith("."):
            others["._*" if path.name.startswith("._") else "hidden"] += 1
        elif path.suffix.lower() in PICTURE_ENDINGS:
            images.append(path)
        else:
            others[path.suffix.lower() or "no ending"] += 1
    return images, dict(others)


def _leads_nowhere(path: Path) -> bool:
    return path.is_symlink() and not path.exists()


def _and(skipped: dict[str, int]) -> str:
    return f"; it contains {', '.join(f'{n} {kind}' for kind, n in skipped.items())}" if skipped else ""


def _of_coco(source: Path, pictures: Path | None, class_names: Sequence[str]) -> Listed:
    reading = read_coco([source], pictures=pictures)
    records = reading.pictures
    if records and not any(record.path.is_file() for record in records):
        raise FormatError(
            f"'{source}' lists {len(records)} images and none is there, the first '{records[0].file_name}' under "
            f"'{records[0].path.parent}'. Name their folder with --pictures."
        )
    ids = [record.image_id for record in records]
    if any(i is None for i in ids):
        raise FormatError(f"'{source}': every image needs an integer 'id' to keep in the results.")
    category_ids = None
    if reading.class_names:
        by_name = dict(zip(reading.class_names, reading.category_ids or [], strict=True))
        if unknown := [name for name in class_names if name not in by_name]:
            raise FormatError(
                f"The bundle's class '{unknown[0]}' is not a category of '{source}' ({', '.join(by_name)}); "
                f"its detections would have no category_id."
            )
        category_ids = [by_name[name] for name in class_names]
    return Listed(
        [int(i) for i in ids if i is not None], [record.file_name for record in records],
        [record.path for record in records], category_ids, [dict(record.conditions) for record in records],
    )  # fmt: skip
