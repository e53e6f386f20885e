"""A queue about a dataset and about traffic: to files of each tool and back, into the dataset's next version."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pyarrow as pa
import pytest

from boxwright.artifacts import QUEUE_SCHEMA, Corrections, Dataset, ReviewQueue
from boxwright.cli.main import run
from boxwright.errors import InputError
from boxwright.labels import correct, diff
from boxwright.lifecycle import Accepted, accept_answers, at_hand, export_queue, pictures_of, read_answer_file
from boxwright.store import Store, digest_of_bytes
from tests.review.label_studio_server import LEGACY, fake_label_studio
from tests.worlds import DAY, NAMES, dataset, encoded, picture, queue_item, row

BOXES = [[(10.0, 10.0, 40.5, 50.25), (50.0, 20.0, 79.0, 59.0)], [(5.0, 5.0, 15.0, 25.0)], [], [(1.0, 2.0, 30.0, 40.0)]]


@dataclass(frozen=True)
class World:
    """Three pictures of a dataset in the store, one of traffic in the journal, and a queue about all four."""

    root: Path
    store: Store
    journal: Path
    dataset: Dataset
    queue: ReviewQueue

    def export(self, form: Any) -> Path:
        folder = self.root / form
        export_queue(self.store, self.queue, self.journal, folder, form=form)
        return folder

    def accept(self, path: Path, reviewer: str = "ann", **confirmed: bool) -> Corrections:
        return self.weigh(path, reviewer, **confirmed).corrections

    def weigh(self, path: Path, reviewer: str = "ann", **confirmed: bool) -> Accepted:
        read = read_answer_file(self.store, self.queue, self.journal, path)
        return accept_answers(self.store, self.queue, read.answers, self.journal, reviewer=reviewer, **confirmed)


@pytest.fixture
def world(tmp_path: Path) -> World:
    store = Store(tmp_path / "store")
    data = [encoded(picture(60, 80, seed=k)) for k in range(4)]
    digests = store.pictures.add(data[:3])
    journal = tmp_path / "journal"
    (journal / "pictures").mkdir(parents=True)
    seen = digest_of_bytes(data[3])
    (journal / "pictures" / seen).write_bytes(data[3])
    made = dataset([row(k + 1, BOXES[k], picture=digests[k]) for k in range(3)])
    items = []
    for k, (digest, name) in enumerate(
        zip([*digests, seen], ["dataset-1", "dataset-2", "dataset-3", "event-1"], strict=True)
    ):
        proposal = {"boxes_xyxy": BOXES[k], "score": [0.9] * len(BOXES[k]), "class_id": [0] * len(BOXES[k])}
        item = queue_item(name, picture=digest, file_name=f"{k}.png", due_at=DAY)
        items.append({**item, "reason": "suspect" if k < 3 else "novel", "proposal": json.dumps(proposal)})
    queue = ReviewQueue(class_names=NAMES, items=pa.Table.from_pylist(items, schema=QUEUE_SCHEMA),
                        made_from={"dataset": made.digest})  # fmt: skip
    store.put(made, name="dataset/line")
    store.put(queue, name="review/line")
    return World(tmp_path, store, journal, made, queue)


def edit_coco(folder: Path) -> Path:
    """Looked at: 1 (untouched), 2 (emptied), event-1 (untouched); 3 was not."""
    path = folder / "annotations.json"
    tree = json.loads(path.read_text())
    left_out, emptied = (
        next(i["id"] for i in tree["images"] if i["file_name"] == n) for n in ("dataset-3.png", "dataset-2.png")
    )
    tree["images"] = [i for i in tree["images"] if i["id"] != left_out]
    tree["annotations"] = [a for a in tree["annotations"] if a["image_id"] not in (emptied, left_out)]
    path.write_text(json.dumps(tree))
    return path


def edit_cvat(folder: Path) -> Path:
    path = folder / "annotations.xml"
    tree = ET.parse(path)
    for image in tree.getroot().findall("image"):
        if image.attrib["name"] == "dataset-2.png":
            for box in image.findall("box"):
                image.remove(box)
        if image.attrib["name"] != "dataset-3.png":
            ET.SubElement(image, "tag", {"label": "reviewed", "source": "manual"})
    tree.write(path)
    return path


def edit_labelstudio(folder: Path) -> Path:
    path = folder / "tasks.json"
    tasks = json.loads(path.read_text())
    for number, task in enumerate(tasks, start=1):
        task["id"] = number
        result = [] if task["data"]["item"] == "dataset-2" else task["predictions"][0]["result"]
        done = {
            "id": number,
            "result": result,
            "completed_by": 3,
            "was_cancelled": False,
            "updated_at": "2025-06-01T00:00:00Z",
        }
        task["annotations"] = [] if task["data"]["item"] == "dataset-3" else [done]
    path.write_text(json.dumps(tasks))
    return path


EDITS: dict[str, Callable[[Path], Path]] = {"coco": edit_coco, "cvat": edit_cvat, "labelstudio": edit_labelstudio}


@pytest.mark.parametrize("form", list(EDITS))
def test_to_a_tool_and_back(world: World, form: str) -> None:
    found = world.accept(EDITS[form](world.export(form)), unchanged_is_confirmed=True)
    rows = {r["item"]: r for r in found.answers.to_pylist()}
    assert set(rows) == {"dataset-1", "dataset-2", "event-1"}
    assert rows["dataset-2"]["x1"] == []  # looked at: nothing here
    after = correct(world.dataset, found)
    changed = diff(world.dataset, after)
    assert len(changed.pictures_added) == 1
    assert (changed.boxes_removed, changed.boxes_added, changed.boxes_moved, changed.boxes_rejudged) == (1, 1, 0, 0)
    by_picture = {r["picture"]: r for r in after.rows.to_pylist()}
    for k, item in enumerate(world.queue.items.to_pylist()):
        boxes = np.array([by_picture[item["picture"]][c] for c in ("x1", "y1", "x2", "y2")]).T.reshape(-1, 4)
        assert np.abs(boxes - np.array([] if k == 1 else BOXES[k]).reshape(-1, 4)).max(initial=0) < 1e-6
    assert item["picture"] in world.store.pictures  # what was reviewed is kept from here on


def test_the_cvat_list_counts_where_the_tag_is_unknown(world: World) -> None:
    path = edit_cvat(world.export("cvat"))
    text = path.read_text()
    for unknown in ('<tag label="reviewed" source="manual" />', "<name>reviewed</name>"):
        assert unknown in text
        text = text.replace(unknown, "<name>scene</name>" if unknown.startswith("<name") else "")
    path.write_text(text)
    assert len(world.accept(path, unchanged_is_confirmed=True)) == 4
    found = world.weigh(path)  # without the tag nothing says that a person looked at the others
    assert found.corrections.answers.column("item").to_pylist() == ["dataset-2"]
    assert len(found.weighed.of_state("untouched")) == 3


def test_marks_in_cvat_come_back(world: World) -> None:
    path = edit_cvat(world.export("cvat"))
    first = path.read_text().replace('occluded="0"', 'occluded="1"', 1)
    path.write_text(first.replace('<attribute name="ignore">false', '<attribute name="ignore">true', 1))
    found = world.accept(path).answers.to_pylist()
    answer = next(r for r in found if r["item"] == "dataset-1")
    assert answer["ignore"] == [True, False]
    assert [json.loads(marks) for marks in answer["attributes"]] == [{"occluded": True}, {}]


def test_turned_boxes_are_refused_as_a_whole(world: World) -> None:
    path = edit_cvat(world.export("cvat"))
    path.write_text(path.read_text().replace('occluded="0"', 'occluded="0" rotation="20.0"', 1))
    with pytest.raises(InputError, match="holds 1 x rotated box; answers are upright boxes. Nothing was accepted"):
        world.accept(path)


def test_label_studios_export_knows_who_and_when(world: World) -> None:
    path = edit_labelstudio(world.export("labelstudio"))
    found = world.accept(path, reviewer="").answers.to_pylist()
    assert {r["reviewer"] for r in found} == {"labelstudio:3"}
    assert all(r["in_time"] for r in found)
    tasks = json.loads(path.read_text())
    tasks[0]["annotations"][0]["result"][0]["value"]["rotation"] = 4
    path.write_text(json.dumps(tasks))
    with pytest.raises(InputError, match="answer for item 'dataset-1' cannot be used: a box has the rotation 4"):
        world.accept(path)


def test_coco_does_not_know_who(world: World) -> None:
    path = edit_coco(world.export("coco"))
    with pytest.raises(InputError, match="does not say who gave it; name them with --reviewer"):
        world.accept(path, reviewer="")


def test_pictures_come_from_store_and_journal(world: World) -> None:
    digests = world.queue.items.column("picture").to_pylist()
    look = pictures_of(world.store, world.journal)
    assert [digest_of_bytes(look(d)) for d in digests] == digests
    assert at_hand(world.store, world.journal, [*digests, "", "../x", "0" * 64]) == set(digests)
    kept = world.journal / "pictures" / digests[3]
    kept.write_bytes(b"another")
    with pytest.raises(InputError, match="is damaged: its bytes have another digest"):
        look(digests[3])
    kept.unlink()
    with pytest.raises(InputError, match="is neither in the store nor kept in"):
        look(digests[3])
    for digest in ("", "../../etc/passwd"):
        with pytest.raises(InputError, match="has no picture"):
            look(digest)


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str], world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", LEGACY)

    def verb(*arguments: object, code: int = 0) -> Any:
        found = run(
            [
                "review",
                *map(str, arguments),
                "--json",
                "--store",
                str(world.root / "store"),
                "--journal",
                str(world.journal),
            ]
        )
        captured = capsys.readouterr()
        assert found == code, captured.err
        assert LEGACY not in captured.out + captured.err
        return json.loads(captured.out) if code == 0 else captured.err

    return verb


def test_the_verbs(world: World, ask) -> None:
    items = ask("list", "review/line")["items"]
    assert [(i["item"], i["reason"], i["at_hand"]) for i in items[2:]] == [
        ("dataset-3", "suspect", True),
        ("event-1", "novel", True),
    ]
    assert ask("page", "review/line", world.root / "queue.html")["items"] == 4
    page = (world.root / "queue.html").read_text()
    assert "picture not at hand" not in page and "suspect" in page
    for form, edit in EDITS.items():
        assert ask("export", "review/line", world.root / form, "--to", form)["items"] == 4
        path = edit(world.root / form)
        accepted = ask("accept", "review/line", path, "--reviewer", "ann", "--unchanged-is-confirmed")
        assert (accepted["answered"], accepted["open"]) == (3, 1)
        assert accepted["boxes"] == {"added": 0, "removed": 1, "moved": 0, "relabelled": 0, "marked": 0, "kept": 3}
    assert [i["answered"] for i in ask("list", "review/line")["items"]] == [True, True, False, True]
    (world.journal / "pictures" / items[3]["picture"]).unlink()
    assert ask("list", "review/line")["items"][3]["at_hand"] is True  # accepted pictures are kept in the store


def test_push_and_pull_by_verb(world: World, ask) -> None:
    with fake_label_studio() as fake:
        there = ("--url", fake.url, "--project", "line")
        pushed = ask("push", "review/line", *there)
        assert pushed == {"items": 4, "project": 1, "created": True, "new": 4, "known": 0, "uploaded": 4,
                          "proposed": 4, "held_back": 0}  # fmt: skip
        assert ask("push", "review/line", *there)["new"] == 0
        fake.annotate(1, fake.tasks[0]["predictions"][0]["result"])
        fake.annotate(2, [], cancelled=True)
        fake.annotate(3, [{"type": "polygonlabels", "value": {}}])
        pulled = ask("pull", "review/line", world.root / "answers.json", *there)
        assert (pulled["answered"], pulled["skipped"], pulled["waiting"]) == (1, ["dataset-2"], 1)
        assert [r["item"] for r in pulled["refused"]] == ["dataset-3"]
        assert ask("accept", "review/line", world.root / "answers.json")["answered"] == 1
        assert "does not exist (404)" in ask(
            "push", "review/line", "--url", fake.url + "/elsewhere", "--project", "line", code=2
        )
    assert "Nothing listens" in ask("pull", "review/line", world.root / "a.json", *there, code=2)
    assert not (world.root / "a.json").exists()


def test_without_a_token_nothing_is_sent(world: World, ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LABEL_STUDIO_API_KEY")
    said = ask("push", "review/line", "--url", "http://127.0.0.1:9", "--project", "line", code=2)
    assert "LABEL_STUDIO_API_KEY holds no token" in said
    monkeypatch.setenv("OTHER", "x")
    said = ask(
        "push", "review/line", "--url", "http://labels.example.org", "--project", "line", "--token-env", "OTHER", code=2
    )
    assert "unencrypted; use https, or --insecure" in said
