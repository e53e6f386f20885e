"""An answer that comes too late, or to nobody, is not computed."""

from __future__ import annotations

import asyncio
import http.client
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from starlette.requests import Request

from boxwright.serving.limits import Limits
from boxwright.serving.request.deadline import said_seconds
from tests.serving.asgi import Answer, Line, gate, run_async, settled
from tests.tiny_bundles import jpeg

DEPTH = 'boxwright_queue_depth{lane="detect"}'
EXCEEDED = 'boxwright_deadline_exceeded_total{stage="%s"}'


@pytest.mark.parametrize(
    "headers, status",
    [
        ({"X_Request_Timeout_Ms": "60000"}, 200),
        ({"X_Request_Timeout_Ms": "999999999999"}, 200),
        ({"grpc_timeout": "5S"}, 200),
        ({"grpc_timeout": "2M"}, 200),
        ({"x_envoy_expected_rq_timeout_ms": "15000"}, 200),
        ({"X_Request_Timeout_Ms": "0"}, 504),
        ({"grpc_timeout": "5u"}, 504),
        ({"grpc_timeout": "99999999n", "X_Request_Timeout_Ms": "1"}, 504),
        ({"x_envoy_expected_rq_timeout_ms": "1", "X_Request_Timeout_Ms": "60000", "grpc_timeout": "1H"}, 504),
        ({"X_Request_Timeout_Ms": "soon"}, 400),
        ({"X_Request_Timeout_Ms": "1.5"}, 400),
        ({"X_Request_Timeout_Ms": ""}, 400),
        ({"X_Request_Timeout_Ms": "-1"}, 400),
        ({"X_Request_Timeout_Ms": "٣"}, 400),
        ({"X_Request_Timeout": "5000"}, 400),
        ({"grpc_timeout": "5"}, 400),
        ({"grpc_timeout": "5s"}, 400),
        ({"grpc_timeout": "123456789m"}, 400),
        ({"x_envoy_expected_rq_timeout_ms": "1e3"}, 400),
    ],
)
def test_what_a_caller_may_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, headers: dict, status: int) -> None:
    line = Line(tmp_path, Limits())

    async def ask() -> Answer:
        with gate(monkeypatch) as held:
            task = asyncio.create_task(line.ask(jpeg(), **headers))
            await asyncio.sleep(0.15)
            held.opened.set()
            return await task

    answer = run_async(ask())
    assert answer.status == status
    assert line.journaled() == (status == 200)
    if status == 400:
        name = next(k for k in headers).replace("_", "-").lower()
        assert name in answer.body["error"]


