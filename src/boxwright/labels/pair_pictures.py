"""Which picture of one version is which of the other (`same_image.py`), and which were replaced.

A picture under a name that both know, with other bytes, was replaced.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from boxwright.artifacts import Dataset
from boxwright.labels.same_image import RULES, SameImages, same_images


@dataclass(frozen=True)
class PicturePairs:
    """Rows of two datasets that hold the same picture.

    Attributes:
        before, after: (k,) rows, side by side.
        replaced: (k,) bool, whether they were paired by name although both sides know their bytes.
        removed: rows only `before` has.
        added: rows only `after` has.
        respelled: (k,) bool, whether the two names are one path, spelled differently.
        how: how they were paired.
    """

    before: NDArray[np.int64]
    after: NDArray[np.int64]
    replaced: NDArray[np.bool_]
    removed: NDArray[np.int64]
    added: NDArray[np.int64]
    respelled: NDArray[np.bool_]
    how: SameImages


def pair_pictures(before: Dataset, after: Dataset, *, loose: bool = False) -> PicturePairs:
    """Pairs in the order of `after`; every row is in at most one.

    Args:
        before, after: two versions.
        loose: pair by the end of the path whatever stands before it.
    """
    columns = [dataset.rows.column(name) for dataset in (before, after) for name in ("file_name", "picture")]
    found = same_images(*columns, loose=loose)
    return PicturePairs(
        before=found.before,
        after=found.after,
        replaced=_replaced(before, after, found),
        removed=np.setdiff1d(np.arange(len(before)), found.before),
        added=np.setdiff1d(np.arange(len(after)), found.after),
        respelled=found.rule == RULES.index("spelling"),
        how=found,
    )


def _replaced(before: Dataset, after: Dataset, found: SameImages) -> NDArray[np.bool_]:
    """Whether both sides know the content and it differs."""
    replaced = found.rule != RULES.index("content")
    rows = np.flatnonzero(replaced)
    old, new = (
        dataset.rows.column("picture").take(pa.array(of[rows]))
        for dataset, of in ((before, found.before), (after, found.after))
    )
    differ = pc.and_(pc.not_equal(old, new), pc.and_(pc.not_equal(old, ""), pc.not_equal(new, "")))  # pyright: ignore
    replaced[rows] = differ.to_numpy()
    return replaced
