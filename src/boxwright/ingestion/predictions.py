"""Predictions as found, read against their ground truth: every form (`predicted.py`), images by id or by name, classes by number
or by name.

COCO results whose ids are those of the ground truth are read as they are. Where that cannot be, or the file has images of its
own, its images are matched by name, and how they were matched is told. Nothing is guessed where two readings fit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxwright.errors import BoxwrightError, FormatError, InputError
from boxwright.images import match_names, read_header
from boxwright.images.folders import folders_agree
from boxwright.ingestion.coco_columns import ResultColumns, TruthColumns, read_results
from boxwright.ingestion.finding import PICTURE_ENDINGS, read_lines
from boxwright.ingestion.formats.coco_suspects import suspicion
from boxwright.ingestion.numbering import NUMBERED, Classes, OnTruth, classes_by_name, classes_by_number, on_truth
from boxwright.ingestion.predicted import Predicted, predicted_json, predicted_texts
from boxwright.spec.document import parse_yaml

MATCH_BY = ("auto", "id", "name")
_HEAD = 1 << 16
_RULES = {
    "exact": "file name", "spelling": "file name in another spelling", "case": "file name but for case",
    "path end": "end of the path", "ending": "file name without its ending", "number": "the number that is the file name",
}  # fmt: skip
_SHOWN = 3
_MANY, _TIMES = 10, 3  # detections on an annotation by name, against by id, before an id that fits is doubted


@dataclass(frozen=True)
class How:
    """How predictions are to be read.

    Attributes:
        match_by: images: `auto`, `id` or `name`.
        category_ids: classes: one of NUMBERED.
        class_names: by the predictions' own class numbers from 0, or None.
        pictures: folder where sizes of images are looked up that the ground truth does not give.
    """

    match_by: str = "auto"
    category_ids: str = "auto"
    class_names: tuple[str, ...] | None = None
    pictures: Path | None = None

    def __post_init__(self) -> None:
        for option, value, allowed in (
            ("--match-by", self.match_by, MATCH_BY), ("--category-ids", self.category_ids, NUMBERED),
        ):  # fmt: skip
            if value not in allowed:
                raise InputError(f"{option} takes {', '.join(allowed)}; found '{value}'.")


@dataclass(frozen=True)
class Predictions:
    """Predictions as columns against their ground truth.

    Attributes:
        columns: the detections.
        told: what the user should know about how they were read.
        matched_by: `id` or `name`.
    """

    columns: ResultColumns
    told: tuple[str, ...] = ()
    matched_by: str = "id"


def read_predictions(path: Path, truth: TruthColumns, how: How = How()) -> Predictions:
    """A results file, or a folder of text files, read against its ground truth.

    Raises:
        FormatError: it cannot be read, or which image or class it means cannot be known.
        InputError: there is no such file.
    """
    if not path.exists():
        raise InputError(f"'{path}' does not exist; name a JSON file of detections, or a folder of text files.")
    plain = path.is_file() and how.match_by != "name" and how.class_names is None and truth.has_ids
    if plain and how.category_ids in ("auto", "as-given") and _has_no_images_of_its_own(path):
        try:
            columns = read_results(path, truth)
        except FormatError:
            pass  # read again below, with the other readings
        else:
            return Predictions(columns, (*_doubts(columns, truth, path, how), *_suspected(columns, truth, path)))
    return _as_found(path, truth, how)


def class_list(path: Path) -> tuple[str, ...]:
    """Class names by number: one a line, or `names` of a YAML file."""
    if path.suffix.lower() in (".yaml", ".yml"):
        names = parse_yaml(path.read_bytes(), name=str(path)).get("names")
        names = [names[k] for k in sorted(names)] if isinstance(names, dict) else names
    else:
        names = [line.strip() for line in read_lines(path) if line.strip()]
    if not isinstance(names, list) or not names:
        raise FormatError(f"'{path}' contains no class names; expected one a line, or `names:` in a YAML file.")
    return tuple(str(name) for name in names)


def _has_no_images_of_its_own(path: Path) -> bool:
    """Whether a file is a plain list of records without file names, by its beginning."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"[" and b'"file_name"' not in head


def _as_found(path: Path, truth: TruthColumns, how: How) -> Predictions:
    found = predicted_texts(path) if path.is_dir() else predicted_json(path)
    where = f"'{path}'"
    rows, told, matched_by = _images(found, truth, how, where)
    boxes = _in_pixels(found, truth, rows, how) if found.relative else found.boxes_xywh
    image = rows[found.image] if len(rows) else np.zeros(0, np.int64)
    classes = _classes(found, truth, _evidence(image, boxes, found.score, truth), how, where)
    class_id = classes.class_id[found.category] if len(found.categories) else np.zeros(0, np.int64)
    kept = np.flatnonzero((image >= 0) & (class_id >= 0))
    columns = ResultColumns(image[kept], class_id[kept].astype(np.int32), boxes[kept], found.score[kept])
    suspected = () if found.relative else _suspected(columns, truth, path)
    return Predictions(columns, (*told, *classes.told, *suspected), matched_by)


def _suspected(columns: ResultColumns, truth: TruthColumns, path: Path) -> tuple[str, ...]:
    """What to tell where boxes look like corners, or like fractions of the image."""
    unknown = np.full(len(columns.score), np.nan)
    found = suspicion(columns.boxes_xywh, unknown, truth.sizes_hw[columns.image])
    return (f"'{path}': {found[1]}",) if found else ()


def _images(found: Predicted, truth: TruthColumns, how: How, where: str) -> tuple[NDArray[np.int64], list[str], str]:
    """(i,) row of each image the predictions name, what to tell, and `id` or `name`."""
    by_name, rules = _by_name(found, truth)
    by_id = _by_id(found, truth) if truth.has_ids and any(id is not None for id, _ in found.images) else None
    if how.match_by == "id":
        if by_id is None:
            raise FormatError(
                f"{where}: images cannot be matched by id; one side has no image ids. Add --match-by name."
            )
        return _all(by_id, found, truth, where, "id"), [], "id"
    if how.match_by == "name" or found.named or by_id is None:
        rows = _all(by_name, found, truth, where, "name")
        return rows, [f"{where}: images are matched by {rules}"] if len(rows) else [], "name"
    if (by_id >= 0).all():
        if (by_name >= 0).all() and (by_name != by_id).any():
            _doubt_ids(found, truth, by_id, by_name, where)
        return by_id, [], "id"
    if (by_name >= 0).all():
        return by_name, [f"{where}: its image ids are not those of the ground truth; matched by {rules}"], "name"
    better = by_name if (by_name >= 0).sum() > (by_id >= 0).sum() else by_id
    return _all(better, found, truth, where, "id or name"), [], "id"


def _by_id(found: Predicted, truth: TruthColumns) -> NDArray[np.int64]:
    rows = truth.image_rows
    met = [rows.get(id) for id, _ in found.images]
    return np.array([-1 if row is None else row for row in met], np.int64)


def _by_name(found: Predicted, truth: TruthColumns) -> tuple[NDArray[np.int64], str]:
    """Rows by file name, by the name without its ending, or by the number that a name is; and by which of these, in words."""
    names = [name if name is not None else id if isinstance(id, str) else None for id, name in found.images]
    spelled = [
        name if name is None or PurePosixPath(name).suffix.lower() in PICTURE_ENDINGS else f"{name}.txt"
        for name in names
    ]
    met = match_names([name or "" for name in spelled], truth.file_names, other_endings=True)
    rows, rules = met.index.copy(), met.rule.copy()
    for i in np.flatnonzero(rows >= 0).tolist():
        if rules[i] in ("path end", "ending") and not folders_agree(spelled[i] or "", truth.file_names[rows[i]]):
            rows[i], rules[i] = -1, ""
    numbers = _by_number(found, truth) if None in names else rows
    for i, name in enumerate(names):
        if name is None and numbers[i] >= 0:
            rows[i], rules[i] = numbers[i], "number"
    counts = Counter(_RULES[rule] for rule in rules if rule)
    return rows, ", ".join(f"{rule} ({count:,})" for rule, count in counts.items())


def _all(rows: NDArray, found: Predicted, truth: TruthColumns, where: str, by: str) -> NDArray[np.int64]:
    """The rows; FormatError where an image is not in the ground truth."""
    missing = [found.images[i] for i in np.flatnonzero(rows < 0)]
    if not missing:
        return rows
    shown = ", ".join(f"'{name}'" if name is not None else f"image_id {id!r}" for id, name in missing[:_SHOWN])
    files = ", ".join(f"'{name}'" for name in truth.file_names[:_SHOWN])
    given = truth.image_ids if truth.given_image_ids is None else truth.given_image_ids
    ids = f" (ids {', '.join(str(i) for i in given[:_SHOWN])}, ...)" if truth.has_ids else ""
    other = "name" if by == "id" else "id"
    hint = f" Add --match-by {other} to match them by {other}." if truth.has_ids and by in ("id", "name") else ""
    raise FormatError(
        f"{where}: {len(missing):,} of {len(found.images):,} images are not in the ground truth by {by}: {shown}; it lists "
        f"{files}{ids}.{hint}"
    )


def _evidence(image: NDArray, boxes: NDArray, score: NDArray, truth: TruthColumns) -> OnTruth:
    return on_truth(image, boxes, score, of_image=truth.image, of_class=truth.class_id, of_boxes=truth.boxes_xywh)


def _classes(found: Predicted, truth: TruthColumns, evidence: OnTruth, how: How, where: str) -> Classes:
    names: list[str] | None = None
    rows = truth.category_rows
    texts = bool(found.categories) and all(isinstance(k, str) and k not in rows for k in found.categories)
    if how.class_names is not None:
        wild = [k for k in found.categories if not (isinstance(k, int) and 0 <= k < len(how.class_names))]
        if wild:
            raise FormatError(
                f"{where}: category {wild[0]} is not among the {len(how.class_names)} names of --classes."
            )
        names = [how.class_names[k] for k in found.categories]
    elif found.category_names is not None and how.category_ids == "auto":
        names = [found.category_names.get(k, str(k)) for k in found.categories]
    elif texts and how.category_ids == "auto":
        names = list(found.categories)
    if names is not None:
        classes = classes_by_name(names, truth.class_names, where=where)
        left = [name for name, k in zip(names, classes.class_id.tolist(), strict=True) if k < 0]
        count = int((classes.class_id[found.category] < 0).sum()) if len(names) else 0
        told = (
            f"{where}: {count:,} of {len(found.category):,} detections are of class {', '.join(left[:_SHOWN])}, which the ground "
            f"truth does not have; they are not judged",
        )
        return Classes(classes.class_id, told if left else ())
    met = {k: row for k in found.categories if (row := rows.get(k)) is not None}
    ids = met if truth.has_category_ids and not found.relative else None
    return classes_by_number(
        found.categories, found.category, evidence, ids, truth.class_names, where=where, numbered=how.category_ids
    )


def _doubts(columns: ResultColumns, truth: TruthColumns, path: Path, how: How) -> tuple[str, ...]:
    """What to tell; FormatError where ids fit, and the boxes say that they mean something else."""
    told: tuple[str, ...] = ()
    if how.category_ids == "auto" and len(columns.score):
        used = np.flatnonzero(np.bincount(columns.class_id, minlength=len(truth.class_names)))
        numbers = [truth.category_ids[k] for k in used.tolist()]
        category = np.searchsorted(used, np.arange(len(truth.class_names)))[columns.class_id]
        evidence = _evidence(columns.image, columns.boxes_xywh, columns.score, truth)
        ids = {int(k): i for i, k in enumerate(truth.category_ids)}
        told = classes_by_number(numbers, category, evidence, ids, truth.class_names, where=f"'{path}'").told
    if how.match_by == "auto" and len(columns.score) and truth.given_image_ids is None:
        rows = np.flatnonzero(np.bincount(columns.image, minlength=len(truth.file_names)))
        image = np.searchsorted(rows, np.arange(len(truth.file_names)))[columns.image]
        images: list[tuple[Any, str | None]] = [(int(truth.image_ids[row]), None) for row in rows]
        found = Predicted(images, image, [], np.zeros(0, np.int64), columns.boxes_xywh, columns.score)
        by_name = _by_number(found, truth)
        if (by_name >= 0).all() and (by_name != rows).any():
            _doubt_ids(found, truth, rows, by_name, f"'{path}'")
    return told


def _by_number(found: Predicted, truth: TruthColumns) -> NDArray[np.int64]:
    """Rows of images whose file name is the id, -1 elsewhere."""
    numbers: dict[int, int] = {}
    for row, name in enumerate(truth.file_names):
        stem = PurePosixPath(name.replace("\\", "/")).stem
        if stem.isascii() and stem.isdigit():
            numbers[int(stem)] = -1 if int(stem) in numbers else row
    return np.array([numbers.get(id, -1) for id, _ in found.images], np.int64)


def _doubt_ids(found: Predicted, truth: TruthColumns, by_id: NDArray, by_name: NDArray, where: str) -> None:
    """FormatError where image ids are ids of the ground truth and numbers of its file names, and boxes speak for the names."""
    counts = [len(_evidence(rows[found.image], found.boxes_xywh, found.score, truth).rows) for rows in (by_id, by_name)]
    if counts[1] >= _MANY and counts[1] >= _TIMES * counts[0]:
        raise FormatError(
            f"{where}: its image ids are ids of the ground truth and also numbers of its file names, and they differ. By id "
            f"{counts[0]} detections lie on an annotation, by name {counts[1]}. Add --match-by name, or --match-by id to judge them "
            f"as they are."
        )


def _in_pixels(found: Predicted, truth: TruthColumns, rows: NDArray, how: How) -> NDArray[np.float64]:
    """(n, 4) left, top, width and height in pixels, of shares of the image."""
    sizes = truth.sizes_hw.copy()
    for row in np.unique(rows[rows >= 0]).tolist():
        if not np.isfinite(sizes[row]).all():
            sizes[row] = _size(truth.file_names[row], how.pictures)
    h, w = sizes[rows[found.image]].T
    x, y, width, height = found.boxes_xywh.T
    return np.stack([(x - width / 2) * w, (y - height / 2) * h, width * w, height * h], axis=1)


def _size(name: str, folder: Path | None) -> tuple[int, int]:
    for root in (folder, folder / "images", folder.parent / "images") if folder else ():
        try:
            if (root / name).is_file():
                return read_header((root / name).read_bytes(), name=name).size_hw
        except (BoxwrightError, OSError):
            continue
    raise FormatError(
        f"The ground truth gives no width and height of '{name}', and the image is not in '{folder}'; boxes in shares of the image "
        f"need them. Name the folder of the images with --pictures."
    )


def told_over_limit(image: NDArray, class_id: NDArray, class_names: Sequence[str], most: int) -> str | None:
    """A sentence where an image has more detections of one class than are judged."""
    if not len(image):
        return None
    keys, counts = np.unique(image.astype(np.int64) * len(class_names) + class_id, return_counts=True)
    keys, counts = keys[counts > most], counts[counts > most]
    if not len(keys):
        return None
    names: list[str] = [class_names[int(k)] for k in np.unique(keys % len(class_names))]
    shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    images = len(np.unique(keys // len(class_names)))
    return (
        f"{int((counts - most).sum()):,} detections are not judged: {images:,} {'image has' if images == 1 else 'images have'} "
        f"more than {most} of one class ({shown}), and as in COCO only the {most} best scored count"
    )
