"""Which picture of one version is which of the other.

By their bytes where both sides know them; where a side holds the same bytes twice, the name decides among them. What is
left is paired by name, and then by the last part of the name where that is unique on both sides: a picture under a name
that both know, with other bytes, was replaced.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from boxwright.artifacts import Dataset
from boxwright.store import pair_rows


@dataclass(frozen=True)
class PicturePairs:
    """Rows of two datasets that hold the same picture.

    Attributes:
        before, after: (k,) rows, side by side.
        replaced: (k,) bool, whether they were paired by name although both sides know their bytes.
        removed: rows only `before` has.
        added: rows only `after` has.
    """

    before: NDArray[np.int64]
    after: NDArray[np.int64]
    replaced: NDArray[np.bool_]
    removed: NDArray[np.int64]
    added: NDArray[np.int64]


def pair_pictures(before: Dataset, after: Dataset) -> PicturePairs:
    """Pairs in the order of `after`; every row is in at most one."""
    n, m = len(before), len(after)
    if n == m and all(before.rows.column(name).equals(after.rows.column(name)) for name in ("picture", "file_name")):
        every, none = np.arange(n), np.zeros(0, np.int64)
        return PicturePairs(every, every, np.zeros(n, np.bool_), none, none)
    digests = _codes(before, after, "picture")
    names = _codes(before, after, "file_name")
    has_bytes = np.concatenate([_has_bytes(before), _has_bytes(after)])
    partner = np.full(m, -1, np.int64)
    by_bytes = _numbered(np.where(_twice(digests, n), names + 1, 0) + digests.astype(np.int64) * (n + m + 1), n)
    _pair(partner, by_bytes, n, has_bytes)
    paired_by_bytes = partner >= 0
    _pair(partner, _numbered(names, n), n, np.ones(n + m, np.bool_))
    tails = _tails(before, after)
    _pair(partner, tails, n, ~_twice(tails, n))
    rows = np.flatnonzero(partner >= 0)
    both_known = has_bytes[:n][partner[rows]] & has_bytes[n:][rows]
    return PicturePairs(
        before=partner[rows],
        after=rows,
        replaced=both_known & ~paired_by_bytes[rows],
        removed=np.setdiff1d(np.arange(n), partner[rows]),
        added=np.flatnonzero(partner < 0),
    )


def _pair(partner: NDArray, codes: NDArray, n: int, asked: NDArray) -> None:
    """Pair what is still alone on both sides and has the same code."""
    free_before = np.setdiff1d(np.flatnonzero(asked[:n]), partner)
    free_after = np.flatnonzero((partner < 0) & asked[n:])
    found = pair_rows(codes[:n][free_before], codes[n:][free_after])
    partner[free_after[found >= 0]] = free_before[found[found >= 0]]


def _codes(before: Dataset, after: Dataset, column: str) -> NDArray[np.int64]:
    """(n + m,) one number per text, over both sides."""
    return _encoded(
        pa.chunked_array([*before.rows.column(column).chunks, *after.rows.column(column).chunks], pa.string())
    )


def _tails(before: Dataset, after: Dataset) -> NDArray[np.int64]:
    names = pa.chunked_array(
        [*before.rows.column("file_name").chunks, *after.rows.column("file_name").chunks], pa.string()
    )
    return _encoded(pc.replace_substring_regex(names, pattern=r"^.*[/\\]", replacement=""))  # pyright: ignore


def _encoded(texts: pa.ChunkedArray) -> NDArray[np.int64]:
    if not len(texts):
        return np.zeros(0, np.int64)
    return pa.concat_arrays(texts.chunks).dictionary_encode().indices.to_numpy().astype(np.int64)


def _has_bytes(dataset: Dataset) -> NDArray[np.bool_]:
    return pc.not_equal(dataset.rows.column("picture"), "").to_numpy().astype(np.bool_)  # pyright: ignore


def _twice(codes: NDArray, n: int) -> NDArray[np.bool_]:
    """(n + m,) whether a side holds the code more than once."""
    most = int(codes.max(initial=0)) + 1
    several = (np.bincount(codes[:n], minlength=most) > 1) | (np.bincount(codes[n:], minlength=most) > 1)
    return several[codes]


def _numbered(codes: NDArray, n: int) -> NDArray[np.int64]:
    """The codes with the k-th row of a side that holds the same one told apart from its first."""
    codes = np.unique(codes, return_inverse=True)[1].astype(np.int64)
    found = codes * (len(codes) + 1)
    for side in (slice(None, n), slice(n, None)):
        order = np.argsort(codes[side], kind="stable")
        ordered = codes[side][order]
        first = np.searchsorted(ordered, ordered, "left")
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order)) - first
        found[side] += rank
    return found
