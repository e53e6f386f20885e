"""Every response has a name and is counted; what a client calls its request is kept, and never mistaken for an event."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from starlette.testclient import TestClient

from boxwright.serving.journal import read_records
from boxwright.serving.observed import page
from boxwright.serving.request.counted import request_name
from tests.serving.in_process import Hands, asking
from tests.tiny_bundles import jpeg, tiny_bundle


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    root = tmp_path_factory.mktemp("counted")
    bundle = tiny_bundle(root / "bundle")
    with asking(bundle, root / "journal") as client:
        client.journal, client.bundle = root / "journal", bundle  # type: ignore[attr-defined]
        yield client


def count(client: TestClient, route: str, method: str, code: int) -> float:
    wanted = f'boxwright_requests_total{{code="{code}",method="{method}",route="{route}"}} '
    found = [line for line in client.get("/metrics").text.splitlines() if line.startswith(wanted)]
    return float(found[0].split()[-1]) if found else 0.0


@given(st.binary(max_size=140))
def test_a_name_is_a_token_or_none(data: bytes) -> None:
    name = request_name([(b"X-Request-Id", data)])
    assert name == "" or (name.encode() == data.strip() and len(name) <= 128 and name.isprintable() and " " not in name)


@pytest.mark.parametrize("own", ["a", "x" * 128, "0b8f7f6f-4f0c-4f3f-9a5c-3f1d1f2a9e77", "!#$%&'*+-.^_`|~"])
def test_the_clients_own_name_is_kept(client: TestClient, own: str) -> None:
    answer = client.post("/v1/detect", content=jpeg(), headers={"X-Request-Id": own})
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == own
    assert answer.json()["event_id"] != own


@pytest.mark.parametrize("own", [b"", b"x" * 129, b"a b", b"a,b", b'"a"', b"a\x07b", "é".encode(), b"a;b", b"<script>"])
def test_what_is_no_token_is_not_echoed(client: TestClient, own: bytes) -> None:
    answer = client.post("/v1/detect", content=jpeg(), headers={"X-Request-Id": own})
    name = answer.headers["x-request-id"]
    assert name == answer.json()["request_id"] == answer.json()["event_id"]
    assert len(name) == 32 and int(name, 16) >= 0


def test_two_different_names_are_none(client: TestClient) -> None:
    answer = client.get("/v2/health/live", headers=[("X-Request-Id", "a"), ("X-Request-Id", "b")])
    assert answer.headers["x-request-id"] not in ("a", "b", "a, b")


def test_a_repeated_name_makes_two_events(client: TestClient) -> None:
    ids = {
        client.post("/v1/detect", content=jpeg(), headers={"X-Request-Id": "again"}).json()["event_id"]
        for _ in range(3)
    }
    kept = [r for r in read_records(client.journal) if r["request_id"] == "again"]  # type: ignore[attr-defined]
    assert len(ids) == 3 and {r["event_id"] for r in kept} == ids


def test_every_answer_of_detect_says_which_bundle_and_release(client: TestClient) -> None:
    for path, body in (("/v1/detect", jpeg()), ("/v1/detect", b"<html>"), ("/v1/detect?camra=1", jpeg())):
        answer = client.post(path, content=body)
        assert answer.headers["x-model-digest"] == client.bundle.digest, answer.status_code  # type: ignore[attr-defined]
        assert answer.headers["x-release"] == "fixed"


@pytest.mark.parametrize(
    "path", ["/", "/v1/detect", "/v2/health/live", "/v2/health/ready", "/metrics", "/nonsense", "/v1/detect/"]
)
def test_every_route_carries_the_request_id(client: TestClient, path: str) -> None:
    assert client.get(path, headers={"X-Request-Id": "mine"}, follow_redirects=False).headers["x-request-id"] == "mine"


def test_unknown_paths_and_wrong_methods_are_counted_under_few_names(client: TestClient) -> None:
    before = (
        count(client, "other", "GET", 404),
        count(client, "/v1/detect", "GET", 405),
        count(client, "other", "other", 404),
    )
    for k in range(5):
        assert client.get(f"/wp-admin/{k}").status_code == 404
    assert client.get("/v1/detect").status_code == 405
    for method in ("BREW", "PROPFIND"):
        assert client.request(method, "/teapot").status_code == 404
    after = (
        count(client, "other", "GET", 404),
        count(client, "/v1/detect", "GET", 405),
        count(client, "other", "other", 404),
    )
    assert [b - a for a, b in zip(before, after, strict=True)] == [5, 1, 2]
    text = client.get("/metrics").text
    assert "wp-admin" not in text and "BREW" not in text


def test_durations_are_counted_by_route_and_code(client: TestClient) -> None:
    client.post("/v1/detect", content=jpeg())
    text = client.get("/metrics").text
    assert 'boxwright_request_duration_seconds_count{code="200",route="/v1/detect"}' in text
    assert 'boxwright_request_duration_seconds_bucket{code="200",le="0.5",route="/v1/detect"}' in text
    assert "boxwright_in_flight 1.0" in text  # the one that asks


def test_the_process_is_measured(client: TestClient) -> None:
    text = client.get("/metrics").text
    for name in ("process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds", "process_max_fds",
                 "process_start_time_seconds", "process_threads", "python_gc_collections_total", "python_info"):  # fmt: skip
        assert f"\n{name}" in text, name


def test_answers_are_tallied_and_few_classes_are_named(tmp_path: Path) -> None:
    from boxwright.serving.observed.tallies import Tallies

    names = [f"class {k}" for k in range(150)]
    tallies = Tallies()
    import numpy as np

    for k in range(150):
        tallies.add(np.array([0.05, 0.1, 0.11, 1.0], np.float32), np.array([k, k, 0, 0], np.int32), names)
    tallies.add(np.zeros(0, np.float32), np.zeros(0, np.int32), names)
    samples = {(s.name, *s.labels.values()): s.value for family in tallies.collect() for s in family.samples}
    assert samples[("boxwright_images_total",)] == 151 and samples[("boxwright_empty_images_total",)] == 1
    assert samples[("boxwright_detections_total", "class 0")] == 302
    assert samples[("boxwright_detections_total", "other")] == 100
    assert sum(1 for key in samples if key[0] == "boxwright_detections_total") == 101
    assert [samples[("boxwright_score_bucket", edge)] for edge in ("0.1", "0.2", "0.9", "+Inf")] == [300, 450, 450, 600]
    assert samples[("boxwright_score_sum",)] == pytest.approx(150 * 1.26, rel=1e-5)


def test_ready_says_all_that_is_known(client: TestClient) -> None:
    ready = client.get("/v2/health/ready").json()
    digest = client.bundle.digest  # type: ignore[attr-defined]
    assert (ready["ready"], ready["reasons"], ready["bundle"], ready["release"]) == (True, [], digest, "fixed")
    assert ready["rollout"]["state"] == "current" and ready["rollout"]["stale_since"] is None
    assert ready["rollout"]["wanted"] == ready["rollout"]["serving"] == {"bundle": digest, "release": "fixed"}
    json.dumps(ready)


def test_the_text_of_all_meters_is_not_written_for_whoever_asks_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written, hands = [], Hands()
    monkeypatch.setattr(page, "generate_latest", lambda _registry: written.append(hands.now) or b"%d" % len(written))
    text = page.Page(CollectorRegistry(), hands)
    for k in range(1, 11):
        assert text.text() == b"%d" % k  # who asks now and then gets what holds now
    for _ in range(1000):
        text.text()
    assert len(written) <= 20
    hands.now += 1.0
    before = len(written)
    assert text.text() == b"%d" % (before + 1)
    for _ in range(1000):
        text.text()
    assert len(written) - before <= 11


def test_a_server_writes_its_meters_so_only(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    monkeypatch.setattr(page, "generate_latest", lambda _registry: written.append(0) or b"x")
    monkeypatch.setattr(page, "_A_SECOND", 0.0)
    for _ in range(50):
        assert client.get("/metrics").status_code == 200
    assert len(written) < 50
