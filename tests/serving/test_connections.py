"""What clients can do to a connection: nothing that stops the server, fills its log, or loses them an answer."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from uvicorn.config import Config
from uvicorn.server import ServerState

from boxwright.artifacts import Bundle
from boxwright.serving.connection.connections import Connections
from boxwright.serving.connection.protocol import BoundedProtocol
from boxwright.serving.limits import Limits
from tests.serving.own_process import OwnProcess, answer, answers, get, post, serving
from tests.tiny_bundles import jpeg, tiny_bundle

TOKEN = "a-token-that-is-long-enough"
MIB = 1 << 20


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return tiny_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def server(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnProcess]:
    with serving(bundle, tmp_path_factory.mktemp("server"), head_seconds=1.0, idle_seconds=1.5) as started:
        yield started


@pytest.fixture(scope="module")
def closed(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnProcess]:
    from boxwright.serving.request.callers import token_digest

    folder = tmp_path_factory.mktemp("closed")
    with serving(bundle, folder, token_digests=[token_digest(TOKEN).hex()]) as started:
        yield started


def until_closed(connection: socket.socket, seconds: float = 20) -> bytes:
    """All that still comes before the server closes."""
    connection.settimeout(seconds)
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def await_let_in(server: OwnProcess, seconds: float = 20) -> None:
    """Ask until a new connection is answered."""
    until = time.monotonic() + seconds
    while True:
        try:
            if server.ask("POST", "/v1/detect", jpeg())[0] == 200:
                return
        except (OSError, http.client.HTTPException):
            pass
        assert time.monotonic() < until, "nobody is let in again"
        time.sleep(0.1)


def test_a_head_that_does_not_end_is_answered_408(server: OwnProcess) -> None:
    with server.connect() as client:
        client.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: lo")
        assert until_closed(client).startswith(b"HTTP/1.1 408 ")
    with server.connect() as client:  # one byte at a time is no progress
        begin = time.monotonic()
        try:
            while time.monotonic() - begin < 15:
                client.sendall(b"G" if time.monotonic() - begin < 0.1 else b"E")
                time.sleep(0.05)
        except OSError:
            pass
        assert time.monotonic() - begin < 15


def test_connections_that_say_nothing_are_closed(server: OwnProcess) -> None:
    with server.connect() as silent, server.connect() as idle:
        idle.sendall(get())
        assert answer(idle)[0] == 200
        assert until_closed(silent) == b"" and until_closed(idle) == b""


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 4_000_000, 431),
        (b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 200 + b"\r\n", 431),
        (b"POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc", 400),
        (b"POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc", 400),
        (b"POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
        (b"POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Length: +3\r\n\r\nabc", 400),
        (b"POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 501),
        (b"POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: identity\r\n\r\nabc", 501),
        (b"POST /v1/detect HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 400),
        (b"POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nExpect: a-miracle\r\nContent-Length: 3\r\n\r\nabc", 417),
        (b"GET / HTTP/1.1\nHost: localhost\n\n", 400),
        (b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n", 400),
        (b"GET / HTTP/3.7\r\nHost: localhost\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), 400),  # TLS
        (b"GET http://evil.example/v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET http://localhost/v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        (b"GET http://me@localhost/v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /v2/health/live HTTP/2.0\r\nHost: localhost\r\n\r\n", 505),
        (b"GET /v2/health/live HTTP/0.9\r\nHost: localhost\r\n\r\n", 505),
        (b"GET /v2/health/live RTSP/1.0\r\nHost: localhost\r\n\r\n", 505),
        (b"OPTIONS /v2/health/live RTSP/1.1\r\nHost: localhost\r\nX: " + b"x" * 5000 + b"\r\n\r\n", 505),
        (b"POST /v1/detect HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"GET /v2/health/live HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", 200),
        (b"GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 5000 + b"\r\nConnection: close, upgrade\r\nUpgrade: h2c\r\n\r\n", 200),
        (b"GET /v2/health/live HTTP/1.0\r\n\r\n", 200),
        (b"HEAD /v2/health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 200),
        (b"GET /v2/health/%6cive HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 200),
        (b"GET /v2/health/live%00 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 404),
        (b"GET /v2/%2e%2e/metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 404),
        (b"GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade, close\r\nUpgrade: websocket\r\n\r\n", 200),
    ],
)  # fmt: skip
def test_heads_are_bounded_and_read_strictly(server: OwnProcess, head: bytes, status: int) -> None:
    with server.connect() as client:
        client.sendall(head)
        found = until_closed(client)
    assert found.startswith(b"HTTP/1.1 %d " % status), found[:200]
    assert found.count(b"HTTP/1.1 ") == 1


def test_a_chunked_body_with_extensions_and_trailers_is_read_and_trailers_are_no_headers(server: OwnProcess) -> None:
    data = jpeg()
    head = b"POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = (
        b"%x;name=value\r\n" % len(data) + data + b"\r\n0\r\nX-Boxwright-Unknown: 1\r\nX-Camera: of a trailer\r\n\r\n"
    )
    with server.connect() as client:
        client.sendall(head + body + get())
        assert [one[0] for one in answers(client, 2)] == [200, 200]  # an unknown X-Boxwright- header would be refused
    with server.connect() as client:
        client.sendall(head + b"1;" + b"x" * MIB)
        assert until_closed(client).startswith(b"HTTP/1.1 400 ")


def test_an_upgrade_is_passed_over_and_the_body_is_read(server: OwnProcess) -> None:
    wish = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA")
    with server.connect() as client:
        client.sendall(post(jpeg(), *wish) + get())
        assert [one[0] for one in answers(client, 2)] == [200, 200]
    with server.connect() as client:
        whole = post(jpeg(), *wish)
        client.sendall(whole[:150])
        time.sleep(0.1)
        client.sendall(whole[150:])
        assert answer(client)[0] == 200


def test_a_thousand_pipelined_requests_are_answered_in_order(server: OwnProcess) -> None:
    with server.connect() as client:
        client.sendall(b"".join(get(f"/{number}") if number % 7 else get() for number in range(1000)))
        assert [one[0] for one in answers(client, 1000)] == [404 if number % 7 else 200 for number in range(1000)]


def test_what_is_malformed_behind_other_requests_waits_for_their_answers(server: OwnProcess) -> None:
    with server.connect() as client:
        client.sendall(post(jpeg()) + get() + b"no request\r\n\r\n")
        assert [one[0] for one in answers(client, 3)] == [200, 200, 400]
        assert until_closed(client) == b""


def test_malformed_requests_do_not_fill_the_log(server: OwnProcess) -> None:
    for _ in range(200):
        with server.connect() as client:
            client.sendall(b"half a\r\n\r\n")
    until = time.monotonic() + 20
    while server.metric('boxwright_connections_closed_total{reason="malformed"}') < 200 and time.monotonic() < until:
        time.sleep(0.05)
    assert server.metric('boxwright_connections_closed_total{reason="malformed"}') >= 200
    assert len(server.said().splitlines()) < 20, server.said()


@pytest.mark.parametrize(
    ("status", "path", "headers"),
    [
        (401, "/v1/detect", ()),
        (404, "/v1/nothing", ()),
        (405, "/v2/health/live", ()),
        (403, "/v1/detect", ("Origin: http://evil.example",)),
    ],
)
def test_the_answer_reaches_a_client_that_is_still_sending(
    closed: OwnProcess, status: int, path: str, headers: tuple[str, ...]
) -> None:
    with closed.connect() as client:
        client.sendall(post(bytes(20 * MIB), *headers, path=path))  # does not read before all is sent
        found, said, _ = answer(client)
        assert (found, said["connection"]) == (status, "close")


def test_a_body_that_is_too_large_is_answered_and_not_reset(closed: OwnProcess) -> None:
    with closed.connect() as client:
        client.sendall(post(bytes(24 * MIB), f"Authorization: Bearer {TOKEN}"))
        assert answer(client)[0] == 413
    with closed.connect() as client:  # of no declared length
        client.sendall(
            f"POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
            "Transfer-Encoding: chunked\r\n\r\n".encode()
        )
        for _ in range(24):
            client.sendall(b"%x\r\n" % MIB + bytes(MIB) + b"\r\n")
        assert answer(client)[0] == 413
    assert closed.ask("POST", "/v1/detect", bytes(24 * MIB))[0] == 401  # http.client sends all before it reads
    found = subprocess.run(
        ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--data-binary", "@-", "-H", "Expect:",
         f"http://127.0.0.1:{closed.port}/v1/detect"], input=bytes(24 * MIB), capture_output=True, check=False,
    )  # fmt: skip
    assert (found.returncode, found.stdout) == (0, b"401"), found.stderr


def test_what_the_head_decides_is_said_before_the_body_is_asked_for(closed: OwnProcess) -> None:
    for length, token, status in ((100, "wrong-wrong-wrong-wrong", 401), (24 * MIB, TOKEN, 413)):
        with closed.connect() as client:
            client.sendall(
                f"POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
                f"Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n".encode()
            )
            assert until_closed(client).startswith(b"HTTP/1.1 %d " % status)
    with closed.connect() as client:
        data = jpeg()
        client.sendall(
            f"POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nAuthorization: bearer {TOKEN}\r\n"
            f"Content-Length: {len(data)}\r\nExpect: 100-continue\r\n\r\n".encode()
        )
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(data)
        assert answer(client)[0] == 200


def test_a_client_that_reads_no_answers_is_dropped(bundle: Bundle, tmp_path: Path) -> None:
    with serving(bundle, tmp_path, answer_seconds=1.0) as server, server.connect() as client:
        client.settimeout(20)
        with pytest.raises(OSError):
            while True:
                client.sendall(get("/metrics") * 100)
        assert server.metric('boxwright_connections_closed_total{reason="answer_unread"}') == 1


def test_at_the_bound_an_idle_connection_makes_room_and_without_one_a_new_one_is_told(
    bundle: Bundle, tmp_path: Path
) -> None:
    with serving(bundle, tmp_path, connections=8, slow=3.0, in_flight=1, waiting=16) as server:
        idle = [server.connect() for _ in range(8)]
        for client in idle:
            client.sendall(get())
            assert answer(client)[0] == 200
        with server.connect() as newcomer:
            newcomer.sendall(get())
            assert answer(newcomer)[0] == 200
        assert until_closed(idle[0]) == b""  # the longest idle
        busy = idle[1:]
        for client in busy:
            client.sendall(post(jpeg()))
        newcomer = server.connect()
        newcomer.sendall(post(jpeg()))
        time.sleep(0.3)
        with server.connect() as refused:
            found, headers, _ = answer(refused)
            assert (found, headers["retry-after"], headers["connection"]) == (503, "1", "close")
        assert answer(busy[0])[0] == 200


def test_clients_that_read_no_answers_keep_nobody_out(bundle: Bundle, tmp_path: Path) -> None:
    with serving(bundle, tmp_path, connections=4) as server:
        held = []
        for _ in range(4):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            client.connect((server.host, server.port))
            client.settimeout(0.5)
            held.append(client)
        for client in held:
            with pytest.raises(TimeoutError):
                while True:
                    client.sendall(get("/metrics") * 100)
        await_let_in(server, 15)  # the limit on unread answers itself is 30 s
        for client in held:
            client.close()


def test_pipelined_requests_wait_with_the_client_and_not_in_memory() -> None:
    """On a pair of sockets, whose buffers are small, what was sent and is not answered is bounded, however long it goes on."""
    request = post(b"", path="/")

    async def application(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await asyncio.sleep(0.001)  # time in which the loop could read
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async def ask() -> tuple[int, int]:
        config, state = Config(application, log_config=None), ServerState()
        account = Connections(Limits(), CollectorRegistry())
        client, accepted = socket.socketpair()
        loop = asyncio.get_running_loop()
        with client:
            client.setblocking(False)
            await loop.connect_accepted_socket(
                lambda: BoundedProtocol(config, state, {}, connections=account), accepted
            )
            sent = answered = most = 0
            many = request * 4000
            while answered < 300:
                with contextlib.suppress(BlockingIOError):
                    while True:
                        sent += client.send(many[sent % len(request) :])
                with contextlib.suppress(BlockingIOError):
                    answered += client.recv(1 << 20).count(b"HTTP/1.1 200")
                most = max(most, sent - answered * len(request))
                await asyncio.sleep(0)
        return answered, most

    with ThreadPoolExecutor(1) as thread:  # a browser test of this process may have a loop of its own running
        answered, most = thread.submit(asyncio.run, asyncio.wait_for(ask(), 60)).result()
    assert answered >= 300 and most < 2 * MIB


def test_blank_lines_between_requests_are_no_request(server: OwnProcess) -> None:
    with server.connect() as client:
        client.sendall(post(jpeg()) + b"\r\n")
        assert answer(client)[0] == 200
        client.sendall(b"\r\n")
        assert until_closed(client) == b""  # idle, and not a head that does not end (408)
    with server.connect() as client:
        client.sendall(get())
        assert answer(client)[0] == 200
        for part in (b"\r\n", b"GET /v2/health/live HTTP/1.1", b"\r\n", b"Host: localhost\r\n\r", b"\n"):
            client.sendall(part)
            time.sleep(0.05)
        assert answer(client)[0] == 200


def test_an_invalid_request_line_behind_an_answer_is_a_400(server: OwnProcess) -> None:
    with server.connect() as client:
        client.sendall(get())
        assert answer(client)[0] == 200
        client.sendall(b"GET http://[::/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert until_closed(client).startswith(b"HTTP/1.1 400 ")


def test_connections_of_one_address_can_be_bounded(bundle: Bundle, tmp_path: Path) -> None:
    with serving(bundle, tmp_path, connections_per_address=2) as server:
        with server.connect(), server.connect(), server.connect() as third:
            assert answer(third)[0] == 503
        await_let_in(server)


def test_the_bound_stays_below_the_limit_on_open_files(bundle: Bundle, tmp_path: Path) -> None:
    with serving(bundle, tmp_path, connections=512, before=("prlimit", "--nofile=256:256")) as server:
        assert "at most 64 connections instead of 512" in server.said()
        crowd = []
        for _ in range(300):
            try:
                crowd.append(server.connect())
            except OSError:
                break
        for client in crowd:
            client.close()
        await_let_in(server)
        assert "Traceback" not in server.said(), server.said()
