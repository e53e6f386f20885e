"""Formats that only Datumaro reads, through Datumaro: WIDER FACE, KITTI, Open Images, MOT, VoTT and others of its list.

An extra (`pip install 'boxwright[datumaro]'`), imported only when it is asked for or when none of our own readers knows a
folder. Of its own accord it is let at formats that hold boxes and are read from plain files; those that unpickle or open
archives are never tried. What it says is judged as every other reading is: pictures are looked at by us, not by Datumaro.
https://github.com/open-edge-platform/datumaro
"""

from __future__ import annotations

import importlib.util
import math
import os
from collections import Counter
from pathlib import Path
from typing import Any

from boxwright.errors import FormatError
from boxwright.ingestion.attributes import cleaned
from boxwright.ingestion.finding import SIDES, class_names, files_below
from boxwright.ingestion.image_names import Finder, Wanted
from boxwright.ingestion.reading import BoxRecord, PictureRecord, Reading

PREFIX = "datumaro:"
_FORMATS = (
    "wider_face", "kitti_detection", "open_images", "mot_seq", "vott_csv", "vott_json", "roboflow_create_ml", "label_me",
    "datumaro", "dota",
)  # fmt: skip
_UPRIGHT = {"rotated_bbox": "rotated box", "polygon": "polygon", "ellipse": "ellipse"}
_CROWD, _IGNORE = ("is_crowd", "is_group_of"), ("ignore", "ignored")
_NEEDS = "pip install 'boxwright[datumaro]'"


def is_there() -> bool:
    """Whether Datumaro is installed."""
    return importlib.util.find_spec("datumaro") is not None


def formats_of(folder: Path) -> list[str]:
    """The formats of our list that Datumaro recognises, the surest ones; empty when it is not installed or knows none."""
    if not is_there() or _leaves(folder):
        return []
    environment = importlib.import_module("datumaro.components.environment").Environment()
    detection = importlib.import_module("datumaro.components.format_detection")
    known = [name for name in _FORMATS if name in environment.importers]
    detectors = ((name, environment.make_importer(name).detect) for name in known)
    try:
        found = sorted(match.name for match in detection.detect_dataset_format(detectors, str(folder)))
    except Exception:  # a detector that stumbles over foreign files has not recognised them
        found = []
    if not found and next(folder.glob("**/label_2/*.txt"), None):  # Datumaro looks for KITTI's names with a `_` alone
        return ["kitti_detection"]
    return found


def read_datumaro(folder: Path, name: str, *, difficult_is_ignored: bool = True) -> Reading:
    """A folder in one of Datumaro's formats; pictures in the order of side and name.

    Boxes are taken as Datumaro gives them; rotated boxes, polygons and ellipses become the upright box around them. Masks,
    points and labels of whole pictures are left out and told. Pictures without annotations count as looked at and empty,
    because Datumaro does not say; that is told.

    Args:
        folder: the source.
        name: Datumaro's name of the format, such as `kitti`.
        difficult_is_ignored: the spec's label policy for an attribute `difficult`.

    Raises:
        FormatError: Datumaro is not installed, does not know the name, or cannot read the folder.
    """
    if not is_there():
        raise FormatError(f"'{PREFIX}{name}' is read by Datumaro, which is not installed: {_NEEDS}.")
    if not folder.is_dir():
        raise FormatError(f"'{folder}' is no folder; formats of Datumaro are read from folders.")
    if name not in _FORMATS:
        raise FormatError(f"'{PREFIX}{name}' is not among the formats read by Datumaro here: {', '.join(_FORMATS)}.")
    if link := _leaves(folder):
        raise FormatError(f"'{link}' leads out of the folder; Datumaro would follow it. Put the file itself there.")
    dm = importlib.import_module("datumaro")
    try:
        dataset = dm.Dataset.import_from(str(folder), name)
        items = sorted(dataset, key=lambda item: (str(item.subset), str(item.id)))
        labels = dataset.categories().get(dm.AnnotationType.label)
    except Exception as error:  # whatever another's reader raises on hostile or foreign files
        cause = error.__cause__ or error
        raise FormatError(
            f"Datumaro cannot read '{folder}' as {name}: {type(cause).__name__}: {str(cause)[:300] or 'no reason given'}."
        ) from error
    reading = Reading(f"{PREFIX}{name}", [])
    listed = [str(label.name) for label in labels.items] if labels is not None else []
    reading.class_names = class_names(listed, f"'{folder}'", reading)
    taken = _Taken(reading, Finder(folder, files_below(folder)), difficult_is_ignored)
    for item, file_name in zip(items, taken.names_of(items), strict=True):
        taken.add(item, file_name)
    taken.tell(folder.name)
    return reading


