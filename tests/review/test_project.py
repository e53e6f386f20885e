"""A queue is in the project once however often, and however rudely, it is pushed; what people answered comes back."""

from __future__ import annotations

import numpy as np
import pytest

from boxwright.errors import InputError, ToolError
from boxwright.review import Connection, Pushed, answers_of_tasks, pull_tasks, push, questions
from boxwright.review import project as projects
from boxwright.store import digest_of_bytes
from tests.review.conftest import BOXES, Asked, asked_about
from tests.review.label_studio_server import LEGACY, FakeLabelStudio
from tests.worlds import encoded, picture

NAMES = ("carton", "pouch")


def connected(studio: FakeLabelStudio) -> Connection:
    return Connection(studio.url, LEGACY, attempts=2, wait=lambda _: None)


def pushed(
    studio: FakeLabelStudio, asked: Asked, *, title: str = "line", version: str = "v" * 64, names=NAMES
) -> Pushed:
    return push(connected(studio), questions(asked.queue), title=title, class_names=names, version=version,
                look=asked.pictures.__getitem__)  # fmt: skip


def items(studio: FakeLabelStudio) -> list[str]:
    return [task["data"]["item"] for task in studio.tasks]


def test_a_push_sends_pictures_and_proposals(studio: FakeLabelStudio) -> None:
    asked = asked_about(3)
    assert pushed(studio, asked) == Pushed(project=1, created=True, new=3, known=0, uploaded=3)
    assert items(studio) == ["item-0", "item-1", "item-2"]
    for task, question in zip(studio.tasks, questions(asked.queue), strict=True):
        upload = next(u for u in studio.uploads if task["data"]["image"] == f"/data/{u['file']}")
        assert upload["size"] == len(asked.pictures[question.row["picture"]])
        assert task["data"]["picture"] == question.row["picture"]
        assert (task["data"]["priority"], task["data"]["reason"], task["data"]["due"]) == (
            "P2",
            "uncertain",
            question.due,
        )
        (prediction,) = task["predictions"]
        assert (prediction["model_version"], prediction["score"]) == ("v" * 64, 0.5)
        x1, y1, x2, y2 = BOXES[0]
        value = prediction["result"][0]["value"]
        found = [value["x"] * 0.8, value["y"] * 0.6, value["width"] * 0.8, value["height"] * 0.6]
        assert found == pytest.approx([x1, y1, x2 - x1, y2 - y1])
        assert [r["value"]["rectanglelabels"] for r in prediction["result"]] == [["carton"], ["pouch"]]
    assert studio.projects[0]["model_version"] == "v" * 64


def test_a_second_push_does_nothing(studio: FakeLabelStudio) -> None:
    asked = asked_about(3)
    pushed(studio, asked)
    before = len(studio.tasks), len(studio.uploads)
    studio.asked.clear()
    assert pushed(studio, asked) == Pushed(project=1, created=False, new=0, known=3, uploaded=0)
    assert (len(studio.tasks), len(studio.uploads)) == before
    assert {method for method, _ in studio.asked} == {"GET"}


def test_a_larger_queue_adds_what_is_new(studio: FakeLabelStudio) -> None:
    pushed(studio, asked_about(2))
    assert pushed(studio, asked_about(5)) == Pushed(project=1, created=False, new=3, known=2, uploaded=3)
    assert sorted(items(studio)) == [f"item-{k}" for k in range(5)]


@pytest.mark.parametrize("fault", ["drop", "vanish", 500, 503, "cut"])
@pytest.mark.parametrize("when", range(4))
def test_a_broken_connection_neither_loses_nor_doubles(
    studio: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch, fault: object, when: int
) -> None:
    """Of batches of two, any request to import fails once: before or after the server has done its work."""
    monkeypatch.setattr(projects, "_BATCH_PICTURES", 2)
    asked = asked_about(5)
    studio.faults = [("/import", None)] * when + [("/import", fault)]
    done = pushed(studio, asked)
    assert sorted(items(studio)) == [f"item-{k}" for k in range(5)]
    assert (done.new, done.known) == (5, 0)


def test_an_interrupted_push_goes_on_where_it_stopped(studio: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projects, "_BATCH_PICTURES", 2)
    asked = asked_about(6)
    studio.faults = [("/import", None)] * 3 + [("/import", 400)]  # two pictures, two tasks, two pictures, then no
    with pytest.raises(ToolError, match="400"):
        pushed(studio, asked)
    assert (len(studio.tasks), len(studio.uploads)) == (2, 4)
    assert pushed(studio, asked) == Pushed(project=1, created=False, new=4, known=2, uploaded=2)
    assert sorted(items(studio)) == [f"item-{k}" for k in range(6)]


