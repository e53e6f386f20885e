"""Bodies are bounded one by one and together, and must keep coming."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from starlette.requests import ClientDisconnect, Request

from boxwright.artifacts import Bundle
from boxwright.serving import read_events
from boxwright.serving.limits import Limits
from boxwright.serving.request.body import Bodies
from boxwright.serving.request.refusal import Refusal
from tests.serving.own_process import OwnProcess, answer, post, serving
from tests.tiny_bundles import jpeg, tiny_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return tiny_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def server(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnProcess]:
    limits = {"body_grace_seconds": 1.0, "in_flight": 1, "waiting": 0, "bodies_bytes": 1 << 20}
    with serving(bundle, tmp_path_factory.mktemp("server"), **limits) as started:
        yield started


def read(
    parts: list[tuple[float, bytes]], *, ends: bool = True, declared: int | None = None, **limits: Any
) -> bytes | int:
    """A body of parts, each after a pause in seconds: what was read, or the status with which it was refused."""

    async def reading() -> bytes | int:
        coming = list(parts)

        async def receive() -> dict[str, Any]:
            if not coming:
                await asyncio.sleep(0 if ends else 60)
                return {"type": "http.disconnect"}
            pause, part = coming.pop(0)
            await asyncio.sleep(pause)
            return {"type": "http.request", "body": part, "more_body": bool(coming) or not ends}

        headers = [] if declared is None else [(b"content-length", b"%d" % declared)]
        request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
        registry = CollectorRegistry()
        bodies = Bodies(Limits(**limits), registry)
        try:
            with bodies.held(request):
                return await bodies.read(request)
        except Refusal as refusal:
            return refusal.status
        finally:
            assert registry.get_sample_value("boxwright_body_bytes") == 0

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, reading()).result()


def test_a_body_is_whole_or_refused() -> None:
    assert read([(0, b"ab"), (0, b""), (0, b"cd")]) == b"abcd"
    assert read([(0, b"")]) == b""
    assert read([(0, bytes(11))], body_bytes=10) == 413
    assert read([(0, bytes(6)), (0, bytes(5))], body_bytes=10) == 413
    assert read([], declared=11, body_bytes=10, ends=False) == 413  # before a byte is read
    assert read([], declared=11, bodies_bytes=10, ends=False) == 503
    assert read([(0, bytes(6)), (0, bytes(5))], bodies_bytes=10) == 503
    with pytest.raises(ClientDisconnect):
        read([])


def test_a_body_must_keep_coming() -> None:
    slow = {"body_grace_seconds": 0.3, "body_rate": 1000.0}
    assert read([(0.1, b"x")] * 20, **slow) == 408  # 10 bytes a second
    assert read([(0, bytes(10_000))], ends=False, **slow) == 408  # a good beginning earns no long pause
    assert len(read([(0.1, bytes(200))] * 10, **slow)) == 2000  # type: ignore[arg-type]
    assert read([(0.1, bytes(200))] * 10, body_seconds=0.5, **slow) == 408


def test_a_slow_body_holds_no_place_of_work(server: OwnProcess) -> None:
    whole = post(jpeg())
    slow = [server.connect() for _ in range(5)]
    for client in slow:
        client.sendall(whole[:-20])
    assert server.ask("POST", "/v1/detect", jpeg())[0] == 200  # one place, none waiting, five bodies on the way
    assert [answer(client)[0] for client in slow] == [408] * 5
    assert server.metric("boxwright_body_bytes") == 0


def test_all_bodies_together_are_bounded(server: OwnProcess) -> None:
    holding = server.connect()
    holding.sendall(post(bytes(900_000))[:-100_000])
    until = time.monotonic() + 10
    while server.metric("boxwright_body_bytes") < 700_000 and time.monotonic() < until:
        time.sleep(0.01)
    refused = server.connect()
    refused.sendall(post(bytes(600_000)))
    status, headers, _ = answer(refused)
    assert (status, headers["retry-after"]) == (503, "1")
    assert answer(holding)[0] == 408
    assert server.ask("POST", "/v1/detect", jpeg())[0] == 200


def test_bodies_that_linger_make_room_for_others(bundle: Bundle, tmp_path: Path) -> None:
    """All memory for bodies is held by clients that keep sending just enough; others are answered all the same."""
    with serving(bundle, tmp_path, bodies_bytes=1 << 20) as started:
        holding = [started.connect() for _ in range(4)]
        for client in holding:
            client.sendall(post(bytes(300_000))[: (1 << 18) - 100])
        until = time.monotonic() + 10
        while started.metric("boxwright_body_bytes") < 900_000 and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(1.1)
        for _ in range(5):
            assert started.ask("POST", "/v1/detect", jpeg())[0] == 200
        assert started.ask("POST", "/v1/detect", bytes(600_000))[0] == 415  # no image, but it was let in
        assert answer(holding[0])[0] == 503
        for client in holding:
            client.close()


def test_a_client_that_leaves_while_it_sends_is_not_computed(server: OwnProcess) -> None:
    before = len(read_events(server.folder / "journal"))
    for _ in range(5):
        client = server.connect()
        client.sendall(post(jpeg())[:-1])
        client.close()
    until = time.monotonic() + 10
    while (
        server.metric('boxwright_requests_total{code="499",method="POST",route="/v1/detect"}') < 5
        and time.monotonic() < until
    ):
        time.sleep(0.02)
    assert server.metric('boxwright_requests_total{code="499",method="POST",route="/v1/detect"}') == 5
    assert len(read_events(server.folder / "journal")) == before
