"""Ids of a COCO file: 7 and 7.0 are one id; "img_3" and 18446744073709551615 are ids as well.

COCO asks for integers; tools also write texts, floats (pandas) and unsigned 64-bit hashes. In columns an id is an int64 code: an
integer below 2^62 is its own code, any other id gets a code outside that range. Two different ids never share a code, so "01" is
not 1. Where a file lists "1" and refers to 1, the two are one id, unless it lists both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Id = int | str
_OWN_CODE = 1 << 62  # integers below, by magnitude, are their own code
_EXACT = 1 << 53  # floats beyond may stand for several integers
_LARGEST = 1 << 64
_LONGEST = 1000


def as_id(value: Any) -> Id | None:
    """The id that a JSON value is; None for one that cannot be an id, or not exactly."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return int(value) if abs(value) <= _EXACT and value.is_integer() else None
    if isinstance(value, int):
        return value if abs(value) < _LARGEST else None
    return value if isinstance(value, str) and 0 < len(value) <= _LONGEST else None


def whole(id: Id) -> int | None:
    """The integer below 2^62 that an id is, or spells without leading zeros; None for other ids."""
    other = id if isinstance(id, int) else _other_kind(id)
    return other if isinstance(other, int) and abs(other) < _OWN_CODE else None


def in_order(ids: Iterable[Id]) -> list[Id]:
    """Integers by value, then texts by their letters, as pycocotools orders them."""
    return sorted(ids, key=lambda id: (isinstance(id, str), id))


def _other_kind(id: Id) -> Id | None:
    """1 for "1" and "1" for 1; None for a text that spells no integer, or spells it otherwise."""
    if isinstance(id, int):
        return str(id)
    digits = id.removeprefix("-")
    plain = digits.isascii() and digits.isdigit() and len(digits) < 40 and str(int(id)) == id
    return int(id) if plain else None


class Ids:
    """The ids of one file as int64 codes."""

    def __init__(self) -> None:
        self._codes: dict[Id, int] = {}
        self._spelled: list[Id] = []

    def code(self, value: Any) -> int | None:
        """The code of an id as JSON gives it; None for what cannot be an id."""
        if type(value) is int and -_OWN_CODE < value < _OWN_CODE:
            return value
        if type(value) is str and value in self._codes:
            return self._codes[value]
        id = as_id(value)
        if id is None or (isinstance(id, int) and abs(id) < _OWN_CODE):
            return id  # type: ignore[return-value]
        if id not in self._codes:
            self._codes[id] = -_OWN_CODE - len(self._spelled)
            self._spelled.append(id)
        return self._codes[id]

    def id_of(self, code: int) -> Id:
        """The id of a code."""
        return self._spelled[-_OWN_CODE - code] if code <= -_OWN_CODE else code

    def joined(self, codes: NDArray[np.int64], listed: Sequence[int]) -> NDArray[np.int64]:
        """The codes, with 1 for "1", or "1" for 1, where only the other of the two is listed."""
        if not self._spelled or not len(codes):
            return codes
        known = set(listed)
        distinct, where = np.unique(codes, return_inverse=True)
        for row, code in enumerate(distinct.tolist()):
            if code in known:
                continue
            other = _other_kind(self.id_of(code))
            small = isinstance(other, int) and abs(other) < _OWN_CODE
            at = other if small else self._codes.get(other)  # type: ignore[arg-type]
            if at in known:
                distinct[row] = at
        return distinct[where]


class RowOfId:
    """Which row of a list of ids a value means."""

    def __init__(self, ids: Iterable[Id]) -> None:
        self._rows = {id: row for row, id in enumerate(ids)}

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, value: Any) -> bool:
        return self.get(value) is not None

    def __getitem__(self, value: Any) -> int:
        row = self.get(value)
        if row is None:
            raise KeyError(value)
        return row

    def get(self, value: Any) -> int | None:
        """The row of an id as JSON gives it; None where there is none."""
        id = as_id(value)
        if id is None:
            return None
        row = self._rows.get(id)
        return row if row is not None else self._rows.get(_other_kind(id))  # type: ignore[arg-type]


def as_flag(value: Any) -> bool:
    """Whether a flag is set: 1, true and "1" are; 0, false, null, "0" and "false" are not."""
    return value.strip().lower() not in ("", "0", "false", "none", "null") if isinstance(value, str) else bool(value)
