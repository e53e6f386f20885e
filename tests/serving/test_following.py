"""Following the rollout: it survives what goes wrong, tries again, flips back at once, and never answers of two bundles."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from boxwright.artifacts import Bundle
from boxwright.errors import ServingError, StoreError
from boxwright.serving import Journal, Wanted, read_events
from boxwright.serving.app import Server
from boxwright.serving.limits import Limits
from boxwright.serving.primary import loading
from boxwright.serving.primary.retries import Retries
from boxwright.serving.primary.slot import LOAD_SECONDS, MOST_HANGING, Slot
from boxwright.serving.run import load_first
from boxwright.serving.stopping import StopSignals
from tests.serving.in_process import Hands, Rollouts
from tests.tiny_bundles import jpeg, tiny_bundle

SOON_S = 20.0


class Panic(BaseException):
    """What a runtime written in another language throws: no Exception."""


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, Bundle, Bundle]:
    root = tmp_path_factory.mktemp("three")
    return (
        tiny_bundle(root / "a"),
        tiny_bundle(root / "b", class_names=("crate", "sack")),
        tiny_bundle(root / "c", scores=(0.8, 0.7)),
    )


def until(holds: Callable[[], object]) -> None:
    """Wait for something another thread does."""
    end = time.monotonic() + SOON_S
    while not holds():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.01)


def slot_of(rollouts: Rollouts, clock: Callable[[], float] = time.monotonic) -> Slot:
    return Slot(rollouts.wanted, rollouts.load, clock=clock, rng=np.random.default_rng(0))


def digest_of(slot: Slot) -> str:
    assert slot.current is not None
    return slot.current.digest


def look_until(slot: Slot, digest: str) -> None:
    until(lambda: slot.look() or digest_of(slot) == digest)


# -- what fails


def test_a_bundle_that_failed_is_tried_again_and_taken_when_it_is_whole(three) -> None:
    first, second, _ = three
    hands, rollouts = Hands(), Rollouts(first, second)
    slot = slot_of(rollouts, hands)
    slot.follow()
    rollouts.failing_loads[second.digest] = StoreError("the model is damaged")
    rollouts.move(second)
    slot.follow()
    slot.follow()  # not due yet
    assert rollouts.loaded == [first.digest, second.digest]
    state = slot.state
    assert (digest_of(slot), state.state, state.load_failures) == (first.digest, "retrying", 1)
    assert state.failure is not None and state.failure.kind == "StoreError" and state.failure.attempts == 1
    assert 0.7 < state.failure.retry_in_s < 1.3
    hands.now += 1.3
    slot.follow()
    assert slot.state.failure is not None and slot.state.failure.attempts == 2 and slot.state.failure.retry_in_s > 1.4
    del rollouts.failing_loads[second.digest]
    hands.now += 3.0
    slot.follow()
    assert (digest_of(slot), slot.state.state, slot.state.failure) == (second.digest, "current", None)


def test_a_moved_rollout_is_tried_at_once_whatever_failed_before(three) -> None:
    first, second, third = three
    hands, rollouts = Hands(), Rollouts(first, second, third)
    slot = slot_of(rollouts, hands)
    slot.follow()
    rollouts.failing_loads[second.digest] = StoreError("damaged")
    rollouts.move(second)
    for _ in range(8):
        slot.follow()
        hands.now += 300
    assert slot.state.failure is not None and slot.state.failure.attempts == 8
    del rollouts.failing_loads[second.digest]
    rollouts.move(third)
    slot.follow()
    assert digest_of(slot) == third.digest
    rollouts.move(second)  # the one that failed, under a new release
    slot.follow()
    assert digest_of(slot) == second.digest


@pytest.mark.parametrize("error", [RuntimeError("x"), MemoryError(), Panic("onnxruntime"), OSError(5, "I/O error")])
def test_no_exception_ends_the_following(three, error: BaseException, tmp_path: Path) -> None:
    """The real loop in the real server: the look fails, then the load fails, and then the bundle is taken."""
    first, second, _ = three
    rollouts = Rollouts(first, second)
    slot = slot_of(rollouts)
    with TestClient(Server(slot, Journal(tmp_path), Limits(follow_seconds=0.02)).app()) as client:
        rollouts.failing = error
        until(lambda: slot.state.look_failure)
        assert client.get("/v2/health/ready").json()["rollout"]["last_look_failed"]
        rollouts.failing, rollouts.failing_loads = None, {second.digest: error}
        rollouts.move(second)
        until(lambda: slot.state.failure)
        ready = client.get("/v2/health/ready")
        assert (ready.status_code, ready.json()["bundle"]) == (200, first.digest)
        assert ready.json()["rollout"]["last_failure"]["kind"] == type(error).__name__
        assert ready.json()["rollout"]["wanted"] == {"bundle": second.digest, "release": "2"}
        rollouts.failing_loads = {}
        until(lambda: digest_of(slot) == second.digest)
        assert client.get("/v2/health/ready").json()["rollout"]["last_failure"] is None


def test_a_store_that_hangs_holds_up_no_answer_and_its_age_is_seen(three, tmp_path: Path) -> None:
    first, *_ = three
    hands, hanging, over = Hands(), threading.Event(), threading.Event()

    def wanted() -> Wanted:
        if hanging.is_set():
            over.wait(SOON_S)
        return Wanted(first.digest, "1")

    slot = Slot(wanted, lambda _digest: first, clock=hands)
    try:
        with TestClient(Server(slot, Journal(tmp_path), Limits(follow_seconds=0.02)).app()) as client:
            hanging.set()
            time.sleep(0.1)
            hands.now += 60
            ready = client.get("/v2/health/ready")
            assert ready.status_code == 200
            assert ready.json()["rollout"]["state"] == "stale" and ready.json()["rollout"]["last_look_age_s"] >= 59
            assert ready.json()["rollout"]["stale_since"] is not None
            assert client.post("/v1/detect", content=jpeg()).status_code == 200
            assert "boxwright_rollout_stale 1.0" in client.get("/metrics").text
            over.set()
            until(lambda: not slot.state.stale)
    finally:
        over.set()


def test_a_load_that_hangs_is_given_up_and_the_next_bundle_taken(three) -> None:
    first, second, third = three
    hands, rollouts, over = Hands(), Rollouts(first, second, third), threading.Event()
    plain = rollouts.load
    rollouts.load = lambda digest: (digest == second.digest and over.wait(SOON_S), plain(digest))[1]  # type: ignore[method-assign]
    slot = slot_of(rollouts, hands)
    slot.follow()
    rollouts.move(second)
    slot.look()
    hands.now += LOAD_SECONDS + 1
    slot.look()
    assert slot.state.failure is not None and slot.state.failure.kind == "TimeoutError"
    rollouts.move(third)
    look_until(slot, third.digest)
    over.set()


class Hanging:
    """Loads of one bundle that hang until they are let go; the others are quick."""

    def __init__(self, rollouts: Rollouts, bundle: Bundle) -> None:
        self.over, self.begun = threading.Event(), 0
        plain = rollouts.load

        def load(digest: str) -> Bundle:
            if digest == bundle.digest:
                self.begun += 1
                assert self.over.wait(SOON_S)
            return plain(digest)

        rollouts.load = load  # type: ignore[method-assign]


def test_a_load_that_hangs_holds_up_no_other_bundle(three) -> None:
    """Neither for a moment nor for two minutes: no time passes here."""
    first, second, third = three
    rollouts = Rollouts(first, second, third)
    hanging = Hanging(rollouts, second)
    slot = slot_of(rollouts, Hands())
    slot.follow()
    rollouts.move(second)
    slot.look()
    until(lambda: hanging.begun)
    rollouts.move(third, previous=first)
    look_until(slot, third.digest)
    assert slot.state.hanging == 1
    hanging.over.set()
    until(lambda: slot.state.hanging == 0)
    assert (digest_of(slot), slot.state.state) == (third.digest, "current")


def test_a_previous_bundle_that_hangs_holds_up_no_release(three) -> None:
    first, second, third = three
    rollouts = Rollouts(second, first, third)
    hanging = Hanging(rollouts, first)
    rollouts.move(second, previous=first)
    slot = slot_of(rollouts, Hands())
    slot.follow()
    slot.look()
    until(lambda: hanging.begun)
    rollouts.move(third, previous=second)
    look_until(slot, third.digest)
    hanging.over.set()


def test_however_many_loads_hang_the_next_release_is_loaded(three) -> None:
    first, second, third = three
    hands, rollouts = Hands(), Rollouts(first, second, third)
    hanging = Hanging(rollouts, second)
    slot = slot_of(rollouts, hands)
    slot.follow()
    for _ in range(3):  # the bundle that hangs, wanted again and again
        rollouts.move(second)
        before = hanging.begun
        for _ in range(6):
            slot.look()
            hands.now += LOAD_SECONDS + 301
        until(lambda: hanging.begun == before + MOST_HANGING)  # noqa: B023
    assert slot.state.hanging == 3 * MOST_HANGING and slot.state.failure is not None
    rollouts.move(third)
    look_until(slot, third.digest)
    hanging.over.set()
    until(lambda: slot.state.hanging == 0)
    assert digest_of(slot) == third.digest


def test_a_load_that_comes_back_late_is_taken_where_it_is_wanted_and_computes_nothing_where_it_is_not(
    three, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = three
    hands, rollouts = Hands(), Rollouts(first, second, third)
    hanging = Hanging(rollouts, second)
    slot = slot_of(rollouts, hands)
    slot.follow()
    rollouts.move(second)
    slot.look()
    hands.now += LOAD_SECONDS + 1
    slot.look()
    assert slot.state.failure is not None and slot.state.hanging == 1
    hanging.over.set()
    until(lambda: digest_of(slot) == second.digest)
    hanging.over.clear()
    rollouts.move(first)
    slot.look()
    assert digest_of(slot) == first.digest
    rollouts.move(third, previous=first)
    look_until(slot, third.digest)
    rollouts.move(second, previous=third)
    slot.look()
    until(lambda: hanging.begun == 2)
    rollouts.move(third, previous=first)
    slot.look()
    opened: list[str] = []
    monkeypatch.setattr(loading, "Detector", lambda bundle, **_: opened.append(bundle.digest))
    attempt = slot._attempt
    assert attempt is not None
    hanging.over.set()
    until(lambda: not attempt.running)
    assert digest_of(slot) == third.digest
    assert second.digest not in opened


def test_a_look_that_hangs_holds_up_no_later_one_and_says_nothing_new(three, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one release rests on cannot be read; the release after it is followed all the same."""
    monkeypatch.setattr("boxwright.serving.primary.slot.LOOK_SECONDS", 0.1)
    first, second, third = three
    rollouts, over, hanging = Rollouts(first, second, third), threading.Event(), threading.Event()
    plain = rollouts.wanted

    def wanted() -> Wanted:
        found = plain()
        if found.bundle == second.digest:
            hanging.set()
            assert over.wait(SOON_S)
        return found

    rollouts.wanted = wanted  # type: ignore[method-assign]
    slot = slot_of(rollouts)
    slot.follow()
    rollouts.move(second)
    slot.look()
    assert hanging.is_set() and digest_of(slot) == first.digest
    rollouts.move(third)
    look_until(slot, third.digest)
    over.set()
    until(lambda: not any(thread.is_alive() for thread in slot._looking))
    slot.look()
    assert (digest_of(slot), slot.state.wanted) == (third.digest, rollouts.named)
    assert second.digest not in rollouts.loaded


