"""A queue through a real Label Studio: pushed twice, answered as people would, pulled, accepted, corrected.

Needs an environment that holds Label Studio (`make labelstudio`, or BOXWRIGHT_LABEL_STUDIO with its bin folder); without one
these tests are skipped. The server starts from nothing in about a minute, keeps its data in a temporary folder, and asks for no
network.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from boxwright.artifacts import QUEUE_SCHEMA, Dataset, ReviewQueue
from boxwright.cli.main import run
from boxwright.cli.packing_line import write_frames
from boxwright.images import write_jpeg
from boxwright.ingestion import ingest
from boxwright.store import Store, digest_of_bytes
from boxwright.synthesis import packing_line
from tests.review.label_studio_server import fake_label_studio
from tests.worlds import picture

pytestmark = pytest.mark.slow
TOKEN = "0123456789abcdef0123456789abcdef01234567"
_BESIDE = Path(__file__).resolve().parents[2] / "build" / "peers_labelstudio" / "bin"
_START_S = 600


@dataclass(frozen=True)
class Studio:
    """A running Label Studio."""

    url: str

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """As a person's browser would, but with the token."""
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=60)
        try:
            headers = {"Authorization": f"Token {TOKEN}", "Content-Type": "application/json"}
            connection.request(method, path, body=None if body is None else json.dumps(body), headers=headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"null")
        finally:
            connection.close()

    def tasks(self, title: str) -> list[dict[str, Any]]:
        """All tasks of a project, whole."""
        _, projects = self.ask("GET", "/api/projects/?page_size=100")
        number = next(p["id"] for p in projects["results"] if p["title"] == title)
        _, found = self.ask("GET", f"/api/tasks/?project={number}&page_size=500&fields=all")
        return found["tasks"]


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    folder = Path(os.environ.get("BOXWRIGHT_LABEL_STUDIO") or _BESIDE)
    program = (folder if folder.is_dir() else folder.parent) / "label-studio"
    if not program.is_file():
        pytest.skip(
            f"no Label Studio in '{folder}'; run `make labelstudio`, or set BOXWRIGHT_LABEL_STUDIO to its bin folder"
        )
    home = tmp_path_factory.mktemp("label-studio")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(program), "start", "--no-browser", "--internal-host", "127.0.0.1", "--port", str(port),
               "--data-dir", str(home / "data"), "--username", "me@example.com", "--password", "a-long-password",
               "--user-token", TOKEN, "--enable-legacy-api-token"]  # fmt: skip
    offline = {
        "COLLECT_ANALYTICS": "False",
        "LATEST_VERSION_CHECK": "False",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
    }
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=home, stdout=log, stderr=log, start_new_session=True,
                                   env={**os.environ, **offline, "HOME": str(home)})  # fmt: skip
        try:
            _await(process, port, home / "log")
            yield Studio(f"http://127.0.0.1:{port}")
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def _await(process: subprocess.Popen, port: int, log: Path) -> None:
    until = time.monotonic() + _START_S
    while time.monotonic() < until and process.poll() is None:
        try:
            if Studio(f"http://127.0.0.1:{port}").ask("GET", "/health")[0] == 200:
                return
        except (OSError, ValueError):
            pass
        time.sleep(0.5)
    raise AssertionError(f"Label Studio did not start (exit {process.poll()}): {log.read_text()[-3000:]}")


@dataclass(frozen=True)
class Asked:
    """A store with a dataset, and a queue that doubts its first pictures and one picture of traffic."""

    root: Path
    dataset: Dataset
    queue: ReviewQueue

    @property
    def places(self) -> list[str]:
        return ["--store", str(self.root / "store"), "--journal", str(self.root / "journal")]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    root = tmp_path_factory.mktemp("asked")
    write_frames(root / "data", list(packing_line(30, season="summer", seed=3, frames_per_clip=1)))
    store = Store(root / "store")
    dataset, reading = ingest(root / "data" / "annotations.json", name="line", keep=store.pictures.add)
    assert reading.problems == []
    store.put(dataset, name="dataset/line")
    seen = write_jpeg(picture(200, 300))
    (root / "journal" / "pictures").mkdir(parents=True)
    (root / "journal" / "pictures" / digest_of_bytes(seen)).write_bytes(seen)
    items = [_suspect(row) for row in dataset.rows.to_pylist()[:20]]
    items.append({**items[0], "item": "event-1", "picture": digest_of_bytes(seen), "file_name": "seen.jpg", "reason": "novel",
                  "proposal": json.dumps({"boxes_xyxy": [[10, 20, 60, 90.5]], "score": [0.4], "class_id": [0]})})  # fmt: skip
    queue = ReviewQueue(class_names=dataset.class_names, items=pa.Table.from_pylist(items, schema=QUEUE_SCHEMA),
                        made_from={"dataset": dataset.digest})  # fmt: skip
    store.put(queue, name="review/line")
    return Asked(root, dataset, queue)