def test_many_pages(studio: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projects, "_PAGE", 3)
    asked = asked_about(7)
    pushed(studio, asked)
    assert pushed(studio, asked).new == 0
    assert len(pull_tasks(connected(studio), title="line")) == 7


def test_what_people_answered_comes_back(studio: FakeLabelStudio) -> None:
    asked = asked_about(4)
    pushed(studio, asked)
    studio.annotate(1, studio.tasks[0]["predictions"][0]["result"], by=5)
    studio.annotate(2, [])
    studio.annotate(3, [], cancelled=True)
    studio.tasks.append({"id": 99, "project": 1, "annotations": [], "data": {"text": "somebody else's"}})
    found = answers_of_tasks(
        pull_tasks(connected(studio), title="line"), questions(asked.queue), class_names=NAMES, size_of=asked.size_of
    )
    assert [a.file_name for a in found.answers] == ["item-0", "item-1"]
    assert found.answers[0].boxes_xyxy == pytest.approx(np.array(BOXES), abs=1e-9)
    assert [a.reviewer for a in found.answers] == ["labelstudio:5", "labelstudio:1"]
    assert (found.skipped, found.waiting, found.missing) == (["item-2"], ["item-3"], [])


def test_a_deleted_task_is_said_and_asked_again(studio: FakeLabelStudio) -> None:
    asked = asked_about(3)
    pushed(studio, asked)
    del studio.tasks[1]
    found = answers_of_tasks(
        pull_tasks(connected(studio), title="line"), questions(asked.queue), class_names=NAMES, size_of=asked.size_of
    )
    assert found.missing == ["item-1"]
    assert pushed(studio, asked) == Pushed(project=1, created=False, new=1, known=2, uploaded=0)


def test_no_project_two_projects_and_a_strange_one(studio: FakeLabelStudio) -> None:
    with pytest.raises(ToolError, match="There is no project called 'line' at .*; push the queue first"):
        pull_tasks(connected(studio), title="line")
    pushed(studio, asked_about(1), title="line two")
    with pytest.raises(ToolError, match="There is no project called 'line'"):
        pull_tasks(connected(studio), title="line")
    with pytest.raises(ToolError, match="does not know the class 'crate'; name another project"):
        pushed(studio, asked_about(1), title="line two", names=(*NAMES, "crate"))
    studio.projects.append({**studio.projects[0], "id": 2})
    with pytest.raises(ToolError, match=r"2 projects at .* are called 'line two' \(ids 1, 2\)"):
        pushed(studio, asked_about(1), title="line two")
    studio.projects = [{"id": 3, "title": "text", "parsed_label_config": {"sentiment": {"type": "Choices"}}}]
    with pytest.raises(ToolError, match="labels something else than boxes named 'box'"):
        pushed(studio, asked_about(1), title="text")


@pytest.mark.parametrize("answer", [[1], {"results": 3}, {"results": ["a"]}, {"tasks": []}, 5, None])
def test_a_server_that_is_no_label_studio(
    studio: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    monkeypatch.setattr(studio, "answer", lambda *_: (200, answer))
    with pytest.raises(ToolError, match="Label Studio"):
        pushed(studio, asked_about(1))


def test_a_missing_picture_is_said_before_its_task_is_sent(studio: FakeLabelStudio) -> None:
    asked = asked_about(2)

    def look(digest: str) -> bytes:
        raise InputError(f"Picture {digest[:12]} is nowhere.")

    with pytest.raises(InputError, match="is nowhere"):
        push(connected(studio), questions(asked.queue), title="line", class_names=NAMES, version="v", look=look)
    assert studio.tasks == []


def test_a_turned_picture_is_shown_upright(studio: FakeLabelStudio) -> None:
    """EXIF says "turn": what is uploaded is upright, and per cents are of that."""
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(picture(60, 80), "JPEG", exif=exif)
    digest = digest_of_bytes(data)
    asked = asked_about(1)
    row = {**questions(asked.queue)[0].row, "picture": digest}
    turned = Asked(type(asked.queue)(class_names=NAMES, items=asked.queue.items.from_pylist([row])), {digest: data})
    pushed(studio, turned)
    region = studio.tasks[0]["predictions"][0]["result"][0]
    assert (region["original_width"], region["original_height"]) == (60, 80)
    assert region["value"]["x"] * 0.6 == pytest.approx(BOXES[0][0])
    assert studio.uploads[0]["file"].endswith(".jpeg") and digest not in studio.uploads[0]["file"]
