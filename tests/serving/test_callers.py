"""Who may ask: hosts, origins, tokens and proxies."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from boxwright.errors import InputError
from boxwright.serving.limits import Limits
from boxwright.serving.request.callers import (
    CallerRules,
    Callers,
    check_caller,
    checked_hosts,
    checked_networks,
    checked_origins,
    read_tokens,
    token_digest,
)
from boxwright.serving.request.refusal import Refusal
from tests.serving.own_process import answer, get, post, serving
from tests.tiny_bundles import jpeg, tiny_bundle

TOKENS = ("the-first-long-token", "the-second-long-token")


def status(
    *headers: tuple[str, str], method: str = "GET", hosts: tuple[str, ...] = (), origins: tuple[str, ...] = ()
) -> int:
    """What a server on detect.local answers."""
    app = Starlette(routes=[Route("/", lambda _request: PlainTextResponse("let in"), methods=["GET", "POST"])])
    limits = Limits(allowed_hosts=hosts, allowed_origins=origins)
    guarded = Callers(app, CallerRules(limits, host="detect.local"), registry=CollectorRegistry())
    raw = [(name.encode(), value.encode()) for name, value in headers]
    if not any(name == b"host" for name, _ in raw):
        raw = [(b"host", b"localhost"), *raw]
    scope = {
        "type": "http", "method": method, "path": "/", "raw_path": b"/", "query_string": b"", "headers": raw, "http_version": "1.1",
        "scheme": "http", "server": ("10.1.2.3", 8080), "client": ("10.1.2.4", 999),
    }  # fmt: skip
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    with ThreadPoolExecutor(1) as thread:  # a browser test of this process may have a loop of its own running
        thread.submit(asyncio.run, guarded(scope, receive, send)).result()
    return sent[0]["status"]


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", 200),
        ("LOCALHOST:8080", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:8080", 200),
        ("detect.local", 200),
        ("10.1.2.3:8080", 200),  # where the connection arrived: what a probe sends
        ("10.9.9.9:8080", 421),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("evil.example#localhost", 400),
        ("localhost, evil.example", 400),
        ("user@localhost", 400),
        ("localhost:http", 400),
        ("", 400),
    ],
)
def test_the_host_must_be_this_server(host: str, expected: int) -> None:
    assert status(("host", host)) == expected


def test_more_hosts_can_be_allowed_and_two_are_never() -> None:
    assert status(("host", "line.example"), hosts=("Line.Example",)) == 200
    assert status(("host", "evil.example"), hosts=("line.example",)) == 421
    assert status(("host", "evil.example"), hosts=("*",)) == 200
    assert status(("host", "localhost"), ("host", "localhost")) == 400
    assert status(("host", "localhost"), ("host", "evil.example"), hosts=("*",)) == 400


@pytest.mark.parametrize(
    ("headers", "method", "expected"),
    [
        ((("origin", "http://localhost"),), "POST", 200),
        ((("origin", "https://localhost:443"),), "POST", 200),
        ((("origin", "http://evil.example"),), "POST", 403),
        ((("origin", "http://localhost:3000"),), "POST", 403),  # another program on the same machine
        ((("origin", "http://localhost.evil.example"),), "POST", 403),
        ((("origin", "null"),), "POST", 403),
        ((("origin", "file://"),), "POST", 403),
        ((("origin", "http://line.example"),), "POST", 200),  # allowed
        ((("origin", "http://line.example"), ("sec-fetch-site", "cross-site")), "POST", 200),
        ((("origin", "http://localhost"), ("origin", "http://evil.example")), "POST", 400),
        ((("sec-fetch-site", "cross-site"),), "POST", 403),
        ((("sec-fetch-site", "same-site"),), "GET", 403),
        ((("sec-fetch-site", "same-origin"),), "POST", 200),
        ((("sec-fetch-site", "none"),), "GET", 200),
        ((("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")), "GET", 200),  # a link to the metrics
        ((("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")), "POST", 403),  # a form
    ],
)
def test_pages_of_other_sites_may_not_ask(headers: tuple[tuple[str, str], ...], method: str, expected: int) -> None:
    assert status(*headers, method=method, origins=("http://line.example/",)) == expected


def code(*authorization: str, tokens: tuple[str, ...] = TOKENS) -> int:
    limits = Limits(token_digests=tuple(map(token_digest, tokens)))
    raw = [(b"authorization", value.encode()) for value in authorization]
    try:
        check_caller(Request({"type": "http", "headers": raw}), limits)
    except Refusal as refusal:
        return refusal.status
    return 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_any_of_the_tokens_with_the_scheme_in_any_case(scheme: str) -> None:
    assert [code(f"{scheme} {token}") for token in TOKENS] == [200, 200]
    assert code(f"{scheme}   {TOKENS[0]} ") == 200
    assert code(f"{scheme} {TOKENS[0]}x") == code(f"{scheme} {TOKENS[0][:-1]}") == code(f"{scheme} ") == 401


def test_what_is_no_bearer_token_is_refused() -> None:
    assert (
        code() == code(TOKENS[0]) == code(f"Basic {TOKENS[0]}") == code(f"Bearer{TOKENS[0]}") == code("Bearer") == 401
    )
    assert code(f"Bearer {TOKENS[0]}", f"Bearer {TOKENS[0]}") == 400
    assert code(tokens=()) == 200


def test_limits_hold_no_token_that_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(f"# of the line\n{TOKENS[0]}\n\n  {TOKENS[1]}  \n")
    file.chmod(0o644)
    warnings: list[str] = []
    digests = read_tokens(file, warn=warnings.append)
    assert digests == tuple(map(token_digest, TOKENS))
    assert not any(token in repr(Limits(token_digests=digests)) for token in TOKENS)
    assert len(warnings) == 1 and "chmod 600" in warnings[0]
    file.chmod(0o600)
    read_tokens(file, warn=pytest.fail)


@pytest.mark.parametrize(
    "text", ["", "\n# nothing\n", "short\n", f"{TOKENS[0]}\nshort-secret\n", "two words of one token\n"]
)
def test_a_token_file_is_refused_without_a_word_of_it(text: str, tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        read_tokens(file, warn=lambda _: None)
    for line in text.split("\n"):
        assert not line or line.startswith("#") or line not in str(caught.value)


def test_options_are_checked() -> None:
    assert checked_hosts(["detect.example.com", "*", "10.0.0.7", "[::1]"])
    assert checked_origins(["https://line.example.com"])
    assert checked_networks(["10.0.0.0/8", "::1"])
    for check, wrong in (
        (checked_hosts, "http://a b"),
        (checked_origins, "line.example.com"),
        (checked_networks, "10.0.0.0/40"),
    ):
        with pytest.raises(InputError):
            check([wrong])


def test_a_real_server_checks_hosts_and_believes_only_proxies_it_was_told_of(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "tiny")
    with serving(bundle, tmp_path / "alone", head_seconds=1.0) as server:
        assert server.ask("GET", "/metrics", headers={"Host": "evil.example"})[0] == 421
        for request in (b"GET /v2/health/live HTTP/1.1\r\n\r\n", get("/v2/health/live", "Host: localhost")):
            with server.connect() as client:
                client.sendall(request)
                assert answer(client)[0] == 400
        with server.connect() as client:
            client.sendall(
                post(jpeg(), "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https", "Origin: http://evil.example")
            )
            status, headers, _ = answer(client)
            assert status == 403
            assert not any(name.startswith("access-control") for name in headers)
