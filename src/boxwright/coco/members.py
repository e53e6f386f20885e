"""The members of a JSON object in a file, read where they lie: long arrays piece by piece, the others as they are.

Only plain objects are taken: UTF-8, every key once and without escapes. Anything else is NotPlain, for a careful reader.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from boxwright.coco.pieces import BLANKS, NotPlain
from boxwright.json_text import value_before

_MARK = b"\xef\xbb\xbf"  # of byte order
_LONGEST_KEY = 1000
_SMALL, _LONGEST_VALUE = 1 << 16, 1 << 26

Array = Callable[[BinaryIO, int], int]  # a file and where `[` stands, to the place after `]`


def read_members(file: BinaryIO, arrays: Mapping[str, Array]) -> dict[str, Any]:
    """The members of a file that is one JSON object.

    Args:
        file: to read.
        arrays: key to what reads its array; such a member is not in what is returned.

    Raises:
        NotPlain: only a careful reader can judge the file.
    """
    found: dict[str, Any] = {}
    seen: set[str] = set()
    at = begin_of(file)
    if _read(file, 1, at) != b"{":
        raise NotPlain
    while True:
        at = after_blanks(file, at + 1)
        if not seen and _read(file, 1, at) == b"}":
            break
        key, at = _key(file, at)
        if key in seen:
            raise NotPlain
        seen.add(key)
        if key in arrays and _read(file, 1, at) == b"[":
            at = arrays[key](file, at)
        else:
            found[key], at = _value(file, at)
        at = after_blanks(file, at)
        sign = _read(file, 1, at)
        if sign == b"}":
            break
        if sign != b",":
            raise NotPlain
    if _read(file, 1, after_blanks(file, at + 1)):
        raise NotPlain
    return found


def begin_of(file: BinaryIO) -> int:
    """The first sign of a file that is neither a byte-order mark nor white space."""
    return after_blanks(file, len(_MARK) if _read(file, len(_MARK), 0) == _MARK else 0)


def after_blanks(file: BinaryIO, at: int) -> int:
    """First place at or after `at` that is no white space."""
    size = 64
    while text := _read(file, size, at):
        left = len(text.lstrip(BLANKS))
        at += len(text) - left
        if left:
            break
        size = 1 << 20
    return at


def _read(file: BinaryIO, size: int, at: int) -> bytes:
    file.seek(at)
    return file.read(size)


def _key(file: BinaryIO, at: int) -> tuple[str, int]:
    """The key that opens at `at`, and the place of its value."""
    text = _read(file, _LONGEST_KEY, at)
    end = text.find(b'"', 1)
    if text[:1] != b'"' or end < 0 or b"\\" in text[:end]:
        raise NotPlain
    try:
        key = text[1:end].decode()
    except UnicodeDecodeError as error:
        raise NotPlain from error
    colon = after_blanks(file, at + end + 1)
    if _read(file, 1, colon) != b":" or not key.isprintable():
        raise NotPlain
    return key, after_blanks(file, colon + 1)


def _value(file: BinaryIO, at: int) -> tuple[Any, int]:
    """Any value, and the place after it."""
    size = _SMALL
    while True:
        text = _read(file, size, at)
        try:
            value, end = value_before(text)
        except (ValueError, RecursionError) as error:
            if len(text) < size or size > _LONGEST_VALUE:
                raise NotPlain from error
        else:
            if end < len(text) or len(text) < size:
                return value, at + end
        size *= 4
