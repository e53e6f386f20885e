"""The second half of the loop: from what was served to what people should look at. The way back is in `reviewing.py`.

The reference is the served candidate's own predictions on the pictures that judged it, found through its verdict.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Bundle, Corrections, Dataset, Drift, Events, Matches, Predictions, ReviewQueue, Verdict
from boxwright.errors import InputError, StoreError
from boxwright.lifecycle.review_log import asked_pictures, counting_corrections
from boxwright.lifecycle.stages import ROLLOUT, current_rollout
from boxwright.monitoring import Features, features_of_events, features_of_predictions, watch
from boxwright.review import select
from boxwright.serving import Reading, kept_digests, read_stretch
from boxwright.spec import Spec
from boxwright.spec.spec import seconds_from
from boxwright.store import Store

_NOVELTY = ("boxes per picture", "best score", "boxes near threshold", "brightness", "contrast", "sharpness")


@dataclass(frozen=True)
class Watched:
    """Events with what they were compared with."""

    events: Events
    bundle: Bundle
    features: Features
    reference: Features
    drift: Drift
    reading: Reading


def watch_traffic(store: Store, spec: Spec, journal: Path, *, since: float = 0.0) -> Watched:
    """The primary's events since a time against the reference; events of other bundles are left out, and the drift says so.

    Raises:
        InputError: nothing is promoted, or the primary answered nothing.
    """
    rollout = current_rollout(store)
    if rollout is None:
        raise InputError(
            "Nothing is promoted in this store, so there is no reference to watch against. `boxwright turn` promotes what passes."
        )
    bundle = store.get(rollout.primary, Bundle)
    stretch = read_stretch(journal, since=since)
    answering = stretch.answering()
    stretch = stretch.of_bundle(bundle.digest, bundle.contract.class_names)
    events = stretch.events(bundle.contract.class_names)
    if not len(events):
        lost = "" if stretch.reading.whole else f" Note that {stretch.reading.sentence()}."
        others = f" ({sum(a.events for a in answering)} events of other bundles are there)" if answering else ""
        raise InputError(
            f"The journal in '{journal}' has no event of the primary {bundle.digest[:12]} since then{others}; serve it, or "
            f"give an earlier --since.{lost}"
        )
    thresholds, near = bundle.contract.score_thresholds or {}, spec.failure_modes.low_score_margin
    predictions, slices = _reference(store, rollout.verdict, spec)
    reference = features_of_predictions(predictions, thresholds, near=near, slices=slices)
    features = features_of_events(events, thresholds, near=near)
    store.put(events)
    others = [
        {"bundle": a.bundle, "events": a.events, "same_classes": a.class_names == bundle.contract.class_names}
        for a in answering
        if a.bundle != bundle.digest
    ]
    drift = watch(events, features, reference, spec, reference_digest=predictions.digest, other_bundles=others)
    return Watched(events, bundle, features, reference, drift, stretch.reading)


def select_for_review(
    store: Store, spec: Spec, journal: Path, *, since: float = 0.0, again: bool = False
) -> ReviewQueue:
    """A queue of the primary's events that people should look at.

    Its summary says which bundles' events were left out (`other_bundles`), and what the journal lacks (`journal`), if anything.

    Args:
        store, spec, journal: the promise, and where it is kept and served.
        since: seconds since 1970; older events are left out.
        again: also take images that were answered or lie in an open queue.
    """
    watched = watch_traffic(store, spec, journal, since=since)
    store.put(watched.drift)
    contract = watched.bundle.contract
    queue = select(
        watched.events,
        _table(watched.features),
        _table(watched.reference),
        spec,
        thresholds=contract.score_thresholds or {},
        camera_thresholds=contract.condition_thresholds.get("camera"),
        lowest=_lowest(contract.condition_thresholds),
        at_hand=kept_digests(journal),
        asked={} if again else asked_pictures(store),
        drift=watched.drift,
    )
    others = watched.drift.summary["other_bundles"]
    beside = {"other_bundles": others} if others else {}
    if not watched.reading.whole:
        beside["journal"] = watched.reading.as_json()
    return replace(queue, summary={**queue.summary, **beside}) if beside else queue


def _lowest(by_condition: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, float]:
    """Class name to the lowest threshold that a condition other than the camera gives it: events do not say what held."""
    found: dict[str, float] = {}
    for condition, by_value in by_condition.items():
        for of_class in by_value.values() if condition != "camera" else ():
            found |= {name: min(found.get(name, 1.0), least) for name, least in of_class.items()}
    return found


def round_due(store: Store, spec: Spec, *, now: float | None = None) -> list[str]:
    """Why a new round is due by the spec's retraining clause; empty when it is not."""
    now = time.time() if now is None else now
    reasons = []
    history = store.history(ROLLOUT)
    if history and now - history[-1].at > seconds_from(spec.retraining.every):
        days = (now - history[-1].at) / 86400
        reasons.append(
            f"the last release is {days:.1f} days old, the spec asks for a round every {spec.retraining.every}"
        )
    waiting = 0
    for digest in counting_corrections(store):
        if not any(kind == Dataset.kind for kind, _ in store.used_by(digest)):
            waiting += len(store.get(digest, Corrections))
    if waiting >= spec.retraining.least_corrections:
        reasons.append(f"{waiting} reviewed pictures wait, {spec.retraining.least_corrections} make a round worthwhile")
    return reasons


def _reference(store: Store, verdict: str, spec: Spec) -> tuple[Predictions, list[str]]:
    """Predictions the verdict rests on, and the monitored condition of each of their pictures."""
    try:
        report = store.get(verdict, Verdict).made_from["report"]
        matches = store.get(store.made_from(report)["matches"], Matches)
        predictions = store.get(matches.made_from["predictions"], Predictions)
        dataset = store.get(matches.made_from["dataset"], Dataset)
    except (KeyError, StoreError) as error:
        raise InputError(
            f"The primary's verdict does not lead to the predictions it rests on ({error}); evaluate and judge it "
            f"in this store (`boxwright turn`) to have a reference."
        ) from error
    rows = dataset.positions(predictions.image_ids)
    by = spec.monitoring.by
    return predictions, [str(dataset.conditions[row].get(by, "")) if by else "" for row in rows]


def _table(features: Features) -> NDArray[np.float64]:
    return np.stack([features.values[name] for name in _NOVELTY], axis=1)