def test_another_bundle_than_the_wanted_never_answers(three) -> None:
    first, second, _ = three
    slot = Slot(lambda: Wanted(first.digest, "1"), lambda _digest: second)
    slot.follow()
    assert slot.current is None
    assert slot.state.failure is not None and "was loaded" in slot.state.failure.sentence


def test_waits_double_up_to_five_minutes_and_differ_from_server_to_server() -> None:
    hands = Hands()
    retries = Retries(hands, np.random.default_rng(1))
    waits = []
    for _ in range(14):
        assert retries.due
        waits.append(retries.failed())
        assert not retries.due
        hands.now += waits[-1]
    plain = [min(300, 2**k) for k in range(14)]
    assert all(0.75 * p <= w <= 1.25 * p for p, w in zip(plain, waits, strict=True))
    assert len({round(w / p, 6) for p, w in zip(plain, waits, strict=True)}) == 14
    retries.reset()
    assert retries.due and retries.wait_s == 0


# -- the warm one


def test_a_rollback_loads_nothing_and_no_third_bundle_is_kept(three) -> None:
    first, second, third = three
    rollouts = Rollouts(first, second, third)
    slot = slot_of(rollouts)
    slot.follow()
    rollouts.move(second)
    slot.follow()
    assert slot.state.warm == first.digest
    for bundle in (first, second, first):
        rollouts.move(bundle)
        slot.look()
        assert digest_of(slot) == bundle.digest
    assert rollouts.loaded == [first.digest, second.digest]
    assert (slot.state.swaps, slot.state.warm_swaps) == (4, 3)
    rollouts.move(third)
    slot.follow()
    assert (digest_of(slot), slot.state.warm) == (third.digest, first.digest)
    rollouts.move(second)
    slot.follow()
    assert rollouts.loaded == [first.digest, second.digest, third.digest, second.digest]


