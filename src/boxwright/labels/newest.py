"""A correction goes into the newest version of a data set, whoever else is correcting it.

Two people who set out from the same version both get their work into the name: whoever comes second finds the name moved,
and the answers are put into the version the other made. That is right as long as they looked at different pictures. Where
the other changed a picture that was answered here too, nothing is guessed: the second is told which picture it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from boxwright.artifacts import Corrections, Dataset
from boxwright.errors import InputError, NameMoved
from boxwright.labels.correct import correct
from boxwright.labels.pair_pictures import pair_pictures
from boxwright.store import NEW_NAME, Store, differing

_TRIES = 50
_NAMED = 3


@dataclass(frozen=True)
class Corrected:
    """A version that was corrected and is the newest now.

    Attributes:
        before: the version the answers went into.
        after: the new one.
        rebased: whether `before` is another version than the one asked for.
    """

    before: Dataset
    after: Dataset
    rebased: bool


def correct_newest(
    store: Store,
    given: Dataset,
    corrections: Corrections,
    *,
    name: str,
    reason: str,
    tell: Callable[[Dataset, Dataset], None] = lambda before, after: None,
) -> Corrected:
    """Store the next version of the newest one called `name`, and point the name to it.

    Args:
        store: that holds the versions.
        given: the version that was looked at when the answers were given.
        corrections: the answers.
        name: of the data set's versions, such as `dataset/line`.
        reason: for the name's history.
        tell: called with the version before and the one after, before anything is written.

    Raises:
        InputError: a newer version has other boxes on a picture that is answered here.
        NameMoved: others kept being faster; nothing is lost, run it again.
    """
    for attempt in range(_TRIES):
        history = store.history(name)
        before = given
        if history and history[-1].digest != given.digest:
            before = store.get(history[-1].digest, Dataset)
            _refuse_collisions(given, before, corrections)
        after = correct(before, corrections)
        tell(before, after)
        try:
            store.put(after, name=name, reason=reason, expected=before.digest if history else NEW_NAME)
        except NameMoved:
            if attempt == _TRIES - 1:
                raise
            continue
        return Corrected(before, after, rebased=before is not given)
    raise AssertionError("the loop returns or raises")


def _refuse_collisions(given: Dataset, newest: Dataset, corrections: Corrections) -> None:
    """InputError where an answered picture has changed between the two versions."""
    pairs = pair_pictures(given, newest)
    columns = [field.name for field in newest.rows.schema if field.name != "image_id"]
    changed = pairs.after[differing(given.rows, newest.rows, pairs.before, pairs.after, columns=columns)]
    touched = newest.rows.take(pa.array(np.sort(np.concatenate([changed, pairs.added]))))
    answered = pc.is_in(touched.column("picture"), value_set=corrections.answers.column("picture").combine_chunks())  # pyright: ignore
    names = touched.filter(answered).column("file_name").to_pylist()
    if names:
        shown = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
        raise InputError(
            f"{len(names)} of the {len(corrections)} answered pictures changed in the newest version "
            f"{newest.digest[:12]} since {given.digest[:12]}: {shown}. Nothing was written; see `boxwright diff "
            f"{given.digest[:12]} {newest.digest[:12]}`, and correct the newest version if these answers should replace it."
        )
