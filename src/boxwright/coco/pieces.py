"""A long JSON array of objects in a file, one bounded piece after another, so that it never stands in memory as a whole.

A piece ends where `}`, a comma and `{` follow each other. That may also be inside of an object or a text, but then the piece
with `]` behind it is no JSON: its brackets or quotes are open. So whatever the decoder takes was cut between two objects, and what
it does not take is cut elsewhere, or is not plain. Nothing is told here: the careful readers say what is wrong with a file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import BinaryIO, TypeVar

import msgspec
import numpy as np

T = TypeVar("T")
Decode = Callable[[memoryview], list[T]]
PIECE = 1 << 17  # bytes; some thousand records, whose objects still fit the processor's cache
_LONGEST = 1 << 24  # bytes of one record
_WINDOW = 1 << 11  # bytes at the end in which a cut is looked for first
_TRIES = 8
_CUT = re.compile(rb"\}[ \t\r\n]*,[ \t\r\n]*(?=\{)")
_END = re.compile(rb"\}[ \t\r\n]*\]")
BLANKS = b" \t\r\n"
_LAST_ASCII = 127


class NotPlain(Exception):
    """The file holds something that only a careful reader can judge."""


def read_array(file: BinaryIO, at: int, *, decode: Decode[T], take: Callable[[list[T], memoryview], None]) -> int:
    """Hand on the objects of an array, piece by piece.

    Args:
        file: to read.
        at: where its `[` stands.
        decode: the text of an array to its records.
        take: gets the records of a piece, and its text, which is an array; neither outlives the call.

    Returns:
        The place after its `]`.

    Raises:
        NotPlain: it is no array of objects that `decode` takes, or not UTF-8.
    """
    file.seek(at)
    text, size = bytearray(), PIECE
    first = True
    while True:
        text, grown = _with_more(text, file, size)
        if first:
            if text[:1] != b"[":
                raise NotPlain
            begin = text[1:].lstrip(BLANKS)[:1]
            if begin == b"]":
                return at + text.index(b"]") + 1
            if begin not in (b"{", b""):
                raise NotPlain
            first = not begin
        for stop, start in _cuts(text):
            after, text[stop] = text[stop], ord("]")  # in place of a comma or white space
            if _taken(memoryview(text)[: stop + 1], decode, take):
                text[start - 1] = ord("[")
                text, size = text[start - 1 :], PIECE
                break
            text[stop] = after
        else:
            for stop in _ends(text):
                if _taken(memoryview(text)[:stop], decode, take):
                    return file.tell() - (len(text) - stop)
            if not grown or len(text) > _LONGEST:
                raise NotPlain
            size *= 2


def _with_more(text: bytearray, file: BinaryIO, size: int) -> tuple[bytearray, int]:
    """A text with up to `size` more bytes of the file, and how many there were; read into place, for a copy is slow."""
    more = bytearray(len(text) + size)
    more[: len(text)] = text
    with memoryview(more) as view:
        count = file.readinto(view[len(text) :])  # pyright: ignore[reportAttributeAccessIssue]
    del more[len(text) + count :]
    return more, count


def _cuts(text: bytearray) -> Iterator[tuple[int, int]]:
    """Where a piece may end and the next begin: the last place first, but first of all one whose object begins as this text's does."""
    found = [match.span() for match in _CUT.finditer(text, max(len(text) - _WINDOW, 0))]
    found = found or [match.span() for match in _CUT.finditer(text)]
    head = bytes(text[1 : text.find(b":") + 1].lstrip(BLANKS))
    found.sort(key=lambda span: text.startswith(head, span[1]))
    for start, end in found[: -_TRIES - 1 : -1]:
        yield start + 1, end


def _ends(text: bytearray) -> list[int]:
    """Where the array may end, the first place first."""
    return [match.end() for _, match in zip(range(_TRIES), _END.finditer(text), strict=False)]


def _taken(text: memoryview, decode: Decode[T], take: Callable[[list[T], memoryview], None]) -> bool:
    """Hand on a piece where it is an array; its records are gone before the next piece is read."""
    records = records_of(text, decode)
    if records is None:
        return False
    take(records, text)
    return True


def records_of(text: memoryview, decode: Decode[T]) -> list[T] | None:
    """The records of an array; None where the text is no JSON; NotPlain where a record is not of the kind asked for."""
    try:
        records = decode(text)
    except (msgspec.ValidationError, RecursionError) as error:
        raise NotPlain from error
    except (msgspec.DecodeError, ValueError):
        return None
    if np.frombuffer(text, np.uint8).max() > _LAST_ASCII and not _is_utf8(bytes(text)):
        raise NotPlain  # where the decoder steps over a text, it does not look
    return records


def _is_utf8(text: bytes) -> bool:
    try:
        return bool(text.decode())
    except UnicodeDecodeError:
        return False
