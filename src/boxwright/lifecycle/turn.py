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
from boxwright.evaluation import choose
from boxwright.gate import decide
from boxwright.labels import correct
from boxwright.lifecycle.stages import ROLLOUT, Progress, Stages, current_rollout
from boxwright.serving import promote
from boxwright.spec import Spec
from boxwright.splitting import split
from boxwright.store import Steps, Store

Say = Callable[[str], None]


@dataclass(frozen=True)
class Turned:
    """Everything one turn made; `rollout` is None where nothing was promoted."""

    dataset: Dataset
    split: Split
    checkpoint: Checkpoint
    candidate: Bundle
    predictions: Predictions
    matches: Matches
    report: Report
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
    """
    do = Steps(store, say)
    now = Stages(store, spec, recipe, work_folder, progress)
    if corrections is not None:
        dataset = do(Dataset, "correct", lambda: correct(dataset, corrections), dataset, corrections)
    parts = do(
        Split,
        "split",
        lambda: split(dataset, spec, from_source=from_source, keep=keep),
        dataset,
        keep,
        spec.split,
        from_source,
    )
    checkpoint = do(Checkpoint, "train", lambda: now.train(dataset, parts), dataset, parts, recipe, spec.labels)
    bundle = do(
        Bundle, "export", lambda: now.export(checkpoint, dataset, parts), checkpoint, spec.output, spec.constraints
    )
    on_val = do(Predictions, "predict val", lambda: now.predict(bundle, dataset, parts, "val"), bundle, dataset, parts)
    chosen_on = do(Matches, "match val", lambda: now.match(on_val, dataset, parts, "val"), on_val, dataset, parts, spec)
    point = do(
        OperatingPoint,
        "choose",
        lambda: choose(chosen_on, bundle, spec.output.operating_point),
        chosen_on,
        bundle,
        spec.output,
    )
    candidate = do(
        Bundle, "candidate", lambda: bundle.with_thresholds(point.score_thresholds, point=point.digest), bundle, point
    )
    on_test = do(
        Predictions, "predict test", lambda: now.predict(candidate, dataset, parts, "test"), candidate, dataset, parts
    )
    matches = do(
        Matches, "match test", lambda: now.match(on_test, dataset, parts, "test"), on_test, dataset, parts, spec
    )
    report = do(
        Report,
        "evaluate",
        lambda: now.evaluate(matches, on_test, candidate, dataset, parts),
        matches,
        on_test,
        candidate,
        spec,
    )
    in_service = now.in_service_beside(candidate)
    first = in_service is None
    before = None if in_service is None else now.baseline(do, in_service, dataset, parts)
    verdict = do(
        Verdict,
        "decide",
        lambda: decide(report, spec, baseline=before, first_release=first),
        report,
        before,
        spec,
        first,
    )
    rollout = release_if_passing(store, verdict, say) if release else None
    return Turned(dataset, parts, checkpoint, candidate, on_test, matches, report, verdict, rollout)


def release_if_passing(store: Store, verdict: Verdict, say: Say) -> Rollout | None:
    """Promote the bundle of a passing verdict; None, and a sentence, otherwise."""
    if verdict.verdict != "pass":
        failing = [check for check in verdict.checks if check.status != "met"]
        say(f"not promoted: {len(failing)} of {len(verdict.checks)} requirements are not met or lack evidence")
        return None
    rollout = promote(verdict, current=current_rollout(store))
    store.put(rollout, name=ROLLOUT, reason=f"verdict {verdict.digest[:12]}")
    say(f"promoted bundle {rollout.primary[:12]} (rollout {rollout.number})")
    return rollout
