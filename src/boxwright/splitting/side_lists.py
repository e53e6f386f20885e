"""Who is on which side, as users write it down.

A folder of lists (train.txt, val.txt, test.txt), one list per side, a CSV or JSON with a file name and a side a row, a JSON
object of side to names, or one COCO file per side. Names may come with or without ending and with or without a path; each
is met with the picture whose path ends the same way, if only one does, or else with those whose names begin with it.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from boxwright.artifacts import SIDES
from boxwright.csv_cells import as_meant
from boxwright.errors import FormatError

_ALIASES = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test",
            "testing": "test"}  # fmt: skip
_LISTS = {".txt", ".lst", ".list"}
_TABLES = {".csv", ".tsv", ".json"}
_SIDE_COLUMNS = ("side", "split", "subset", "set", "fold", "partition")
_MOST_BYTES = 1 << 30
_LEAST_BEGINNING = 4  # characters of a name that may stand for names that begin with it
_SAME_LIST = 0.95  # of a list's names that are already listed: it only repeats others


@dataclass
class SideLists:
    """Names by side, as listed.

    Attributes:
        names: side to the names listed for it.
        notes: what was left out or taken otherwise than it is written, in sentences.
    """

    names: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Met:
    """Listed names met with pictures.

    Attributes:
        sides: (n,) sides of each picture, none where it is not listed, two where it is listed twice.
        absent: (name, side) listed without a picture.
        unclear: names that fit several pictures.
    """

    sides: list[list[str]]
    absent: list[tuple[str, str]]
    unclear: list[str]


def read_side_lists(given: Sequence[str]) -> SideLists:
    """What files, folders and SIDE=FILE pairs say.

    Raises:
        FormatError: a file is missing, is no list we read, or no side comes out.
    """
    lists = SideLists()
    for one in given:
        side, sign, file = one.partition("=")
        if sign and not Path(one).exists():
            _read_file(Path(file), lists, side=_ALIASES.get(side.lower(), side))
        elif Path(one).is_dir():
            _read_folder(Path(one), lists)
        else:
            _read_file(Path(one), lists, side=None)
    if not any(lists.names.values()):
        raise FormatError(
            f"No side lists a picture in {', '.join(given)}; expected train.txt, val.txt, test.txt or the like."
        )
    return lists


def side_of_path(name: str) -> str:
    """The side a folder of the path is called after, or nothing."""
    return next((_ALIASES[part.lower()] for part in PurePosixPath(name).parts[:-1] if part.lower() in _ALIASES), "")


def in_order(sides: Iterable[str]) -> list[str]:
    """Sides in the order of the lifecycle: what begins with train, then val, test, and the others by name."""

    def rank(side: str) -> tuple[int, str]:
        if side in SIDES:
            return 2 * SIDES.index(side), ""
        return (1 if side.startswith("train") else 2 * len(SIDES)), side

    return sorted(set(sides), key=rank)


def meet(lists: Mapping[str, Sequence[str]], file_names: Sequence[str]) -> Met:
    """Listed names met with the pictures there are.

    A name that only ends as the picture's does (`/elsewhere/train/1.jpg` for `1.jpg`) gives way to one that says more of it;
    where two sides name it so with different paths, nobody knows whose it is.
    """
    by_end: dict[str, int] = {}
    for row, name in enumerate(file_names):
        for end in _ends(name):
            by_end[end] = row if by_end.setdefault(end, row) == row else -1
    by_beginning = _by_beginning(file_names)
    met = Met([[] for _ in file_names], [], [])
    partly: dict[int, list[tuple[int, str, str]]] = defaultdict(list)  # picture to (parts that agree, side, name)
    for side in in_order(lists):
        for name in lists[side]:
            row, parts, whole = _row_of(name, by_end)
            if row is not None and row >= 0 and not whole:
                if _sides_differ(name, file_names[row]):
                    met.absent.append((_plain(name), side))
                else:
                    partly[row].append((parts, side, name))
                continue
            rows = by_beginning.get(_stem(name), []) if row is None else [row]
            if not rows:
                met.absent.append((_plain(name), side))
            elif row is not None and row < 0:
                met.unclear.append(name)
            for one in rows:
                if one >= 0 and side not in met.sides[one]:
                    met.sides[one].append(side)
    for row, claims in partly.items():
        _settle(row, claims, met)
    return met


def _settle(row: int, claims: list[tuple[int, str, str]], met: Met) -> None:
    """Whose the picture is that names only partly agree with."""
    most = max(parts for parts, _, _ in claims)
    best = [(side, name) for parts, side, name in claims if parts == most]
    named = {_plain(name) for _, name in best}
    if met.sides[row]:  # a name says it wholly
        met.absent.extend((_plain(name), side) for _, side, name in claims)
        return
    met.absent.extend((_plain(name), side) for parts, side, name in claims if parts < most)
    if len(named) > 1 and len({side for side, _ in best}) > 1:
        met.unclear.extend(name for _, name in best)
        return
    met.sides[row].extend(dict.fromkeys(side for side, _ in best))


def _sides_differ(name: str, file_name: str) -> bool:
    told, there = side_of_path(_plain(name)), side_of_path(file_name)
    return bool(told and there and told != there)


def _by_beginning(file_names: Sequence[str]) -> dict[str, list[int]]:
    """What pictures' names begin with, up to a `_` or `-`, to the pictures: 00041000 means 00041000_test.jpg."""
    found: dict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(file_names):
        stem = _stem(name)
        for match in re.finditer(r"[_-]", stem):
            found[stem[: match.start()]].append(row)
    return {beginning: rows for beginning, rows in found.items() if len(beginning) >= _LEAST_BEGINNING}


