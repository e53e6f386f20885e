"""Which events people should look at, why, and by when.

Three reasons. `uncertain`: a detection near its score threshold. `novel`: a picture whose features lie further from the
reference than almost any reference picture from the others. `random`: drawn uniformly, before the others. Novel pictures are
due sooner while an alarm rings. Pictures are taken camera by camera in turn, and each picture once; what was answered, or lies in
an open queue, is left out. The queue hands out detections from their threshold minus the margin that makes them uncertain.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from boxwright.artifacts import QUEUE_SCHEMA, Drift, Events, ReviewQueue
from boxwright.artifacts.review_queue import Selection
from boxwright.errors import InputError
from boxwright.spec import Spec
from boxwright.spec.spec import seconds_from

_NEIGHBOURS = 5
_NOVEL_QUANTILE = 0.98
_FAR = 10.0
_UNSAID = 0.5  # threshold of a class for which none was chosen


@dataclass(frozen=True)
class Known:
    """What is known of the pictures by numbers: (n, f) of the events and (m, f) of the pictures the bundle was judged on; NaN for nothing."""

    events: NDArray[np.float64]
    reference: NDArray[np.float64]


@dataclass(frozen=True)
class Answering:
    """From which score on detections are answered.

    Attributes:
        thresholds: class name to score threshold.
        of_camera: camera to class name to the score threshold that replaces the class's there.
        lowest: class name to the lowest threshold under a condition that events do not keep; handed out is from there.
    """

    thresholds: Mapping[str, float]
    of_camera: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    lowest: Mapping[str, float] = field(default_factory=dict)

    def by_camera(self, class_names: Sequence[str]) -> dict[str, dict[str, float]]:
        """Camera to class name to threshold; the empty name stands for every camera without its own."""
        found = {"": {name: self.thresholds.get(name, _UNSAID) for name in class_names}}
        for camera, of_class in self.of_camera.items():
            found[camera] = found[""] | {n: s for n, s in of_class.items() if n in found[""]}
        return found


@dataclass(frozen=True)
class AtHand:
    """Digests of the pictures that were kept, and of those that are left out: to why, such as "answered"."""

    kept: Collection[str]
    asked: Mapping[str, str] = field(default_factory=dict)


def select(
    events: Events,
    known: Known,
    spec: Spec,
    *,
    answering: Answering,
    at_hand: AtHand,
    drift: Drift | None = None,
    now: float | None = None,
    seed: int = 0,
) -> ReviewQueue:
    """A queue of at most `spec.review.budget` items.

    Args:
        events: what was answered.
        known: of their pictures.
        spec: its review and failure_modes clauses.
        answering: from which score on.
        at_hand: pictures; the summary counts those that are left out.
        drift: the monitor's last look; its alarms make novel pictures urgent.
        now: seconds since 1970.
        seed: of the random share.

    Raises:
        InputError: no picture was kept.
    """
    pictures = events.events.column("picture").to_pylist()
    kept = _first_of_each_picture(pictures, at_hand.kept)
    if not kept:
        raise InputError(f"None of the {len(events)} events has a kept picture; serve with a larger --keep-pictures.")
    able = [i for i in kept if pictures[i] not in at_hand.asked]
    left_out = Counter(at_hand.asked[pictures[i]] for i in kept if pictures[i] in at_hand.asked)
    by_camera = answering.by_camera(events.class_names)
    wanted = (
        [("novel", _novelty(known.events, known.reference))] if spec.failure_modes.unknown_object == "review" else []
    )
    wanted += [("uncertain", _uncertainty(events, spec, by_camera))] if spec.failure_modes.low_score == "review" else []
    chosen = _chosen(events, able, wanted, spec, np.random.default_rng(seed))
    now = time.time() if now is None else now
    ringing = drift is not None and bool(drift.alarms)
    items = [_item(events, i, reason, value, spec, now, ringing=ringing) for i, (reason, value) in chosen.items()]
    items.sort(key=lambda item: (item["due_at"], -item["value"], item["item"]))
    counts = {name: sum(item["reason"] == name for item in items) for name in ("novel", "uncertain", "random")}
    return ReviewQueue(
        class_names=events.class_names,
        items=pa.Table.from_pylist(items, schema=QUEUE_SCHEMA),
        summary=Selection(
            events=len(events), pictures_at_hand=len(kept), left_out=dict(sorted(left_out.items())), chosen=counts,
            margin=spec.failure_modes.low_score_margin, seed=seed,
        ),
        least_scores=_least_scores(by_camera, answering.lowest, spec.failure_modes.low_score_margin),
        made_from={"events": events.digest, **({"drift": drift.digest} if drift else {})},
    )  # fmt: skip


def _chosen(
    events: Events, able: list[int], wanted: list[tuple[str, NDArray]], spec: Spec, rng: np.random.Generator
) -> dict[int, tuple[str, float]]:
    """Event to the reason it is chosen for, and how much that weighs: first a random share, then each reason its part."""
    budget = min(spec.review.budget, len(able))
    drawn = int(round(budget * spec.review.random_share))
    chosen: dict[int, tuple[str, float]] = {int(i): ("random", 0.0) for i in rng.permutation(able)[:drawn]}
    cameras = events.events.column("camera").to_pylist()
    for share, (reason, value) in enumerate(wanted, start=1):
        room = (budget - len(chosen)) // (len(wanted) - share + 1)
        for i in _in_turn([i for i in able if i not in chosen and value[i] > 0], value, cameras)[:room]:
            chosen[i] = (reason, float(value[i]))
    return chosen


def _first_of_each_picture(pictures: Sequence[str], at_hand: Collection[str]) -> list[int]:
    """Rows of the events whose picture was kept, the first of each picture."""
    first: dict[str, int] = {}
    for i, picture in enumerate(pictures):
        if picture in at_hand:
            first.setdefault(picture, i)
    return list(first.values())


def _least_scores(
    by_camera: Mapping[str, Mapping[str, float]], lowest: Mapping[str, float], margin: float
) -> dict[str, dict[str, float]]:
    """What is handed out: what is answered, and what the margin below a threshold could have been."""
    return {
        camera: {
            name: round(max(min(least, lowest.get(name, 1.0)) - margin, 0.0), 9) for name, least in of_class.items()
        }
        for camera, of_class in by_camera.items()
    }


def _uncertainty(events: Events, spec: Spec, by_camera: Mapping[str, Mapping[str, float]]) -> NDArray[np.float64]:
    """(n,) 1 where a detection lies on its threshold, falling to 0 at the spec's margin."""
    columns, margin = events.columns, spec.failure_modes.low_score_margin
    value = np.zeros(len(events))
    if len(columns.score) and margin > 0:
        cameras = sorted(by_camera)
        table = np.array([[by_camera[camera][name] for name in events.class_names] for camera in cameras])
        said = [camera if camera in by_camera else "" for camera in events.events.column("camera").to_pylist()]
        row = np.searchsorted(cameras, said)[columns.image_index]
        near = 1 - np.abs(columns.score - table[row, columns.class_id]) / margin
        np.maximum.at(value, columns.image_index, np.clip(near, 0, 1))
    return value


