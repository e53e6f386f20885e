"""What a request says is read once, in one spelling; what would do nothing is refused with what was meant."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.testclient import TestClient

from boxwright.serving import read_events
from boxwright.serving.request.asked import Asked, read_asked
from boxwright.serving.request.refusal import Refusal
from tests.serving.in_process import asking
from tests.tiny_bundles import jpeg, tiny_bundle

LINES = {"line": {"Süd": {}, "Nord": {}}}


def asked(query: bytes = b"", thresholds: dict | None = None, known: tuple[str, ...] = (), **headers: bytes) -> Asked:
    raw = [(name.lower().replace("_", "-").encode(), value) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": "/v1/detect", "query_string": query, "headers": raw}
    return read_asked(Request(scope), thresholds or {}, known=known)


@given(st.text(st.characters(categories=("L", "N", "P", "S")), max_size=60))
def test_a_name_in_utf8_is_the_same_in_header_and_query(name: str) -> None:
    data = name.encode()
    by_header, by_query = asked(X_Camera=data), asked(b"camera=" + quote_from_bytes(data, safe="").encode())
    assert by_header.conditions["camera"] == by_query.conditions["camera"]
    assert asked(X_File_Name=data).file_name == asked(b"name=" + quote_from_bytes(data, safe="").encode()).file_name


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"cam-1", "cam-1"),
        ("Süd-1".encode(), "Süd-1"),
        ("Su\u0308d-1".encode(), "Süd-1"),  # composed, so that it is the camera the journal knows
        ("ライン".encode(), "ライン"),
        ("Süd".encode("latin-1"), "Süd"),
        (b"Halle\xa03", "Halle\xa03"),
        (b"\xc3(", "Ã("),
        (b"\xff\xfe", "ÿþ"),
        (b"", ""),
        (b"  cam-1 ", "cam-1"),
    ],
)
def test_utf8_where_it_is_valid_and_latin1_otherwise(data: bytes, name: str) -> None:
    assert asked(X_Camera=data).conditions == {"camera": name}
    assert asked(b"camera=" + quote_from_bytes(data).encode()).conditions == {"camera": name}
    assert asked(b"line=" + quote_from_bytes(data).encode(), LINES).conditions["line"] == name
    assert unicodedata.normalize("NFC", asked(X_File_Name=data).file_name) == name  # a file keeps its own spelling


def test_what_cannot_be_printed_is_written_out_and_two_names_stay_two() -> None:
    one, other = asked(b"camera=a%00b"), asked(b"camera=ab")
    assert one.conditions["camera"] == r"a\x00b"
    assert other.conditions["camera"] == "ab"
    assert asked(X_Camera=b"\xe3\x83").conditions["camera"] == r"ã\x83"
    with pytest.raises(Refusal, match="at most 200 characters, found 201"):
        asked(X_Camera=b"x" * 201)
    assert asked(X_File_Name=b"x" * 201).file_name == "x" * 200


def test_a_value_is_spelt_as_the_contract_spells_it() -> None:
    decomposed = {"camera": {"Su\u0308d": {}}}
    assert asked(X_Camera="Süd".encode(), thresholds=decomposed).conditions["camera"] == "Su\u0308d"
    assert asked(X_Line="Süd".encode(), thresholds=LINES).conditions == {"camera": "", "line": "Süd"}


@pytest.mark.parametrize(
    ("query", "advice"),
    [
        (b"camra=cam-1", "'camra' is unknown; did you mean 'camera'?"),
        (b"Camera=cam-1", "did you mean 'camera'?"),
        (b"min-score=0.5", "did you mean 'min_score'?"),
        (b"minscore=0.5", "did you mean 'min_score'?"),
        (b"file_name=a", "did you mean 'name'?"),
        (b"lin=Nord", "did you mean 'line'?"),
        (b"xyzzy=1", "'xyzzy' is unknown; known: camera, line, min_score, name"),
        (b"camera=a&q", "known: camera, line"),
        (b"min_score=0.2&min_score=0.3", "min_score is given as '0.2' and '0.3'"),
        (b"camera=a&camera=b", "camera is given as 'a' and 'b'"),
        (b"min_score=", "min_score must be a number"),
        (b"min_score=nan", "min_score must be a number"),
    ],
)
def test_a_parameter_that_would_do_nothing_is_refused(query: bytes, advice: str) -> None:
    with pytest.raises(Refusal) as refused:
        asked(query, LINES)
    assert refused.value.status == 400
    assert advice in refused.value.message


def test_a_condition_of_a_bundle_that_answered_before_is_no_slip() -> None:
    assert asked(b"line=Nord&camera=a", known=("line",)).conditions == {"camera": "a"}
    with pytest.raises(Refusal, match="'line' is unknown"):
        asked(b"line=Nord")


def test_header_and_query_must_not_differ() -> None:
    assert asked(b"camera=a", X_Camera=b"a").conditions["camera"] == "a"
    with pytest.raises(Refusal, match="camera is given as 'a' and 'b'; send one value"):
        asked(b"camera=a", X_Camera=b"b")


@pytest.mark.parametrize(
    ("header", "advice"),
    [
        ("X_Camra", "did you mean X-Camera?"),
        ("X_Camera_Id", "did you mean X-Camera?"),
        ("Camera", "did you mean X-Camera?"),
        ("X_Filename", "did you mean X-File-Name?"),
        (
            "X_Boxwright_Camera",
            "'x-boxwright-camera' is unknown and would do nothing; known: X-File-Name, X-Request-Timeout-Ms, X-Camera",
        ),
        ("X_Boxwright_Min_Score", "would do nothing"),
    ],
)
def test_a_header_that_would_do_nothing_is_refused(header: str, advice: str) -> None:
    with pytest.raises(Refusal) as refused:
        asked(**{header: b"1"})
    assert refused.value.status == 400
    assert advice in refused.value.message


def test_headers_of_proxies_and_tracers_pass() -> None:
    usual = ("X_Request_Id", "X_Forwarded_For", "X_Forwarded_Proto", "X_Real_Ip", "X_Amzn_Trace_Id", "X_B3_Traceid",
             "X_Api_Key", "X_Client_Ip", "X_Correlation_Id", "X_Line", "Traceparent", "User_Agent", "Accept", "Host")  # fmt: skip
    assert asked(**dict.fromkeys(usual, b"1")).conditions == {"camera": ""}


@pytest.mark.parametrize(
    "kind", ["image/jpeg", "IMAGE/PNG", "application/octet-stream", "application/x-www-form-urlencoded"]
)
def test_an_image_file_may_be_called_so(kind: str) -> None:
    assert asked(Content_Type=kind.encode()).file_name == ""


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "application/json", "text/plain; charset=utf-8"])
def test_a_form_or_json_around_the_image_is_told(kind: str) -> None:
    with pytest.raises(Refusal, match="the body must be the image file itself") as refused:
        asked(Content_Type=kind.encode())
    assert refused.value.status == 415
    with pytest.raises(Refusal, match="'gzip' is not supported"):
        asked(Content_Encoding=b"gzip")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    root = tmp_path_factory.mktemp("asked")
    with asking(tiny_bundle(root / "bundle"), root / "journal") as client:
        client.journal = root / "journal"  # type: ignore[attr-defined]
        yield client


def test_refusals_reach_the_client_and_are_not_journaled(client: TestClient) -> None:
    body = jpeg()
    for query, headers, status in (
        ("?camra=cam-1", {}, 400),
        ("", {"X-Boxwright-Camera": "cam-1"}, 400),
        ("", {"Content-Type": "multipart/form-data; boundary=x"}, 415),
        ("?camera=a", {"X-Camera": "b"}, 400),
    ):
        answer = client.post(f"/v1/detect{query}", content=body, headers=headers)
        assert (answer.status_code, bool(answer.json()["error"])) == (status, True), query or headers
    assert len(read_events(client.journal)) == 0  # type: ignore[attr-defined]
    answer = client.post("/v1/detect?camera=cam-1&name=a.jpg&min_score=0.7", content=body)
    assert [d["class_name"] for d in answer.json()["detections"]] == ["carton"]
    events = read_events(client.journal).events  # type: ignore[attr-defined]
    assert (events.column("camera").to_pylist(), events.column("file_name").to_pylist()) == (["cam-1"], ["a.jpg"])


def test_a_token_beyond_ascii_is_read_in_either_encoding(tmp_path: Path) -> None:
    from boxwright.serving import Journal, Wanted
    from boxwright.serving.app import Server
    from boxwright.serving.limits import Limits
    from boxwright.serving.primary.slot import Slot
    from boxwright.serving.request.callers import token_digest

    bundle = tiny_bundle(tmp_path / "bundle")
    slot = Slot(lambda: Wanted(bundle.digest, "fixed"), lambda _digest: bundle, on_failure=pytest.fail)
    limits = Limits(token_digests=(token_digest("schlüssel-für-die-halle"),))
    with TestClient(Server(slot, Journal(tmp_path / "journal"), limits).app()) as client:
        for data, status in (("Bearer schlüssel-für-die-halle".encode(), 200), ("Bearer schlüssel-für-die-halle".encode("latin-1"), 200),
                             (b"Bearer schluessel", 401)):  # fmt: skip
            assert client.post("/v1/detect", content=jpeg(), headers={"Authorization": data}).status_code == status