def test_a_rollback_does_not_wait_for_a_bundle_that_is_being_loaded(three) -> None:
    first, second, _ = three
    rollouts, over = Rollouts(first, second), threading.Event()
    plain = rollouts.load
    rollouts.load = lambda digest: (digest == second.digest and over.wait(SOON_S), plain(digest))[1]  # type: ignore[method-assign]
    slot = slot_of(rollouts)
    slot.follow()
    rollouts.move(second)
    slot.look()
    assert slot.state.state == "loading"
    rollouts.move(first)
    slot.look()
    assert slot.state.state == "current"
    over.set()
    until(lambda: slot._attempt is None)
    slot.look()
    assert (digest_of(slot), slot.current and slot.current.release) == (first.digest, "3")


def test_a_started_server_warms_the_bundle_a_rollback_returns_to(three) -> None:
    first, second, _ = three
    rollouts = Rollouts(first, second)
    rollouts.move(second, previous=first)
    slot = slot_of(rollouts)
    slot.follow()
    until(lambda: slot.look() or slot.state.warm == first.digest)
    rollouts.failing_loads[first.digest] = StoreError("the store is gone")
    rollouts.move(first, previous=second)
    slot.look()
    assert digest_of(slot) == first.digest


def test_a_previous_bundle_that_is_damaged_disturbs_nothing(three) -> None:
    first, second, _ = three
    rollouts = Rollouts(first, second)
    rollouts.failing_loads[first.digest] = StoreError("damaged")
    rollouts.move(second, previous=first)
    slot = slot_of(rollouts)
    slot.follow()
    until(lambda: slot.look() or slot.state.load_failures)
    assert (digest_of(slot), slot.state.state, slot.state.failure) == (second.digest, "current", None)


