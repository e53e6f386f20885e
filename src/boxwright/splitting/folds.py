"""Groups to k folds, for predictions by models that have not seen the picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from boxwright.errors import SplitError


def folds(groups: Sequence[str], k: int, *, loads: NDArray | None = None, seed: int = 0) -> NDArray[np.int64]:
    """(n,) fold of each picture, 0 to k - 1; a group is whole in one fold.

    Groups go largest first to the fold that holds least, ties of size in the seed's order.

    Args:
        groups: (n,) group of each picture.
        k: 2 or more.
        loads: (n, features) what folds should hold alike, such as annotations per class; pictures when None.
        seed: of the order of groups of one size.

    Raises:
        SplitError: fewer than k groups.
    """
    names, index = np.unique(np.array(list(groups), dtype=object).astype(str), return_inverse=True)
    if k < 2 or len(names) < k:
        raise SplitError(
            f"{k} folds were asked for; expected 2 or more, and at least as many groups (found {len(names)})."
        )
    table = np.ones((len(index), 1)) if loads is None else np.concatenate([np.ones((len(index), 1)), loads], axis=1)
    of_group = np.zeros((len(names), table.shape[1]))
    np.add.at(of_group, index, table)
    of_group /= np.maximum(of_group.sum(axis=0), 1e-9)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-of_group[order].max(axis=1), kind="stable")]
    have, held = np.zeros((k, table.shape[1])), np.zeros(k, np.int64)
    fold = np.zeros(len(names), np.int64)
    for done, group in enumerate(order):
        cost = ((have + of_group[group]) ** 2 - have**2).sum(axis=1)
        if len(names) - done <= (held == 0).sum():
            cost[held > 0] = np.inf
        fold[group] = int(np.argmin(cost))
        have[fold[group]] += of_group[group]
        held[fold[group]] += 1
    return fold[index]
