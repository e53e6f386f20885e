"""Records of numbers as a table of bytes: from objects to columns without a step of Python per number.

msgspec reads JSON into objects quickly, but a loop that takes seven numbers out of each object costs as much again. Written as
MessagePack, a record whose numbers are all floats has the same length as every other: keys, tags and eight bytes a number at
fixed places. So the text of a list of records *is* a table, and NumPy reads its columns where they lie.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np
from msgspec import Raw, Struct, msgpack, structs
from numpy.typing import NDArray

T = TypeVar("T", bound=Struct)
_NUMBER = np.dtype({"names": ["value"], "formats": [">f8"], "offsets": [1], "itemsize": 9})  # a tag, then the number
_LONGEST_KEY = 31  # bytes; a longer one has a longer tag
_MOST_KEYS = 15


class Packed(Generic[T]):
    """The table of records of one kind: floats, tuples of four floats, and texts, which must have been taken out."""

    def __init__(self, kind: type[T]) -> None:
        self._layout = _layout(kind)
        self._encode: Callable[[list[T]], bytes] = msgpack.Encoder().encode

    def table(self, records: list[T]) -> NDArray[np.void]:
        """(n,) the records; `column` takes a key's numbers out of it."""
        text = self._encode(records)
        start = len(text) - len(records) * self._layout.itemsize
        if start not in (1, 3, 5):  # the tag of a list, by its length
            raise ValueError("records of one kind must have one length")
        return np.frombuffer(text, self._layout, len(records), start)


def column(table: NDArray[np.void], key: str) -> NDArray[np.float64]:
    """(n,) or (n, 4) the numbers of a key."""
    return table[key]["value"].astype(np.float64)


def _layout(kind: type[Struct]) -> np.dtype:
    """Where MessagePack puts each number of a record."""
    names, formats, offsets = [], [], []
    fields = structs.fields(kind)
    assert len(fields) <= _MOST_KEYS
    at = 1
    for field in fields:
        assert len(field.encode_name) <= _LONGEST_KEY
        at += 1 + len(field.encode_name)
        if field.type in (Raw, str):  # nil, or no letters
            at += 1
            continue
        single = field.type is float
        names.append(field.name)
        formats.append(_NUMBER if single else (_NUMBER, (4,)))
        offsets.append(at if single else at + 1)
        at += 9 if single else 1 + 4 * 9
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": at})
