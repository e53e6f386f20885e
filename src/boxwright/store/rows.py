"""Which rows of two tables differ, column by column and without a loop over rows.

Numbers are compared by their bytes, so that two rows are the same exactly when their digests are: 0.0 and -0.0 differ, and
not-a-number equals itself.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def pair_rows(before: NDArray, after: NDArray) -> NDArray[np.int64]:
    """(m,) row of `before` with the same key as each row of `after`, or -1; keys occur once on each side."""
    if not len(before):
        return np.full(len(after), -1, np.int64)
    order = np.argsort(before, kind="stable")
    place = np.minimum(np.searchsorted(before, after, sorter=order), len(before) - 1)
    found = order[place].astype(np.int64)
    return np.where(before[found] == after, found, -1)


def differing(
    before: pa.Table, after: pa.Table, rows_before: NDArray, rows_after: NDArray, *, columns: list[str]
) -> NDArray[np.bool_]:
    """Whether row `rows_before[i]` of one table differs from row `rows_after[i]` of the other in any of the columns.

    Args:
        before, after: tables whose columns have the same types: numbers, truth values, text, or lists of these.
        rows_before, rows_after: (k,) positions.
        columns: names of those to compare.

    Returns:
        (k,) bool.
    """
    found = np.zeros(len(rows_before), np.bool_)
    if not len(found):
        return found
    for name in columns:
        one, other = _whole(before.column(name)), _whole(after.column(name))
        if pa.types.is_list(one.type):
            found |= _lists_differ(one, other, rows_before, rows_after)
        else:
            found |= _values_differ(one, other, rows_before, rows_after)
    return found


def flat_rows(lists: pa.ListArray | pa.ChunkedArray, rows: NDArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(k,) length of the list in each of the rows, and the positions of their values in `flatten()`, row by row."""
    whole = _whole(lists)
    lengths = pc.list_value_length(whole).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)  # pyright: ignore
    starts = np.concatenate([[0], np.cumsum(lengths)])[:-1]
    counts = lengths[rows]
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    return counts, np.repeat(starts[rows] - (ends - counts), counts) + np.arange(total)


def _lists_differ(one: pa.Array, other: pa.Array, rows_one: NDArray, rows_other: NDArray) -> NDArray[np.bool_]:
    lengths_one = pc.list_value_length(one).fill_null(-1).to_numpy(zero_copy_only=False)[rows_one]  # pyright: ignore
    lengths_other = pc.list_value_length(other).fill_null(-1).to_numpy(zero_copy_only=False)[rows_other]  # pyright: ignore
    found = lengths_one != lengths_other
    if not found.any() and _is_all(rows_one, len(one)) and _is_all(rows_other, len(other)):
        a, b = one.flatten(), other.flatten()
        everything = np.arange(len(a))
        unequal = np.flatnonzero(_values_differ(a, b, everything, everything))
        found[np.searchsorted(np.cumsum(lengths_one), unequal, "right")] = True
        return found
    same = np.flatnonzero(~found)
    counts, at_one = flat_rows(one, rows_one[same])
    _, at_other = flat_rows(other, rows_other[same])
    unequal = _values_differ(one.flatten(), other.flatten(), at_one, at_other)
    found[np.repeat(same, counts)[unequal]] = True
    return found


def _values_differ(one: pa.Array, other: pa.Array, rows_one: NDArray, rows_other: NDArray) -> NDArray[np.bool_]:
    if not len(rows_one):
        return np.zeros(0, np.bool_)
    if pa.types.is_string(one.type) or one.null_count or other.null_count:
        left, right = _taken(one, rows_one), _taken(other, rows_other)
        unequal = pc.fill_null(pc.not_equal(left, right), False)  # pyright: ignore
        holes = pc.xor(left.is_null(), right.is_null())  # pyright: ignore
        return pc.or_(unequal, holes).to_numpy(zero_copy_only=False)  # pyright: ignore
    left, right = _bits(one), _bits(other)
    if _is_all(rows_one, len(left)) and _is_all(rows_other, len(right)):
        return left != right
    return left[rows_one] != right[rows_other]


def _taken(values: pa.Array, rows: NDArray) -> pa.Array:
    """The values at these positions; all of them, in order, are not copied."""
    return values if _is_all(rows, len(values)) else values.take(pa.array(rows))


def _is_all(rows: NDArray, of: int) -> bool:
    """Whether these are all positions, in order."""
    return len(rows) == of and (of == 0 or (rows[0] == 0 and bool(np.all(rows[1:] - rows[:-1] == 1))))


def _bits(values: pa.Array) -> NDArray:
    """Numbers as unsigned integers of their bytes."""
    array = np.ascontiguousarray(values.to_numpy(zero_copy_only=False))
    return array.view(np.uint8 if array.dtype == np.bool_ else f"u{array.dtype.itemsize}")


def _whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """A column in one piece."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    if column.num_chunks == 1:
        return column.chunk(0)
    whole = column.combine_chunks()
    return pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole
