"""The token goes to one address, in the clear only to this machine, and into no message; every failure is one sentence."""

from __future__ import annotations

import pytest

from boxwright.errors import InputError, ToolError
from boxwright.review import connection as connections
from boxwright.review.connection import Connection
from tests.review.label_studio_server import LEGACY, FakeLabelStudio, jwt


def connected(studio: FakeLabelStudio, token: str = LEGACY, **more) -> tuple[Connection, list[float]]:
    waited: list[float] = []
    return Connection(studio.url, token, wait=waited.append, **more), waited


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:1/", "https://labels.example.org/a/"]
)
def test_addresses_a_token_may_go_to(url: str) -> None:
    assert Connection(url, LEGACY).address == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    ["http://labels.example.org", "http://10.0.0.7:8080", "http://127.0.0.1.example.org", "http://localhost.evil.org"],
)
def test_a_token_does_not_travel_in_the_clear(url: str) -> None:
    with pytest.raises(InputError, match="unencrypted; use https, or --insecure") as caught:
        Connection(url, LEGACY)
    assert LEGACY not in str(caught.value)
    Connection(url, LEGACY, insecure=True)


@pytest.mark.parametrize(
    "url",
    ["", "labels.example.org", "ftp://localhost", "file:///etc/passwd", "http://", "https://[", "http://localhost:x",
     "https://me:secret@localhost", "https://localhost/?a=b", "https://localhost/#a", "https://local host", "https://a\nb"],
)  # fmt: skip
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(InputError) as caught:
        Connection(url, LEGACY)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("token", ["", "  ", "a b", "a\r\nX-Evil: 1", "tökén"])
def test_what_is_no_token(token: str) -> None:
    with pytest.raises(InputError, match="The token is empty or holds characters") as caught:
        Connection("http://localhost", token)
    assert "Evil" not in str(caught.value)


def test_a_legacy_key_is_sent_as_it_is(studio: FakeLabelStudio) -> None:
    asked, _ = connected(studio, f" {LEGACY}\n")
    assert asked.ask("GET", "/api/projects/")["results"] == []
    assert studio.authorizations == [f"Token {LEGACY}"]


def test_a_personal_token_is_exchanged_and_again_when_the_access_ends(studio: FakeLabelStudio) -> None:
    asked, _ = connected(studio, jwt("refresh"))
    asked.ask("GET", "/api/projects/")
    asked.ask("GET", "/api/projects/")
    studio.access = 7  # the server has forgotten the first access token
    asked.ask("GET", "/api/projects/")
    refreshes = [path for _, path in studio.asked if path == "/api/token/refresh/"]
    assert len(refreshes) == 2
    assert not any(jwt("refresh") in sent for sent in studio.authorizations)


def test_an_access_token_is_sent_as_it_is(studio: FakeLabelStudio) -> None:
    studio.access = 3
    asked, _ = connected(studio, jwt("access", 3))
    assert asked.ask("GET", "/api/projects/")["count"] == 0
    assert [path for _, path in studio.asked] == ["/api/projects/"]


@pytest.mark.parametrize("token", ["f" * 40, jwt("refresh", 9), jwt("access", 9)])
def test_a_wrong_token_is_said_and_not_shown(studio: FakeLabelStudio, token: str) -> None:
    asked, waited = connected(studio, token)
    with pytest.raises(ToolError, match=r"does not accept the token \(401\); take a fresh one") as caught:
        asked.ask("GET", "/api/projects/")
    assert token not in str(caught.value) and waited == [] and caught.value.status == 401


def test_a_reason_never_holds_the_token(studio: FakeLabelStudio) -> None:
    asked, _ = connected(studio)
    studio.faults = [("/", 400)]
    with pytest.raises(ToolError, match=r"answered 400: .*it hurts") as caught:
        asked.ask("GET", "/api/projects/")
    assert LEGACY not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("fault", [500, 502, 503, 429, "drop", "vanish", "cut"])
def test_what_changes_nothing_is_asked_again(studio: FakeLabelStudio, fault: object) -> None:
    asked, waited = connected(studio)
    studio.faults = [("/api/projects/", fault)] * 3
    assert asked.ask("GET", "/api/projects/")["count"] == 0
    assert waited == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("fault", [500, "drop", "cut"])
def test_not_for_ever(studio: FakeLabelStudio, fault: object) -> None:
    asked, waited = connected(studio, attempts=3)
    studio.faults = [("/api/projects/", fault)] * 9
    with pytest.raises(ToolError):
        asked.ask("GET", "/api/projects/")
    assert len(waited) == 2 and len(studio.asked) == 3


@pytest.mark.parametrize("fault", [500, "drop", "vanish"])
def test_what_changes_something_is_asked_once(studio: FakeLabelStudio, fault: object) -> None:
    asked, waited = connected(studio)
    studio.faults = [("/api/projects/", fault)]
    with pytest.raises(ToolError):
        asked.ask("POST", "/api/projects/", body={"title": "a", "label_config": "<View/>"}, again=False)
    assert waited == [] and len(studio.asked) == 1


@pytest.mark.parametrize(
    ("fault", "said"),
    [("garbage", "with something that is no JSON"), ("redirect", "sends on to 'http://elsewhere.example.org/'"), (403, "does not accept"),
     (404, r"does not exist \(404\)")],
)  # fmt: skip
def test_what_is_hopeless_is_not_asked_again(studio: FakeLabelStudio, fault: object, said: str) -> None:
    asked, waited = connected(studio)
    studio.faults = [("/api/projects/", fault)]
    with pytest.raises(ToolError, match=said):
        asked.ask("GET", "/api/projects/")
    assert waited == [] and len(studio.asked) == 1


def test_a_slow_tool_is_left(studio: FakeLabelStudio) -> None:
    asked, _ = connected(studio, timeout_s=0.2, attempts=1)
    studio.faults = [("/api/projects/", "slow")]
    with pytest.raises(ToolError, match="did not answer within 0.2 s"):
        asked.ask("GET", "/api/projects/")


def test_a_huge_answer_is_not_taken(studio: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST_BYTES", 1 << 20)
    asked, waited = connected(studio)
    studio.faults = [("/api/projects/", "huge")]
    with pytest.raises(ToolError, match="more than 1 MiB"):
        asked.ask("GET", "/api/projects/")
    assert waited == []


def test_nobody_there(studio: FakeLabelStudio) -> None:
    nobody = Connection("http://127.0.0.1:9", LEGACY, attempts=2, wait=lambda _: None)
    with pytest.raises(ToolError, match="Nothing listens at http://127.0.0.1:9; is the tool started"):
        nobody.ask("GET", "/api/projects/")
    unknown = Connection("https://no-such-host.invalid", LEGACY, attempts=1)
    with pytest.raises(ToolError, match="cannot be reached"):
        unknown.ask("GET", "/api/projects/")
