"""What people note beside a box: plain JSON values by name, small, finite; and their spelling where a format knows only text."""

from __future__ import annotations

import json
from typing import Any

from boxwright.ingestion.reading import Reading

_MOST_CHARACTERS = 10_000
_FEW = 60


def cleaned(value: Any, reading: Reading, where: str) -> dict[str, Any]:
    """A dictionary of attributes or conditions; empty, and told, when it is none, too long, or holds no plain values."""
    if not value:
        return {}
    if not is_good(value):
        reading.problem(
            "bad-attributes", "warning", where,
            f"its attributes must be at most {_MOST_CHARACTERS} characters of plain finite values; they were left out",
        )  # fmt: skip
        return {}
    return value


def is_good(value: Any) -> bool:
    """Whether it is a dictionary of plain finite values that is not too long."""
    if type(value) is dict and len(value) <= _FEW and all(_is_plain(k, v) for k, v in value.items()):
        return True
    try:
        json.dumps(value, ensure_ascii=False).encode()
        return isinstance(value, dict) and len(json.dumps(value, allow_nan=False)) <= _MOST_CHARACTERS
    except (ValueError, TypeError, RecursionError):
        return False


def _is_plain(name: str, value: Any) -> bool:
    """As most are: a flag, a whole number or a short ASCII text under a short ASCII name."""
    short = type(name) is str and len(name) <= _FEW and name.isascii()
    return short and (type(value) in (bool, int) or (type(value) is str and len(value) <= _FEW and value.isascii()))


def as_text(value: Any) -> str:
    """The value as a format of texts spells it: true and false, JSON for lists, text as it is."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def of_text(text: str, kind: str = "") -> Any:
    """The value a text stands for in an input of a kind (`checkbox`, `number`); other texts stay texts."""
    if kind == "checkbox" and text in ("true", "false"):
        return text == "true"
    if kind == "number":
        try:
            return int(text) if text.lstrip("-").isdigit() and len(text) < 18 else float(text)
        except ValueError:
            return text
    return text
