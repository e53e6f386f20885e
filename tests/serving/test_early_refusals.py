"""An overloaded server refuses at the beginning of a request: without a task, without keeping the body, and to no one else than before."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from uvicorn.config import Config
from uvicorn.server import ServerState

from boxwright.artifacts import Bundle
from boxwright.images import write_jpeg
from boxwright.serving.connection.connections import Connections
from boxwright.serving.connection.early import EarlyAnswer
from boxwright.serving.connection.protocol import BoundedProtocol
from boxwright.serving.limits import Limits
from boxwright.serving.request.callers import token_digest
from tests.serving.asgi import run_async
from tests.serving.own_process import OwnProcess, answer, answers, get, post, serving
from tests.tiny_bundles import jpeg, tiny_bundle

TOKEN = "a-token-that-is-long-enough"
BEARER = f"Authorization: Bearer {TOKEN}"
REFUSED = 'boxwright_requests_total{code="429",method="POST",route="/v1/detect"}'
LEFT = 'boxwright_requests_total{code="499",method="POST",route="/v1/detect"}'
SHED = 'boxwright_shed_total{reason="full"}'
MIB = 1 << 20


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return tiny_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def server(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnProcess]:
    limits = {"in_flight": 1, "waiting": 0, "token_digests": [token_digest(TOKEN).hex()]}
    with serving(bundle, tmp_path_factory.mktemp("server"), slow=2.5, **limits) as started:
        yield started


@contextmanager
def busy(server: OwnProcess) -> Iterator[None]:
    """Its only thread has a request of seconds, and nothing may wait."""
    with server.connect() as client:
        client.sendall(post(jpeg(), BEARER))
        await_metric(server, "boxwright_in_hand", 1)
        yield
        assert answer(client)[0] == 200


def await_metric(server: OwnProcess, name: str, value: float, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while server.metric(name) != value:
        assert time.monotonic() < until, (name, server.metric(name))
        time.sleep(0.01)


def padded(size: int) -> bytes:
    """A JPEG of so many bytes, most of them behind its end."""
    data = jpeg()
    return data + bytes(size - len(data))


def test_a_refusal_keeps_no_byte_of_the_body_and_the_connection(server: OwnProcess) -> None:
    refused, shed = server.metric(REFUSED), server.metric(SHED)
    request = post(padded(MIB), BEARER, "X-Request-Id: order-4711")
    with busy(server), server.connect() as client:
        client.sendall(request[: MIB // 2])
        time.sleep(0.2)
        assert server.metric("boxwright_body_bytes") == len(jpeg())  # of the one that is worked on
        client.sendall(request[MIB // 2 :])
        status, headers, body = answer(client)
        assert (status, headers["x-request-id"], headers["x-release"]) == (429, "order-4711", "1")
        assert int(headers["retry-after"]) >= 1 and len(headers["x-model-digest"]) == 64
        assert "connection" not in headers
        assert body == b'{"error": "0 requests wait already, no more are taken", "request_id": "order-4711"}'
        client.sendall(get())
        assert answer(client)[0] == 200
    assert (server.metric(REFUSED), server.metric(SHED)) == (refused + 1, shed + 1)
    assert server.metric("boxwright_in_flight") == 1  # the question for it


def test_a_client_that_sends_slowly_is_told_before_it_has_sent_all(server: OwnProcess) -> None:
    with busy(server), server.connect() as client:
        request = post(padded(MIB), BEARER)
        client.sendall(request[:2000])
        status, headers, _ = answer(client)
        assert (status, headers["connection"]) == (429, "close")


def test_a_client_that_leaves_is_counted_so(server: OwnProcess) -> None:
    left = server.metric(LEFT)
    with busy(server):
        with server.connect() as client:
            client.sendall(post(padded(MIB), BEARER)[:2000])
        await_metric(server, LEFT, left + 1)


def test_a_large_image_has_a_lane_of_its_own(server: OwnProcess) -> None:
    large = write_jpeg(np.full((1700, 2500, 3), 9, np.uint8))
    with busy(server), server.connect() as client:
        client.sendall(post(large, BEARER))
        await_metric(server, "boxwright_in_hand", 2)
        assert answer(client)[0] == 200


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (401, ()),
        (401, ("Authorization: Bearer another-token-of-that-length",)),
        (421, (BEARER, "Host: elsewhere.example")),
        (403, (BEARER, "Origin: http://evil.example")),
    ],
)
def test_who_may_not_ask_is_told_that(server: OwnProcess, status: int, headers: tuple[str, ...]) -> None:
    request = post(jpeg(), *headers)
    if any(header.startswith("Host") for header in headers):
        request = request.replace(b"Host: localhost\r\n", b"")
    with busy(server), server.connect() as client:
        client.sendall(request)
        assert answer(client)[0] == status


def test_a_refused_body_is_no_request(server: OwnProcess) -> None:
    """What stands in it is thrown away to its stated end, and the next request begins there."""
    inner = jpeg() + get("/v1/nothing") * 3
    with busy(server), server.connect() as client:
        for part in (post(inner, BEARER)[:-30], post(inner, BEARER)[-30:] + get()):
            client.sendall(part)
            time.sleep(0.1)
        assert [one[0] for one in answers(client, 2)] == [429, 200]


class Always:
    """Refuses everything, or leaves it to the application."""

    def __init__(self, refuses: Callable[[bytes], bool]) -> None:
        self._refuses = refuses
        self.shown: list[bytes] = []
        self.ended: list[bool] = []

    def looks_at(self, method: bytes, target: bytes) -> bool:
        return (method, target) == (b"POST", b"/v1/detect")

    def answer(self, scope: Any, beginning: bytes) -> EarlyAnswer | None:
        assert scope["method"] == "POST" and (b"host", b"localhost") in scope["headers"]
        self.shown.append(beginning)
        return EarlyAnswer(429, b"", b"no", self.ended.append) if self._refuses(beginning) else None


def asked(early: Always, *parts: bytes, count: int) -> tuple[bytes, list[bytes]]:
    """What a connection answers to parts sent one by one, and the bodies that the application got."""
    bodies: list[bytes] = []

    async def application(_scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        bodies.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    async def ask() -> bytes:
        account = Connections(Limits(), CollectorRegistry())
        client, accepted = socket.socketpair()
        loop, said = asyncio.get_running_loop(), b""
        config, state = Config(application, log_config=None), ServerState()
        with client:
            client.setblocking(False)
            await loop.connect_accepted_socket(
                lambda: BoundedProtocol(config, state, {}, connections=account, early=early), accepted
            )
            for part in parts:
                await loop.sock_sendall(client, part)
                await asyncio.sleep(0.01)
            while said.count(b"HTTP/1.1 ") < count or not said.endswith((b"ok", b"no")):
                said += await asyncio.wait_for(loop.sock_recv(client, 65536), 20)
            with contextlib.suppress(TimeoutError):
                said += await asyncio.wait_for(loop.sock_recv(client, 65536), 0.05)
        return said

    return run_async(ask()), bodies


def statuses(said: bytes) -> list[bytes]:
    return [part[:3] for part in said.split(b"HTTP/1.1 ")[1:]]


def test_the_application_is_not_asked_and_sees_the_beginning_of_every_body() -> None:
    early = Always(lambda beginning: beginning.startswith(b"no"))
    said, bodies = asked(
        early, post(b"no" * 40_000) + post(b"no") + post(b"yes"), post(b"no"), post(b"yes" * 1000), count=5
    )
    assert statuses(said) == [b"429", b"429", b"200", b"429", b"200"]
    assert bodies == [b"yes", b"yes" * 1000]
    assert early.ended == [True] * 3


@pytest.mark.parametrize("size", [1, 700, 1024, 5000, 70_000, 300_000])
def test_wherever_the_bytes_are_cut(size: int) -> None:
    """Head and body come in parts of any size; nothing is lost, and what is shown is the beginning of the body."""
    data = bytes(range(256)) * (size // 256 + 1)
    whole = post(data[:size])
    rng = np.random.default_rng(size)
    for refuses in (True, False):
        cuts = sorted({0, len(whole), *rng.integers(0, len(whole), 6).tolist(), len(whole) - size})
        parts = [whole[a:b] for a, b in itertools.pairwise(cuts)]
        early = Always(lambda _beginning, answer=refuses: answer)
        said, bodies = asked(early, *parts, post(b"last"), count=2)
        assert statuses(said) == [b"429" if refuses else b"200"] * 2
        assert bodies == ([] if refuses else [data[:size], b"last"])
        assert all(one == data[: len(one)] and one for one in early.shown[:1]) and early.shown[1] == b"last"


def test_what_has_no_stated_body_is_left_to_the_application() -> None:
    early = Always(lambda _beginning: True)
    chunked = b"POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
    said, bodies = asked(early, get() + chunked, count=2)
    assert (statuses(said), bodies, early.shown) == ([b"200", b"200"], [b"", b"ab"], [])
