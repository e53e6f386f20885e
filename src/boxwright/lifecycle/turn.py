"""One turn of the loop. Read this first.

Each line of `turn` takes artifacts and gives one; everything else is how. A step whose inputs have not changed since it
was last done is not done again: the ledger knows its output.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boxwright.artifacts import (
    Bundle,
    Checkpoint,
    Corrections,
    Dataset,
    Matches,
    OperatingPoint,
    Predictions,
    Report,
    Rollout,
    Split,
    Verdict,
)
from boxwright.gate import OnSet
from boxwright.labels import correct
from boxwright.lifecycle.releasing import release
from boxwright.lifecycle.stages import Progress, Stages, current_rollout
from boxwright.spec import Spec
from boxwright.store import Steps, Store, Waiting, quietly

Say = Callable[[str], None]


@dataclass(frozen=True)
class Turned:
    """Everything one turn made; `sets` are those that clauses ask for, `rollout` is None where nothing was promoted."""

    dataset: Dataset
    split: Split
    checkpoint: Checkpoint
    candidate: Bundle
    predictions: Predictions
    matches: Matches
    report: Report
    sets: list[OnSet]
    verdict: Verdict
    rollout: Rollout | None


def turn(
    store: Store,
    spec: Spec,
    recipe: Any,
    dataset: Dataset,
    *,
    corrections: Corrections | None = None,
    keep: Split | None = None,
    from_source: bool = False,
    release: bool = True,
    work_folder: Path,
    say: Say,
    progress: Progress,
    waiting: Waiting = quietly,
) -> Turned:
    """From data to a judged, and if it passes promoted, bundle.

    Args:
        store: where everything is kept.
        spec, recipe: the promise and the method.
        dataset: the data, or the version the corrections go into.
        corrections: of reviewers; they make the next version first.
        keep: the last turn's split; groups it knows stay where they were.
        from_source: take the sides the files gave.
        release: promote a passing bundle.
        work_folder: for what is not yet finished; an interrupted training is taken up from here.
        say, progress: told what happens.
        waiting: entered around each step that is done, with its name and the seconds it took before.
    """
    do = Steps(store, say, waiting)
    now = Stages(store, spec, recipe, work_folder, progress)
    if corrections is not None:
        dataset = do(Dataset, "correct", correct, dataset, corrections)
    parts = do(Split, "split", now.split, dataset, keep, from_source, also=now.of_split)
    checkpoint = do(Checkpoint, "train", now.train, dataset, parts, also=now.of_training)
    bundle = do(Bundle, "export", now.export, checkpoint, dataset, parts, also=now.of_export)
    on_val = do(Predictions, "predict val", now.predict, bundle, dataset, parts, "val")
    met_val = do(Matches, "match val", now.match, on_val, dataset, parts, "val", also=now.of_match)
    point = do(OperatingPoint, "choose", now.choose, met_val, bundle, also=now.of_choice)
    candidate = do(Bundle, "candidate", now.candidate, bundle, point)
    on_test = do(Predictions, "predict test", now.predict, candidate, dataset, parts, "test")
    matches = do(Matches, "match test", now.match, on_test, dataset, parts, "test", also=now.of_match)
    report = do(Report, "evaluate test", now.evaluate, matches, on_test, candidate, dataset, parts, "test", also=spec)
    in_service = current_rollout(store)  # what the decision sets out from; a release is refused if it moves meanwhile
    baseline = now.baseline(do, candidate, dataset, parts, in_service)
    sets = now.sets(do, candidate, dataset, parts, in_service)
    compared = now.comparisons(do, report, baseline, sets)
    verdict = do(Verdict, "decide", now.decide, report, baseline, sets, compared, also=spec)
    rollout = release_if_passing(store, verdict, say, in_service) if release else None
    return Turned(dataset, parts, checkpoint, candidate, on_test, matches, report, sets, verdict, rollout)


def release_if_passing(store: Store, verdict: Verdict, say: Say, in_service: Rollout | None) -> Rollout | None:
    """Promote the bundle of a passing verdict in place of what is in service; None, and a sentence, otherwise."""
    if verdict.verdict != "pass":
        failing = [check for check in verdict.checks if check.status != "met"]
        say(f"not promoted: {len(failing)} of {len(verdict.checks)} requirements are not met or lack evidence")
        return None
    rollout = release(store, verdict, reason=f"verdict {verdict.digest[:12]}", current=in_service)
    say(f"promoted bundle {rollout.primary[:12]} (rollout {rollout.number})")
    return rollout
