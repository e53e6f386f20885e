"""An answer belongs to an item of the queue, in classes of the queue, inside its picture; else nothing is accepted."""

from __future__ import annotations

import json

import numpy as np
import pytest

from boxwright.artifacts import Corrections
from boxwright.errors import InputError
from boxwright.review import Answer, accept, beside_coco
from tests.worlds import DAY, digest_of, queue, queue_item

QUEUE = queue(
    [
        queue_item("e1", picture=digest_of("p1"), file_name="cam/a.jpg", camera="cam-7", due_at=DAY + 10),
        queue_item("e2", picture=digest_of("p2"), file_name="", due_at=DAY + 20),
        queue_item("e3", picture=digest_of("p3"), file_name="b.jpg", due_at=DAY + 30),
    ]
)
BOX = np.array([[10.0, 5, 30, 25]])


def answer(name: str, boxes: np.ndarray = BOX, classes: list[str] | None = None, **conditions: str) -> Answer:
    names = ["carton"] * len(boxes) if classes is None else classes
    return Answer(name, boxes, names, [False] * len(names), conditions)


def accepted(*answers: Answer, now: float = DAY) -> Corrections:
    def look(_: str) -> tuple[tuple[int, int], dict[str, float]]:
        return (60, 80), {"brightness": 99.0}

    return accept(QUEUE, list(answers), look=look, reviewer="ann", now=now)


@pytest.mark.parametrize(
    ("name", "item"),
    [
        ("e1", "e1"), ("cam/a.jpg", "e1"), ("a.jpg", "e1"), ("elsewhere/a.jpg", "e1"), (digest_of("p1"), "e1"),
        ("e2", "e2"), ("e2.jpg", "e2"), ("out/e2.png", "e2"), (f"{digest_of('p2')}.jpg", "e2"), ("b.jpg", "e3"),
    ],
)  # fmt: skip
def test_an_answer_finds_its_item(name: str, item: str) -> None:
    assert accepted(answer(name)).answers.column("item").to_pylist() == [item]


def test_the_full_name_wins_over_a_like_named_file_of_another_folder() -> None:
    two = queue(
        [
            queue_item("e1", picture=digest_of("p1"), file_name="a.jpg"),
            queue_item("e2", picture=digest_of("p2"), file_name="cam/a.jpg"),
        ]
    )
    found = accept(two, [answer("a.jpg")], look=lambda _: ((60, 80), {}), reviewer="ann", now=DAY)
    assert found.answers.column("item").to_pylist() == ["e1"]


def test_everything_about_an_answer_is_kept() -> None:
    found = accepted(answer("e1", weather="rain")).answers.to_pylist()[0]
    assert (found["picture"], found["file_name"], found["reviewer"]) == (digest_of("p1"), "cam/a.jpg", "ann")
    assert (found["width"], found["height"], found["answered_at"]) == (80, 60, DAY)
    assert json.loads(found["conditions"]) == {"camera": "cam-7", "brightness": 99.0, "weather": "rain"}
    assert (found["x1"], found["y1"], found["x2"], found["y2"]) == ([10], [5], [30], [25])
    assert (found["class_id"], found["ignore"]) == ([0], [False])


def test_classes_become_ids_of_the_queue() -> None:
    found = accepted(answer("e1", np.concatenate([BOX, BOX + 1]), ["pouch", "carton"]))
    assert found.answers.column("class_id").to_pylist() == [[1, 0]]
    assert found.class_names == QUEUE.class_names


@pytest.mark.parametrize("wrong", [answer("e9"), answer("c.jpg"), answer("")])
def test_an_answer_to_nothing_is_refused_and_all_others_with_it(wrong: Answer) -> None:
    with pytest.raises(InputError, match=r"belongs to no item of the queue \(3 items\)"):
        accepted(answer("e1"), wrong)


def test_an_unknown_class_is_refused_and_all_others_with_it() -> None:
    with pytest.raises(InputError, match="has the class 'crate'; known: carton, pouch"):
        accepted(answer("e1"), answer("e2", BOX, ["crate"]))


def test_an_item_without_boxes_says_nothing_here() -> None:
    found = accepted(answer("e1", np.zeros((0, 4))), answer("e3"))
    rows = {row["item"]: row for row in found.answers.to_pylist()}
    assert (rows["e1"]["x1"], rows["e1"]["class_id"]) == ([], [])
    assert len(rows["e3"]["x1"]) == 1


def test_an_item_without_an_answer_stays_open() -> None:
    assert accepted(answer("e2")).answers.column("item").to_pylist() == ["e2"]
    assert len(accepted()) == 0


