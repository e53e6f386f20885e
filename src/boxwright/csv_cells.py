"""Cells of CSV files that spreadsheets leave alone.

A spreadsheet runs a cell that begins with `=`, `+`, `-`, `@`, a tab or a line end as a formula, some also after blanks or quotes or
with the full-width forms of the signs. File names and class names come from outside, so text that begins so is written with an
apostrophe before it, which spreadsheets show or hide and do not run. Every reader here takes the apostrophe off again, so what was
written is what is read. Numbers are no text and stay as they are.
"""

from __future__ import annotations

import re

_SKIPPED = "\"'`\u2018\u2019\u201c\u201d\uff02\uff07\ufeff\u200b\u2060"
_BEGINS = re.compile(rf"[\s{_SKIPPED}]*[=+\-@\uff1d\uff0b\uff0d\uff20\u2212]|[ {_SKIPPED}]*[\t\r\n\v\f\0]")
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_NUMBERS = re.compile(rf"{_NUMBER}(?: {_NUMBER})*", re.ASCII)


def harmless(text: str) -> str:
    """The text as a cell that no spreadsheet runs; numbers with blanks between, such as a box, stay as they are."""
    return f"'{text}" if _is_formula(text) else text


def as_meant(cell: str) -> str:
    """The text that `harmless` made this cell of; any other cell is left as it is."""
    return cell[1:] if cell.startswith("'") and _is_formula(cell[1:]) else cell


def _is_formula(text: str) -> bool:
    return _BEGINS.match(text) is not None and not _NUMBERS.fullmatch(text)
