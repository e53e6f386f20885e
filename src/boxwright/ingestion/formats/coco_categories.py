"""COCO's categories as classes: of one file by id, of several files by name.

An id belongs to the file it stands in: files that number their classes differently are joined by name. An id with two names is
refused, as is a name with two ids that annotations use. Roboflow writes a root category named after the project: unused, it is
no class.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boxwright.coco import Id, as_id, in_order, whole
from boxwright.errors import FormatError
from boxwright.ingestion.finding import class_names
from boxwright.ingestion.reading import Reading


@dataclass(frozen=True)
class Category:
    """A category as a file lists it.

    Attributes:
        id, name: the file's.
        above: its `supercategory`, or empty.
    """

    id: Id
    name: str
    above: str

    @property
    def at_the_root(self) -> bool:
        """Whether nothing stands above it, as Roboflow writes it."""
        return self.above.strip().lower() == "none"


def list_categories(tree: Any, path: Path) -> list[Category]:
    """The categories of a file, each id once; FormatError when the file is not COCO ground truth or an id has two names."""
    if not isinstance(tree, dict) or not isinstance(tree.get("images"), list):
        raise FormatError(
            f"'{path}' is not COCO ground truth: expected an object with the lists images, annotations and categories."
        )
    categories = tree.get("categories") or []
    if not isinstance(categories, list):
        raise FormatError(f"'{path}': 'categories' must be a list, found {type(categories).__name__}.")
    found: dict[Id, Category] = {}
    for entry in categories:
        number = as_id(entry.get("id")) if isinstance(entry, dict) else None
        if number is None or "name" not in entry:
            raise FormatError(f"'{path}': every category needs an 'id' and a 'name'; found {entry!r:.200}.")
        if entry["name"] is None or not str(entry["name"]).strip():
            raise FormatError(f"'{path}': category {number} has an empty name; give it one.")
        above = entry.get("supercategory")
        category = Category(number, str(entry["name"]), above if isinstance(above, str) else "")
        before = found.setdefault(number, category)
        if before.name != category.name:
            raise FormatError(
                f"'{path}': category id {str(number)[:60]} has two names, '{before.name:.60}' and '{category.name:.60}'; which "
                f"of the two its annotations mean cannot be known. Give every category an id of its own."
            )
    return list(found.values())


def unlike_names(categories: list[Category], used: Container[Id], path: Path) -> tuple[list[Category], list[str]]:
    """The categories with every name once, and a sentence for each that was left out.

    Args:
        categories: of one file.
        used: ids that annotations of this file use.
        path: the file.

    Raises:
        FormatError: annotations use two categories of one name.
    """
    by_name: dict[str, list[Category]] = {}
    for category in categories:
        by_name.setdefault(category.name, []).append(category)
    if len(by_name) == len(categories):
        return categories, []
    kept, told = [], []
    for name, alike in by_name.items():
        mine = [c for c in alike if c.id in used] or sorted(alike, key=lambda c: c.at_the_root)[:1]
        if len(mine) > 1:
            ids = " and ".join(str(c.id)[:40] for c in mine)
            raise FormatError(
                f"'{path}': two categories are called '{name:.60}' (ids {ids}) and annotations use both; names must differ. "
                f"Give one of them another name, or give their annotations the same category_id."
            )
        kept += mine
        told += [
            f"category {str(c.id)[:40]} is called '{name:.60}', as category {str(mine[0].id)[:40]} is, and no annotation uses it; "
            f"it was left out"
            for c in alike
            if c is not mine[0]
        ]
    return [c for c in categories if c in kept], told


@dataclass(frozen=True)
class Listed:
    """The categories of one file (`label`: what it is called), every name once, and the ids its annotations use."""

    path: Path
    label: str
    categories: list[Category]
    used: frozenset[Id]


def join_classes(reading: Reading, files: Sequence[Listed]) -> None:
    """Give the reading its classes: by rising id where the files agree, else by name in the order they come.

    `category_ids` are kept where all files agree on them.
    """
    files = _without_roots(reading, files)
    ids: dict[str, Id] = {}
    names: dict[Id, str] = {}
    differs = ""
    for file in files:
        for category in file.categories:
            one, other = ids.setdefault(category.name, category.id), names.setdefault(category.id, category.name)
            if not differs and (one != category.id or other != category.name):
                differs = f"'{file.label}' calls category {str(category.id)[:40]} '{category.name:.60}'" + (
                    f", another file '{other:.60}'"
                    if other != category.name
                    else f", which is {str(one)[:40]} in another file"
                )
    numbers = {name: number for name, id in ids.items() if (number := whole(id)) is not None}
    fine = not differs and len(set(numbers.values())) == len(ids)
    ordered = list(ids) if differs else [names[i] for i in in_order(names)]
    ordered = sorted(numbers, key=lambda name: numbers[name]) if fine else ordered
    reading.class_names = class_names(ordered, f"'{files[0].path}'", reading)
    reading.category_ids = [numbers[name] for name in ordered] if fine else None
    if differs:
        reading.problem(
            "other-category-ids", "warning", f"{len(files)} COCO files",
            f"the files number their classes differently ({differs}); classes were joined by name, and category ids are not kept",
        )  # fmt: skip


def _without_roots(reading: Reading, files: Sequence[Listed]) -> list[Listed]:
    """The files without Roboflow's root category: unused in all files, and above every other category of its file."""
    used = {c.name for file in files for c in file.categories if c.id in file.used}
    kept = []
    for file in files:
        roots = [
            c
            for c in file.categories
            if c.at_the_root
            and c.name not in used
            and len(file.categories) > 1
            and all(other.above == c.name for other in file.categories if other is not c)
        ]
        for root in roots:
            reading.problem(
                "root-category", "warning", file.label,
                f"category {str(root.id)[:40]} '{root.name:.60}' stands above all others and no annotation uses it, as in exports of "
                f"Roboflow; it was not taken for a class",
            )  # fmt: skip
        kept.append(Listed(file.path, file.label, [c for c in file.categories if c not in roots], file.used))
    return kept
