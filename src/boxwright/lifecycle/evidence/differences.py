"""The first figure that two documents do not share, and where it is.

Numbers are equal within CLOSE: sums run in another order on another processor. Whatever is stored must be made again: a figure
that only the stored document has is a difference. With `whole`, so is one that it lacks; without, a report of a version that had
fewer figures can still be checked, as the gate asks for what it needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np
import pyarrow as pa

CLOSE = 1e-5  # relative and absolute
_KEYS = ("condition", "value", "class_name", "key", "name")  # that tell the records of a list apart


def first_difference(stored: Any, again: Any, at: str = "", *, whole: bool = False) -> str:
    """Where two documents differ first and how, in words; empty where they do not.

    Args:
        stored, again: JSON values.
        at: path so far.
        whole: the stored one must have everything that was made again.
    """
    if isinstance(stored, Mapping) and isinstance(again, Mapping):
        for key in stored if not whole else {**stored, **again}:
            path = f"{at}.{key}" if at else str(key)
            if key not in again:
                return f"'{path}' is stored, and not there when made again"
            if key not in stored:
                return f"'{path}' is not stored, made again it is {_said(again[key])}"
            if found := first_difference(stored[key], again[key], path, whole=whole):
                return found
        return ""
    if _is_list(stored) and _is_list(again):
        if _are_records(stored) and _are_records(again):
            return first_difference(_by_key(stored), _by_key(again), at, whole=whole)
        if len(stored) != len(again):
            return f"'{at}' has {len(stored)} entries, made again it has {len(again)}"
        pairs = zip(stored, again, strict=True)
        return _first(first_difference(one, other, f"{at}[{k}]", whole=whole) for k, (one, other) in enumerate(pairs))
    if _is_number(stored) and _is_number(again):
        same = bool(np.isclose(stored, again, rtol=CLOSE, atol=CLOSE, equal_nan=True))
    else:
        same = stored == again
    return "" if same else f"'{at}' is {_said(stored)}, made again it is {_said(again)}"


def first_difference_of_tables(stored: pa.Table, again: pa.Table, at: str) -> str:
    """The same for two tables, in the columns that are stored."""
    if len(stored) != len(again):
        return f"'{at}' has {len(stored)} rows, made again it has {len(again)}"
    for name in stored.column_names:
        if name not in again.column_names:
            return f"'{at}.{name}' is stored, and not there when made again"
        if stored.column(name).equals(again.column(name)):
            continue
        one, other = stored.column(name), again.column(name)
        if pa.types.is_floating(one.type) and pa.types.is_floating(other.type):
            values = [column.to_numpy(zero_copy_only=False).astype(np.float64) for column in (one, other)]
            off = np.flatnonzero(~np.isclose(*values, rtol=CLOSE, atol=CLOSE, equal_nan=True))
        else:
            pairs = zip(one.to_pylist(), other.to_pylist(), strict=True)
            off = [row for row, (a, b) in enumerate(pairs) if first_difference(a, b)]
        if len(off):
            row = int(off[0])
            return (
                f"'{at}.{name}' of row {row} is {_said(one[row].as_py())}, made again it is {_said(other[row].as_py())}"
            )
    return ""


def _first(found: Any) -> str:
    return next((difference for difference in found if difference), "")


def _is_list(value: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | Mapping)


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _are_records(values: Sequence[Any]) -> bool:
    """Whether a list holds only objects, each with a name that no other has."""
    return all(isinstance(value, Mapping) for value in values) and len(_by_key(values)) == len(values)


def _by_key(records: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {
        ", ".join(
            f"{key}={record[key]}" for key in _KEYS if key in record and isinstance(record[key], str | None)
        ): record
        for record in records
    }


def _said(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)[:80]
