"""What must share a side: pictures that agree in the spec's conditions, hold the same bytes, or are tied otherwise.

Ties are pairs of pictures: near-duplicates, and pictures taken within the spec's gap of time. Ties chain: a is tied to b and
b to c, so all three are one group. That is why, between pictures of two sides, the gap always holds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Dataset
from boxwright.errors import SplitError
from boxwright.spec.clause import seconds_from
from boxwright.spec.split import SplitClause
from boxwright.splitting.when import time_from_text

_EMPTY = "(none)"


def group_names(dataset: Dataset, group_by: Sequence[str], *, ties: Iterable[tuple[int, int]] = ()) -> list[str]:
    """(n,) group of each picture; pictures with the same bytes are joined, whatever their conditions, and so are ties.

    Args:
        dataset: the pictures.
        group_by: conditions that group.
        ties: pairs of positions that must share a group.

    Raises:
        SplitError: a picture lacks a condition that groups.
    """
    keys = []
    for name, conditions in zip(dataset.file_names, dataset.conditions, strict=True):
        missing = [key for key in group_by if conditions.get(key) in (None, "")]
        if missing:
            raise SplitError(
                f"Picture '{name}' has no '{missing[0]}', which `split.group_by` asks for. "
                f"Give it with `ingest --conditions FILE`, or group by something else."
            )
        keys.append("/".join(str(conditions[key]) for key in group_by) if group_by else name)
    parent: dict[str, str] = {key: key for key in keys}

    def root(key: str) -> str:
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    first: dict[str, str] = {}
    for key, digest in zip(keys, dataset.picture_digests, strict=True):
        if digest and digest in first:
            parent[root(key)] = root(first[digest])
        elif digest:
            first[digest] = key
    for a, b in ties:
        parent[root(keys[b])] = root(keys[a])
    return [root(key) for key in keys]


def ties_in_time(dataset: Dataset, clause: SplitClause) -> list[tuple[int, int]]:
    """Pairs of pictures, neighbours in time, that are nearer than the clause's gap; none without a gap.

    Raises:
        SplitError: a picture has no time, or no value of the condition within which the gap is asked for.
    """
    if clause.time_gap is None or clause.time is None:
        return []
    gap = seconds_from(clause.time_gap)
    times = np.array([time_from_text(c.get(clause.time)) for c in dataset.conditions], np.float64)
    if not np.isfinite(times).all():
        at = int(np.flatnonzero(~np.isfinite(times))[0])
        raise SplitError(
            f"Picture '{dataset.file_names[at]}' has no time in '{clause.time}' (found {dataset.conditions[at].get(clause.time)!r}; "
            f"{int((~np.isfinite(times)).sum())} pictures are so), which `split.time_gap` needs: ISO 8601, or seconds."
        )
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, conditions in enumerate(dataset.conditions):
        rows_of[str(conditions.get(clause.time_per) or _EMPTY) if clause.time_per else ""].append(row)
    found: list[tuple[int, int]] = []
    for rows in rows_of.values():
        order = np.array(rows)[np.argsort(times[rows], kind="stable")]
        near = np.flatnonzero(np.diff(times[order]) < gap)
        found += list(zip(order[near].tolist(), order[near + 1].tolist(), strict=True))
    return found


def loads(dataset: Dataset, strata: Sequence[str], *, crossed: bool = False) -> tuple[NDArray[np.float64], list[str]]:
    """(n, features) pictures, annotations per class, and pictures of each value of each stratum; and the features' names.

    Args:
        dataset: the pictures.
        strata: conditions; with none there is one feature of all pictures.
        crossed: also annotations of each class under each value.
    """
    n, names = len(dataset), list(dataset.class_names)
    columns = dataset.annotations
    classes = np.zeros((n, len(names)))
    np.add.at(classes, (columns.image_index, columns.class_id), 1.0)
    parts, told = [np.ones((n, 1)), classes], ["pictures", *(f"class {name}" for name in names)]
    for key in strata or ("",):
        of_picture = [str(c.get(key) or _EMPTY) for c in dataset.conditions] if key else [_EMPTY] * n
        values, index = np.unique(np.array(of_picture, dtype=object).astype(str), return_inverse=True)
        one_hot = np.zeros((n, len(values)))
        one_hot[np.arange(n), index] = 1.0
        parts.append(one_hot)
        told += [f"{key}={value}" for value in values]
        if crossed and key:
            both = classes[:, :, None] * one_hot[:, None, :]  # (n, classes, values)
            parts.append(both.reshape(n, -1))
            told += [f"class {name} with {key}={value}" for name in names for value in values]
    return np.concatenate(parts, axis=1), told
