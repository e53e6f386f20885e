"""Detections from files met with ground truth from files or from a stored dataset, ready to be judged.

`evaluate`, `compare` and `split audit` share this: how the two sides are read, which conditions they are sliced by, and what the
user is told about how they were read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from boxwright.artifacts import Dataset, Matches, Split
from boxwright.cli.measured import in_thirds, measure_pictures
from boxwright.cli.options import Tables
from boxwright.cli.pictures import picture_reader
from boxwright.cli.progress import Bars, say
from boxwright.errors import InputError
from boxwright.evaluation import GroundTruth, Scored, match
from boxwright.evaluation.match import COCO_IOUS, MAX_DETECTIONS
from boxwright.evaluation.slices import picture_labels
from boxwright.images import MEASURES
from boxwright.ingestion import (
    How,
    ResultColumns,
    TruthColumns,
    only_images,
    read_conditions,
    read_predictions,
    told_over_limit,
    truth_of_dataset,
)
from boxwright.lifecycle.stages import judged_ids
from boxwright.spec import Spec
from boxwright.spec.spec import OF_OBJECTS, ConditionClause

_MANY_SILENT = 0.2  # of the images, before it is told that they have no detection
_MOST_VALUES = 20  # of a condition that no spec describes


@dataclass(frozen=True)
class MatchOptions:
    """How detections meet ground truth; COCO's way unless said otherwise.

    Attributes:
        ious: thresholds, rising.
        max_detections: of an image and class.
        class_agnostic: all classes are taken for one.
    """

    ious: Sequence[float] = COCO_IOUS
    max_detections: int = MAX_DETECTIONS
    class_agnostic: bool = False


@dataclass(frozen=True)
class Known:
    """What is known of the images beside their boxes.

    Attributes:
        of_image: (images,) condition to value.
        groups: (images,) what intervals resample.
        clauses: conditions to slice by.
    """

    of_image: list[dict[str, Any]]
    groups: list[str]
    clauses: tuple[ConditionClause, ...]


def match_files(
    truth: TruthColumns,
    detections: Path,
    *,
    spec: Spec | None,
    tables: Tables,
    how: How | None = None,
    tell: Callable[[str], None] = say,
    options: MatchOptions | None = None,
) -> tuple[Matches, tuple[ConditionClause, ...]]:
    """Detections met with their ground truth, and the conditions they can be sliced by.

    Args:
        truth: the ground truth.
        detections: a results file, or a folder of text files.
        spec: whose conditions are sliced by; without one every column of `conditions` is.
        tables: groups and conditions by file name, and the folder of the pictures, to measure light, contrast and sharpness.
        how: how the detections are to be read.
        tell: given each sentence about how they were read.
        options: of the match.
    """
    if not truth.file_names:
        raise InputError("The ground truth lists no image; there is nothing to judge.")
    found = read_predictions(detections, truth, how or How())
    for sentence in found.told:
        tell(sentence)
    _check_scores(detections, found.columns, tell)
    _check_classes(spec, truth.class_names)
    extra = read_conditions(tables.conditions) if tables.conditions else {}
    measured = _measured(truth, tables.pictures, spec)
    clauses = spec.conditions if spec else (*_clauses(extra), *in_thirds(measured))
    of_group = read_conditions(tables.groups) if tables.groups else {}
    for path, table in ((tables.conditions, extra), (tables.groups, of_group)):
        _check_names(path, table, truth.file_names)
    known = Known(
        [{**measured.get(name, {}), **_of(extra, name)} for name in truth.file_names],
        [_group_of(of_group, name) for name in truth.file_names],
        clauses,
    )
    return match_columns(truth, found.columns, known, tell=tell, options=options), clauses


def match_stored(
    dataset: Dataset,
    detections: Path,
    *,
    parts: Split | None,
    side: str,
    spec: Spec | None,
    how: How,
    tell: Callable[[str], None] = say,
    options: MatchOptions | None = None,
) -> tuple[Matches, tuple[ConditionClause, ...], TruthColumns]:
    """Foreign detections met with one side of a stored dataset, all labelled images where there is no split."""
    whole = truth_of_dataset(dataset)
    found = read_predictions(detections, whole, how)
    for sentence in found.told:
        tell(sentence)
    _check_scores(detections, found.columns, tell)
    _check_classes(spec, whole.class_names)
    labelled = dataset.rows.column("labelled").to_numpy(zero_copy_only=False)
    ids = judged_ids(dataset, parts, side) if parts else dataset.image_ids[labelled]
    if not len(ids):
        raise InputError(f"No labelled image of '{dataset.name}' is in '{side}'; there is nothing to judge.")
    rows = dataset.positions(ids)
    truth, results = only_images(whole, found.columns, rows)
    if left := len(found.columns.score) - len(results.score):
        where = f"'{side}'" if parts else "the labelled images"
        tell(
            f"'{detections}': {left:,} of {len(found.columns.score):,} detections are on images outside {where}; not judged"
        )
    of_image = [dataset.conditions[row] for row in rows]
    clauses = spec.conditions if spec else _told_clauses(of_image)
    groups = parts.groups_of(ids) if parts else truth.file_names
    matches = match_columns(truth, results, Known(of_image, groups, clauses), tell=tell, options=options)
    return matches, clauses, truth


def match_columns(
    truth: TruthColumns,
    results: ResultColumns,
    known: Known,
    *,
    options: MatchOptions | None = None,
    tell: Callable[[str], None] = say,
) -> Matches:
    """The match of columns, with what is known of their images.

    Args:
        truth, results: the two sides.
        known: conditions and groups of the images.
        options: of the match; COCO's unless said otherwise.
        tell: given a sentence where detections are beyond `max_detections`.
    """
    how = options or MatchOptions()
    has_sizes = bool(np.isfinite(truth.sizes_hw).all() and len(truth.sizes_hw))
    sizes = {"height": truth.sizes_hw[:, 0], "width": truth.sizes_hw[:, 1]} if has_sizes else {}
    resolution = truth.sizes_hw.min(axis=1) if has_sizes else np.full(len(truth.file_names), np.nan)
    of_image = [
        {**({"resolution": float(side)} if has_sizes else {}), **one}
        for side, one in zip(resolution, known.of_image, strict=True)
    ]
    images = pa.table(
        {
            "image_id": truth.image_ids,
            "file_name": truth.file_names,
            "group": known.groups,
            **sizes,
            **picture_labels(known.clauses, of_image),
        }
    )
    one_class = (lambda ids: np.zeros_like(ids)) if how.class_agnostic else (lambda ids: ids)
    ignore: NDArray = truth.crowd if truth.ignore is None else truth.ignore
    sides = (
        GroundTruth(
            truth.image, one_class(truth.class_id), truth.boxes_xywh, truth.area, truth.crowd, ignore,
            truth.annotation_id,
        ),
        Scored(results.image, one_class(results.class_id), results.boxes_xywh, results.score),
    )  # fmt: skip
    names = ["object"] if how.class_agnostic else truth.class_names
    silent = len(np.setdiff1d(truth.image, results.image))
    if len(results.score) and silent >= _MANY_SILENT * len(truth.file_names):
        tell(
            f"{silent:,} of {len(truth.file_names):,} images have objects and no detection; if they were never predicted, judge the "
            f"others only"
        )
    if over := told_over_limit(results.image, one_class(results.class_id), names, how.max_detections):
        tell(over)
    return match(*sides, class_names=names, images=images, iou_thresholds=how.ious, max_detections=how.max_detections)


def _check_scores(path: Path, results: ResultColumns, tell: Callable[[str], None]) -> None:
    if len(results.score) and not (results.score.min() >= 0 and results.score.max() <= 1):
        tell(f"'{path}' holds scores outside 0 to 1; calibration and certificates say nothing about such scores")


def _check_classes(spec: Spec | None, names: Sequence[str]) -> None:
    if spec and set(spec.class_names) != set(names):
        raise InputError(
            f"The spec's classes ({', '.join(spec.class_names)}) are not those of the ground truth ({', '.join(names)})."
        )


def _measured(truth: TruthColumns, pictures: Path | None, spec: Spec | None) -> dict[str, dict[str, float]]:
    """What is measured from the pictures, where they are given and something asks for it."""
    if pictures is None or (spec and not any(c.source == "measured" and c.name in MEASURES for c in spec.conditions)):
        return {}
    with Bars().shown() as bars:
        found = measure_pictures(
            truth.file_names, picture_reader(truth, pictures), lambda done, of: bars("measure", done, of)
        )
    if not found and truth.file_names:
        raise InputError(
            f"None of the {len(truth.file_names)} pictures is in '{pictures}', such as '{truth.file_names[0]}'; "
            f"--pictures is the folder their file names are relative to."
        )
    return found


def _check_names(path: Path | None, table: dict[str, dict[str, str]], names: Sequence[str]) -> None:
    """InputError where a table keyed by file name holds none of the pictures; a sentence where it lacks some."""
    if path is None:
        return
    known = sum(bool(_of(table, name)) for name in names)
    if not known:
        raise InputError(
            f"'{path}' holds none of the {len(names)} pictures; its first column must be their file name, such as '{names[0]}'."
        )
    if known < len(names):
        say(f"'{path}' says nothing about {len(names) - known} of {len(names)} pictures; each stands for itself")


def _group_of(table: dict[str, dict[str, str]], name: str) -> str:
    """The column `group` where there is one, else the first; a picture that is not listed is a group of its own."""
    row = _of(table, name)
    return row.get("group") or next(iter(row.values()), "") or name


def _of(table: dict[str, dict[str, str]], name: str) -> dict[str, str]:
    return table.get(name) or table.get(Path(name).name) or {}


_RESERVED = {"image_id", "file_name", "group", "height", "width", "class", "split", "set", *OF_OBJECTS}


def _clauses(extra: dict[str, dict[str, str]]) -> tuple[ConditionClause, ...]:
    """Conditions of a file without a spec: every column, by its values."""
    names = list(dict.fromkeys(key for row in extra.values() for key in row))
    if _RESERVED & set(names):
        raise InputError(f"A condition cannot be called '{min(_RESERVED & set(names))}'; rename the column.")
    return tuple(ConditionClause(name=name) for name in names)


def _told_clauses(of_image: Sequence[Mapping[str, Any]]) -> tuple[ConditionClause, ...]:
    """Conditions of stored images that are text of few values."""
    values: dict[str, set[str]] = {}
    for one in of_image:
        for name, value in one.items():
            if isinstance(value, str) and name not in _RESERVED:
                values.setdefault(name, set()).add(value)
    return tuple(ConditionClause(name=name) for name, found in values.items() if 1 < len(found) <= _MOST_VALUES)
