"""Text in aligned columns, for the terminal."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def aligned(rows: Sequence[Sequence[str]], *, right: Collection[int] = (), most: int = 40) -> list[str]:
    """One line per row, cells padded to the widest of their column.

    Args:
        rows: cells; a short row ends early.
        right: columns that end at one edge, as numbers do.
        most: a cell longer than this keeps its end, where names of files and classes differ.
    """
    cells = [[_cut(cell, most) for cell in row] for row in rows]
    columns = max((len(row) for row in cells), default=0)
    widths = [max(len(row[k]) for row in cells if k < len(row)) for k in range(columns)]
    return [
        "  ".join(
            cell.rjust(width) if k in right else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=False))
        ).rstrip()
        for row in cells
    ]


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else "..." + text[3 - most :]
