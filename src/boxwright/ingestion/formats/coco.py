"""COCO detection files as a dataset.

A source is one JSON file, or a folder with one per side (`instances_train.json`, `_annotations.coco.json`, ...); ids of images,
annotations and categories belong to their file. Boxes come from `bbox`; masks are not read. `iscrowd` regions are kept as crowds,
`ignore` boxes are not judged. An image's own keys beyond COCO's become its conditions. Plain files are read into columns piece by
piece, all others record by record, never as one tree.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from boxwright.coco import as_id
from boxwright.ingestion.formats.coco_annotations import Columns, read_file, unknown_class
from boxwright.ingestion.formats.coco_categories import Category, Listed, join_classes, list_categories, unlike_names
from boxwright.ingestion.formats.coco_files import Part, one_of_each_image, with_boxes
from boxwright.ingestion.formats.coco_pictures import Places, listed_pictures
from boxwright.ingestion.formats.coco_suspects import suspicion
from boxwright.ingestion.reading import NO_ID, Boxes, Numbered, Reading, SharedRecord


def read_coco(files: list[Path], *, pictures: Path | None = None, source: Path | None = None) -> Reading:
    """The annotations in one or several COCO files.

    Args:
        files: JSON files; with several, each is a side of one dataset. Classes are joined by name. Ids of images and annotations
            are kept where they are unique in all files.
        pictures: folder the file names are relative to; guessed from the layout when None.
        source: folder in which images are looked for by the end of their path; an annotation file's own when None.

    Raises:
        FormatError: a file is not a COCO detection file, or two annotate the same images.
    """
    reading = Reading("coco", [])
    places = Places(pictures, source)
    labels = _labels(files)
    parts = [_part(path, labels[path], places) for path in with_boxes(reading, files)]
    parts = one_of_each_image(reading, parts)
    for part in parts:
        reading.take_problems(part.problems)
    listed = [_categories(reading, part) for part in parts]
    join_classes(reading, listed)
    seen = np.zeros(0, np.int64)
    for place, categories in enumerate(listed):
        seen = _add(reading, parts[place], categories, seen)
        parts[place].file.columns = None  # its columns are the reading's now; what they were made from can go
    ids = [record.image_id for record in reading.pictures]
    if None in ids or len(set(ids)) < len(ids):
        for record in reading.pictures:
            record.image_id = None
    return reading


def _labels(files: list[Path]) -> dict[Path, str]:
    """What each file is called in problems: its name, with its folder where several have that name."""
    count = Counter(path.name for path in files)
    return {path: path.name if count[path.name] == 1 else f"{path.parent.name}/{path.name}" for path in files}


def _part(path: Path, label: str, places: Places) -> Part:
    """A file and the images it lists; what is wrong with it is told when it is known that it is read."""
    problems = Reading("coco", [])
    file = read_file(path, label, problems)
    list_categories(file.tree, path)
    listed = listed_pictures(problems, file, places)
    looked_at = any(isinstance(entry, dict) and entry.get("labelled") is True for entry in file.tree["images"])
    file.tree["images"] = []  # they are records now
    return Part(file, listed, problems, looked_at)


def _categories(reading: Reading, part: Part) -> Listed:
    """The categories of a file that are classes, with its annotations' ids brought to theirs."""
    file = part.file
    categories = list_categories(file.tree, file.path)
    used: frozenset = frozenset()
    if file.columns is not None:
        codes = [code for c in categories if (code := file.ids.code(c.id)) is not None]
        file.columns.category_id = file.ids.joined(file.columns.category_id, codes)
        used = frozenset(as_id(file.ids.id_of(code)) for code in np.unique(file.columns.category_id).tolist())
    kept, told = unlike_names(categories, used, file.path)
    for sentence in told:
        reading.problem("unused-category", "warning", part.name, sentence)
    return Listed(file.path, file.label, kept, used)


def _add(reading: Reading, part: Part, categories: Listed, seen: NDArray[np.int64]) -> NDArray[np.int64]:
    """Hand each image its boxes; the annotation ids used so far, this file's included."""
    columns, listed = part.file.columns, part.listed
    reading.pictures.extend(listed.values())
    for code in part.file.ids.joined(columns.without_box, sorted(listed)).tolist() if columns is not None else ():
        if code in listed:
            listed[code].left_out += 1
    if columns is None or not len(columns.id):
        _tell_of_none(reading, part)
        return seen
    image_ids = np.array(sorted(listed), np.int64)
    columns.image_id = part.file.ids.joined(columns.image_id, image_ids.tolist())
    image, known_image = _positions(columns.image_id, image_ids)
    class_id, known_class = _class_ids(reading, part, columns, categories.categories)
    good = known_image & known_class & (columns.bbox[:, 2] > 0) & (columns.bbox[:, 3] > 0)
    _tell_of_bad(reading, part, columns, good=good, known_image=known_image, known_class=known_class)
    _tell_of_suspects(
        reading, part, columns, np.where(known_image, image, -1), list(map(listed.__getitem__, image_ids.tolist()))
    )
    for place in image[known_image & ~good].tolist():
        listed[int(image_ids[place])].left_out += 1
    names = _own_ids(reading, part, columns, good, seen)
    used = np.concatenate([seen, columns.id[good & (columns.id != NO_ID)]])
    order = np.flatnonzero(good)
    order = order[np.argsort(image[order], kind="stable")]
    class_id, image, names = class_id[order].astype(np.int32), image[order], names[order]
    columns.keep(order)
    corners = columns.bbox
    corners[:, 2:] += corners[:, :2]
    for row, exact in columns.exact.items():
        corners[row] = exact
    bounds = np.searchsorted(image, np.arange(len(image_ids) + 1)).tolist()
    known = (columns.attributes.codes >= 0).any()
    everything = Boxes(
        class_id, corners, names, columns.area, columns.crowd, columns.ignore, columns.attributes if known else None,
        Numbered(part.name, columns.id, columns.position),
    )  # fmt: skip
    for i, image_id in enumerate(image_ids.tolist()):
        if bounds[i] < bounds[i + 1]:
            listed[image_id].share(everything, bounds[i], bounds[i + 1])
    return used


