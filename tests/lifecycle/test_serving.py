"""The served bundle answers as the evaluated one, keeps its limits, and loses nothing it acknowledged."""

from __future__ import annotations

import errno
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from boxwright.artifacts import Checkpoint, Rollout
from boxwright.detections import Detections
from boxwright.images import letterbox, read_picture, write_jpeg
from boxwright.inference import Detector, agreement, calibrated, decode
from boxwright.lifecycle import ROLLOUT
from boxwright.serving import Wanted, read_events
from boxwright.serving.journal import Journal, read_records
from tests.disks import Failing
from tests.lifecycle.servers import Served, served
from tests.serving.journals import answer, numbers
from tests.tiny_bundles import jpeg, keep_verdict, tiny_bundle


@pytest.fixture
def store_arguments(world, tmp_path: Path) -> list[str]:
    return ["--store", str(world.root / "store"), "--journal", str(tmp_path / "journal")]


def as_detections(answer: dict) -> Detections:
    found = answer["detections"]
    return Detections([d["box_xyxy"] for d in found], [d["score"] for d in found], [d["class_id"] for d in found])


def test_checkpoint_bundle_and_http_give_the_same_boxes(world, store_arguments: list[str], tmp_path: Path) -> None:
    import torch

    from boxwright.training import load_network

    network = load_network(world.store.get("checkpoint/small", Checkpoint))
    detector = Detector(world.candidate)
    compared = 0
    with served(store_arguments, tmp_path / "log") as server:
        for digest in world.dataset.picture_digests[:24]:
            data = world.store.pictures.read(digest)
            status, answer, headers = server.ask("POST", "/v1/detect?min_score=0.05", data)
            assert (status, answer["image"]["sha256"]) == (200, digest)
            assert headers["x-request-id"] == answer["request_id"]
            assert answer["model"]["bundle"] == world.candidate.digest
            picture = read_picture(data)
            placed, placement = letterbox(picture, input_hw=world.candidate.contract.input_hw)
            with torch.inference_mode():
                boxes, scores = network(torch.from_numpy(placed[None]))
            raw = decode(boxes[0].numpy(), scores[0].numpy(), placement, world.candidate.contract.output)
            contract = world.candidate.contract
            trained = calibrated(raw, contract.calibration, class_names=contract.class_names)
            for one, other in (
                (trained, detector.detect(picture)),
                (detector.detect(picture), as_detections(answer)),
                (as_detections(answer), trained),
            ):
                n, lost, iou, difference = agreement(one, other, above=0.06)
                compared += n
                assert lost == 0
                assert iou >= 0.99
                assert difference <= 0.01
            usual = as_detections(server.ask("POST", "/v1/detect", data)[1])
            thresholds = world.candidate.contract.score_thresholds
            least = np.array([thresholds[n] for n in world.candidate.contract.class_names])
            assert (usual.score >= least[usual.class_id] - 1e-6).all()
    assert compared > 200


