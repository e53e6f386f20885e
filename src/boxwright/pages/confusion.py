"""The confusion matrix as a heat map: a table while its figures can be read, a picture of squares beyond.

A square's depth is its count's share of its row (what became of the objects of a class); the row of false alarms is
shaded by its own sum. The diagonal, background and errors have hues of their own, so that depth is never the only cue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from boxwright.artifacts import Report
from boxwright.pages import svg
from boxwright.pages.inlined import shade

MOST_IN_TABLE = 15
_SQUARE = 11.0


@dataclass(frozen=True)
class Cell:
    """One square.

    Attributes:
        count: how often.
        depth: 0 to 1, how dark.
        kind: `right`, `wrong`, `background`, or `void` for the corner that has no meaning.
        title: the same in words.
    """

    count: int
    depth: float
    kind: str
    title: str


def heat(report: Report) -> list[list[Cell]]:
    """Squares by row; empty when the report holds no matrix."""
    labels, counts = report.confusion.labels, report.confusion.counts
    return [[_cell(labels, i, j, value, sum(row)) for j, value in enumerate(row)] for i, row in enumerate(counts)]


def squares(report: Report) -> Markup:
    """The matrix of many classes as a picture; every square says its figure when pointed at."""
    cells = heat(report)
    side = _SQUARE * len(cells) + 2
    drawn = [
        svg.element(
            "rect",
            svg.element("title", cell.title),
            x=1 + j * _SQUARE,
            y=1 + i * _SQUARE,
            width=_SQUARE - 1,
            height=_SQUARE - 1,
            class_=f"heat {cell.kind} {shade(cell.depth)}",
        )
        for i, row in enumerate(cells)
        for j, cell in enumerate(row)
        if cell.kind != "void"
    ]
    return svg.picture(*drawn, width=side, height=side, label="Confusion matrix", class_="plot matrix")


def _cell(labels: Sequence[str], i: int, j: int, value: int, of_row: int) -> Cell:
    background = len(labels) - 1
    if i == background and j == background:
        return Cell(value, 0.0, "void", "")
    kind = "right" if i == j else "background" if background in (i, j) else "wrong"
    depth = value / of_row if of_row else 0.0
    if j == background:
        title = f"{value} {labels[i]} not found"
    elif i == background:
        title = f"{value} {labels[j]} where nothing is annotated"
    else:
        title = f"{value} {labels[i]} answered as {labels[j]}"
    return Cell(value, depth, kind, title)
