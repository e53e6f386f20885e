"""The images that a COCO file lists, and where their files are.

A name means the file it spells, below the folder under which most names exist. Names that do not exist as they are spelled
(`images\\a.png`, `C:\\line\\a.png`, `../upload/4/a.png`, other case, other Unicode composition) are met by `match_names` with the
files below the source, and that is told; a name that leads out is met by its end or left out, never followed.
"""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from boxwright.coco import whole
from boxwright.images import match_names
from boxwright.images.folders import folders_agree
from boxwright.images.names import spelled_alike
from boxwright.images.path_ends import subset_of_folder
from boxwright.ingestion.attributes import cleaned
from boxwright.ingestion.finding import SIDES, is_there, picture_names_below, stays_inside
from boxwright.ingestion.formats.coco_annotations import CocoFile
from boxwright.ingestion.reading import Reading, SharedRecord

_COCO_KEYS = {"id", "file_name", "width", "height", "license", "flickr_url", "coco_url", "date_captured", "labelled"}
_BESIDE = ("annotations", "annotation", "labels", "json")  # folders of annotation files, whose images lie elsewhere
_MOST_UNASKED = 200_000  # files below a folder that the user did not name
_RULES = {
    "spelling": "after slashes, drives and accents were written alike",
    "case": "by ignoring upper and lower case",
    "path end": "by the end of their path",
}


@dataclass
class Places:
    """Where images may lie.

    Attributes:
        pictures: the folder that file names are relative to, where the user gave one.
        source: the folder the user gave, or None for a single annotation file.
    """

    pictures: Path | None = None
    source: Path | None = None
    _known: dict[Path, list[str]] = field(default_factory=dict)

    def root(self, path: Path, side: str, names: list[str]) -> Path:
        """The folder that the names of an annotation file are relative to."""
        return self.pictures or picture_root(path, side, names)

    def below(self, root: Path) -> tuple[Path, list[str]]:
        """The folder in which images may be looked for, and the names of those below it."""
        base = self.source if self.source is not None and root.is_relative_to(self.source) else root
        if self.pictures is not None:
            base = self.pictures
        elif self.source is None and base.name.lower() in _BESIDE and not self._names(base):
            base = base.parent
        return base, self._names(base)

    def _names(self, folder: Path) -> list[str]:
        if folder not in self._known:
            given = self.pictures is not None or self.source is not None
            self._known[folder] = picture_names_below(folder, most=None if given else _MOST_UNASKED)
        return self._known[folder]


def listed_pictures(reading: Reading, file: CocoFile, places: Places) -> dict[int, SharedRecord]:
    """The images a file lists, by the code of their id.

    Args:
        reading: takes the problems.
        file: the annotation file.
        places: where images may lie.
    """
    tree, ids, side = file.tree, file.ids, side_of(file.path)
    entries = [e for e in tree["images"] if isinstance(e, dict) and e.get("file_name") is not None and "id" in e]
    if len(entries) < len(tree["images"]):
        lost = len(tree["images"]) - len(entries)
        reading.problem("bad-image", "error", file.label, f"{lost} images lack 'id' or 'file_name' and were left out")
    root = places.root(file.path, side, [str(e["file_name"]) for e in entries[:20]])
    at = _found(reading, file.label, [str(e["file_name"]) for e in entries], root, places, side)
    records: dict[int, SharedRecord] = {}
    other_ids: list[object] = []
    for row, entry in enumerate(entries):
        where, name, folder = f"{file.label} image {str(entry['id'])[:40]}", str(entry["file_name"]), root
        code = ids.code(entry["id"])
        if code is None:
            reading.problem(
                "bad-image", "error", where, "its id is neither an integer below 2^64 nor a text; it was left out"
            )
            continue
        if row in at:
            folder, name = at[row]
        if not name or not stays_inside(name):
            reading.problem(
                "outside-folder", "error", where,
                f"its file_name {name!r:.80} is none, or leaves the folder of pictures, and no image below it ends like that; it "
                f"was left out with its boxes",
            )  # fmt: skip
            continue
        if code in records:
            reading.problem("duplicate-image", "error", where, "this image id is used twice; the first is kept")
            continue
        image_id = whole(ids.id_of(code))
        other_ids += [entry["id"]] if image_id is None else []
        records[code] = SharedRecord(
            file_name=name, path=folder / name, image_id=image_id, size_hw=_size(entry), side=side,
            labelled=entry.get("labelled") is not False, conditions=_conditions(reading, entry, where), root=folder,
        )  # fmt: skip
    if other_ids:
        reading.problem(
            "other-image-ids", "warning", file.label,
            f"{len(other_ids)} of {len(records)} image ids are not integers below 2^62 (such as {other_ids[0]!r:.60}); images and "
            f"annotations were joined by them, and the images were then numbered anew",
        )  # fmt: skip
    return records


def _conditions(reading: Reading, entry: dict[str, Any], where: str) -> dict[str, Any]:
    """An image's own keys beyond COCO's, and its `conditions`."""
    extra = {k: v for k, v in entry.items() if k not in _COCO_KEYS and isinstance(v, str | int | float | bool)}
    nested = entry.get("conditions")
    conditions = {**extra, **(nested if isinstance(nested, dict) else {})}
    return cleaned(conditions, reading, where) if conditions else {}


