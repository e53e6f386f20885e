"""Proposals never return as ground truth by themselves: a queue of traffic to each tool and back, by the verbs; and taken back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from boxwright.artifacts import Corrections, Dataset, ReviewQueue
from boxwright.artifacts.review_queue import Selection
from boxwright.cli.main import run
from boxwright.detections import Detections
from boxwright.lifecycle.review_log import asked_pictures, counting_corrections, entries
from boxwright.review import Answering, AtHand, Known, select
from boxwright.store import Store, digest_of_bytes
from tests.review.label_studio_server import LEGACY, fake_label_studio
from tests.worlds import dataset, encoded, events, picture, row, spec

COUNT = 6
THRESHOLDS = {"carton": 0.5, "pouch": 0.35}
ANSWERED = 3  # boxes per image from threshold minus margin on
Verb = Callable[..., Any]


def detections(k: int) -> Detections:
    """Ninety-four boxes, as a bundle logs them: three that matter, the rest faint."""
    rng = np.random.default_rng(k)
    x1, y1 = rng.uniform(0, 60, 94), rng.uniform(0, 40, 94)
    boxes = np.stack([x1, y1, x1 + rng.uniform(4, 19, 94), y1 + rng.uniform(4, 19, 94)], axis=1)
    score = np.concatenate([[0.9, 0.45, 0.3], np.linspace(0.24, 0.001, 91)])
    return Detections(boxes, score, np.concatenate([[0, 0, 1], rng.integers(0, 2, 91)]))


@dataclass(frozen=True)
class World:
    """A queue about traffic, its pictures in the journal, and a dataset that knows none of them."""

    root: Path
    store: Store
    queue: ReviewQueue
    verb: Verb

    def export(self, form: str, *more: object) -> Path:
        folder = self.root / f"{form}{len(list(self.root.iterdir()))}"
        self.verb("review", "export", "review/line", folder, "--to", form, *more)
        return folder

    def accept(self, path: Path, *more: object, code: int = 0) -> Any:
        return self.verb("review", "accept", "review/line", path, "--reviewer", "ann", *more, code=code)


@pytest.fixture
def world(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> World:
    store = Store(tmp_path / "store")
    (tmp_path / "journal" / "pictures").mkdir(parents=True)
    digests = []
    for k in range(COUNT):
        data = encoded(picture(60, 80, seed=k))
        digests.append(digest_of_bytes(data))
        (tmp_path / "journal" / "pictures" / digests[k]).write_bytes(data)
    seen = events([detections(k) for k in range(COUNT)], pictures=digests)
    queue = select(
        seen, Known(np.zeros((COUNT, 3)), np.zeros((0, 3))), spec(review={"random_share": 1.0}),
        answering=Answering(THRESHOLDS), at_hand=AtHand(set(digests)),
    )  # fmt: skip
    assert len(queue) == COUNT
    store.put(seen)
    store.put(queue, name="review/line")
    store.put(dataset([row(1, [(1, 2, 30, 40)])]), name="dataset/line")

    def verb(*arguments: object, code: int = 0) -> Any:
        places = ["--store", str(tmp_path / "store")]
        if arguments[0] == "review" and arguments[1] not in ("undo", "close"):
            places += ["--journal", str(tmp_path / "journal")]
        found = run([*map(str, arguments), "--json", *places])
        captured = capsys.readouterr()
        assert found == code, captured.err
        return json.loads(captured.out) if code == 0 else captured.err

    return World(tmp_path, store, queue, verb)


def coco(folder: Path) -> Path:
    """As a tool exports what it imported: two decimals, classes in another order, names with a folder, ids of its own."""
    path = folder / "annotations.json"
    tree = json.loads(path.read_text())
    turned = {c["id"]: len(tree["categories"]) - k for k, c in enumerate(tree["categories"])}
    for a in tree["annotations"]:
        a["bbox"] = [round(v, 2) for v in a["bbox"]]
        a["category_id"], a["id"] = turned[a["category_id"]], a["id"] + 500
        a["attributes"] = {"occluded": False}
        del a["score"]
    for c in tree["categories"]:
        c["id"] = turned[c["id"]]
    for image in tree["images"]:
        image["file_name"] = f"task 7/{image['file_name']}"
    path.write_text(json.dumps({**tree, "categories": tree["categories"][::-1]}))
    return path


def cvat(folder: Path) -> Path:
    """As CVAT exports a task whose labels somebody made by hand: two decimals, no tag."""
    path = folder / "annotations.xml"
    tree = ET.parse(path)
    for labels in tree.getroot().iter("labels"):
        for label in [found for found in labels if found.findtext("name") == "reviewed"]:
            labels.remove(label)
    for box in tree.getroot().iter("box"):
        box.attrib.update({k: f"{float(box.attrib[k]):.2f}" for k in ("xtl", "ytl", "xbr", "ybr")})
    tree.write(path)
    return path


def label_studio(folder: Path) -> Path:
    """As Label Studio exports a project where predictions became annotations by a batch, opened by nobody."""
    path = folder / "tasks.json"
    tasks = json.loads(path.read_text())
    for number, task in enumerate(tasks, start=1):
        task["annotations"] = [
            {"id": number, "result": task["predictions"][0]["result"], "completed_by": 1, "was_cancelled": False,
             "lead_time": None, "parent_prediction": number, "updated_at": "2026-06-01T00:00:00Z"}
        ]  # fmt: skip
    path.write_text(json.dumps(tasks))
    return path


def touch_coco(path: Path) -> str:
    tree = json.loads(path.read_text())
    image = tree["images"][2]
    gone = next(a for a in tree["annotations"] if a["image_id"] == image["id"])
    tree["annotations"].remove(gone)
    path.write_text(json.dumps(tree))
    return Path(image["file_name"]).stem


def touch_cvat(path: Path) -> str:
    tree = ET.parse(path)
    image = tree.getroot().findall("image")[2]
    image.remove(image.findall("box")[0])
    tree.write(path)
    return Path(image.attrib["name"]).stem


def touch_label_studio(path: Path) -> str:
    tasks = json.loads(path.read_text())
    tasks[2]["annotations"][0]["result"] = tasks[2]["annotations"][0]["result"][1:]
    path.write_text(json.dumps(tasks))
    return tasks[2]["data"]["item"]


TOOLS = {"coco": (coco, touch_coco), "cvat": (cvat, touch_cvat), "labelstudio": (label_studio, touch_label_studio)}


@pytest.mark.parametrize("form", list(TOOLS))
@pytest.mark.parametrize("more", [(), ("--least-score", "0"), ("--least-score", "0.8")])
def test_an_untouched_export_is_refused_and_one_touched_image_is_one_answer(
    world: World, form: str, more: tuple
) -> None:
    back, touch = TOOLS[form]
    path = back(world.export(form, *more))
    said = world.accept(path, code=2)
    assert "unchanged: nothing shows that a person looked" in said and "--unchanged-is-confirmed" in said
    assert world.store.digests(Corrections.kind) == [] and "corrections/latest" not in world.store.names()
    item = touch(path)
    found = world.accept(path, "--emptied-is-confirmed")
    assert (found["answered"], found["open"]) == (1, COUNT - 1)
    assert found["names_met"] == ({"ending": COUNT} if form == "coco" else {})
    assert [c["item"] for c in found["changes"] if c["answered"]] == [item]
    assert found["boxes"]["removed"] == 1 and len(found["untouched"]) == COUNT - 1
    assert [i["item"] for i in world.verb("review", "list", "review/line")["items"] if i["answered"]] == [item]
    assert world.accept(path, "--unchanged-is-confirmed", "--emptied-is-confirmed")["answered"] == COUNT


def test_what_goes_out_is_what_would_be_answered(world: World) -> None:
    told = world.verb("review", "export", "review/line", world.root / "a")
    assert (told["items"], told["proposed"], told["held_back"]) == (COUNT, ANSWERED * COUNT, (94 - ANSWERED) * COUNT)
    assert len(json.loads((world.root / "a" / "annotations.json").read_text())["annotations"]) == ANSWERED * COUNT
    told = world.verb("review", "export", "review/line", world.root / "b", "--least-score", "0")
    assert (told["proposed"], told["held_back"]) == (94 * COUNT, 0)
    world.verb("review", "page", "review/line", world.root / "queue.html")
    assert (world.root / "queue.html").read_text().count("91 fainter held back") == COUNT


def test_a_submitted_annotation_counts_as_it_stands(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", LEGACY)
    with fake_label_studio() as fake:
        there = ("--url", fake.url, "--project", "line")
        assert world.verb("review", "push", "review/line", *there)["held_back"] == (94 - ANSWERED) * COUNT
        agreed = fake.tasks[0]["predictions"][0]["result"]
        assert len(agreed) == ANSWERED
        fake.annotate(1, agreed)
        fake.annotate(2, [])
        fake.annotate(3, [], cancelled=True)
        pulled = world.verb("review", "pull", "review/line", world.root / "answers.json", *there)
        assert (pulled["answered"], len(pulled["skipped"]), pulled["unopened"]) == (2, 1, [])
    found = world.accept(world.root / "answers.json")
    assert (found["answered"], found["boxes"]["kept"], found["boxes"]["removed"]) == (2, ANSWERED, ANSWERED)
    assert [c["state"] for c in found["changes"]] == ["confirmed", "changed"]


def test_a_file_without_any_box_is_refused(world: World) -> None:
    path = coco(world.export("coco"))
    tree = json.loads(path.read_text())
    path.write_text(json.dumps({**tree, "annotations": []}))
    assert "contains no box at all" in world.accept(path, code=2)
    assert "contains no box at all" in world.accept(path, "--unchanged-is-confirmed", code=2)
    assert world.store.digests(Corrections.kind) == []
    assert world.accept(path, "--emptied-is-confirmed")["boxes"]["removed"] == ANSWERED * COUNT


def test_an_untagged_image_in_cvat_stays_open_and_its_changes_are_told(world: World) -> None:
    path = world.export("cvat") / "annotations.xml"
    item = touch_cvat(path)
    said = world.accept(path, code=2)
    assert "None of the 6 images has the tag 'reviewed' (1 have changed boxes)" in said
    assert "tag 'reviewed'" in world.accept(path, "--unchanged-is-confirmed", code=2)
    tree = ET.parse(path)
    ET.SubElement(tree.getroot().findall("image")[0], "tag", {"label": "reviewed", "source": "manual"})
    tree.write(path)
    found = world.accept(path)
    assert found["answered"] == 1 and len(found["not_marked"]) == COUNT - 1 and item in found["not_marked"]


def answered_once(world: World) -> tuple[str, Dataset]:
    """One touched image, accepted and put into the dataset."""
    path = coco(world.export("coco"))
    touch_coco(path)
    first = world.accept(path)["corrections"]
    corrected = world.verb("correct", "dataset/line")
    return first, world.store.get(corrected["dataset"], Dataset)


def test_a_wrong_accept_is_taken_back(world: World) -> None:
    before = world.store.get("dataset/line", Dataset)
    first, wrong = answered_once(world)
    assert len(wrong) == len(before) + 1
    found = world.verb("review", "undo", "--reason", "wrong file")
    assert (found["corrections"], found["items"], found["versions"]) == (first, 1, ["dataset/line@2"])
    assert found["commands"] == [f"boxwright correct dataset/line {first[:12]} --without"]
    assert first in world.store.digests(Corrections.kind)  # nothing is deleted
    assert counting_corrections(world.store) == [world.store.resolve("corrections/latest")]
    assert not any(i["answered"] for i in world.verb("review", "list", "review/line")["items"])
    last = entries(world.store)[-1]
    assert (last["what"], last["corrections"], last["reason"]) == ("withdrawn", first, "wrong file") and last["actor"]
    assert "were withdrawn (wrong file)" in world.verb("correct", "dataset/line", first, code=2)
    assert "no answer to correct" in world.verb("correct", "dataset/line", code=2)
    assert "contain no answer" in world.verb("review", "undo", code=2)
    assert "were withdrawn before" in world.verb("review", "undo", first, code=2)
    restored = world.verb(*found["commands"][0].split()[1:])
    assert restored["dataset"] == before.digest == world.store.resolve("dataset/line")
    assert [e.digest for e in world.store.history("dataset/line")] == [before.digest, wrong.digest, before.digest]


def test_later_answers_survive_when_earlier_ones_are_taken_back(world: World) -> None:
    first, _ = answered_once(world)
    path = coco(world.export("coco"))
    tree = json.loads(path.read_text())
    other = tree["images"][4]["id"]
    tree["annotations"] = [a for a in tree["annotations"] if a["image_id"] != other]
    path.write_text(json.dumps(tree))
    second = world.accept(path)["corrections"]
    both = world.store.get(world.verb("correct", "dataset/line")["dataset"], Dataset)
    found = world.verb("review", "undo", first)
    assert found["names"] == {} and found["versions"] == ["dataset/line@2", "dataset/line@3"]
    assert world.store.resolve("corrections/latest") == second
    after = world.store.get(world.verb(*found["commands"][0].split()[1:])["dataset"], Dataset)
    assert len(both) == 3 and len(after) == 2 and set(after.picture_digests) < set(both.picture_digests)
    assert "was not made with the corrections" in world.verb("correct", "dataset/line", first, "--without", code=2)
    assert world.verb("review", "undo")["names"] == {"corrections/latest": world.store.resolve("corrections/latest")}
    assert counting_corrections(world.store) == [world.store.resolve("corrections/latest")]  # first was withdrawn too


def test_answers_taken_back_can_be_given_again(world: World) -> None:
    path = world.export("labelstudio") / "tasks.json"
    tasks = json.loads(label_studio(path.parent).read_text())
    tasks[0]["annotations"][0].update(lead_time=3.5)
    path.write_text(json.dumps(tasks))
    first = world.accept(path)["corrections"]
    world.verb("review", "undo")
    assert world.accept(path)["corrections"] == first  # the same person at the same time
    assert first in counting_corrections(world.store)
    assert world.verb("correct", "dataset/line")["diff"]["boxes_added"] == ANSWERED


def test_a_picture_that_is_gone_matters_only_where_it_is_answered(world: World) -> None:
    path = coco(world.export("coco"))
    item = touch_coco(path)
    pictures = {i["item"]: i["picture"] for i in world.queue.items.to_pylist()}
    for name, digest in pictures.items():
        if name != item:
            (world.root / "journal" / "pictures" / digest).unlink()
    assert world.accept(path)["answered"] == 1
    assert "is neither in the store nor kept" in world.accept(path, "--unchanged-is-confirmed", code=2)


def test_what_was_asked_is_not_asked_again(world: World) -> None:
    now = world.queue.items.column("selected_at")[0].as_py()
    pictures = {i["item"]: i["picture"] for i in world.queue.items.to_pylist()}
    assert asked_pictures(world.store, now=now) == dict.fromkeys(pictures.values(), "in an open queue")
    late = now + 15 * 86400  # all are due within 14 days
    assert asked_pictures(world.store, now=late) == {}
    path = coco(world.export("coco"))
    item = touch_coco(path)
    world.accept(path)
    assert asked_pictures(world.store, now=late) == {pictures[item]: "answered"}
    assert asked_pictures(world.store, now=now)[pictures[item]] == "answered"
    world.verb("review", "close", "review/line", "--reason", "nobody has time")
    assert asked_pictures(world.store, now=now) == {pictures[item]: "answered"}
    world.verb("review", "undo")
    assert asked_pictures(world.store, now=now) == {}


def test_an_image_skipped_in_two_queues_does_not_come_back(world: World) -> None:
    path = label_studio(world.export("labelstudio"))
    tasks = json.loads(path.read_text())
    tasks[0]["annotations"][0].update(was_cancelled=True)
    tasks[1]["annotations"][0].update(lead_time=1.0)
    path.write_text(json.dumps(tasks))
    late = world.queue.items.column("selected_at")[0].as_py() + 15 * 86400
    assert world.accept(path)["answered"] == 1
    assert world.accept(path)["answered"] == 1  # skipped once more in the same queue is skipped once
    skipped = tasks[0]["data"]["picture"]
    assert skipped not in asked_pictures(world.store, now=late)
    again = ReviewQueue(class_names=world.queue.class_names, items=world.queue.items, summary=Selection(seed=99))
    from boxwright.lifecycle import note_skipped

    world.store.put(again)
    note_skipped(world.store, again, [tasks[0]["data"]["item"]])
    assert asked_pictures(world.store, now=late)[skipped] == "skipped twice"


def test_correct_says_what_it_will_do_before_it_writes(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    path = coco(world.export("coco"))
    touch_coco(path)
    world.accept(path)
    assert run(["correct", "dataset/line", "--store", str(world.root / "store")]) == 0
    said = capsys.readouterr().err
    assert "about to write dataset 'line': pictures: +1; boxes: +2 -0" in said and "carton: 1 added" in said


def test_people_read_what_changed(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    path = coco(world.export("coco"))
    touch_coco(path)
    tree = json.loads(path.read_text())
    gone = tree["images"][0]["id"]
    tree["annotations"] = [a for a in tree["annotations"] if a["image_id"] != gone]
    path.write_text(json.dumps(tree))
    places = ["--store", str(world.root / "store"), "--journal", str(world.root / "journal")]
    assert run(["review", "accept", "review/line", str(path), "--reviewer", "ann", "--limit", "1", *places]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].endswith(": 3 removed") and said[1].startswith("... and 1 image more with changes")
    assert "1 image came back without any of the proposed boxes, counted as images with nothing in them" in said
    assert any(line.startswith("4 images came back as proposed and stay open") for line in said)
    assert "boxes: 4 removed, 2 kept" in said and "2 answered, 4 open, 0 late" in said


def seen_before(world: World, boxes: list[tuple[float, float, float, float]]) -> None:
    """The dataset gets the first image of the queue, with boxes that people drew."""
    digest = world.queue.items.column("picture")[0].as_py()
    world.store.put(dataset([row(7, boxes, picture=digest), row(8, [(1, 2, 30, 40)])]), name="dataset/line")


def answered_first(world: World) -> None:
    """The reviewer adds a box to the first image, and leaves the rest."""
    path = world.export("coco") / "annotations.json"
    tree = json.loads(path.read_text())
    item = world.queue.items.column("item")[0].as_py()
    image = next(i for i in tree["images"] if item in i["file_name"])
    added = {"id": 9999, "image_id": image["id"], "category_id": tree["categories"][0]["id"], "bbox": [70, 50, 8, 8]}
    path.write_text(json.dumps({**tree, "annotations": [*tree["annotations"], {**added, "area": 64, "iscrowd": 0}]}))
    assert world.accept(path)["answered"] == 1


def test_boxes_that_no_reviewer_was_shown_are_not_removed_without_a_word(world: World) -> None:
    """A proposal on a known box shows it; a known box that no proposal lies on stays until somebody says so."""
    shown = tuple(detections(0).boxes_xyxy[0].tolist())
    faint = tuple(detections(0).boxes_xyxy[40].tolist())  # proposed, and held back
    seen_before(world, [shown, faint, (66, 40, 79, 59)])
    answered_first(world)
    before = world.store.history("dataset/line")
    said = world.verb("correct", "dataset/line", code=2)
    assert (
        "would remove 2 boxes" in said and "007.jpg (2)" in said and "--replace-known" in said and "review undo" in said
    )
    assert world.store.history("dataset/line") == before
    assert "would remove 2 boxes" in world.verb("correct", "dataset/line", "--alone", code=2)
    found = world.verb("correct", "dataset/line", "--replace-known")["diff"]
    assert (found["boxes_removed"], found["boxes_added"]) == (2, ANSWERED)


def test_known_boxes_that_the_answer_has_or_the_queue_showed_ask_nothing(world: World) -> None:
    first = detections(0).boxes_xyxy
    seen_before(world, [tuple(box.tolist()) for box in first[:2]])
    answered_first(world)
    found = world.verb("correct", "dataset/line")["diff"]
    assert found["boxes_removed"] == 0