def test_limits_and_health(world, store_arguments: list[str], tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a-token-that-is-long-enough")
    bearer = {"Authorization": "Bearer a-token-that-is-long-enough"}
    picture = world.store.pictures.read(world.dataset.picture_digests[0])
    bomb = _bomb()
    with served([*store_arguments, "--token-file", str(token)], tmp_path / "log") as server:
        assert server.ask("GET", "/v2/health/live")[0] == 200
        assert server.ask("GET", "/v2/health/ready")[1]["bundle"] == world.candidate.digest
        assert server.ask("POST", "/v1/detect", picture)[0] == 401
        assert server.ask("POST", "/v1/detect", picture, Authorization="Bearer wrong")[0] == 401
        assert server.ask("POST", "/v1/detect", picture, **bearer)[0] == 200
        for body, status in (
            (b"", 400),
            (b"<html>", 415),
            (picture[: len(picture) // 2], 400),
            (bomb, 413),
            (b"x" * (21 << 20), 413),
        ):
            try:
                found, answer, _ = server.ask("POST", "/v1/detect", body, **bearer)
            except (BrokenPipeError, ConnectionResetError):
                assert status == 413  # the server need not read what it will not take
                continue
            assert (found, bool(answer["error"])) == (status, True)
        assert server.ask("POST", "/v1/detect?min_score=x", picture, **bearer)[0] == 400
        assert server.ask("GET", "/v1/detect")[0] == 405
        metrics = server.ask("GET", "/metrics")[1].decode()
        assert 'boxwright_requests_total{code="200",method="POST",route="/v1/detect"} 1.0' in metrics
        assert 'boxwright_requests_total{code="401",method="POST",route="/v1/detect"} 2.0' in metrics
    events = read_events(Path(store_arguments[-1]))
    assert len(events) == 1  # refused requests are not answers


def _bomb() -> bytes:
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.new("1", (9000, 9000)).save(buffer, "PNG")
    return buffer.getvalue()


def test_too_much_at_once_is_refused_and_the_rest_is_answered(
    world, store_arguments: list[str], tmp_path: Path
) -> None:
    picture = world.store.pictures.read(world.dataset.picture_digests[0])
    with served([*store_arguments, "--in-flight", "1", "--waiting", "2"], tmp_path / "log") as server:
        answers: list[tuple[int, dict]] = []

        def ask() -> None:
            status, _, headers = server.ask("POST", "/v1/detect", picture)
            answers.append((status, headers))

        threads = [threading.Thread(target=ask) for _ in range(24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    codes = sorted(status for status, _ in answers)
    assert set(codes) == {200, 429}
    assert all("retry-after" in headers for status, headers in answers if status == 429)
    assert len(read_events(Path(store_arguments[-1]))) == codes.count(200)


def test_a_running_server_takes_the_promoted_bundle_and_goes_back(tmp_path: Path) -> None:
    from boxwright.cli.main import run
    from boxwright.lifecycle import release
    from boxwright.store import Store

    root = tmp_path / "store"
    store = Store(root)
    first, second = (tiny_bundle(tmp_path / f"{score}", scores=(score, 0.6)) for score in (0.9, 0.8))
    release(store, keep_verdict(store, first), reason="test")
    keep_verdict(store, second)
    with served(["--store", str(root)], tmp_path / "log") as server:
        assert server.ask("POST", "/v1/detect", jpeg())[1]["model"]["bundle"] == first.digest
        assert run(["promote", f"verdict/{second.digest[:8]}", "--store", str(root)]) == 0
        assert _await(lambda: server.ask("POST", "/v1/detect", jpeg())[1]["model"]["bundle"], second.digest)
        assert run(["rollback", "--store", str(root)]) == 0
        assert _await(lambda: server.ask("POST", "/v1/detect", jpeg())[1]["model"]["bundle"], first.digest)
    assert [event.digest for event in store.history(ROLLOUT)][-1] == store.get(ROLLOUT, Rollout).digest
    assert len(store.history(ROLLOUT)) == 3


def _await(ask, wanted: str) -> bool:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if ask() == wanted:
            return True
        time.sleep(0.2)
    return False


def test_killed_ten_times_under_load_nothing_acknowledged_is_missing(
    world, store_arguments: list[str], tmp_path: Path
) -> None:
    """Clients that never stop asking, a server killed hard ten times, and a journal that knows every answer they got."""
    pictures = [world.store.pictures.read(d) for d in world.dataset.picture_digests[:6]]
    acknowledged: set[str] = set()
    lock = threading.Lock()
    current: list[Served | None] = [None]
    over = threading.Event()

    def ask_on(worker: int) -> None:
        number = worker
        while not over.is_set():
            server = current[0]
            if server is None:
                time.sleep(0.02)
                continue
            try:
                status, answer, _ = server.ask("POST", "/v1/detect", pictures[number % len(pictures)])
            except (OSError, ValueError, Exception):
                time.sleep(0.01)
                continue
            number += 1
            if status == 200:
                with lock:
                    acknowledged.add(answer["request_id"])

    clients = [threading.Thread(target=ask_on, args=(i,)) for i in range(4)]
    for client in clients:
        client.start()
    try:
        for kill in range(10):
            server = Served(store_arguments, tmp_path / "log")
            server.await_ready()
            before = len(acknowledged)
            current[0] = server
            until = time.monotonic() + 20
            while len(acknowledged) < before + 5 + kill and time.monotonic() < until:
                time.sleep(0.01)
            server.kill()
            current[0] = None
    finally:
        over.set()
        for client in clients:
            client.join()
    journaled = {record["event_id"] for record in read_records(Path(store_arguments[-1]))}
    assert len(acknowledged) >= 50
    assert acknowledged - journaled == set()


def test_a_torn_or_damaged_record_costs_itself_and_nothing_else(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for i in range(5):
        journal.append(answer(i))
    journal.close()
    segment = next(tmp_path.glob("*.journal"))
    whole = segment.read_bytes()
    after = Journal(tmp_path)
    after.append(answer(5))
    for cut in range(len(whole) - 1, len(whole) // 2, -7):
        segment.write_bytes(whole[:cut])
        found = numbers(tmp_path)
        assert found[-1] == 5
        assert found[:-1] == list(range(len(found) - 1))
    middle = whole.index(b'"event_id":"2"')
    segment.write_bytes(whole[:middle] + b"#" + whole[middle + 1 :])
    assert numbers(tmp_path) == [0, 1, 3, 4, 5], "one damaged record costs itself and nothing that follows"


def test_a_bundle_without_its_verdict_and_an_open_door_are_refused(world, tmp_path: Path, capsys) -> None:
    from boxwright.cli.main import run

    store = ["--store", str(world.root / "store")]
    assert run(["serve", "candidate/small", *store]) == 1
    assert "passing verdict" in capsys.readouterr().err
    assert run(["serve", *store, "--host", "0.0.0.0"]) == 2
    assert "token" in capsys.readouterr().err


def test_sixteen_bit_and_turned_bodies_are_answered(world, store_arguments: list[str], tmp_path: Path) -> None:
    import io

    from PIL import Image

    upright = read_picture(world.store.pictures.read(world.dataset.picture_digests[0]))
    turned = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.ascontiguousarray(np.rot90(upright))).save(turned, "PNG", exif=exif)
    deep = io.BytesIO()
    Image.fromarray(upright[..., 0].astype(np.uint16) << 8).save(deep, "PNG")
    with served(store_arguments, tmp_path / "log") as server:
        one = server.ask("POST", "/v1/detect?min_score=0.2", turned.getvalue())[1]
        assert (one["image"]["height"], one["image"]["width"]) == upright.shape[:2]
        expected = Detector(world.candidate).detect(upright)
        _, lost, iou, _ = agreement(as_detections(one), expected, above=0.2)
        assert (lost, round(iou, 2)) == (0, 1.0)
        assert server.ask("POST", "/v1/detect", deep.getvalue())[0] == 200
        assert server.ask("POST", "/v1/detect", write_jpeg(np.zeros((1, 1, 3), np.uint8)))[0] == 200


@pytest.mark.parametrize("promise", ["refuse", "answer"])
def test_what_a_server_does_without_its_journal_is_promised(world, promise: str, tmp_path: Path) -> None:
    from dataclasses import replace

    from starlette.testclient import TestClient

    from boxwright.serving.app import Server
    from boxwright.serving.limits import Limits
    from boxwright.serving.primary.slot import Slot

    disk = Failing(0, ("write", "open"), code=errno.ENOSPC, from_then_on=True)
    contract = world.candidate.contract.model_copy(update={"degraded": promise})
    bundle = replace(world.candidate, contract=contract)
    slot = Slot(lambda: Wanted(bundle.digest, "fixed"), lambda _digest: bundle, on_failure=pytest.fail)
    picture = world.store.pictures.read(world.dataset.picture_digests[0])
    with TestClient(Server(slot, Journal(tmp_path, fs=disk), Limits()).app()) as client:
        assert client.get("/v2/health/ready").status_code == 200
        disk.n = 1
        answer = client.post("/v1/detect", content=picture)
        assert answer.status_code == (200 if promise == "answer" else 503)
        assert ("detections" in answer.json()) == (promise == "answer")
        assert client.get("/v2/health/ready").status_code == (200 if promise == "answer" else 503)
        text = client.get("/metrics").text
        assert "boxwright_unrecorded_total 1.0" in text and "boxwright_journal_writable 0.0" in text
        assert f"boxwright_journal_gap_total {float(promise == 'answer')}" in text


def test_a_slow_body_gives_its_place_back(world, tmp_path: Path) -> None:
    import asyncio

    from boxwright.serving.app import Server
    from boxwright.serving.limits import Limits
    from boxwright.serving.primary.slot import Slot

    slot = Slot(
        lambda: Wanted(world.candidate.digest, "fixed"), lambda _digest: world.candidate, on_failure=pytest.fail
    )
    slot.follow()
    app = Server(slot, Journal(tmp_path), Limits(in_flight=1, waiting=0, body_seconds=0.2)).app()
    picture = world.store.pictures.read(world.dataset.picture_digests[0])

    async def post(body: bytes, *, finish: bool) -> int:
        """One request, straight at the ASGI app; without `finish` the rest of the body never comes."""
        sent: list[dict] = []
        parts = [{"type": "http.request", "body": body, "more_body": not finish}]

        async def receive() -> dict:
            if parts:
                return parts.pop()
            await asyncio.sleep(30)
            return {"type": "http.disconnect"}

        async def send(message: dict) -> None:
            sent.append(message)

        scope = {
            "type": "http", "method": "POST", "path": "/v1/detect", "raw_path": b"/v1/detect", "query_string": b"",
            "headers": [], "http_version": "1.1", "scheme": "http", "server": ("127.0.0.1", 1), "client": ("127.0.0.1", 2),
        }  # fmt: skip
        await app(scope, receive, send)
        return next(m["status"] for m in sent if m["type"] == "http.response.start")

    async def both() -> tuple[int, int]:
        return await post(b"\xff\xd8", finish=False), await post(picture, finish=True)

    with ThreadPoolExecutor(1) as thread:  # a browser test of this process may have a loop of its own running
        assert thread.submit(asyncio.run, both()).result() == (408, 200)
