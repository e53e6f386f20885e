"""Untrusted JSON: as a tree, or one record after another so that a large file never stands in memory as objects.

UTF-8, with or without a byte-order mark, UTF-16 and UTF-32 are read. Refused: text in another encoding, that breaks off, nests too deep, or gives a key twice (which of the two is meant cannot be known).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from boxwright.errors import FormatError

_SPACE = re.compile(r"[ \t\r\n]*")
_LONGEST_CHARACTER = 4  # bytes in UTF-8


class _Twice(ValueError):
    """A key is given twice."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))
        raise _Twice(f"the key '{twice!s:.60}' is given twice in one object")
    return found


_STRICT = json.JSONDecoder(object_pairs_hook=_once)


def parse_json(text: bytes, path: Path, *, strict: bool = False) -> Any:
    """JSON in UTF-8; FormatError naming the file it is of, and the place where it breaks.

    Args:
        text: with or without a byte-order mark.
        path: for the error.
        strict: refuse a key that is given twice in one object.
    """
    with _Told(path):
        return (_STRICT.decode if strict else json.loads)(decoded(text, path))


def decoded(text: bytes, path: Path) -> str:
    """The text of a JSON file in UTF-8, UTF-16 or UTF-32 (RFC 4627, section 3); FormatError for another encoding."""
    encoding = json.detect_encoding(text)  # pyright: ignore[reportAttributeAccessIssue]
    with _Told(path):
        return text.decode(encoding)


def parse_strict(text: bytes) -> Any:
    """A part of a file; ValueError where a key is given twice."""
    return _STRICT.decode(text.decode())


def value_before(text: bytes) -> tuple[Any, int]:
    """The value with which a text begins, and the bytes it takes; ValueError where it is none, or gives a key twice.

    The text may break off in the middle of a character.
    """
    try:
        spelled = text.decode()
    except UnicodeDecodeError as error:
        if len(text) - error.start > _LONGEST_CHARACTER:
            raise
        spelled = text[: error.start].decode()
    value, end = _STRICT.raw_decode(spelled)
    return value, end if spelled.isascii() else len(spelled[:end].encode())


def parse_members(text: bytes, path: Path, *, each: Mapping[str, Callable[[int, Any], None]]) -> dict[str, Any]:
    """The members of a JSON object, as `parse_json` gives them; long lists are handed on record by record.

    Args:
        text: with or without a byte-order mark.
        path: for errors.
        each: key to a function that takes (position, record); such a list is [] in what is returned.
    """
    with _Told(path):
        return _members(decoded(text, path), each)


def _members(text: str, each: Mapping[str, Callable[[int, Any], None]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    at = _after(text, 0)
    if text[at : at + 1] != "{":
        raise json.JSONDecodeError("Expecting an object", text, at)
    at = _after(text, at + 1)
    if text[at : at + 1] != "}":
        while True:
            key, at = _STRICT.raw_decode(text, at)
            if not isinstance(key, str):
                raise json.JSONDecodeError("Expecting property name enclosed in double quotes", text, at)
            if key in found:
                raise _Twice(f"the key '{key:.60}' is given twice at the top")
            at = _after(text, at)
            if text[at : at + 1] != ":":
                raise json.JSONDecodeError("Expecting ':' delimiter", text, at)
            at = _after(text, at + 1)
            if key in each and text[at : at + 1] == "[":
                found[key], at = [], _records(text, at, each[key])
            else:
                found[key], at = _STRICT.raw_decode(text, at)
            at = _after(text, at)
            if text[at : at + 1] == "}":
                break
            if text[at : at + 1] != ",":
                raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
            at = _after(text, at + 1)
    if (at := _after(text, at + 1)) != len(text):
        raise json.JSONDecodeError("Extra data", text, at)
    return found


def _records(text: str, at: int, take: Callable[[int, Any], None]) -> int:
    """Hand on the records of the list that opens at `at`; the place after it."""
    at, position = _after(text, at + 1), 0
    if text[at : at + 1] == "]":
        return at + 1
    while True:
        record, at = _STRICT.raw_decode(text, at)
        take(position, record)
        position += 1
        at = _after(text, at)
        if text[at : at + 1] == "]":
            return at + 1
        if text[at : at + 1] != ",":
            raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
        at = _after(text, at + 1)


def _after(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


class _Told:
    """What Python says of bad JSON, as a FormatError about the file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        path = self._path
        if isinstance(error, UnicodeDecodeError):
            raise FormatError(
                f"'{path}' is not {error.encoding.upper()} text: byte {error.start} cannot be read."
            ) from error
        if isinstance(error, json.JSONDecodeError):
            raise FormatError(
                f"'{path}' is not complete JSON: it breaks at line {error.lineno}, column {error.colno} ({error.msg}). "
                f"Nothing was read; write the file again."
            ) from error
        if isinstance(error, RecursionError | ValueError):
            raise FormatError(f"'{path}' is no annotation file: {error}.") from error