def test_a_deadline_that_passes_in_the_queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is answered when its time is over, not when its turn comes, and its place is free again."""
    line = Line(tmp_path, Limits(in_flight=1, waiting=1))

    async def ask() -> list[Answer]:
        with gate(monkeypatch) as held:
            first = asyncio.create_task(line.ask(jpeg()))
            await held.until_held(1)
            late = await line.ask(jpeg(), X_Request_Timeout_Ms="80")
            again = asyncio.create_task(line.ask(jpeg()))
            await settled(1, line, DEPTH)
            assert await line.meter(EXCEEDED % "queue") == 1
            assert held.held == 1  # the late one was not begun
            held.opened.set()
            return [late, await first, await again]

    assert [answer.status for answer in run_async(ask())] == [504, 200, 200]
    assert line.journaled() == 2


def test_a_deadline_that_passes_while_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line(tmp_path, Limits(deadline_seconds=0.05))

    async def ask() -> Answer:
        with gate(monkeypatch) as held:
            task = asyncio.create_task(line.ask(jpeg()))
            await held.until_held(1)
            await asyncio.sleep(0.1)
            held.opened.set()
            answer = await task
            assert await line.meter(EXCEEDED % "decode") == 1
            return answer

    answer = run_async(ask())
    assert answer.status == 504
    assert re.findall(r"(\w+);dur=[0-9.]+", answer.headers["server-timing"]) == ["body", "queue", "decode"]
    assert line.journaled() == 0


def test_the_servers_own_deadline_begins_with_the_end_of_the_body_and_a_callers_with_its_request(
    tmp_path: Path,
) -> None:
    line = Line(tmp_path, Limits(deadline_seconds=5.0))

    async def slow(**headers: str) -> int:
        parts = [b"", jpeg()]
        sent: list[dict] = []

        async def receive() -> dict:
            if not parts:
                await asyncio.Event().wait()
            await asyncio.sleep(0.1)
            return {"type": "http.request", "body": parts.pop(), "more_body": bool(parts)}

        async def send(message: dict) -> None:
            sent.append(message)

        scope = {
            "type": "http", "method": "POST", "path": "/v1/detect", "raw_path": b"/v1/detect", "query_string": b"",
            "headers": [(k.replace("_", "-").lower().encode(), v.encode()) for k, v in headers.items()],
            "http_version": "1.1", "scheme": "http", "server": ("127.0.0.1", 1), "client": ("127.0.0.1", 2),
        }  # fmt: skip
        await line.app(scope, receive, send)
        return sent[0]["status"]

    async def both() -> tuple[int, int, float]:
        found = await slow(), await slow(X_Request_Timeout_Ms="50")
        return *found, await line.meter(EXCEEDED % "body")

    assert run_async(both()) == (200, 504, 1.0)


def test_who_leaves_while_waiting_is_not_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line(tmp_path, Limits(in_flight=1, waiting=2))

    async def ask() -> list[int]:
        with gate(monkeypatch) as held:
            first, leave = asyncio.create_task(line.ask(jpeg())), asyncio.Event()
            await held.until_held(1)
            gone = [asyncio.create_task(line.ask(jpeg(), leave=leave)) for _ in range(2)]
            await settled(2, line, DEPTH)
            leave.set()
            left = [answer.status for answer in await asyncio.gather(*gone)]
            later = asyncio.create_task(line.ask(jpeg()))
            await settled(1, line, DEPTH)  # their places are free at once
            held.opened.set()
            found = [*left, (await first).status, (await later).status]
            assert held.held == 2
            return found

    assert run_async(ask()) == [499, 499, 200, 200]
    assert line.journaled() == 2


def test_who_leaves_while_computed_is_not_journaled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line(tmp_path, Limits())

    async def ask() -> int:
        with gate(monkeypatch) as held:
            leave = asyncio.Event()
            task = asyncio.create_task(line.ask(jpeg(), leave=leave))
            await held.until_held(1)
            leave.set()
            await asyncio.sleep(0.05)
            held.opened.set()
            return (await task).status

    assert run_async(ask()) == 499
    assert line.journaled() == 0


@contextmanager
def on_a_socket(line: Line) -> Iterator[int]:
    """The server behind a real socket of this machine; its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(line.app, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield port
    finally:
        server.should_exit = True
        thread.join()


def test_a_closed_connection_is_a_client_that_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line, body = Line(tmp_path, Limits(in_flight=1)), jpeg()
    head = f"POST /v1/detect HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    statuses: list[int] = []

    def ask(port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("POST", "/v1/detect", body)
        statuses.append(connection.getresponse().status)
        connection.close()

    def in_hand(port: int, count: int) -> None:
        until = time.monotonic() + 30
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while time.monotonic() < until:
            connection.request("GET", "/metrics")
            if f"boxwright_in_hand {count}.0" in connection.getresponse().read().decode():
                connection.close()
                return
            time.sleep(0.005)
        raise AssertionError("the requests in hand did not become that many")

    with gate(monkeypatch) as held, on_a_socket(line) as port:
        first = threading.Thread(target=ask, args=(port,))
        first.start()
        in_hand(port, 1)
        leaving = [socket.create_connection(("127.0.0.1", port)) for _ in range(5)]
        for one in leaving:
            one.sendall(head + body)
        in_hand(port, 6)
        for one in leaving:
            one.close()
        in_hand(port, 1)
        held.opened.set()
        first.join()
        ask(port)
    assert statuses == [200, 200]
    assert held.held == 2
    assert line.journaled() == 2


@pytest.mark.parametrize(
    "header", ["x-request-timeout-ms: {}", "x-envoy-expected-rq-timeout-ms: {}", "grpc-timeout: {}m"]
)
@pytest.mark.parametrize("said", [("60000", "10"), ("10", "60000")])
def test_of_a_deadline_said_twice_the_smallest_counts(header: str, said: tuple[str, str]) -> None:
    fields = [tuple(part.encode() for part in header.format(one).split(": ")) for one in said]
    request = Request({"type": "http", "headers": fields, "query_string": b""})
    assert said_seconds(request) == 0.01
