"""Predictions by models that have not learnt the labels they are held against: the data in K parts, K trainings.

Parts are made of whole groups by the spec's `split.group_by`. Each part is predicted by a bundle trained on the others, by
the same stages and steps as any other training: a run that was stopped goes on where it was, and a part whose inputs have
not changed is not trained again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np

from boxwright.artifacts import Bundle, Checkpoint, Dataset, Predictions, Split
from boxwright.artifacts.split import SplitSummary
from boxwright.errors import InputError
from boxwright.lifecycle.stages import Stages
from boxwright.spec import Spec
from boxwright.splitting.split import group_names
from boxwright.store import Steps

Say = Callable[[str], None]


def out_of_fold(do: Steps, stages: Stages, dataset: Dataset, spec: Spec, *, folds: int, say: Say) -> list[Predictions]:
    """One set of predictions per part; together they cover every labelled picture once.

    Args:
        do: does the steps, or finds them done.
        stages: with spec, recipe and work folder.
        dataset: whose labels are in doubt.
        spec: its `split.group_by` says what may not straddle.
        folds: how many parts, 2 or more.
        say: told which part is at work.

    Raises:
        InputError: there are fewer groups than parts.
    """
    found = []
    for fold in range(folds):
        say(f"part {fold + 1} of {folds}")
        name = f"part {fold + 1} of {folds}"
        parts = do(Split, f"{name}: split", fold_of, dataset, spec.split.group_by, folds, fold)
        checkpoint = do(Checkpoint, "train", stages.train, dataset, parts, also=stages.of_training)
        bundle = do(Bundle, "export", stages.export, checkpoint, dataset, parts, also=stages.of_export)
        found.append(do(Predictions, "predict test", stages.predict, bundle, dataset, parts, "test"))
    return found


def fold_of(dataset: Dataset, group_by: list[str], folds: int, fold: int) -> Split:
    """A split whose test side is one part and whose train side is the rest; groups are dealt largest first."""
    names = group_names(dataset, group_by)
    sizes = Counter(names)
    if folds < 2 or len(sizes) < folds:
        raise InputError(
            f"An audit out of fold needs 2 parts or more and at least one group for each; found {folds} parts and "
            f"{len(sizes)} groups (`split.group_by` in spec.yaml)."
        )
    load = np.zeros(folds, np.int64)
    part_of = {}
    for group, count in sorted(sizes.items(), key=lambda item: (-item[1], item[0])):
        part_of[group] = int(load.argmin())
        load[part_of[group]] += count
    return Split(
        image_ids=dataset.image_ids,
        side=tuple("test" if part_of[group] == fold else "train" for group in names),
        group=tuple(names),
        summary=SplitSummary(why=f"part {fold + 1} of {folds} of an audit", group_by=tuple(group_by)),
        made_from={"dataset": dataset.digest},
    )