def _class_ids(
    reading: Reading, part: Part, columns: Columns, categories: list[Category]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The class of each annotation, by the name that its own file gives its category, and whether it has one."""
    place = {name: i for i, name in enumerate(reading.class_names)}
    codes = {part.file.ids.code(c.id): place[c.name] for c in categories if c.name in place}
    known = np.array(sorted(code for code in codes if code is not None), np.int64)
    at, found = _positions(columns.category_id, known)
    of_class = np.array([codes[code] for code in known.tolist()], np.int64)
    return of_class[at] if len(known) else at, found


def _tell_of_none(reading: Reading, part: Part) -> None:
    """A file without annotations: not labelled where it has no list of them, without objects where the list is empty."""
    count = len(part.listed)
    if part.file.columns is None:
        for record in part.listed.values():
            record.labelled = False
        if count:
            reading.problem(
                "unlabelled", "warning", part.name,
                f"lists {count} image{'s' * (count != 1)} and has no 'annotations'; kept as not labelled, which is not the same as empty",
            )  # fmt: skip
    elif (empty := sum(record.labelled for record in part.listed.values())) and not (
        part.file.entries or part.looked_at
    ):
        reading.problem(
            "nothing-annotated", "warning", part.name,
            f"its 'annotations' are empty: all {empty} images are taken as looked at and without objects. If nobody has labelled "
            f"them, remove the key 'annotations' from the file",
        )  # fmt: skip


def _tell_of_bad(
    reading: Reading,
    part: Part,
    columns: Columns,
    *,
    good: NDArray[np.bool_],
    known_image: NDArray[np.bool_],
    known_class: NDArray[np.bool_],
) -> None:
    """Say of every annotation that cannot be used why."""
    places, id_of = Numbered(part.name, columns.id, columns.position), part.file.ids.id_of
    for row in np.flatnonzero(~good):
        if not known_image[row]:
            message = f"its image_id {id_of(int(columns.image_id[row]))!r:.60} is not listed; the box was left out"
            reading.problem("unknown-image", "error", places[row], message)
        elif not known_class[row]:
            unknown_class(reading, places[row], id_of(int(columns.category_id[row])))
        else:
            w, h = columns.bbox[row, 2:]
            message = f"width and height must be positive, found {w:g} x {h:g}; it was left out"
            reading.problem("bad-box", "error", places[row], message)


def _tell_of_suspects(
    reading: Reading, part: Part, columns: Columns, image: NDArray[np.int64], records: list[SharedRecord]
) -> None:
    """Say where the boxes look like corners or fractions; crowds are left out, for their areas are of masks."""
    sizes = np.array([record.size_hw or (np.nan, np.nan) for record in records] + [(np.nan, np.nan)], np.float64)
    rows = ~columns.crowd
    found = suspicion(columns.bbox[rows], columns.area[rows], sizes[image[rows]])
    if found is not None:
        reading.problem(found[0], "warning", part.name, found[1])


def _own_ids(
    reading: Reading, part: Part, columns: Columns, good: NDArray[np.bool_], seen: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The annotations' ids, NO_ID where another annotation has it; two of one file are told, for its tools may mix them up."""
    given = np.flatnonzero(good & (columns.id != NO_ID))
    _, first = np.unique(columns.id[given], return_index=True)
    again = np.ones(len(given), np.bool_)
    again[first] = False
    places = Numbered(part.name, columns.id, columns.position)
    for row in given[again]:
        message = f"annotation id {columns.id[row]} is used twice; both boxes are kept"
        reading.problem("duplicate-id", "warning", places[row], message)
    names = columns.id.copy()
    names[given[again | np.isin(columns.id[given], seen)]] = NO_ID
    return names


def _positions(ids: NDArray[np.int64], known: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Where each id stands among the known, rising ids, and whether it is among them."""
    if not len(known):
        return np.zeros(len(ids), np.int64), np.zeros(len(ids), np.bool_)
    at = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    return at, known[at] == ids
