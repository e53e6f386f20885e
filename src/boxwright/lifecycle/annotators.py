"""Files of several annotators become one set of ratings: the same pictures, the same classes, one column for each person.

Images are paired by content and by name (`in_common.py`). Classes are the same when their names are. What only one annotator
has is counted and said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxwright.errors import InputError
from boxwright.ingestion.reading import Boxes, Interned, PictureRecord, Reading
from boxwright.ingestion.source import read_source
from boxwright.labels.agreement.ratings import Ratings
from boxwright.labels.agreement.sureness import Sureness
from boxwright.lifecycle.in_common import images_in_common
from boxwright.spec import Spec
from boxwright.statistics import group_numbers, group_weights

MARKS = ("truncated", "occluded", "difficult")
_SHOWN = 20  # names of pictures that only some have


@dataclass(frozen=True)
class Read:
    """What several annotators' files hold.

    Attributes:
        ratings: of the pictures two or more had, and of the others.
        matched_by: how images were paired, for people.
        facts: formats, problems while reading, crowd regions left out, pictures not all have, and how many images each rule
            paired.
        paths: (P,) where each picture should lie.
        warnings: what was not paired although it looks alike.
    """

    ratings: Ratings
    matched_by: str
    facts: dict[str, Any]
    paths: list[Path]
    warnings: list[str]


def read_annotators(
    sources: Sequence[Path],
    *,
    names: Sequence[str] = (),
    spec: Spec | None = None,
    pictures: Path | None = None,
    conditions: Mapping[str, Mapping[str, str]] | None = None,
    match_by: str = "auto",
) -> Read:
    """Two or more sources as ratings.

    Args:
        sources: one file or folder for each annotator, in any format ingestion reads.
        names: of the annotators; the files' names when empty.
        spec: gives the class_ids; every class must be in it.
        pictures: folder the file names are relative to.
        conditions: file name to conditions, beside those of the files.
        match_by: see `images_in_common`.

    Raises:
        InputError: fewer than two sources, no picture in common, or a class the spec does not know.
    """
    if len(sources) < 2:
        raise InputError(f"Agreement needs two or more annotators; found {len(sources)} file. Give one file for each.")
    names = tuple(names) or _names_of(sources)
    if len(names) != len(sources) or len(set(names)) < len(names):
        raise InputError(
            f"Give one name for each of the {len(sources)} annotators, all different; found {', '.join(names)}."
        )
    readings = [read_source(path, pictures=pictures, difficult_is_ignored=False) for path in sources]
    class_names = _class_names(readings, sources, spec)
    common = images_in_common(readings, sources, match_by=match_by)
    keys = common.keys
    order = _in_session(keys, readings)
    rows = [dict(zip(listed, r.pictures, strict=True)) for listed, r in zip(keys, readings, strict=True)]
    first = [next(row[key] for row in rows if key in row) for key in order]
    saw = np.array([[key in row and row[key].labelled for row in rows] for key in order], np.bool_).reshape(
        -1, len(rows)
    )
    if not (saw.sum(axis=1) > 1).any():
        raise InputError(
            f"No image was labelled by two annotators: '{sources[0]}' and '{sources[1]}' list the same images, and one of them "
            f"has no labels for any of these."
        )
    ratings, crowds = _ratings(order, rows, first, saw, names, class_names, readings, conditions or {})
    facts = {
        "sources": [{"annotator": n, "format": r.format, "file": Path(p).name} for n, r, p in zip(names, readings, sources, strict=True)],
        "problems": {n: len(r.problems) for n, r in zip(names, readings, strict=True)},
        "crowds_left_out": crowds,
        "not_seen_by": {
            name: {"pictures": int((~saw[:, i]).sum()), "such_as": [first[p].file_name for p in np.flatnonzero(~saw[:, i])[:_SHOWN]]}
            for i, name in enumerate(names)
        },
    }  # fmt: skip
    facts["paired"] = {
        **common.told,
        "not_paired": common.unclear_count + len(common.other_content) + len(common.twice),
    }
    return Read(ratings, common.in_words, facts, [record.path for record in first], common.warnings)


def sureness(
    ratings: Ratings,
    *,
    groups: Callable[[str], str] | None = None,
    block: int | None = None,
    confidence: float = 0.95,
) -> Sureness:
    """How intervals are made for some ratings.

    Args:
        ratings: whose pictures are grouped.
        groups: file name to its group.
        block: so many pictures that follow each other in natural order of their names are one group.
        confidence: of the intervals.
    """
    names = list(ratings.file_names)
    if groups is not None:
        of_picture, unit = [groups(name) for name in names], "group"
    elif block:
        of_picture, unit = [f"{i // block:09d}" for i in range(len(names))], "block"  # they come in this order
    else:
        of_picture, unit = [f"{i:09d}" for i in range(len(names))], "picture"
    index = group_numbers(of_picture)
    drawn = group_weights([f"{i:09d}" for i in range(int(index.max(initial=-1)) + 1)])
    return Sureness(index, unit, drawn, confidence)


def natural(name: str) -> tuple[Any, ...]:
    """A key that sorts 2.jpg before 10.jpg."""
    parts: list[Any] = []
    for kind, text in _runs(name):
        parts.append((kind, int(text) if kind == 0 else text))
    return tuple(parts)


def _runs(name: str) -> list[tuple[int, str]]:
    runs: list[tuple[int, str]] = []
    for character in name:
        kind = 0 if character.isascii() and character.isdigit() else 1
        if runs and runs[-1][0] == kind:
            runs[-1] = (kind, runs[-1][1] + character)
        else:
            runs.append((kind, character))
    return runs


def _in_session(keys: list[list[Any]], readings: Sequence[Reading]) -> list[Any]:
    """Every picture once, in natural order of the names: the order in which people worked, as far as names tell."""
    name_of: dict[Any, str] = {}
    for listed, reading in zip(keys, readings, strict=True):
        for key, record in zip(listed, reading.pictures, strict=True):
            name_of.setdefault(key, record.file_name)
    return sorted(name_of, key=lambda key: natural(name_of[key]))


def _names_of(sources: Sequence[Path]) -> tuple[str, ...]:
    """Stems of the files; with the folder before them, or a number behind, where these are not enough."""
    for make in (lambda p: p.stem or p.name, lambda p: f"{p.parent.name}/{p.stem}"):
        found = tuple(make(Path(path).resolve()) for path in sources)
        if len(set(found)) == len(found):
            return found
    return tuple(f"{Path(path).stem} ({i + 1})" for i, path in enumerate(sources))


def _class_names(readings: Sequence[Reading], sources: Sequence[Path], spec: Spec | None) -> tuple[str, ...]:
    if spec is None:
        return tuple(dict.fromkeys(name for r in readings for name in r.class_names))
    for path, reading in zip(sources, readings, strict=True):
        used = np.unique(
            np.concatenate([np.zeros(0, np.int32), *(record.boxes.class_id for record in reading.pictures)])
        )
        unknown = sorted({reading.class_names[i] for i in used.tolist()} - set(spec.class_names))
        if unknown:
            raise InputError(
                f"'{path}' uses the class '{unknown[0]}', which spec '{spec.name}' does not have "
                f"({', '.join(spec.class_names)}). Correct the file, or add the class."
            )
    return spec.class_names


def _ratings(
    order: list[Any], rows: list[dict[Any, PictureRecord]], first: list[PictureRecord], saw: NDArray,
    names: tuple[str, ...], class_names: tuple[str, ...], readings: Sequence[Reading],
    extra: Mapping[str, Mapping[str, str]],
) -> tuple[Ratings, int]:  # fmt: skip
    class_of = {name: i for i, name in enumerate(class_names)}
    to_ours = [np.array([class_of.get(name, -1) for name in r.class_names], np.int32) for r in readings]
    drawn = [
        (row[key].boxes, to_ours[r]) if saw[p, r] else (Boxes.empty(), to_ours[r])
        for p, key in enumerate(order)
        for r, row in enumerate(rows)
    ]
    crowd = np.concatenate([np.zeros(0, np.bool_), *(boxes.crowd for boxes, _ in drawn)])
    slot = np.repeat(np.arange(len(drawn)), [len(boxes) for boxes, _ in drawn])
    boxes_xyxy = np.concatenate([np.zeros((0, 4)), *(boxes.boxes_xyxy for boxes, _ in drawn)])
    class_id = np.concatenate([np.zeros(0, np.int32), *(table[b.class_id] for b, table in drawn)])
    kept = ~crowd & ~_in_anothers_crowd(slot // len(rows), boxes_xyxy, class_id, crowd)
    marks = _marks([boxes for boxes, _ in drawn], kept)
    sizes = [
        next((row[k].size_hw for row in rows if k in row and row[k].size_hw), None) or (np.nan, np.nan) for k in order
    ]
    conditions = [
        {**record.conditions, **(extra.get(record.file_name) or extra.get(Path(record.file_name).name) or {})}
        for record in first
    ]
    ratings = Ratings(
        annotators=names,
        class_names=class_names,
        file_names=[record.file_name for record in first],
        sizes_hw=np.array(sizes, np.float64).reshape(-1, 2),
        saw=saw,
        offsets=np.searchsorted(slot[kept], np.arange(len(drawn) + 1)),
        boxes_xyxy=boxes_xyxy[kept],
        class_id=class_id[kept],
        marks=marks,
        conditions=conditions,
    )
    return ratings, int((~kept).sum())


def _in_anothers_crowd(
    picture: NDArray[np.int64], boxes_xyxy: NDArray[np.float64], class_id: NDArray[np.int32], crowd: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """(n,) boxes that lie by half or more in a crowd region of their class: one person drew the crowd, another each of it."""
    inside = np.zeros(len(crowd), np.bool_)
    for region in np.flatnonzero(crowd):
        near = np.flatnonzero((picture == picture[region]) & (class_id == class_id[region]) & ~crowd)
        x1, y1, x2, y2 = boxes_xyxy[near].T
        left, top, right, bottom = boxes_xyxy[region]
        shared = np.clip(np.minimum(x2, right) - np.maximum(x1, left), 0, None) * np.clip(
            np.minimum(y2, bottom) - np.maximum(y1, top), 0, None
        )
        inside[near[shared >= 0.5 * np.maximum((x2 - x1) * (y2 - y1), 1e-9)]] = True
    return inside


def _marks(drawn: Sequence[Boxes], kept: NDArray[np.bool_]) -> dict[str, NDArray[np.bool_]]:
    """Mark to (boxes,) whether a person set it; what many boxes say in the same words is read once."""
    out = {name: np.zeros(len(kept), np.bool_) for name in MARKS}
    read: dict[int, dict[str, NDArray[np.bool_]]] = {}
    start = 0
    for boxes in drawn:
        part, told = slice(start, start + len(boxes)), boxes.attributes
        start += len(boxes)
        if told is None:
            continue
        if isinstance(told, Interned):
            table = read.get(id(told.texts)) or read.setdefault(id(told.texts), _said(told.every()))
            for name, column in out.items():
                column[part] = table[name][told.codes]
        else:
            for name, column in _said(told).items():
                out[name][part] = column
    return {name: column[kept] for name, column in out.items()}


def _said(attributes: Sequence[Mapping[str, Any]]) -> dict[str, NDArray[np.bool_]]:
    return {name: np.array([is_marked(a.get(name)) for a in attributes], np.bool_) for name in MARKS}


def is_marked(value: Any) -> bool:
    """Whether an attribute says yes: true, 1, `yes`, `true`, or a share above 0."""
    if isinstance(value, str):
        return value.strip().lower() in ("1", "true", "yes", "y")
    return bool(value)
