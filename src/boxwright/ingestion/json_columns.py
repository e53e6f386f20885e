"""Numbers of a JSON array of objects, straight into columns: no Python object per box.

    [{"image_id": 7, "category_id": 1, "bbox": [x, y, w, h], "score": 0.9}, ...]

A compiled scanner (json_scanner.py) reads the keys asked for, steps over all others, and takes the file block by block. It
knows only plain JSON; at anything else it gives up without a word, and the careful reader takes the file and says what is
wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from boxwright.ingestion.json_scanner import (
    DONE,
    GAVE_UP,
    POWERS,
    WHOLE_POWERS,
    after_space,
    after_string,
    after_value,
    scan_records,
)

_BLOCK = 1 << 22
_MARK = b"\xef\xbb\xbf"  # of byte order
_MOST_SIDE = 4  # numbers in a bbox


@dataclass(frozen=True)
class Key:
    """A key to read.

    Attributes:
        name: as the file spells it.
        many: four numbers in brackets instead of one.
        whole: a whole number; anything else makes the scanner give up.
        needed: whether every object must have it.
    """

    name: str
    many: bool = False
    whole: bool = False
    needed: bool = True


def scan_file(path: Path, keys: Sequence[Key]) -> dict[str, NDArray] | None:
    """Columns of a file that is one array of objects; None where the careful reader is needed.

    Returns:
        key name to (n,) float64, (n, 4) for `many`; NaN where a key that is not needed is missing.
    """
    try:
        with path.open("rb") as file:
            blocks = iter(lambda: file.read(_BLOCK), b"")
            return _scan(blocks, keys)
    except OSError:
        return None


def scan_array(text: bytes, keys: Sequence[Key]) -> dict[str, NDArray] | None:
    """The same of a text in memory."""
    return _scan(iter([text]), keys)


def members(text: bytes) -> dict[str, bytes] | None:
    """The top-level keys of a JSON object and the text of their values; None where it is not plain."""
    data = np.frombuffer(text, np.uint8)
    found: dict[str, bytes] = {}
    at = after_space(data, 0)
    if at >= len(data) or text[at : at + 1] != b"{":
        return None
    first = True
    while True:
        at = after_space(data, at + 1)
        if first and text[at : at + 1] == b"}":
            break
        end = after_string(data, at)
        colon = after_space(data, end) if end > 0 else -1
        if colon < 0 or text[colon : colon + 1] != b":":
            return None
        start = after_space(data, colon + 1)
        stop = after_value(data, start)
        if stop < 0:
            return None
        found[text[at + 1 : end - 1].decode("ascii")] = text[start:stop]
        at, first = after_space(data, stop), False
        if text[at : at + 1] == b"}":
            break
        if text[at : at + 1] != b",":
            return None
    return found if after_space(data, at + 1) == len(data) else None


def _scan(blocks: Iterator[bytes], keys: Sequence[Key]) -> dict[str, NDArray] | None:
    spelled = np.zeros((len(keys), max(len(k.name) for k in keys)), np.uint8)
    for i, key in enumerate(keys):
        spelled[i, : len(key.name)] = np.frombuffer(key.name.encode(), np.uint8)
    lengths = np.array([len(k.name) for k in keys])
    widths = np.array([_MOST_SIDE if k.many else 1 for k in keys])
    offsets = np.concatenate([[0], np.cumsum(widths)])
    whole, needed = np.array([k.whole for k in keys]), np.array([k.needed for k in keys])
    parts: list[NDArray] = []
    left, begun, first = b"", False, True
    for block in blocks:
        text = left + block if left else block
        at = 0
        if not begun:
            text = text.removeprefix(_MARK) if first else text
            first = False
            at = len(text) - len(text.lstrip(b" \t\r\n"))
            if at == len(text):
                left = text
                continue
            if text[at : at + 1] != b"[":
                return None
            at, begun = at + 1, True
        data = np.frombuffer(text, np.uint8)
        table, state, at, odd = scan_records(
            data, at, bool(parts), spelled, lengths, widths, offsets, whole, needed, POWERS, WHOLE_POWERS
        )
        if state == GAVE_UP:
            return None
        for row, column, start, stop in odd:
            table[row, column] = float(text[start:stop])
        if not np.isfinite(table[:, np.repeat(needed, widths)]).all():
            return None
        parts += [table] if len(table) else []
        left = text[at:]
        if state == DONE:
            rest = left + b"".join(blocks)
            if rest.strip(b" \t\r\n"):
                return None
            return _columns(parts, keys, offsets)
    return None


def _columns(parts: list[NDArray], keys: Sequence[Key], offsets: NDArray) -> dict[str, NDArray]:
    """The blocks' tables as one column per key."""
    found: dict[str, NDArray] = {}
    for i, key in enumerate(keys):
        pieces = [part[:, offsets[i] : offsets[i + 1]] for part in parts]
        column = np.concatenate(pieces) if pieces else np.zeros((0, offsets[i + 1] - offsets[i]))
        found[key.name] = column if key.many else column[:, 0].copy()
    return found