def _stem(name: str) -> str:
    return PurePosixPath(_plain(name.split()[0] if name.split() else name)).stem


def _row_of(name: str, by_end: Mapping[str, int]) -> tuple[int | None, int, bool]:
    """The picture a listed name means, -1 for several, None for none; of a line of columns the first counts.

    Also how many parts of the path agree, and whether these are all that the name has.
    """
    for text in dict.fromkeys((name, name.split()[0])):
        ends = _ends(text)
        for end in ends:
            if by_end.get(end, -1) >= 0:
                parts = end.count("/") + 1
                return by_end[end], parts, parts == ends[0].count("/") + 1
        if any(end in by_end for end in ends):
            return -1, 0, False
    return None, 0, False


def _ends(name: str) -> list[str]:
    """The path and its ends, each also without the ending, the longest first."""
    path = _plain(name)
    parts = [part for part in path.split("/") if part not in ("", ".", "..")]
    found = []
    for k in range(len(parts)):
        end = "/".join(parts[k:])
        suffix = PurePosixPath(end).suffix
        found += [end, end[: -len(suffix)]] if suffix and not suffix[1:].isdigit() else [end]
    return found


def _plain(name: str) -> str:
    return name.strip().replace("\\", "/")


def _read_folder(folder: Path, lists: SideLists) -> None:
    """The lists of a folder; a list that only repeats what others list (all.txt, trainval.txt) is left out and told."""
    files = sorted(p for p in folder.iterdir() if p.is_file() and p.suffix.lower() in _LISTS)
    files = files or sorted(p for p in folder.iterdir() if p.is_file() and p.suffix.lower() in _TABLES)
    if not files:
        raise FormatError(f"'{folder}' holds no list (train.txt, val.txt, test.txt, or CSV or JSON files).")
    known = [p for p in files if _side_of_stem(p.stem) in SIDES]
    listed: set[str] = set()
    for path in [*known, *(p for p in files if p not in known)]:
        here = SideLists()
        _read_file(path, here, side=None)
        names = [name for found in here.names.values() for name in found]
        if path not in known and known and names:
            repeated = sum(name in listed for name in names)
            if repeated >= _SAME_LIST * len(names):
                lists.notes.append(f"'{path.name}' only repeats names of the other lists and was left out.")
                continue
        listed.update(names)
        for side, found in here.names.items():
            lists.names[side] += found
        lists.notes += here.notes