# -- one answer, one bundle


@pytest.fixture
def moving(three, tmp_path: Path) -> Iterator[tuple[TestClient, Rollouts, Slot]]:
    rollouts = Rollouts(*three)
    slot = slot_of(rollouts)
    with TestClient(Server(slot, Journal(tmp_path), Limits(follow_seconds=0.01)).app()) as client:
        client.journal = tmp_path  # type: ignore[attr-defined]
        yield client, rollouts, slot


def test_no_answer_is_of_two_bundles(three, moving) -> None:
    """Clients ask while the rollout moves back and forth; digest, release, classes and record of each answer agree."""
    client, rollouts, slot = moving
    names = {bundle.digest: bundle.contract.class_names for bundle in three}
    releases: dict[str, str] = {rollouts.named.release: rollouts.named.bundle}
    answers: list[tuple[dict, dict[str, str]]] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            answer = client.post("/v1/detect", content=jpeg())
            assert answer.status_code in (200, 429)
            if answer.status_code == 200:
                answers.append((answer.json(), dict(answer.headers)))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for k in range(20):
        rollouts.move(three[(k + 1) % 3] if k % 4 == 0 else three[k % 2])
        releases[rollouts.named.release] = rollouts.named.bundle
        until(lambda: digest_of(slot) == rollouts.named.bundle)
    over.set()
    for thread in threads:
        thread.join()
    events = read_events(client.journal).events  # type: ignore[attr-defined]
    recorded = dict(zip(events.column("event_id").to_pylist(), events.column("bundle").to_pylist(), strict=True))
    assert len({answer["model"]["bundle"] for answer, _ in answers}) == 3
    for answer, headers in answers:
        digest = answer["model"]["bundle"]
        assert headers["x-model-digest"] == digest == recorded[answer["event_id"]]
        assert releases[headers["x-release"]] == digest
        assert tuple(d["class_name"] for d in answer["detections"]) == names[digest]


def test_metrics_name_what_is_wanted_and_what_answers(three, moving) -> None:
    first, second, _ = three
    client, rollouts, slot = moving
    rollouts.failing_loads[second.digest] = StoreError("damaged")
    rollouts.move(second)
    until(lambda: slot.state.failure)
    text = client.get("/metrics").text
    assert f'boxwright_model_info{{digest="{first.digest}",release="1",spec="line"}} 1.0' in text
    assert f'boxwright_wanted_info{{digest="{second.digest}",release="2"}} 1.0' in text
    assert "boxwright_serving_is_wanted 0.0" in text
    assert 'boxwright_release_state{state="retrying"} 1.0' in text
    assert "boxwright_load_failures_total 1.0" in text
    rollouts.failing_loads.clear()
    until(lambda: digest_of(slot) == second.digest)
    text = client.get("/metrics").text
    assert "boxwright_serving_is_wanted 1.0" in text
    assert 'boxwright_swaps_total{kind="loaded"} 1.0' in text


@pytest.mark.parametrize(
    ("hangs", "step"), [("load", "bundle [0-9a-f]{12} is not loaded"), ("look", "the rollout is not read")]
)
def test_a_first_load_that_hangs_is_told(three: tuple[Bundle, Bundle, Bundle], hangs: str, step: str) -> None:
    rollouts, free = Rollouts(three[0]), threading.Event()

    def wanted() -> Wanted:
        if hangs == "look":
            free.wait(SOON_S)
        return rollouts.wanted()

    def load(digest: str) -> Bundle:
        if hangs == "load":
            free.wait(SOON_S)
        return rollouts.load(digest)

    with pytest.raises(ServingError, match=f"{step} after 0.2 s.*store check"):
        load_first(Slot(wanted, load), StopSignals(), seconds=0.2)
    free.set()
