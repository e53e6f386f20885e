"""The version of a dataset as if some corrections had never been given.

A version says what it was made from. From the newest version the way goes back to the one before the corrections; the corrections that
came later are then put in again. Where a version on the way was made by something else, nothing is guessed.
"""

from __future__ import annotations

from dataclasses import dataclass

from boxwright.artifacts import Corrections, Dataset
from boxwright.errors import InputError
from boxwright.labels.correct import correct
from boxwright.store import Store


@dataclass(frozen=True)
class Without:
    """A version without some corrections.

    Attributes:
        before: the version that has them.
        after: the one without.
        again: digests of later corrections that were put in again, oldest first.
    """

    before: Dataset
    after: Dataset
    again: list[str]


def without(store: Store, newest: Dataset, corrections: str) -> Without:
    """The newest version without some corrections; nothing is stored.

    Args:
        store: that holds the versions.
        newest: the version that has the corrections.
        corrections: digest of what to leave out.

    Raises:
        InputError: the version was not made with these corrections, or something else than corrections came later.
    """
    later: list[str] = []
    at = newest.digest
    while True:
        made_from = store.made_from(at)
        if set(made_from) != {"dataset", "corrections"}:
            raise InputError(_unreached(store, newest, corrections, at))
        if made_from["corrections"] == corrections:
            break
        later.append(made_from["corrections"])
        at = made_from["dataset"]
    after = store.get(made_from["dataset"], Dataset)
    for digest in reversed(later):
        after = correct(after, store.get(digest, Corrections))
    return Without(newest, after, later[::-1])


def has_corrections(store: Store, dataset: str, corrections: str) -> bool:
    """Whether some corrections went into a version, however far back."""
    while dataset:
        made_from = store.made_from(dataset)
        if made_from.get("corrections") == corrections:
            return True
        dataset = made_from.get("dataset", "")
    return False


def _unreached(store: Store, newest: Dataset, corrections: str, at: str) -> str:
    if has_corrections(store, newest.digest, corrections):
        return (
            f"Between the corrections {corrections[:12]} and dataset '{newest.name}' {newest.digest[:12]} lies {at[:12]}, which was not "
            f"made by corrections; nothing was written. Take the version before them from `boxwright lineage {newest.digest[:12]}`."
        )
    return (
        f"Dataset '{newest.name}' {newest.digest[:12]} was not made with the corrections {corrections[:12]}; nothing was written. "
        f"`boxwright lineage {newest.digest[:12]}` says what it was made from."
    )
