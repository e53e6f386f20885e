"""Alive is not ready: a wedged worker or a late event loop is told by liveness, a missing journal or bundle by readiness alone."""

from __future__ import annotations

import errno
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from boxwright.errors import StoreError
from boxwright.serving import Journal, Wanted
from boxwright.serving.app import Server
from boxwright.serving.limits import Limits
from boxwright.serving.observed.health import MOST_LAG_S, Watch
from boxwright.serving.primary.slot import Slot
from boxwright.store.fs import Fs
from tests.disks import Failing
from tests.serving.asgi import gate
from tests.serving.in_process import Hands
from tests.tiny_bundles import jpeg, tiny_bundle


def test_a_worker_is_wedged_beyond_twice_its_deadline() -> None:
    hands = Hands()
    watch = Watch(hands)
    with watch.working(10), watch.working(1000):
        hands.now += 20
        assert watch.complaints() == []
        hands.now += 1
        assert watch.wedged == 1 and watch.oldest_s == 21
        assert "1 worker has been at one request for more than twice its deadline" in watch.complaints()[0]
    assert watch.complaints() == [] and watch.oldest_s == 0
    with pytest.raises(RuntimeError), watch.working(1):
        raise RuntimeError
    hands.now += 100
    assert watch.wedged == 0


def test_a_late_event_loop_is_told_while_it_is_late() -> None:
    hands = Hands()
    watch = Watch(hands)
    watch.expect(0.5)
    hands.now += 0.5 + MOST_LAG_S
    assert watch.complaints() == []
    hands.now += 1
    assert watch.complaints() == ["the event loop is 6.0 s late"]
    watch.expect(0.5)
    assert watch.lag_s == 6.0  # it came back six seconds late
    hands.now += 0.5
    watch.expect(0.5)
    assert watch.complaints() == []


def test_workers_of_many_threads_are_watched_without_loss() -> None:
    watch = Watch()

    def work() -> None:
        for _ in range(2000):
            with watch.working(1):
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert watch.oldest_s == 0


def test_liveness_notices_what_is_wedged_and_asks_no_disk(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "bundle")
    server = Server(
        Slot(lambda: Wanted(bundle.digest, "1"), lambda _digest: bundle), Journal(tmp_path / "journal"), Limits()
    )
    with TestClient(server.app()) as client:
        assert client.get("/v2/health/live").json() == {"live": True, "reasons": []}
        with server.watch.working(-1.0):  # its deadline has passed long ago
            answer = client.get("/v2/health/live")
            assert (answer.status_code, answer.json()["live"]) == (503, False)
            assert "wedged" not in answer.json()["reasons"][0] and "twice its deadline" in answer.json()["reasons"][0]
            assert client.get("/v2/health/ready").status_code == 200
            assert "boxwright_wedged_workers 1.0" in client.get("/metrics").text
        assert client.get("/v2/health/live").status_code == 200


@pytest.mark.parametrize(
    ("server_s", "caller_ms", "still_s", "wedged_s"),
    [(0.5, None, 15, 30), (5, "60000", 100, 130), (5, "600000", 100, 130)],
)
def test_a_worker_is_given_the_longest_of_its_deadlines(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    server_s: float,
    caller_ms: str | None,
    still_s: float,
    wedged_s: float,
) -> None:
    """Neither a short deadline nor a patient caller is a reason to start the process again; nor can a caller hide a worker for ever."""
    bundle, hands = tiny_bundle(tmp_path / "bundle"), Hands()
    slot = Slot(lambda: Wanted(bundle.digest, "1"), lambda _digest: bundle)
    server = Server(slot, Journal(tmp_path / "journal"), Limits(deadline_seconds=server_s))
    server.watch = Watch(hands)
    headers = {"X-Request-Timeout-Ms": caller_ms} if caller_ms else {}
    with TestClient(server.app()) as client, ThreadPoolExecutor(1) as thread, gate(monkeypatch) as held:
        thread.submit(client.post, "/v1/detect", content=jpeg(), headers=headers)
        until, begin = time.monotonic() + 20, hands.now
        while not held.held:
            assert time.monotonic() < until
            time.sleep(0.01)
        hands.now = begin + still_s
        assert server.watch.wedged == 0
        hands.now = begin + wedged_s
        assert server.watch.wedged == 1


def test_every_reason_for_not_being_ready_is_named_and_live_stays(tmp_path: Path) -> None:
    def gone(_digest: str) -> None:
        raise StoreError("the bundle is gone")

    nothing = Server(Slot(lambda: Wanted("0" * 64, "1"), gone), Journal(tmp_path / "a"), Limits())  # type: ignore[arg-type]
    with TestClient(nothing.app()) as client:
        ready = client.get("/v2/health/ready")
        assert ready.status_code == 503 and ready.headers["retry-after"]
        assert ready.json()["reasons"] == ["no bundle has been loaded yet that answers its golden images"]
        assert ready.json()["rollout"]["last_failure"]["kind"] == "StoreError"
        assert "gone" not in ready.text  # sentences with paths are for the log
        assert client.get("/v2/health/live").status_code == 200
        assert "boxwright_ready 0.0" in client.get("/metrics").text


def test_a_full_disk_is_told_and_readiness_comes_back_by_itself(tmp_path: Path) -> None:
    """Nobody asks while the disk is full: the server tries to write by itself."""
    bundle = tiny_bundle(tmp_path / "bundle")
    disk = Failing(0, ("write", "open"), code=errno.ENOSPC, from_then_on=True)
    slot = Slot(lambda: Wanted(bundle.digest, "1"), lambda _digest: bundle)
    with TestClient(Server(slot, Journal(tmp_path / "journal", fs=disk), Limits()).app()) as client:
        assert client.get("/v2/health/ready").status_code == 200
        disk.n = 1
        assert client.post("/v1/detect", content=jpeg()).status_code == 503
        ready = client.get("/v2/health/ready")
        assert ready.status_code == 503
        assert ready.json()["reasons"] == ["the journal cannot be written, and the promise is to refuse then"]
        assert client.get("/v2/health/live").status_code == 200
        disk.mend()
        end = time.monotonic() + 20
        while client.get("/v2/health/ready").status_code != 200:
            assert time.monotonic() < end, "readiness did not come back"
            time.sleep(0.1)
        assert client.post("/v1/detect", content=jpeg()).status_code == 200


def test_a_disk_that_hangs_is_told_though_it_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No error comes, and neither does the write: readiness says so, and nobody else hangs for asking."""
    monkeypatch.setattr("boxwright.serving.journal.troubles.HANGS_S", 0.2)
    bundle, over, hanging = tiny_bundle(tmp_path / "bundle"), threading.Event(), threading.Event()

    class Hanging(Fs):
        def write(self, handle: int, data: bytes | memoryview) -> int:
            if hanging.is_set():
                assert over.wait(30)
            return super().write(handle, data)

    journal = Journal(tmp_path / "journal", fs=Hanging())
    slot = Slot(lambda: Wanted(bundle.digest, "1"), lambda _digest: bundle)
    with TestClient(Server(slot, journal, Limits()).app()) as client, ThreadPoolExecutor(1) as thread:
        hanging.set()
        answered = thread.submit(client.post, "/v1/detect", content=jpeg())
        end = time.monotonic() + 20
        while client.get("/v2/health/ready").status_code == 200:
            assert time.monotonic() < end, "it says that it is ready"
            time.sleep(0.02)
        assert not journal.probe() and "has not come back" in str(journal.last_error)
        hanging.clear()
        over.set()
        assert answered.result(20).status_code == 200
        assert client.get("/v2/health/ready").status_code == 200
