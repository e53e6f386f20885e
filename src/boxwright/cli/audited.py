"""What `split audit` looks at: pictures of files or of the store, with their sides, conditions and times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Dataset, Split
from boxwright.cli.terminal import find
from boxwright.errors import FormatError, InputError
from boxwright.ingestion import read_conditions
from boxwright.ingestion.finding import PICTURE_ENDINGS
from boxwright.ingestion.source import read_source
from boxwright.splitting import Sided, meet, read_side_lists, side_of_path, time_from_exif, time_from_text
from boxwright.store import Store

_REST = "rest"
_SOME = 3


@dataclass(frozen=True)
class Audited:
    """Pictures to audit.

    Attributes:
        title: what they are, for people.
        sided: with their sides.
        told: (n,) conditions that come with them.
        absent: how many are listed without a picture at hand.
        unlisted: how many pictures no list names; they are left out.
        notes: what was taken otherwise than it is written.
    """

    title: str
    sided: Sided
    told: list[dict[str, str]]
    absent: int
    unlisted: int
    notes: list[str]


def audited_files(source: Path, splits: list[str], pictures: Path | None) -> Audited:
    """A folder of pictures or a COCO file, with the sides that lists give, or else folders or the file itself."""
    names, paths, own = _of_folder(source) if source.is_dir() else _of_coco(source, pictures)
    if not splits:
        return _by_themselves(source, names, paths, own)
    lists = read_side_lists(splits)
    met = meet(lists.names, names)
    notes = list(lists.notes)
    sides = [found[0] if found else "" for found in met.sides]
    if len([side for side, listed in lists.names.items() if listed]) == 1:
        only = next(side for side, listed in lists.names.items() if listed)
        other = "train" if only != "train" else _REST
        sides = [side or other for side in sides]
        notes.append(f"Only the side '{only}' is listed; every other picture is taken for '{other}'.")
    if met.absent:
        notes.append(
            f"{len(met.absent)} listed names have no picture here ({_first(n for n, _ in met.absent)}); they are known by name only."
        )
    if met.unclear:
        notes.append(
            f"{len(met.unclear)} listed names fit several pictures and were left out ({_first(met.unclear)}); write more of the path."
        )
    listed = [k for k, side in enumerate(sides) if side]
    if not listed:
        raise InputError(
            f"The lists name no picture of '{source}': they say '{next(n for v in lists.names.values() for n in v)}', there is '{names[0]}'."
        )
    sided = Sided(
        [names[k] for k in listed] + [name for name, _ in met.absent],
        [sides[k] for k in listed] + [side for _, side in met.absent],
        [_reading(paths[k]) for k in listed] + [None] * len(met.absent),
        [(names[k], met.sides[k][0], other) for k in listed for other in met.sides[k][1:]],
    )
    return Audited(str(source), sided, [{} for _ in sided.side], len(met.absent), len(names) - len(listed), notes)


def audited_store(opened: Store, store: Path, reference: str, splits: list[str]) -> Audited:
    """A dataset with the sides of a split, of lists, or of the files it was read from."""
    data = find(store, reference, Dataset)
    names, notes = data.file_names, []
    twice: list[tuple[str, str, str]] = []
    if not splits:
        sides = [side or "" for side in data.rows.column("side").to_pylist()]
    elif (
        len(splits) == 1
        and "=" not in splits[0]
        and (not Path(splits[0]).exists() or (Path(splits[0]) / "manifest.json").is_file())
    ):
        split = find(store, splits[0], Split)
        of_id = dict(zip(split.image_ids.tolist(), split.side, strict=True))
        sides = [of_id.get(int(image), "") for image in data.image_ids]
    else:
        lists = read_side_lists(splits)
        met = meet(lists.names, names)
        sides, notes = [found[0] if found else "" for found in met.sides], list(lists.notes)
        twice = [(name, found[0], other) for name, found in zip(names, met.sides, strict=True) for other in found[1:]]
    kept = [k for k, side in enumerate(sides) if side]
    if not kept:
        raise InputError(f"No picture of '{reference}' has a side; name who is where with --splits.")
    digests = data.picture_digests

    def reading(digest: str) -> Callable[[], bytes] | None:
        return (lambda: opened.pictures.read(digest)) if digest else None

    sided = Sided([names[k] for k in kept], [sides[k] for k in kept], [reading(digests[k]) for k in kept], twice)
    told = [{name: str(value) for name, value in data.conditions[k].items()} for k in kept]
    return Audited(reference, sided, told, sum(not digests[k] for k in kept), len(names) - len(kept), notes)


def conditions_of(looked: Audited, path: Path | None, needed: list[str]) -> list[dict[str, str]]:
    """(n,) conditions of each picture; InputError where nobody tells one that is asked for."""
    extra = read_conditions(path) if path else {}
    names = looked.sided.file_names
    stems = Counter(Path(key).stem for key in extra)
    bare = {Path(key).stem: value for key, value in extra.items() if stems[Path(key).stem] == 1}
    told = [
        {**own, **(extra.get(name) or extra.get(Path(name).name) or bare.get(Path(name).stem) or {})}
        for name, own in zip(names, looked.told, strict=True)
    ]
    for key in needed:
        if not any(key in one for one in told):
            known = ", ".join(sorted({k for one in told for k in one})) or "none"
            raise InputError(f"No picture has the condition '{key}' (known: {known}); give it with --conditions FILE.")
    return told


def times_of(sided: Sided, told: list[dict[str, str]], column: str | None) -> NDArray[np.float64]:
    """(n,) seconds since 1970, NaN where unknown: of a condition, or as EXIF has it."""
    if column is not None:
        times = np.array([time_from_text(one.get(column)) for one in told], np.float64)
    else:
        with ThreadPoolExecutor(2) as pool:
            times = np.array(
                list(pool.map(lambda read: float("nan") if read is None else time_from_exif(read()), sided.read))
            )
    if not np.isfinite(times).any():
        where = (
            f"the condition '{column}' holds no time (ISO 8601 or seconds)"
            if column
            else "no picture has EXIF DateTimeOriginal"
        )
        raise InputError(f"--within needs times, but {where}; give a table with --conditions FILE --time COLUMN.")
    return times


def _by_themselves(source: Path, names: list[str], paths: list[Path], own: list[str]) -> Audited:
    kept = [k for k, side in enumerate(own) if side]
    if len({own[k] for k in kept}) < 2:
        raise InputError(
            f"'{source}' does not say which picture is on which side (no folders train, val, test); name it with --splits."
        )
    notes = ["Sides are those of the folders' names or of the file."]
    sided = Sided([names[k] for k in kept], [own[k] for k in kept], [_reading(paths[k]) for k in kept])
    return Audited(
        str(source), sided, [{} for _ in kept], sum(one is None for one in sided.read), len(names) - len(kept), notes
    )


def _of_folder(source: Path) -> tuple[list[str], list[Path], list[str]]:
    """Pictures under a folder, none that a link leads out of it to."""
    root = source.resolve()
    paths = sorted(
        p for p in source.rglob("*")
        if p.suffix.lower() in PICTURE_ENDINGS and p.is_file() and (not p.is_symlink() or p.resolve().is_relative_to(root))
    )  # fmt: skip
    if not paths:
        raise FormatError(f"'{source}' holds no picture ({', '.join(sorted(PICTURE_ENDINGS))}).")
    names = [p.relative_to(source).as_posix() for p in paths]
    return names, paths, [side_of_path(name) for name in names]


def _of_coco(source: Path, pictures: Path | None) -> tuple[list[str], list[Path], list[str]]:
    reading = read_source(source, pictures=pictures)
    records = reading.pictures
    return [r.file_name for r in records], [r.path for r in records], [r.side for r in records]


def _reading(path: Path) -> Callable[[], bytes] | None:
    try:
        return path.read_bytes if path.is_file() else None
    except (OSError, ValueError):
        return None


def _first(names) -> str:
    some = list(names)
    return ", ".join(f"'{name}'" for name in some[:_SOME]) + (", ..." if len(some) > _SOME else "")
