"""YOLO folders: one text file per picture, `class cx cy w h` as fractions of the picture.

Class names come from data.yaml, classes.txt or darknet's obj.names. Labels lie beside the pictures or in a `labels`
folder that mirrors `images`. An empty label file says "nothing here"; a missing one says nobody has looked, and the
two are kept apart. Polygons and rotated boxes (more than five columns) are refused, not misread.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from boxwright.errors import FormatError, SpecError
from boxwright.images import read_header
from boxwright.ingestion.reading import BoxRecord, PictureRecord, Reading
from boxwright.spec import parse_yaml

PICTURE_ENDINGS = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
_QUIET = 0.01  # over the edge by at most this fraction is rounding
_SIDES = {"train": "train", "val": "val", "valid": "val", "test": "test"}


def is_yolo(folder: Path) -> bool:
    """Whether the folder says what its classes are the way YOLO does."""
    return any((folder / name).is_file() for name in ("data.yaml", "data.yml", "classes.txt", "obj.names", "obj.data"))


def read_yolo(folder: Path) -> Reading:
    """The annotations of a YOLO folder.

    Raises:
        FormatError: class names are missing or unreadable.
    """
    config = _config(folder)
    reading = Reading("yolo", _class_names(folder, config))
    for path, side in _pictures(folder, config):
        record = PictureRecord(file_name=path.relative_to(folder).as_posix(), path=path, side=side)
        label = _label_file(folder, path)
        if label is None:
            record.labelled = False
            reading.problem(
                "unlabelled", "warning", record.file_name,
                "has no label file; it is kept as not labelled, which is not the same as empty",
            )  # fmt: skip
        else:
            _read_labels(reading, record, label)
        reading.pictures.append(record)
    return reading


def _config(folder: Path) -> dict[str, Any]:
    for name in ("data.yaml", "data.yml"):
        path = folder / name
        if path.is_file():
            try:
                return parse_yaml(path.read_bytes(), name=str(path))
            except SpecError as error:
                raise FormatError(str(error)) from error
    return {}


def _class_names(folder: Path, config: dict[str, Any]) -> list[str]:
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
                text = (folder / name).read_bytes().decode("utf-8-sig", errors="replace")
                names = [line.strip() for line in text.splitlines() if line.strip()]
                break
    if not isinstance(names, list) or not names:
        raise FormatError(f"'{folder}' has no class names: expected names in data.yaml, or classes.txt, or obj.names.")
    if not all(isinstance(name, str | int | float) and len(str(name)) <= 200 for name in names):
        raise FormatError(f"'{folder}': class names must be short texts.")
    names = [str(name) for name in names]
    if len(set(names)) < len(names):
        raise FormatError(f"'{folder}' lists a class name twice: {next(n for n in names if names.count(n) > 1)!r}.")
    return names


def _pictures(folder: Path, config: dict[str, Any]) -> list[tuple[Path, str]]:
    """Every picture with the side data.yaml, a list file or its folder's name puts it on."""
    sides: dict[Path, str] = {}
    for key, side in _SIDES.items():
        for entry in _as_list(config.get(key)):
            for path in _listed(folder, folder / str(config.get("path", "")), str(entry)):
                sides.setdefault(path, side)
    for name in _SIDES:
        if (folder / f"{name}.txt").is_file() and not sides:
            for path in _listed(folder, folder, f"{name}.txt"):
                sides.setdefault(path, _SIDES[name])
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICTURE_ENDINGS and p.is_file())
    return [(path, sides.get(path) or _side_from_folder(folder, path)) for path in found]


def _listed(folder: Path, root: Path, entry: str) -> list[Path]:
    """Pictures a data.yaml entry stands for: a folder, or a text file with one path a line; never outside the source."""
    for base in (root, folder):
        target = base / entry.removeprefix("../").removeprefix("./")
        if target.is_dir():
            return [p for p in target.rglob("*") if p.suffix.lower() in PICTURE_ENDINGS and p.is_relative_to(folder)]
        if target.is_file() and target.suffix == ".txt" and target.resolve().is_relative_to(folder.resolve()):
            lines = target.read_text(errors="replace").split("\n")
            options = [
                [base / line.strip(), folder / Path(*Path(line.strip()).parts[1:])] for line in lines if line.strip()
            ]
            return [path for option in options for path in option if path.is_file()]
    return []


def _side_from_folder(folder: Path, path: Path) -> str:
    for part in path.relative_to(folder).parts[:-1]:
        if part.lower() in _SIDES:
            return _SIDES[part.lower()]
    return ""


def _label_file(folder: Path, path: Path) -> Path | None:
    relative = path.relative_to(folder).with_suffix(".txt")
    parts = list(relative.parts)
    options = [folder / relative]
    for i, part in enumerate(parts):
        if part.lower() in ("images", "imgs", "jpegimages"):
            options.append(folder.joinpath(*parts[:i], "labels", *parts[i + 1 :]))
    options.append(folder / "labels" / relative)
    return next((option for option in options if option.is_file()), None)


def _read_labels(reading: Reading, record: PictureRecord, label: Path) -> None:
    try:
        height, width = read_header(record.path.read_bytes(), name=record.file_name).size_hw
    except Exception:
        return
    record.size_hw = (height, width)
    text = label.read_bytes().decode("utf-8-sig", errors="replace")
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            _read_line(reading, record, f"{label.name} line {number}", line.split(), width, height)


def _read_line(
    reading: Reading, record: PictureRecord, where: str, columns: list[str], width: int, height: int
) -> None:
    if len(columns) != 5:
        kind = "a polygon or rotated box" if len(columns) > 5 else "too few columns"
        reading.problem(
            "no-box", "error", where, f"expected `class cx cy w h`, found {kind} ({len(columns)} columns); left out"
        )
        return
    try:
        index, (cx, cy, w, h) = float(columns[0]), (float(v) for v in columns[1:])
    except ValueError:
        reading.problem("no-box", "error", where, f"expected five numbers, found {' '.join(columns)[:60]!r}; left out")
        return
    if index != int(index) if math.isfinite(index) else True:
        reading.problem("unknown-class", "error", where, f"class must be a whole number, found {columns[0]}; left out")
        return
    if not 0 <= index < len(reading.class_names):
        most = len(reading.class_names) - 1
        reading.problem("unknown-class", "error", where, f"class must lie in 0 to {most}, found {columns[0]}; left out")
        return
    if "." in columns[0]:
        reading.problem("class-as-float", "warning", where, f"class {columns[0]} was read as {int(index)}")
    if not all(math.isfinite(v) and 0 <= v <= 1 for v in (cx, cy, w, h)) or w == 0 or h == 0:
        reading.problem(
            "bad-box", "error", where,
            f"centre and size must be fractions of the picture in (0, 1], found {' '.join(columns[1:])}; left out",
        )  # fmt: skip
        return
    edges = [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]
    over = max(-edges[0], -edges[1], edges[2] - 1, edges[3] - 1)
    if over > _QUIET:
        reading.problem(
            "outside-picture", "warning", where, f"the box leaves the picture by {over:.3f} and was cut to it"
        )
    x1, y1, x2, y2 = (min(1.0, max(0.0, edge)) * side for edge, side in zip(edges, (width, height) * 2, strict=True))
    record.boxes.append(BoxRecord(None, reading.class_names[int(index)], (x1, y1, x2, y2), where))


def _as_list(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]