def _suspect(row: dict[str, Any]) -> dict[str, Any]:
    corners = [list(box) for box in zip(row["x1"], row["y1"], row["x2"], row["y2"], strict=True)]
    proposal = {"boxes_xyxy": corners, "score": [1.0] * len(corners), "class_id": row["class_id"]}
    now = time.time()
    return {"item": f"dataset-{row['image_id']}", "picture": row["picture"], "file_name": row["file_name"], "camera": "",
            "priority": "P2", "reason": "suspect", "value": 0.9, "selected_at": now, "due_at": now + 86400,
            "proposal": json.dumps(proposal)}  # fmt: skip


@pytest.fixture
def verb(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """Run a verb with --json; its object and what it said."""
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", TOKEN)

    def called(*arguments: object, code: int = 0) -> tuple[dict[str, Any], str]:
        found = run([*map(str, arguments), "--json"])
        captured = capsys.readouterr()
        assert found == code, captured.err
        assert TOKEN not in captured.out + captured.err
        return json.loads(captured.out or "{}"), captured.err

    return called


def test_there_and_back(studio: Studio, asked: Asked, verb, tmp_path: Path) -> None:
    there = ["--url", studio.url, "--project", "line & <more>", *asked.places]
    first, _ = verb("review", "push", "review/line", "--to", "labelstudio", *there)
    assert (first["created"], first["new"], first["known"], first["uploaded"]) == (True, 21, 0, 21)
    again, _ = verb("review", "push", "review/line", *there)
    assert (again["created"], again["new"], again["known"], again["uploaded"]) == (False, 0, 21, 0)
    tasks = studio.tasks("line & <more>")
    assert [t["data"]["item"] for t in tasks] == asked.queue.items.column("item").to_pylist()
    assert {p["model_version"] for t in tasks for p in t["predictions"]} == {asked.dataset.digest}
    for task in tasks[:2]:  # a person's browser finds the picture
        assert studio_picture(studio, task["data"]["image"]) == asked_picture(asked, task["data"]["picture"])
    expected = people_answer(studio, tasks, asked)
    pulled, said = verb("review", "pull", "review/line", tmp_path / "answers.json", "--from", "labelstudio", *there)
    counts = (pulled["answered"], pulled["skipped"], pulled["waiting"], pulled["missing"])
    assert counts == (len(expected), [tasks[3]["data"]["item"]], 21 - len(expected) - 2, [])
    assert [(r["item"], "rotation 30" in r["why"]) for r in pulled["refused"]] == [(tasks[5]["data"]["item"], True)]
    assert "stays open" in said
    accepted, _ = verb("review", "accept", "review/line", tmp_path / "answers.json", *asked.places)
    assert (accepted["answered"], accepted["open"], accepted["late"]) == (len(expected), 21 - len(expected), 0)
    corrected, _ = verb("correct", "dataset/line", "corrections/latest", *asked.places[:2])
    after = Store(asked.root / "store").get(corrected["dataset"], Dataset)
    rows = {row["picture"]: row for row in after.rows.to_pylist()}
    for digest, boxes in expected.items():
        row = rows[digest]
        found = np.array([row[c] for c in ("x1", "y1", "x2", "y2")]).T.reshape(-1, 4)
        assert found.shape == boxes.shape
        assert np.abs(found - boxes).max(initial=0) < 1e-3
    assert len(corrected["diff"]["pictures_added"]) == 1
    changed = corrected["diff"]
    counts = [len(json.loads(text)["class_id"]) for text in asked.queue.items.column("proposal").to_pylist()]
    gone = 1 + counts[2] + counts[4] - 1  # one drawn elsewhere, all of the third, all but one of the fifth
    assert (changed["boxes_added"], changed["boxes_removed"], changed["boxes_moved"]) == (1 + counts[20], gone, 0)
    untouched = [r for r in asked.dataset.rows.to_pylist() if r["picture"] not in expected]
    assert all(rows[r["picture"]]["x1"] == r["x1"] for r in untouched)


def people_answer(studio: Studio, tasks: list[dict[str, Any]], asked: Asked) -> dict[str, np.ndarray]:
    """As people would; the boxes that each answered picture should have, by digest."""

    def submit(task: dict[str, Any], result: list[dict[str, Any]], **more: Any) -> None:
        status, _ = studio.ask("POST", f"/api/tasks/{task['id']}/annotations/", {"result": result, **more})
        assert status == 201

    def proposed(task: dict[str, Any]) -> list[dict[str, Any]]:
        return json.loads(json.dumps(task["predictions"][0]["result"]))

    def boxes(k: int) -> np.ndarray:
        return np.array(json.loads(asked.queue.items.column("proposal")[k].as_py())["boxes_xyxy"], float).reshape(-1, 4)

    moved = proposed(tasks[1])
    wide, high = moved[0]["original_width"], moved[0]["original_height"]
    target = np.array([3.0, 4.25, 47.5, 31.0])
    moved[0]["value"].update(x=3 / wide * 100, y=4.25 / high * 100, width=44.5 / wide * 100, height=26.75 / high * 100)
    turned = proposed(tasks[5])
    turned[0]["value"]["rotation"] = 30
    submit(tasks[0], proposed(tasks[0]))  # agreed
    submit(tasks[1], moved)  # one box elsewhere
    submit(tasks[2], [])  # nothing here
    submit(tasks[3], proposed(tasks[3]), was_cancelled=True)  # skipped
    submit(tasks[4], proposed(tasks[4]))
    submit(tasks[4], proposed(tasks[4])[:1])  # thought better of it
    submit(tasks[5], turned)
    submit(tasks[20], proposed(tasks[20]))
    changed = boxes(1)
    elsewhere = np.abs(changed[0] - target).max() > 0.5  # then it is another box, with an id of its own
    assert elsewhere
    changed[0] = target
    answers = {0: boxes(0), 1: changed, 2: np.zeros((0, 4)), 4: boxes(4)[:1], 20: boxes(20)}
    pictures = asked.queue.items.column("picture").to_pylist()
    return {pictures[k]: found for k, found in answers.items()}


def studio_picture(studio: Studio, path: str) -> bytes:
    connection = http.client.HTTPConnection(studio.url.removeprefix("http://"), timeout=60)
    try:
        connection.request("GET", path, headers={"Authorization": f"Token {TOKEN}"})
        return connection.getresponse().read()
    finally:
        connection.close()


def asked_picture(asked: Asked, digest: str) -> bytes:
    return Store(asked.root / "store").pictures.read(digest)


def test_the_exported_file_is_accepted_too(studio: Studio, asked: Asked, verb, tmp_path: Path) -> None:
    there = ["--url", studio.url, "--project", "by file", *asked.places]
    verb("review", "push", "review/line", *there)
    tasks = studio.tasks("by file")
    for task in tasks[:3]:
        studio.ask("POST", f"/api/tasks/{task['id']}/annotations/", {"result": task["predictions"][0]["result"]})
    status, export = studio.ask(
        "GET", f"/api/projects/{tasks[0]['project']}/export?exportType=JSON&download_all_tasks=true"
    )
    assert status == 200
    (tmp_path / "export.json").write_text(json.dumps(export))
    accepted, _ = verb("review", "accept", "review/line", tmp_path / "export.json", *asked.places)
    assert (accepted["answered"], accepted["open"]) == (3, 18)


def test_a_personal_access_token_opens_as_well(studio: Studio, asked: Asked, verb, monkeypatch, tmp_path: Path) -> None:
    status, made = studio.ask("POST", "/api/token/", {})
    assert status == 201 and made["token"].count(".") == 2
    monkeypatch.setenv("PERSONAL", made["token"])
    there = ["--url", studio.url, "--project", "personal", "--token-env", "PERSONAL", *asked.places]
    assert verb("review", "push", "review/line", *there)[0]["new"] == 21
    assert verb("review", "pull", "review/line", tmp_path / "a.json", *there)[0]["waiting"] == 21


@pytest.mark.parametrize("token", ["f" * 40, "eyJhbGciOiJIUzI1NiJ9.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCJ9.aaaa"])
def test_a_wrong_token_is_one_sentence(studio: Studio, asked: Asked, verb, monkeypatch, token: str) -> None:
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", token)
    there = ["--url", studio.url, "--project", "line", *asked.places]
    _, said = verb("review", "push", "review/line", *there, code=2)
    assert "does not accept the token (401)" in said and token not in said and said.count("\n") == 1


def test_the_fake_has_the_real_ones_shape(studio: Studio, asked: Asked, verb) -> None:
    """Whatever the fake server answers, the real one answers with the same status, keys and types."""
    with fake_label_studio() as fake:
        for url in (studio.url, fake.url):
            verb("review", "push", "review/line", "--url", url, "--project", "shape", *asked.places)
        pairs = []
        for one in (studio, Studio(fake.url)):
            task = one.tasks("shape")[0]
            upload = task["data"]["image"].removeprefix("/data/")
            _, uploads = one.ask("GET", f"/api/projects/{task['project']}/file-uploads?all=true")
            number = next(u["id"] for u in uploads if u["file"] == upload)
            region = task["predictions"][0]["result"]
            project = f"/api/projects/{task['project']}/"
            pairs.append(
                [
                    one.ask("GET", "/api/projects/?title=shape&page=1&page_size=100"),
                    one.ask("GET", "/api/projects/?title=no-such"),
                    one.ask("GET", project),
                    one.ask("GET", "/api/projects/9999/"),
                    one.ask("PATCH", project, {"model_version": asked.dataset.digest}),
                    one.ask("GET", f"{project}file-uploads?all=true"),
                    one.ask("GET", f"{project}file-uploads?ids=[{number}]"),
                    one.ask("GET", f"{project}file-uploads?ids=[99999]"),
                    one.ask(
                        "POST", f"{project}import", [{"data": task["data"], "predictions": task["predictions"][:0]}]
                    ),
                    one.ask("POST", f"/api/tasks/{task['id']}/annotations/", {"result": region}),
                    one.ask("GET", f"/api/tasks/?project={task['project']}&page=1&page_size=3&resolve_uri=false"),
                    one.ask(
                        "GET", f"/api/tasks/?project={task['project']}&page=1&page_size=3&fields=all&resolve_uri=false"
                    ),
                    one.ask("GET", f"/api/tasks/?project={task['project']}&page=900&page_size=3&fields=all"),
                    one.ask("POST", "/api/token/refresh/", {"refresh": "a.b.c"}),
                ]
            )
        for (real_status, real), (fake_status, faked) in zip(*pairs, strict=True):
            assert fake_status == real_status, (faked, real)
            assert_within(faked, real, "answer")


def assert_within(faked: Any, real: Any, where: str) -> None:
    """Every key of the fake's answer is in the real one's, with a value of the same type."""
    if isinstance(faked, dict):
        assert isinstance(real, dict), where
        lacking = set(faked) - set(real)
        assert not lacking, f"{where}: the real one has no {lacking}, only {sorted(real)}"
        for key in faked:
            assert_within(faked[key], real[key], f"{where}.{key}")
    elif isinstance(faked, list):
        assert isinstance(real, list) and bool(faked) == bool(real), f"{where}: {faked!r:.200} and {real!r:.200}"
        for one, other in zip(faked[:1], real[:1], strict=True):
            assert_within(one, other, f"{where}[0]")
    elif faked is not None and real is not None:
        number = isinstance(faked, int | float) and isinstance(real, int | float)
        assert number or type(faked) is type(real), f"{where}: {faked!r:.100} and {real!r:.100}"
