"""Numbers of a JSON array of objects, straight into columns: no Python object per box.

    [{"image_id": 7, "category_id": 1, "bbox": [x, y, w, h], "score": 0.9}, ...]

A compiled scanner (json_scanner.py) reads the keys asked for, steps over all others, and takes the file block by block: what
stands in memory is one block and the columns. It knows only plain JSON; at anything else it gives up without a word, and the
careful reader takes the file and says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from boxwright.ingestion.json_scanner import (
    DONE,
    GAVE_UP,
    INCOMPLETE,
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
_LONGEST_KEY = 1000
_LONGEST_RECORD = 1 << 26  # bytes; it is scanned again with every block that does not end it


@dataclass(frozen=True)
class Key:
    """A key to read.

    Attributes:
        name: as the file spells it.
        many: four numbers in brackets instead of one.
        whole: a whole number; anything else makes the scanner give up.
        needed: whether every object must have it.
        raw: any value; its column is where its text begins and ends in the block.
    """

    name: str
    many: bool = False
    whole: bool = False
    needed: bool = True
    raw: bool = False

    @property
    def width(self) -> int:
        """Numbers in its column."""
        return _MOST_SIDE if self.many else 2 if self.raw else 1


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
    if not _is_utf8(text):
        return None
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
        if b"\\u" in text[at + 1 : end - 1]:
            return None
        found[text[at + 1 : end - 1].decode()] = text[start:stop]
        at, first = after_space(data, stop), False
        if text[at : at + 1] == b"}":
            break
        if text[at : at + 1] != b",":
            return None
    return found if after_space(data, at + 1) == len(data) else None


Take = Callable[[NDArray, bytes], bool]


def scan_object(path: Path, name: str, keys: Sequence[Key], take: Take) -> dict[str, bytes] | None:
    """The members of a file that is one JSON object, without ever holding the file; None where it is not plain.

    Args:
        path: the file.
        name: the member that is a long array of objects; it is not in what is returned.
        keys: to read of those objects.
        take: called per block with its table (n, sum of widths) and its text; False gives up.

    Returns:
        key to the text of its value, for all other members.
    """
    try:
        with path.open("rb") as file:
            return _members_of(file, name, keys, take)
    except (OSError, UnicodeDecodeError):
        return None


def _members_of(file: BinaryIO, name: str, keys: Sequence[Key], take: Take) -> dict[str, bytes] | None:
    found: dict[str, bytes] = {}
    seen: set[str] = set()
    at = _gap(file, len(_MARK) if _read(file, len(_MARK), 0) == _MARK else 0)
    if _read(file, 1, at) != b"{":
        return None
    while True:
        at = _gap(file, at + 1)
        key = _read(file, _LONGEST_KEY, at)
        if not seen and key[:1] == b"}":
            break
        end = after_string(np.frombuffer(key, np.uint8), 0)
        if end < 0 or b"\\" in key[:end]:
            return None
        spelled = key[1 : end - 1].decode()
        if spelled in seen:
            return None
        seen.add(spelled)
        at = _gap(file, at + end)
        if _read(file, 1, at) != b":":
            return None
        at = _gap(file, at + 1)
        if spelled == name:
            stop = _array_at(file, at, keys, take)
        else:
            found[spelled], stop = _value_at(file, at)
        if stop < 0:
            return None
        at = _gap(file, stop)
        sign = _read(file, 1, at)
        if sign == b"}":
            break
        if sign != b",":
            return None
    return None if _read(file, 1, _gap(file, at + 1)) else found


def _read(file: BinaryIO, size: int, at: int) -> bytes:
    file.seek(at)
    return file.read(size)


def _gap(file: BinaryIO, at: int) -> int:
    """First place at or after `at` that is no white space."""
    size = 64
    while text := _read(file, size, at):
        left = len(text.lstrip(b" \t\r\n"))
        at += len(text) - left
        if left:
            break
        size = _BLOCK
    return at


def _value_at(file: BinaryIO, at: int) -> tuple[bytes, int]:
    """The text of a value and the place after it, or -1."""
    size = 1 << 16
    while True:
        text = _read(file, size, at)
        end = after_value(np.frombuffer(text, np.uint8), 0)
        if end >= 0:
            text[:end].decode()
            return text[:end], at + end
        if end != INCOMPLETE or len(text) < size:
            return b"", -1
        size *= 4


def _array_at(file: BinaryIO, at: int, keys: Sequence[Key], take: Take) -> int:
    """Hand on the array of objects that opens at `at`; the place after it, or -1."""
    if _read(file, 1, at) != b"[":
        return -1
    place = at

    def blocks() -> Iterator[bytes]:
        nonlocal place
        while block := _read(file, _BLOCK, place):
            place += len(block)
            yield block

    rest = _scan_blocks(blocks(), keys, take)
    return -1 if rest is None else place - len(rest)


def _is_utf8(text: bytes) -> bool:
    try:
        return text.isascii() or bool(text.decode())
    except UnicodeDecodeError:
        return False


def _scan(blocks: Iterator[bytes], keys: Sequence[Key]) -> dict[str, NDArray] | None:
    parts: list[NDArray] = []

    def take(table: NDArray, _text: bytes) -> bool:
        parts.append(table)
        return True

    rest = _scan_blocks(blocks, keys, take)
    if rest is None or (rest + b"".join(blocks)).strip(b" \t\r\n"):
        return None
    return _columns(parts, keys)


def _scan_blocks(blocks: Iterator[bytes], keys: Sequence[Key], take: Take) -> bytes | None:
    """Hand on the tables of the blocks; what follows the array in its last block, or None."""
    spelled = np.zeros((len(keys), max(len(k.name) for k in keys)), np.uint8)
    for i, key in enumerate(keys):
        spelled[i, : len(key.name)] = np.frombuffer(key.name.encode(), np.uint8)
    lengths = np.array([len(k.name) for k in keys])
    widths = np.array([k.width for k in keys])
    offsets = np.concatenate([[0], np.cumsum(widths)])
    whole, needed, raw = (np.array([getattr(k, what) for k in keys]) for what in ("whole", "needed", "raw"))
    left, begun, first, any_rows = b"", False, True, False
    for block in blocks:
        text = left + block if left else block
        at = 0
        if not begun:
            text = text.removeprefix(_MARK) if first else text
            first = False
            at = len(text) - len(text.lstrip(b" \t\r\n"))
            if at == len(text):
                left = b""
                continue
            if text[at : at + 1] != b"[":
                return None
            at, begun = at + 1, True
        data = np.frombuffer(text, np.uint8)
        table, state, at, odd = scan_records(
            data, at, any_rows, spelled, lengths, widths, offsets, whole, needed, raw, POWERS, WHOLE_POWERS
        )
        if state == GAVE_UP or not _is_utf8(text[:at]):
            return None
        for row, column, start, stop in odd:
            table[row, column] = float(text[start:stop])
        if not np.isfinite(table[:, np.repeat(needed, widths)]).all():
            return None
        if len(table):
            any_rows = True
            if not take(table, text):
                return None
        left = text[at:]
        if state == DONE:
            return left
        if len(left) > _LONGEST_RECORD:
            return None
    return None


def _columns(parts: list[NDArray], keys: Sequence[Key]) -> dict[str, NDArray]:
    """The blocks' tables as one column per key."""
    found: dict[str, NDArray] = {}
    at = 0
    for key in keys:
        pieces = [part[:, at : at + key.width] for part in parts]
        column = np.concatenate(pieces) if pieces else np.zeros((0, key.width))
        found[key.name] = column if key.width > 1 else column[:, 0].copy()
        at += key.width
    return found