def _size(entry: dict[str, Any]) -> tuple[int, int] | None:
    height, width = _pixels(entry.get("height")), _pixels(entry.get("width"))
    return (height, width) if height and width else None


def _pixels(value: Any) -> int:
    """A size in pixels, also where it is spelled 640.0; 0 for anything else."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 31 else 0


def _found(
    reading: Reading, label: str, names: list[str], root: Path, places: Places, side: str
) -> dict[int, tuple[Path, str]]:
    """Row to (folder, name below it), for images whose file is not called as the annotation file spells it."""
    base, known = places.below(root)
    if not known:
        return {}
    prefix = "" if root == base else root.relative_to(base).as_posix() + "/"
    there = set(known)
    spelled = [prefix + name if prefix + name in there else "" for name in names]
    for row, name in enumerate(names):
        if not spelled[row] and stays_inside(name) and len(name) < 1000 and os.path.isfile(root / name):
            spelled[row] = prefix + name
    missing = [row for row, name in enumerate(spelled) if not name and names[row] and "\0" not in names[row]]
    if not missing:
        return {}
    plain = [prefix + name if not {"/", "\\"} & set(name) else name for name in names]
    met, ambiguous = _matched([one or other for one, other in zip(spelled, plain, strict=True)], known, missing, side)
    here = _folders_that_exist([names[row] for row in met], root, base) | ({""} if any(spelled) else set())
    met = {
        row: found
        for row, found in met.items()
        if found[1] != "path end" or (_folder(names[row]) not in here and folders_agree(names[row], found[0]))
    }
    examples: dict[str, list[str]] = defaultdict(list)
    for row, (name, rule) in met.items():
        examples[rule].append(f"'{names[row]:.80}' is '{name}'")
    for rule, found in examples.items():
        reading.problem(
            "other-file-names", "warning", label,
            f"{len(found)} of {len(names)} file names were found {_RULES[rule]}: {found[0]}",
        )  # fmt: skip
    if ambiguous:
        reading.problem(
            "ambiguous-file-names", "warning", label,
            f"{len(ambiguous)} of {len(names)} file names could mean several images, such as '{names[ambiguous[0]]:.80}'; none was chosen",
        )  # fmt: skip
    return {
        row: (root, name.removeprefix(prefix)) if name.startswith(prefix) else (base, name)
        for row, (name, _) in met.items()
    }


def _folder(name: str) -> str:
    """The folder of a name, with slashes; empty where it has none."""
    return spelled_alike(name).rpartition("/")[0]


def _folders_that_exist(names: list[str], root: Path, base: Path) -> set[str]:
    """The folders of some names that exist as they are spelled: an image that is not there is missing, not elsewhere."""
    folders = {_folder(name) for name in names if stays_inside(name) and len(name) < 1000} - {""}
    return {folder for folder in folders if (root / folder).is_dir() or (base / folder).is_dir()}


def _matched(
    names: list[str], known: list[str], missing: list[int], side: str
) -> tuple[dict[int, tuple[str, str]], list[int]]:
    """Row to (known name, rule) for the missing names, and the rows that several images could claim.

    A name without a folder for a subset is looked for in its own file's subset alone: `1.png` of val.json is never `train/1.png`.
    """
    met: dict[int, tuple[str, str]] = {}
    ambiguous: list[int] = []
    own = [name for name in known if _subset(name) in ("", side)] if side else known
    for options, rows in (
        (known, [row for row in missing if _subset(names[row])]),
        (own, [row for row in missing if not _subset(names[row])]),
    ):
        if not rows or not options:
            continue
        found = match_names(names, options)
        met.update({row: (options[found.index[row]], found.rule[row]) for row in rows if found.index[row] >= 0})
        ambiguous += sorted(set(found.ambiguous) & set(rows))
    return met, ambiguous


def _subset(name: str) -> str:
    """The subset that a folder on the way to an image is named after, or empty."""
    folders = name.replace("\\", "/").split("/")[:-1]
    return next((subset for folder in folders if (subset := subset_of_folder(folder))), "")


def side_of(path: Path) -> str:
    """The side a COCO file's name or folder tells, or empty."""
    for part in (path.stem.lower().replace("-", "_").split("_"), [path.parent.name.lower()]):
        for word in reversed(part):
            if word.rstrip("0123456789") in SIDES:
                return SIDES[word.rstrip("0123456789")]
    return ""


def picture_root(path: Path, side: str, names: list[str]) -> Path:
    """The folder under which most of the first file names exist; the file's own folder when none do."""
    folder = path.parent
    candidates = [folder, folder / "images"]
    last = path.stem.split("_")[-1]
    for word in dict.fromkeys((last, last.replace("-dev", ""), side)):  # test-dev2017 lists images of test2017
        candidates += [folder.parent / "images" / word, folder.parent / word, folder / "images" / word]
    candidates += [folder.parent / "images", folder.parent]
    names = [name for name in names if stays_inside(name)]
    return max(candidates, key=lambda c: sum(is_there(c / name) for name in names)) if names else folder