class _Taken:
    """What was taken from Datumaro's items, and what was left."""

    def __init__(self, reading: Reading, finder: Finder, difficult_is_ignored: bool) -> None:
        self.reading, self.finder, self.difficult_is_ignored = reading, finder, difficult_is_ignored
        self.listed = list(reading.class_names)
        self.names = {text: position for position, text in enumerate(self.listed)}
        self.root = Path(os.path.abspath(finder.folder))
        self.without_box: Counter[str] = Counter()

    def add(self, item: Any, name: str | None) -> None:
        """One picture, by its name in the folder, with its boxes."""
        if name is None:
            self.reading.problem(
                "missing-picture", "error", str(item.id)[:80], "has no picture below the folder; it was left out"
            )
            return
        size = item.media.size if getattr(item.media, "has_size", False) else None
        conditions = {k: v for k, v in item.attributes.items() if k != "id"}
        record = PictureRecord(
            name, self.finder.folder / name, size_hw=(int(size[0]), int(size[1])) if size else None,
            side=SIDES.get(str(item.subset).lower(), ""), root=self.finder.folder,
            conditions=cleaned(conditions, self.reading, name),
        )  # fmt: skip
        boxes = [self._box(one, f"{name} annotation {k}") for k, one in enumerate(item.annotations, start=1)]
        record.boxes = self.reading.boxes([box for box in boxes if box is not None], names=self.names)
        self.reading.pictures.append(record)

    def tell(self, where: str) -> None:
        """What holds for the folder as a whole."""
        problem = self.reading.problem
        for kind, count in sorted(self.without_box.items()):
            problem("no-box", "warning", where, f"{count} of the kind {kind} hold no box; they were left out")
        for kind, count in sorted(self.reading.turned.items()):
            problem(
                "turned-upright", "warning", where, f"{count} of the kind {kind} became the upright box around them"
            )
        if empty := sum(not len(record.boxes) for record in self.reading.pictures):
            problem(
                "empty-or-unlabelled", "warning", where,
                f"{empty} pictures have no box; Datumaro does not tell whether anybody looked; they are taken as empty",
            )  # fmt: skip

    def names_of(self, items: list[Any]) -> list[str | None]:
        """Of each item's picture, relative to the folder; None where there is none below it."""
        names: list[str | None] = []
        for item in items:
            path = getattr(item.media, "path", None)
            at = Path(os.path.abspath(path)) if path else None
            inside = at is not None and at.is_relative_to(self.root)
            names.append(at.relative_to(self.root).as_posix() if at is not None and inside else None)
        rest = [k for k, name in enumerate(names) if name is None]
        folder = self.finder.folder
        wanted = [Wanted((str(items[k].id),), folder / "labels", folders=(str(items[k].subset),)) for k in rest]
        for k, found in zip(rest, self.finder.meet(self.reading, wanted), strict=True):
            names[k] = found.relative_to(folder).as_posix() if found else None
        return names

    def _box(self, annotation: Any, where: str) -> BoxRecord | None:
        kind = annotation.type.name
        if kind != "bbox" and kind not in _UPRIGHT:
            self.without_box[kind] += 1
            return None
        if annotation.label is None or not 0 <= annotation.label < len(self.listed):
            self.reading.problem("unknown-class", "error", where, "has no label; the box was left out")
            return None
        try:
            x, y, w, h = map(float, annotation.get_bbox())
            corners = tuple(map(float, annotation.points)) if kind == "bbox" else (x, y, x + w, y + h)
        except (TypeError, ValueError, OverflowError):
            w, h, corners = math.nan, math.nan, (math.nan,) * 4
        if not (w > 0 and h > 0 and len(corners) == 4 and all(abs(v) < 1e300 for v in corners)):
            message = f"width and height must be positive, found {w:g} x {h:g}; it was left out"
            self.reading.problem("bad-box", "error", where, message)
            return None
        if kind != "bbox":
            self.reading.turned[_UPRIGHT[kind]] += 1
        attributes = {str(key): value for key, value in annotation.attributes.items()}
        crowd, ignore = (sum(attributes.pop(flag, False) is True for flag in flags) > 0 for flags in (_CROWD, _IGNORE))
        ignore |= self.difficult_is_ignored and attributes.get("difficult") is True
        attributes = cleaned(attributes, self.reading, where)
        return BoxRecord(
            None, self.listed[annotation.label], corners, where, crowd=crowd, ignore=ignore, attributes=attributes
        )


def _leaves(folder: Path) -> Path | None:
    """A link below the folder that leads out of it; None where there is none."""
    inside = folder.resolve()
    for place, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(place) / name
            if path.is_symlink() and not path.resolve().is_relative_to(inside):
                return path
    return None