@pytest.mark.parametrize(("now", "in_time"), [(DAY + 9, True), (DAY + 10, True), (DAY + 10.1, False)])
def test_in_time_is_until_due(now: float, in_time: bool) -> None:
    assert accepted(answer("e1"), now=now).answers.column("in_time").to_pylist() == [in_time]


def test_boxes_are_cut_to_the_picture() -> None:
    found = accepted(answer("e1", np.array([[-5.0, -5, 500, 500]]))).answers.to_pylist()[0]
    assert (found["x1"], found["y1"], found["x2"], found["y2"]) == ([0], [0], [80], [60])


def test_corrections_name_their_queue() -> None:
    assert dict(accepted(answer("e1")).made_from) == {"review_queue": QUEUE.digest}


def test_a_box_that_only_rounding_moved_is_the_proposed_one() -> None:
    proposal = {"boxes_xyxy": [[10.123456789, 5, 30, 25], [0, 0, 9, 9]], "score": [1, 1], "class_id": [0, 0]}
    one = queue([{**queue_item("e1", picture=digest_of("p1"), file_name="a.jpg"), "proposal": json.dumps(proposal)}])
    given = np.array([[10.1234, 5.004, 30, 25], [10.1234, 5.02, 30, 25], [10.1234, 5, 30, 25]])
    said = answer("e1", given, ["carton", "carton", "pouch"])
    found = accept(one, [said], look=lambda _: ((60, 80), {}), reviewer="ann", now=DAY).answers.to_pylist()[0]
    assert found["x1"] == [10.123456789, 10.1234, 10.1234]
    assert found["y1"] == [5, 5.02, 5]


def test_an_answer_that_knows_who_and_when() -> None:
    said = Answer(
        "e1", BOX, ["carton"], [False], attributes=[{"occluded": True}], reviewer="tool:3", answered_at=DAY + 9
    )
    late = Answer("e2", BOX, ["carton"], [False], answered_at=DAY + 999)  # its clock is ahead: now counts
    found = {row["item"]: row for row in accepted(said, late, now=DAY + 15).answers.to_pylist()}
    assert (found["e1"]["reviewer"], found["e1"]["answered_at"], found["e1"]["in_time"]) == ("tool:3", DAY + 9, True)
    assert (found["e2"]["reviewer"], found["e2"]["answered_at"], found["e2"]["in_time"]) == ("ann", DAY + 15, True)
    assert [found[k]["attributes"] for k in ("e1", "e2")] == [['{"occluded": true}'], ["{}"]]


def test_somebody_must_have_answered() -> None:
    with pytest.raises(InputError, match="does not say who gave it; name them with --reviewer"):
        accept(QUEUE, [answer("e1")], look=lambda _: ((60, 80), {}), now=DAY)


def test_a_box_beside_its_picture_is_refused() -> None:
    with pytest.raises(InputError, match=r"a box outside its picture \(80 x 60\); nothing was accepted"):
        accepted(answer("e1", np.array([[90.0, 5, 100, 25]])))


def test_what_stands_beside_coco_is_read_and_not_trusted() -> None:
    tree = {
        "images": [
            {"id": "4", "file_name": "a", "reviewer": "tool:3", "answered_at": 5.5},
            {"id": 5, "reviewer": 7, "answered_at": "now"},
            {"id": 6, "file_name": "c", "answered_at": float("nan")},
        ],
        "annotations": [{"image_id": 4, "attributes": {"occluded": True}}, {"image_id": 4, "attributes": 3}],
    }
    assert beside_coco(tree) == {
        "a": {"reviewer": "tool:3", "answered_at": 5.5, "attributes": [{"occluded": True}, {}]},
        "5": {"attributes": []},
        "c": {"attributes": []},
    }


@pytest.mark.parametrize("size", [(30, 40), (80, 60), (60, 120)])
def test_boxes_drawn_on_a_picture_of_another_size_are_refused(size: tuple[int, int]) -> None:
    shrunk = Answer("e1", BOX / 2, ["carton"], [False], size_hw=size)
    with pytest.raises(InputError, match="80 x 60"):
        accepted(shrunk)
    assert len(accepted(Answer("e1", BOX, ["carton"], [False], size_hw=(60, 80)))) == 1


def test_the_size_a_coco_file_gives_is_read() -> None:
    tree = {
        "images": [{"id": 1, "file_name": "a", "width": 80, "height": 60}, {"id": 2, "file_name": "b", "width": "80"}]
    }
    assert beside_coco(tree)["a"]["size_hw"] == (60, 80) and "size_hw" not in beside_coco(tree)["b"]
