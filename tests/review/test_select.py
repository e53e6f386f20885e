"""A queue within its budget: a random part, the uncertain, the novel; each picture once, cameras in turn, in time."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxwright.artifacts import Drift, Events, ReviewQueue
from boxwright.errors import InputError
from boxwright.review import Answering, AtHand, Known, select
from boxwright.review.select import _in_turn
from boxwright.spec.spec import seconds_from
from tests.worlds import DAY, digest_of, events, one_of_each_kind, seen, spec

NOW = DAY + 1e6
DUE = {"P0": "1h", "P1": "8h", "P2": "3d", "P3": "14d"}
REFERENCE = np.random.default_rng(0).normal(size=(60, 3))


def asked(
    some: Events,
    *,
    features: np.ndarray | None = None,
    at_hand: set[str] | None = None,
    drift: Drift | None = None,
    seed: int = 0,
    failure_modes: dict[str, Any] | None = None,
    **review: Any,
) -> ReviewQueue:
    pictures = set(some.events.column("picture").to_pylist())
    return select(
        some,
        Known(np.zeros((len(some), 3)) if features is None else features, REFERENCE),
        spec(review={"due": DUE, **review}, failure_modes=failure_modes or {}),
        answering=Answering({"carton": 0.5, "pouch": 0.5}),
        at_hand=AtHand(pictures if at_hand is None else at_hand),
        drift=drift,
        now=NOW,
        seed=seed,
    )


def items(queue: ReviewQueue, reason: str | None = None) -> list[dict[str, Any]]:
    return [item for item in queue.items.to_pylist() if reason in (None, item["reason"])]


def far(n: int, *novel: int) -> np.ndarray:
    """(n, 3) usual features, but for some pictures that are like nothing in the reference."""
    features = np.zeros((n, 3))
    features[list(novel)] = 8
    return features


@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["a", "b", "c"]), st.booleans()), min_size=1, max_size=25),
    st.integers(1, 12), st.floats(0, 1), st.integers(0, 3),
)  # fmt: skip
@settings(max_examples=40)
def test_budget_pictures_and_order(world: list, budget: int, random_share: float, seed: int) -> None:
    some = events(
        [seen(0.52) if near else seen(0.95) for _, _, near in world],
        pictures=[digest_of(f"p{p}") for p, _, _ in world], cameras=[c for _, c, _ in world],
    )  # fmt: skip
    queue = asked(some, features=far(len(world), 0), budget=budget, random_share=random_share, seed=seed)
    chosen = items(queue)
    pictures = [item["picture"] for item in chosen]
    able = len({p for p, _, _ in world})
    assert len(chosen) <= min(budget, able)
    assert len(set(pictures)) == len(pictures)
    assert len(items(queue, "random")) == round(min(budget, able) * random_share)
    assert [item["due_at"] for item in chosen] == sorted(item["due_at"] for item in chosen)
    assert queue == asked(some, features=far(len(world), 0), budget=budget, random_share=random_share, seed=seed)
    assert queue.summary.chosen == {r: len(items(queue, r)) for r in ("novel", "uncertain", "random")}


def test_the_most_uncertain_come_first() -> None:
    some = events([seen(0.9), seen(0.58), seen(0.5), seen(0.45), seen(0.1)])
    queue = asked(some, budget=2, random_share=0, failure_modes={"unknown_object": "answer"})
    assert [item["item"] for item in items(queue)] == ["event-2", "event-3"]
    assert [item["value"] for item in items(queue)] == pytest.approx([1, 0.5], abs=1e-6)


def test_a_detection_outside_the_margin_is_not_uncertain() -> None:
    some = events([seen(0.61), seen(0.39), seen()])
    assert items(asked(some, random_share=0)) == []


def test_the_novel_are_found_and_due_sooner_while_an_alarm_rings(tmp_path) -> None:
    drift = one_of_each_kind(tmp_path)["drift"]
    assert isinstance(drift, Drift)
    quiet = Drift(rows=drift.rows.slice(0, 1))
    some = events([seen()] * 6)
    for look, priority in ((None, "P2"), (quiet, "P2"), (drift, "P1")):
        queue = asked(some, features=far(6, 1, 4), random_share=0, drift=look)
        assert {item["item"] for item in items(queue, "novel")} == {"event-1", "event-4"}
        assert {item["priority"] for item in items(queue)} == {priority}
        assert queue.made_from.get("drift") == (look.digest if look else None)


def test_due_times_are_those_of_the_priorities() -> None:
    some = events([seen(0.5), *[seen(0.9)] * 5])
    chosen = items(asked(some, features=far(6, 3), random_share=0)) + items(asked(some, budget=1, random_share=1))
    assert {item["reason"]: item["priority"] for item in chosen} == {"novel": "P2", "uncertain": "P2", "random": "P3"}
    for item in chosen:
        assert item["due_at"] == NOW + seconds_from(DUE[item["priority"]])
        assert item["selected_at"] == NOW


def test_the_spec_switches_reasons_off() -> None:
    some = events([seen(0.5)] * 6)
    switched = {"unknown_object": "answer", "low_score": "answer"}
    assert items(asked(some, features=far(6, 1), random_share=0, failure_modes=switched)) == []
    only_novel = asked(some, features=far(6, 1), random_share=0, failure_modes={"low_score": "answer"})
    assert [item["reason"] for item in items(only_novel)] == ["novel"]


def test_cameras_take_turns() -> None:
    cameras = ["loud"] * 20 + ["calm", "calm", "shy"]
    some = events([seen(0.5)] * 20 + [seen(0.55)] * 3, cameras=cameras)
    queue = asked(some, budget=6, random_share=0)
    found = [item["camera"] for item in items(queue, "uncertain")]
    assert found.count("shy") == 1
    assert found.count("calm") == 2
    assert found.count("loud") == 3


def test_a_picture_seen_twice_is_asked_about_once() -> None:
    some = events([seen(0.5)] * 4, pictures=[digest_of("same")] * 4)
    assert len(items(asked(some))) == 1


def test_only_pictures_at_hand_are_asked_about() -> None:
    some = events([seen(0.5)] * 4)
    queue = asked(some, at_hand={digest_of("seen 2"), digest_of("never seen")})
    assert [item["item"] for item in items(queue)] == ["event-2"]
    with pytest.raises(InputError, match="None of the 4 events has a kept picture"):
        asked(some, at_hand=set())


def test_the_random_share_is_drawn_uniformly() -> None:
    some = events([seen(0.9)] * 8)
    times = np.zeros(8)
    for seed in range(200):
        for item in items(asked(some, budget=2, random_share=1, seed=seed)):
            times[int(item["item"].removeprefix("event-"))] += 1
    assert times.sum() == 400
    assert (np.abs(times - 50) < 25).all()  # four standard deviations


def test_the_proposal_is_what_the_bundle_answered() -> None:
    queue = asked(events([seen(0.5, 0.75), seen()]), random_share=1)
    proposals = {item["item"]: json.loads(item["proposal"]) for item in items(queue)}
    assert proposals["event-0"] == {
        "boxes_xyxy": [[0, 10, 8, 30], [10, 10, 18, 30]], "score": [0.5, 0.75], "class_id": [0, 0],
    }  # fmt: skip
    assert proposals["event-1"] == {"boxes_xyxy": [], "score": [], "class_id": []}


def test_a_reference_too_small_to_tell_calls_nothing_novel() -> None:
    some = events([seen(0.9)] * 3)
    queue = select(
        some, Known(far(3, 1), REFERENCE[:4]), spec(review={"random_share": 0}), answering=Answering({}),
        at_hand=AtHand(set(some.events.column("picture").to_pylist())), now=NOW,
    )  # fmt: skip
    assert len(queue) == 0


def test_features_that_are_not_there_do_not_make_a_picture_novel() -> None:
    queue = asked(events([seen(0.9)] * 3), features=np.full((3, 3), np.nan), random_share=0)
    assert len(queue) == 0


def lines_run(work: Callable[[], object]) -> int:
    """How many lines of boxwright.review.select a call runs; a measure of work that no other process can disturb."""
    counted = 0

    def look(frame: FrameType, what: str, _: Any) -> Any:
        nonlocal counted
        if not frame.f_code.co_filename.endswith("review/select.py"):
            return None
        counted += what == "line"
        return look

    sys.settrace(look)
    try:
        work()
    finally:
        sys.settrace(None)
    return counted


def test_the_work_grows_with_the_events_and_not_with_events_times_cameras() -> None:
    cameras = [f"cam-{k}" for k in range(600)] + ["cam-0"] * 1_400
    some = events([seen(0.5)] * len(cameras), cameras=cameras)
    assert len(items(asked(some, budget=700, random_share=0.0), "uncertain")) == 700
    assert lines_run(lambda: asked(some, budget=700, random_share=0.0)) < 40 * len(cameras)  # in turn by hand: 840,000


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), max_size=30))
def test_cameras_take_turns_as_when_queued_by_hand(found: list[tuple[str, int]]) -> None:
    cameras, value = [camera for camera, _ in found], np.array([v for _, v in found], float)
    queues: dict[str, list[int]] = {}
    for i in sorted(range(len(found)), key=lambda i: (-value[i], i)):
        queues.setdefault(cameras[i], []).append(i)
    by_hand = [q[turn] for turn in range(len(found)) for q in queues.values() if turn < len(q)]
    assert _in_turn(range(len(found)), value, cameras) == by_hand
