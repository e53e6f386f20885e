"""YOLO folders: one text file per picture, `class cx cy w h` as fractions of the picture.

Class names come from data.yaml, classes.txt or darknet's obj.names. Labels lie beside the pictures or in a `labels`
folder that mirrors `images`. An empty label file says "nothing here"; a missing one says nobody has looked, and the two
are kept apart. Lines of corners (rotated boxes, polygons) become the upright box around them, and that is told.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from boxwright.errors import FormatError, InputError, PictureError, SpecError
from boxwright.images import read_header
from boxwright.ingestion.finding import (
    PICTURE_ENDINGS,
    SIDES,
    class_names,
    files_below,
    pictures_below,
    read_bytes,
    read_lines,
    side_of_folders,
    unlabelled,
)
from boxwright.ingestion.reading import BoxRecord, PictureRecord, Reading
from boxwright.spec import parse_yaml

_QUIET = 0.01  # over the edge by at most this fraction is rounding
_LEAST_OUTLINE = 7  # columns: a class and three corners
_MOST_PICTURE_BYTES = 1 << 29


def is_yolo(folder: Path) -> bool:
    """Whether the folder says what its classes are the way YOLO does."""
    return any((folder / name).is_file() for name in ("data.yaml", "data.yml", "classes.txt", "obj.names", "obj.data"))


def read_yolo(folder: Path) -> Reading:
    """The annotations of a YOLO folder.

    Raises:
        FormatError: class names are missing or unreadable.
    """
    config = _config(folder)
    reading = Reading("yolo", [])
    reading.class_names = class_names(_class_names(folder, config), f"'{folder}'", reading)
    files = files_below(folder)
    names = {name: i for i, name in enumerate(reading.class_names)}
    texts = {path for path in files if path.suffix == ".txt"}
    for path, side in _pictures(folder, config, pictures_below(files)):
        record = PictureRecord(path.relative_to(folder).as_posix(), path, side=side, root=folder)
        label = _label_file(folder, path, texts)
        if label is None:
            record.labelled = False
            unlabelled(reading, record.file_name, "label file")
        else:
            _read_labels(reading, record, label, names)
        reading.pictures.append(record)
    return reading


def _config(folder: Path) -> dict[str, Any]:
    for name in ("data.yaml", "data.yml"):
        path = folder / name
        if path.is_file():
            try:
                return parse_yaml(read_bytes(path, most=1 << 24), name=str(path))
            except SpecError as error:
                raise FormatError(str(error)) from error
    return {}


def _class_names(folder: Path, config: dict[str, Any]) -> list[Any]:
    names = config.get("names")
    if isinstance(names, dict):
        if not all(isinstance(key, int) for key in names):
            raise FormatError(f"data.yaml in '{folder}': names must be a list, or numbered 0, 1, 2, ...")
        keys = sorted(names)
        if keys != list(range(len(keys))):
            raise FormatError(f"data.yaml in '{folder}': names must be numbered 0 to {len(keys) - 1}, found {keys}.")
        names = [names[key] for key in keys]
    if names is None:
        for name in ("classes.txt", "obj.names"):
            if (folder / name).is_file():
                names = [line.strip() for line in read_lines(folder / name) if line.strip()]
                break
    if not isinstance(names, list) or not names:
        raise FormatError(f"'{folder}' has no class names: expected names in data.yaml, or classes.txt, or obj.names.")
    return names


def _pictures(folder: Path, config: dict[str, Any], found: list[Path]) -> list[tuple[Path, str]]:
    """Every picture with the side data.yaml, a list file or its folder's name puts it on."""
    sides: dict[Path, str] = {}
    for key, side in SIDES.items():
        for entry in _as_list(config.get(key)):
            for path in _listed(folder, str(config.get("path", "")), str(entry), found):
                sides.setdefault(path, side)
    for name in SIDES:
        if (folder / f"{name}.txt").is_file() and not sides:
            for path in _listed(folder, "", f"{name}.txt", found):
                sides.setdefault(path, SIDES[name])
    return [(path, sides.get(path) or side_of_folders(folder, path)) for path in found]


def _listed(folder: Path, root: str, entry: str, found: list[Path]) -> list[Path]:
    """Pictures a data.yaml entry stands for: a folder, or a text file with one path a line; never outside the source."""
    if "\0" in entry + root or len(entry) > 1000:
        return []
    inside = folder.resolve()
    for base in (folder / root, folder):
        target = base / entry.removeprefix("../").removeprefix("./")
        try:
            if not target.resolve().is_relative_to(inside):
                continue
            if target.is_dir():
                return [path for path in found if path.resolve().is_relative_to(target.resolve())]
            if target.is_file() and target.suffix == ".txt":
                known = {path.relative_to(folder).as_posix(): path for path in found}
                lines = [Path(line.strip()) for line in read_lines(target) if line.strip()]
                ends = (part for line in lines for part in (line.as_posix(), Path(*line.parts[1:]).as_posix()))
                return [known[end.removeprefix("./")] for end in ends if end.removeprefix("./") in known]
        except (OSError, ValueError):
            continue
    return []


def _label_file(folder: Path, path: Path, texts: set[Path]) -> Path | None:
    relative = path.relative_to(folder).with_suffix(".txt")
    parts = list(relative.parts)
    options = [folder / relative]
    for i, part in enumerate(parts):
        if part.lower() in ("images", "imgs", "jpegimages"):
            options.append(folder.joinpath(*parts[:i], "labels", *parts[i + 1 :]))
    options.append(folder / "labels" / relative)
    return next((option for option in options if option in texts), None)