def _side_of_stem(stem: str) -> str:
    """The side a file's name speaks of; the stem itself where it speaks of none, or of two."""
    words = [_ALIASES[w] for w in re.split(r"[^a-z]+", stem.lower()) if w in _ALIASES]
    return words[0] if len(set(words)) == 1 else stem


def _read_file(path: Path, lists: SideLists, *, side: str | None) -> None:
    text = _text_of(path)
    ending = path.suffix.lower()
    if ending == ".json":
        _read_json(text, path, lists, side)
    elif ending in (".csv", ".tsv"):
        _read_table(text, path, lists, side)
    else:
        names = [line.strip() for line in text.splitlines()]
        lists.names[side or _side_of_stem(path.stem)] += [name for name in names if name and not name.startswith("#")]


def _text_of(path: Path) -> str:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise FormatError(f"'{path}' has more than {_MOST_BYTES} bytes; a list of pictures is smaller.")
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise FormatError(
            f"Cannot read '{path}': {error.strerror or error}. Give a file or folder that lists the sides."
        ) from error
    except UnicodeDecodeError as error:
        raise FormatError(f"'{path}' is no text; a list holds one file name a line.") from error


def _read_table(text: str, path: Path, lists: SideLists, side: str | None) -> None:
    """A table with a header: file name first, and a column for the side unless it is told."""
    delimiter = "\t" if path.suffix.lower() == ".tsv" else next((d for d in ",;\t" if d in text.split("\n", 1)[0]), ",")
    try:
        rows = [
            [as_meant(cell) for cell in row] for row in csv.reader(io.StringIO(text), delimiter=delimiter) if any(row)
        ]
    except csv.Error as error:
        raise FormatError(f"'{path}' is no CSV: {error}.") from error
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    column = next((header.index(name) for name in _SIDE_COLUMNS if name in header), None)
    if column is None and side is None:
        raise FormatError(
            f"'{path}' has no column that tells the side ({', '.join(_SIDE_COLUMNS)}); its header is {', '.join(header) or 'empty'}."
        )
    names = next(
        (header.index(n) for n in ("file_name", "filename", "file", "name", "image", "path") if n in header), 0
    )
    for line, row in enumerate(rows[1:], start=2):
        if len(row) <= max(names, column or 0):
            raise FormatError(f"'{path}' line {line} has {len(row)} cells; the header has {len(header)}.")
        lists.names[side or _named(row[column or 0])].append(row[names])


def _read_json(text: str, path: Path, lists: SideLists, side: str | None) -> None:
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"'{path}' is no JSON: {error}.") from error
    if isinstance(tree, dict) and isinstance(tree.get("images"), list):
        lists.names[side or _side_of_stem(path.stem)] += [_text(one, "file_name", path) for one in tree["images"]]
    elif isinstance(tree, dict) and tree and all(isinstance(v, list) for v in tree.values()):
        for name, listed in tree.items():
            lists.names[side or _named(name)] += [
                one if isinstance(one, str) else _text(one, "file_name", path) for one in listed
            ]
    elif isinstance(tree, dict) and tree and all(isinstance(v, str) for v in tree.values()):
        for name, told in tree.items():
            lists.names[side or _named(told)].append(name)
    elif isinstance(tree, list) and all(isinstance(one, str) for one in tree):
        lists.names[side or _side_of_stem(path.stem)] += tree
    elif isinstance(tree, list):
        key = next((k for k in _SIDE_COLUMNS if tree and isinstance(tree[0], dict) and k in tree[0]), "side")
        for one in tree:
            lists.names[side or _named(_text(one, key, path))].append(_text(one, "file_name", path))
    else:
        raise FormatError(
            f"'{path}' lists no sides: expected COCO, {{side: [names]}}, {{name: side}} or a list of file_name and side."
        )


def _named(side: str) -> str:
    return _ALIASES.get(side.strip().lower(), side.strip())


def _text(record: Any, key: str, path: Path) -> str:
    value = record.get(key) if isinstance(record, dict) else None
    if not isinstance(value, str) or not value:
        raise FormatError(f"'{path}': every record needs a text '{key}'; found {str(record)[:80]}.")
    return value
