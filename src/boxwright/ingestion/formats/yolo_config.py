"""What says how a YOLO dataset is laid out: a YAML file under any name, darknet's obj.data, or lists beside the images.

`names` are read as written: YAML takes 02146 for a number and no for False. URLs and `download:` are never followed, and no entry
leads out of the folder that was given. Which images an entry means is for yolo_subsets.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from boxwright.errors import FormatError, SpecError
from boxwright.ingestion.finding import SIDES, read_bytes
from boxwright.spec import parse_yaml

YAML_ENDINGS = (".yaml", ".yml")
_USUAL = ("data.yaml", "data.yml")
_MOST_BYTES = 1 << 24
_MOST_CANDIDATES = 100  # YAML files in folders below that are opened
_MOST_SHOWN = 8
_SAYS_SO = re.compile(rb"^[^\S\n]*[\"']?(names|nc|train|val)[\"']?\s*:", re.MULTILINE)
_NOTHING = ("", "~", "null", "Null", "NULL")


@dataclass(frozen=True)
class Config:
    """What a YAML file or obj.data says.

    Attributes:
        base: the folder its entries are relative to.
        name: of the file, for messages; empty where there is none.
        root: the `path` that entries are relative to, often one of another machine.
        names: class names in order; None where it gives none.
        names_file: the path of a file of names, as written, or empty.
        count: `nc`, or None.
        subsets: side to entries as written: folders and lists.
        kpt_shape: keypoints and values of each; None where there are no keypoints.
    """

    base: Path
    name: str = ""
    root: str = ""
    names: list[Any] | None = None
    names_file: str = ""
    count: Any = None
    subsets: dict[str, list[str]] = field(default_factory=dict)
    kpt_shape: tuple[int, int] | None = None


def find_config(folder: Path, files: Sequence[Path], *, deep: bool = True) -> Path | None:
    """The file that lays the folder out, None where there is none: in the folder itself, else in one below.

    Raises:
        FormatError: several files do so differently.
    """
    for places in ([p for p in files if p.parent == folder], [p for p in files if p.parent != folder] if deep else []):
        yamls = [p for p in places if p.suffix.lower() in YAML_ENDINGS][:_MOST_CANDIDATES]
        found = [p for p in yamls if _lays_out(p)] or [p for p in places if p.name.lower() == "obj.data"]
        if any(p.parent != found[0].parent or _facts(p) != _facts(found[0]) for p in found[1:]):
            listed = ", ".join(p.relative_to(folder).as_posix() for p in found[:_MOST_SHOWN])
            raise FormatError(
                f"'{folder}' contains several files that describe a YOLO dataset ({listed}); "
                f"give the one you mean, such as '{found[0]}'."
            )
        if found:
            return found[0]
    return None


def read_config(path: Path) -> Config:
    """A YAML file or obj.data, read.

    Raises:
        FormatError: the file cannot be read, or its names or kpt_shape make no sense.
    """
    return _of_yaml(path) if path.suffix.lower() in YAML_ENDINGS else _of_data(path)


def _lays_out(path: Path) -> bool:
    if path.name.lower() in _USUAL:
        return True
    try:
        data = read_bytes(path, most=_MOST_BYTES)
        tree = parse_yaml(data, name=path.name) if _SAYS_SO.search(data) else {}
    except (FormatError, SpecError):
        return False
    if "backbone" in tree:  # a network of Ultralytics
        return False
    return isinstance(tree.get("names"), list | dict | str) or ("nc" in tree and any(side in tree for side in SIDES))


def _facts(path: Path) -> object:
    try:
        config = read_config(path)
    except FormatError:
        return path
    return (config.names, config.names_file, config.root, config.subsets, config.kpt_shape)


def _of_yaml(path: Path) -> Config:
    try:
        tree = parse_yaml(read_bytes(path, most=_MOST_BYTES), name=str(path), texts=("names", "path", *SIDES))
    except SpecError as error:
        raise FormatError(str(error)) from error
    names, file = tree.get("names"), ""
    if isinstance(names, str):
        if not names.lower().endswith((".names", ".txt")):
            raise FormatError(
                f"'{path}': names must be a list, or numbered 0, 1, 2, ...; found the text {names!r:.60}."
            )
        names, file = None, names
    subsets: dict[str, list[str]] = {}
    for key, side in SIDES.items():
        if entries := list(_entries(tree.get(key))):
            subsets.setdefault(side, []).extend(entries)
    root = tree.get("path")
    return Config(
        path.parent, path.name, "" if root in (None, *_NOTHING, ".", "./") else str(root),
        None if names is None else _in_order(names, path), file, tree.get("nc"), subsets, _kpt_shape(tree, path),
    )  # fmt: skip


def _in_order(names: Any, path: Path) -> list[Any]:
    """The names of a list, or of a mapping by number."""
    if isinstance(names, list):
        return names
    if not isinstance(names, dict) or not names or not all(str(key).isdecimal() for key in names):
        raise FormatError(f"'{path}': names must be a list, or numbered 0, 1, 2, ...")
    by_number = {int(str(key)): name for key, name in names.items()}
    if sorted(by_number) != list(range(len(names))):
        found = ", ".join(map(str, sorted(by_number)[:20]))
        raise FormatError(f"'{path}': names must be numbered 0 to {len(names) - 1}, found {found}.")
    return [by_number[i] for i in range(len(names))]


def _entries(value: Any) -> Iterable[str]:
    for entry in value if isinstance(value, list) else [value]:
        if isinstance(entry, str) and entry.strip() not in _NOTHING:
            yield entry.strip()


def _kpt_shape(tree: dict[str, Any], path: Path) -> tuple[int, int] | None:
    shape = tree.get("kpt_shape")
    if shape is None:
        return None
    whole = isinstance(shape, list) and len(shape) == 2 and all(type(v) is int for v in shape)
    if not whole or not 0 < shape[0] < 10_000 or shape[1] not in (2, 3):
        raise FormatError(
            f"'{path}': kpt_shape must be [number of keypoints, 2 or 3 values of each]; found {shape!r:.60}."
        )
    return shape[0], shape[1]


def _of_data(path: Path) -> Config:
    """Darknet's obj.data: `names = data/obj.names`, `train = data/train.txt`, `valid = data/valid.txt`."""
    values = {}
    for line in read_text(path).splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.lstrip().startswith("#"):
            values[key.strip().lower()] = value.strip()
    count = values.get("classes", "")
    subsets = {side: [values[key]] for key, side in SIDES.items() if values.get(key)}
    return Config(
        path.parent, path.name, names_file=values.get("names", ""), count=int(count) if count.isdecimal() else None,
        subsets=subsets,
    )  # fmt: skip


def read_text(path: Path, *, most: int = 1 << 28) -> str:
    """A text file in UTF-8, or in UTF-16 with its mark, as Windows writes it; what cannot be decoded becomes U+FFFD."""
    data = read_bytes(path, most=most)
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    return data.decode("utf-16" if wide else "utf-8-sig", errors="replace")
