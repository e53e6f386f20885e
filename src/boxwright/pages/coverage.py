"""The page of coverage: what data there is, as a map of class and condition, and what to collect next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from boxwright.pages.page import render
from boxwright.spec import Spec

_SHADES = 8


class Counted(Protocol):
    """What the page asks of a count (`evaluation.Coverage`)."""

    @property
    def pictures(self) -> int: ...
    @property
    def unlabelled(self) -> int: ...
    @property
    def objects(self) -> int: ...
    @property
    def ignored(self) -> int: ...
    @property
    def cells(self) -> Sequence[Any]: ...
    @property
    def clauses(self) -> Sequence[Any]: ...
    @property
    def empty(self) -> Sequence[Any]: ...
    @property
    def collect(self) -> Sequence[Any]: ...
    @property
    def met(self) -> bool: ...


@dataclass(frozen=True)
class Map:
    """Counts of one condition.

    Attributes:
        title: of the condition; empty for sizes over everything.
        values: the columns.
        rows: class name and one (count, shade, note) per column; shade 0 is empty, 1 to 8 grow with the logarithm.
    """

    title: str
    values: Sequence[str]
    rows: Sequence[tuple[str, Sequence[tuple[int, int, str]]]]


def coverage_page(found: Counted, *, title: str, spec: Spec) -> str:
    """The page of a count.

    Args:
        found: what there is.
        title: what was counted.
        spec: the plan it is held against.
    """
    maps = [_sizes(found, spec), *(_of(found, spec, name) for name in _conditions(found))]
    broken = sum(clause.met is False for clause in found.clauses)
    open_ = sum(clause.met is None for clause in found.clauses)
    return render("coverage.html", found=found, title=title, spec=spec, maps=maps, broken=broken, open_=open_)


def _conditions(found: Counted) -> list[str]:
    return list(dict.fromkeys(cell.condition for cell in found.cells if cell.condition))


def _sizes(found: Counted, spec: Spec) -> Map:
    cells = [cell for cell in found.cells if not cell.condition and cell.size]
    values = list(dict.fromkeys(cell.size for cell in cells))
    at = {(cell.class_name, cell.size): (cell.objects, "") for cell in cells}
    return Map("", values, _rows(at, values, spec))


def _of(found: Counted, spec: Spec, condition: str) -> Map:
    mine = [cell for cell in found.cells if cell.condition == condition]
    values = list(dict.fromkeys(cell.value for cell in mine))
    sizes: dict[tuple[str, str], list[str]] = {}
    for cell in mine:
        if cell.size:
            sizes.setdefault((cell.class_name, cell.value), []).append(f"{cell.size} px: {cell.objects:,}")
    at = {
        (cell.class_name, cell.value): (
            cell.objects,
            f"{cell.images:,} pictures; " + ", ".join(sizes.get((cell.class_name, cell.value), [])),
        )
        for cell in mine
        if not cell.size
    }
    return Map(condition, values, _rows(at, values, spec))


def _rows(
    at: Mapping[tuple[str, str], tuple[int, str]], values: Sequence[str], spec: Spec
) -> list[tuple[str, list[tuple[int, int, str]]]]:
    most = max((count for count, _ in at.values()), default=0)
    return [
        (name, [(at[name, value][0], _shade(at[name, value][0], most), at[name, value][1]) for value in values])
        for name in spec.class_names
    ]


def _shade(count: int, most: int) -> int:
    """0 for nothing, else 1 to 8: the place of the count between 1 and the most, by powers."""
    if count <= 0:
        return 0
    return 1 + round((_SHADES - 1) * (count.bit_length() - 1) / max(1, most.bit_length() - 1))
