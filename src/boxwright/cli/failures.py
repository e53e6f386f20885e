"""The failures of a report as three lists for people: to label, to collect, to look at."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from boxwright.artifacts import Report
from boxwright.csv_cells import harmless
from boxwright.store.atomic import write_bytes

LISTS = {
    "to_label.csv": "suspect annotation",
    "to_collect.csv": "gap in the data",
    "to_look_at.csv": "limit of the model",
}


def write_failures(folder: Path, report: Report) -> None:
    """Write one CSV per verdict into a folder; nested columns become text."""
    folder.mkdir(parents=True, exist_ok=True)
    table = readable(report)
    for name, verdict in LISTS.items():
        rows = table.filter(pc.equal(table.column("verdict"), verdict))  # pyright: ignore
        text = io.BytesIO()
        pacsv.write_csv(_harmless(rows), text)
        write_bytes(folder / name, text.getvalue())


def _harmless(rows: pa.Table) -> pa.Table:
    """The same with text that no spreadsheet runs as a formula."""
    for place, field in enumerate(rows.schema):
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            cells = [None if cell is None else harmless(cell) for cell in rows.column(place).to_pylist()]
            rows = rows.set_column(place, field, pa.array(cells, field.type))
    return rows


def readable(report: Report) -> pa.Table:
    """The failures table with class names for ids, slices as text, and no nested columns."""
    table, names = report.failures, report.class_names

    def name_of(column: str) -> pa.Array:
        return pa.array(
            [names[i] if 0 <= i < len(names) else "" for i in table.column(column).to_pylist()], pa.string()
        )

    slices = pa.array(["; ".join(part) for part in table.column("slices").to_pylist()], pa.string())
    table = table.drop_columns(["rivals", "slices"]).append_column("slices", slices)
    for column in ("class_id", "other_class_id"):
        at = table.column_names.index(column)
        table = table.set_column(at, column.replace("_id", ""), name_of(column))
    return table