def _novelty(features: NDArray, reference: NDArray) -> NDArray[np.float64]:
    """(n,) 0 within what the reference is used to, rising to 1 with the distance beyond it."""
    if len(reference) <= _NEIGHBOURS or not len(features):
        return np.zeros(len(features))
    centre, spread = np.nanmean(reference, axis=0), np.nanstd(reference, axis=0)
    spread = np.where(spread > 1e-9, spread, 1.0)

    def scaled(table: NDArray) -> NDArray:
        return np.clip(np.nan_to_num((table - centre) / spread, nan=0.0), -_FAR, _FAR)

    base, traffic = scaled(reference), scaled(features)
    usual = _distance(base, base, skip_self=True)
    limit = float(np.quantile(usual, _NOVEL_QUANTILE))
    beyond = _distance(traffic, base, skip_self=False) / max(limit, 1e-9) - 1
    return np.clip(beyond, 0, None) / (1 + np.clip(beyond, 0, None))


def _distance(points: NDArray, base: NDArray, *, skip_self: bool) -> NDArray[np.float64]:
    """(n,) distance to the k-th nearest of `base`, block by block to bound memory."""
    out = np.empty(len(points))
    k = _NEIGHBOURS if skip_self else _NEIGHBOURS - 1
    norm = (base**2).sum(axis=1)
    for start in range(0, len(points), 1024):
        block = points[start : start + 1024]
        squared = (block**2).sum(axis=1)[:, None] + norm[None] - 2 * block @ base.T
        out[start : start + 1024] = np.sqrt(np.maximum(np.partition(squared, k, axis=1)[:, k], 0))
    return out


def _in_turn(candidates: Sequence[int], value: NDArray, cameras: Sequence[str]) -> list[int]:
    """The candidates by falling value, cameras taking turns."""
    taken: dict[str, int] = {}  # in the order in which a camera first comes
    placed: list[tuple[int, str, int]] = []
    for i in sorted(candidates, key=lambda i: (-value[i], i)):
        turn = taken.get(cameras[i], 0)
        placed.append((turn, cameras[i], i))
        taken[cameras[i]] = turn + 1
    order = {camera: number for number, camera in enumerate(taken)}
    return [i for _, _, i in sorted(placed, key=lambda p: (p[0], order[p[1]]))]


def _item(
    events: Events, i: int, reason: str, value: float, spec: Spec, now: float, *, ringing: bool
) -> dict[str, Any]:
    row = events.events.slice(i, 1).to_pylist()[0]
    priority = {"novel": "P1" if ringing else "P2", "uncertain": "P2", "random": "P3"}[reason]
    columns = events.columns
    span = slice(columns.offsets[i], columns.offsets[i + 1])
    proposal = {
        "boxes_xyxy": columns.boxes_xyxy[span].tolist(),
        "score": columns.score[span].tolist(),
        "class_id": columns.class_id[span].tolist(),
    }
    return {
        "item": row["event_id"],
        "picture": row["picture"],
        "file_name": row["file_name"],
        "camera": row["camera"],
        "priority": priority,
        "reason": reason,
        "value": value,
        "selected_at": now,
        "due_at": now + seconds_from(spec.review.due[priority]),
        "proposal": json.dumps(proposal),
    }