def _read_labels(reading: Reading, record: PictureRecord, label: Path, names: dict[str, int]) -> None:
    try:
        data = read_bytes(record.path, most=_MOST_PICTURE_BYTES)
        height, width = read_header(data, name=record.file_name).size_hw
    except (PictureError, FormatError):
        return  # told when pictures are looked at
    record.size_hw = (height, width)
    found = []
    for number, line in enumerate(read_lines(label), start=1):
        if line.strip():
            box = _read_line(reading, f"{label.name} line {number}", line.split(), width, height)
            found += [box] if box is not None else []
    record.boxes = reading.boxes(found, names=names)


def _read_line(reading: Reading, where: str, columns: list[str], width: int, height: int) -> BoxRecord | None:
    outline = len(columns) >= _LEAST_OUTLINE and len(columns) % 2 == 1
    if len(columns) != 5 and not outline:
        kind = "a detection with its score?" if len(columns) == 6 else f"{len(columns)} columns"
        message = f"expected `class cx cy w h`, or a class and the corners of an outline; found {kind}; left out"
        reading.problem("no-box", "error", where, message)
        return None
    try:
        index, *values = (float(v) for v in columns)
    except ValueError:
        reading.problem("no-box", "error", where, f"expected numbers, found {' '.join(columns)[:60]!r}; left out")
        return None
    if index != int(index) if math.isfinite(index) else True:
        reading.problem(
            "unknown-class", "error", where, f"class must be a whole number, found {columns[0]:.40}; left out"
        )
        return None
    if not 0 <= index < len(reading.class_names):
        most = len(reading.class_names) - 1
        reading.problem(
            "unknown-class", "error", where, f"class must lie in 0 to {most}, found {columns[0]:.40}; left out"
        )
        return None
    if "." in columns[0]:
        reading.problem("class-as-float", "warning", where, f"class {columns[0]:.40} was read as {int(index)}")
    if outline:
        edges = _around(values)
    else:
        cx, cy, w, h = values
        edges = [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]
    fractions = values if not outline else [min(max(v, 0.0), 1.0) if abs(v - 0.5) < 0.6 else v for v in values]
    if not all(math.isfinite(v) and 0 <= v <= 1 for v in fractions) or edges[0] >= edges[2] or edges[1] >= edges[3]:
        reading.problem(
            "bad-box", "error", where,
            f"values must be fractions of the picture in [0, 1] and size above 0, found {' '.join(columns[1:])[:80]}; left out",
        )  # fmt: skip
        return None
    if outline:
        kind = "rotated box or outline of four corners" if len(columns) == 9 else "polygon"
        reading.turned[kind] += 1
        if reading.turned[kind] == 1:
            reading.problem(
                "turned-upright",
                "warning",
                where,
                f"is a {kind}; the upright box around it was taken, here and in all lines like it",
            )
    over = max(-edges[0], -edges[1], edges[2] - 1, edges[3] - 1)
    if over > _QUIET:
        reading.problem(
            "outside-picture", "warning", where, f"the box leaves the picture by {over:.3f} and was cut to it"
        )
    x1, y1, x2, y2 = (min(1.0, max(0.0, edge)) * side for edge, side in zip(edges, (width, height) * 2, strict=True))
    return BoxRecord(None, reading.class_names[int(index)], (x1, y1, x2, y2), where)


def _around(values: list[float]) -> list[float]:
    xs, ys = values[0::2], values[1::2]
    return [min(xs), min(ys), max(xs), max(ys)]


def write_yolo(reading: Reading, out: Path, paths: list[str]) -> None:
    """data.yaml, and `labels/` that mirrors `images/`; a picture nobody has looked at gets no label file.

    Crowds are not written: YOLO would take them for objects. Fractions have all the digits of a float64.
    """
    for record, path in zip(reading.pictures, paths, strict=True):
        if not record.labelled:
            continue
        if record.size_hw is None:
            raise InputError(
                f"The size of '{record.file_name}' is not known; YOLO's fractions need it. Give its picture."
            )
        height, width = record.size_hw
        boxes = record.boxes
        lines = [
            f"{class_id} {(x1 + x2) / 2 / width!r} {(y1 + y2) / 2 / height!r} {(x2 - x1) / width!r} {(y2 - y1) / height!r}\n"
            for class_id, (x1, y1, x2, y2), crowd in zip(
                boxes.class_id.tolist(), boxes.boxes_xyxy.tolist(), boxes.crowd.tolist(), strict=True
            )
            if not crowd
        ]
        label = (out / "labels" / path).with_suffix(".txt")
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text("".join(lines), encoding="utf-8")
    (out / "data.yaml").write_text(_data_yaml(reading), encoding="utf-8")


def _data_yaml(reading: Reading) -> str:
    sides = {record.side for record in reading.pictures}
    lines = [
        "path: .\n",
        *(f"{side}: images/{side}\n" for side in ("train", "val", "test") if side in sides),
        "names:\n",
    ]
    return "".join(
        [*lines, *(f"  {i}: {json.dumps(n, ensure_ascii=False)}\n" for i, n in enumerate(reading.class_names))]
    )


def _as_list(value: Any) -> Iterable[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


__all__ = ["PICTURE_ENDINGS", "is_yolo", "read_yolo", "write_yolo"]
