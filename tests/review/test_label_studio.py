"""Boxes come back from Label Studio's per cent as they went; what is not an upright box of the queue's classes is never misread."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxwright.artifacts import Proposal
from boxwright.errors import InputError
from boxwright.review import Pulled, answers_of_tasks, questions, tasks_of_export
from boxwright.review.label_studio import label_config, task_of
from boxwright.review.question import Question
from tests.review.conftest import Asked, asked_about

NAMES = ("carton", "pouch")
ONE = asked_about(1)
ASKED = questions(ONE.queue)[0]


def region(**more: Any) -> dict[str, Any]:
    """A box of 20 % x 50 % of an 80 x 60 picture."""
    value = {"x": 10, "y": 20.0, "width": 20, "height": 50, "rotation": 0, "rectanglelabels": ["pouch"]}
    found = {"id": "r", "type": "rectanglelabels", "from_name": "box", "to_name": "image", "image_rotation": 0,
             "original_width": 80, "original_height": 60}  # fmt: skip
    return {**found, "value": {**value, **more.pop("value", {})}, **more}


def choice(name: str, *chosen: str, of: str = "x") -> dict[str, Any]:
    return {"id": of, "type": "choices", "from_name": name, "to_name": "image", "value": {"choices": list(chosen)}}


def annotation(*result: Any, number: int = 1, second: int = 1, **more: Any) -> dict[str, Any]:
    return {"id": number, "result": list(result), "completed_by": 7, "was_cancelled": False,
            "updated_at": f"2025-06-15T15:06:{second:02}.5Z", **more}  # fmt: skip


def task(*annotations: Any, **data: Any) -> dict[str, Any]:
    return {"id": 1, "data": {"question": ASKED.key, "item": "item-0", **data}, "annotations": list(annotations)}


def read(*tasks: Any, asked: Asked = ONE) -> Pulled:
    return answers_of_tasks(tasks, questions(asked.queue), class_names=NAMES, size_of=asked.size_of)


def refusal(*result: Any) -> str:
    found = read(task(annotation(*result)))
    assert found.answers == [] and [item for item, _ in found.refused] == ["item-0"]
    return found.refused[0][1]


sides = st.tuples(st.floats(0, 5000), st.floats(0, 5000)).map(sorted).filter(lambda s: s[1] - s[0] > 1e-3)


@given(st.lists(st.tuples(sides, sides, st.integers(0, 1), st.booleans()), max_size=6), st.integers(5000, 30000))
def test_there_and_back(world: list, size: int) -> None:
    """A proposal that a person submits untouched is itself, to a millionth of a pixel, on pictures of any size."""
    boxes = np.array([[xs[0], ys[0], xs[1], ys[1]] for xs, ys, _, _ in world], np.float64).reshape(-1, 4)
    proposal = Proposal(boxes, np.full(len(world), 0.5), np.array([c for *_, c, _ in world], np.int32),
                        np.array([i for *_, i in world], np.bool_))  # fmt: skip
    question = Question("item-0", ASKED.row, proposal, ASKED.key)
    sent = task_of(question, image="/x", size_hw=(size, size + 1), class_names=NAMES, version="v")
    submitted = {**task(annotation(*sent["predictions"][0]["result"])), "data": sent["data"]}
    found = answers_of_tasks([submitted], [question], class_names=NAMES, size_of=lambda _: (size, size + 1))
    answer = found.answers[0]
    assert np.abs(answer.boxes_xyxy - boxes).max(initial=0) < 1e-6
    assert answer.class_names == [NAMES[c] for *_, c, _ in world]
    assert answer.ignore == [i for *_, i in world]


def test_an_answer_knows_who_and_when_and_what() -> None:
    marks = choice("flags", "occluded", "truncated", of="r")
    found = read(task(annotation(region(), marks, region(id="s"), choice("flags", "ignore", of="s"))))
    answer = found.answers[0]
    assert (answer.file_name, answer.reviewer, answer.answered_at) == ("item-0", "labelstudio:7", 1749999961.5)
    assert answer.boxes_xyxy.tolist() == [[8, 12, 24, 42]] * 2
    assert answer.ignore == [False, True]
    assert answer.attributes == [{"occluded": True, "truncated": True}, {}]


@pytest.mark.parametrize("by", [7, {"id": 7, "email": "a@example.org", "first_name": "Ann"}])
def test_people_are_numbers(by: Any) -> None:
    assert read(task(annotation(completed_by=by))).answers[0].reviewer == "labelstudio:7"


def test_nothing_here_is_an_answer_and_not_looked_at_is_none() -> None:
    two = asked_about(4)
    keys = [q.key for q in questions(two.queue)]
    tasks = [
        task(annotation(), question=keys[0]),
        task(question=keys[1]),
        task(annotation(choice("verdict", "nothing here")), question=keys[2]),
    ]
    found = read(*tasks, asked=two)
    assert [(a.file_name, len(a.boxes_xyxy)) for a in found.answers] == [("item-0", 0), ("item-2", 0)]
    assert (found.waiting, found.missing, found.skipped, found.refused) == (["item-1"], ["item-3"], [], [])


@pytest.mark.parametrize(
    "put_aside", [annotation(region(), was_cancelled=True), annotation(choice("verdict", "cannot tell"))]
)
def test_put_aside_is_not_answered(put_aside: dict[str, Any]) -> None:
    found = read(task(put_aside))
    assert (found.answers, found.skipped) == ([], ["item-0"])


def test_the_newest_submitted_annotation_counts() -> None:
    old, new = annotation(region(), number=5, second=1), annotation(number=2, second=9)
    skipped = annotation(region(), number=9, second=30, was_cancelled=True)
    for tasks in ([task(old, new, skipped)], [task(new, skipped, old)], [task(old), task(skipped, new)]):
        assert len(read(*tasks).answers[0].boxes_xyxy) == 0
    same = [annotation(region(), number=1), annotation(number=2)]
    assert len(read(task(*same)).answers[0].boxes_xyxy) == 0


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ([region(value={"rotation": 12.5})], "has the rotation 12.5; boxes are upright"),
        ([region(image_rotation=90)], "has the image rotation 90"),
        ([region(value={"x": -3})], "lies outside the picture"),
        ([region(value={"x": 90})], "lies outside the picture"),
        ([region(value={"width": 0})], "has no size"),
        ([region(value={"height": -4})], "has no size"),
        ([region(value={"x": float("nan")})], "a number was expected"),
        ([region(value={"x": float("inf")})], "a number was expected"),
        ([region(value={"y": "10"})], "a number was expected, found '10'"),
        ([region(value={"y": True})], "a number was expected"),
        ([region(value={"width": None})], "a number was expected"),
        ([region(value={"rectanglelabels": ["crate"]})], "has the label 'crate'; known: carton, pouch"),
        ([region(value={"rectanglelabels": []})], "has 0 labels"),
        ([region(value={"rectanglelabels": ["pouch", "carton"]})], "has 2 labels"),
        ([region(value={"rectanglelabels": "pouch"})], "has 0 labels"),
        ([region(original_width=60, original_height=80)], "original width is 60, the picture has 80"),
        ([region(original_height="60")], "a number was expected"),
        ([{**region(), "type": "polygonlabels"}], "type 'polygonlabels'; only upright rectangles"),
        ([{**region(), "type": "brushlabels"}], "type 'brushlabels'"),
        ([region(), choice("verdict", "nothing here")], "says 'nothing here' and holds 1 boxes"),
        (["a"], "a region is no object"),
        ([{**region(), "value": [1]}], "a region is no object"),
    ],
)  # fmt: skip
def test_what_is_never_misread(result: list[Any], said: str) -> None:
    assert said in refusal(*result)


@pytest.mark.parametrize("lacking", ["original_width", "original_height", "image_rotation"])
def test_a_size_that_is_not_said_is_ours(lacking: str) -> None:
    mine = region()
    del mine[lacking]
    assert read(task(annotation(mine))).answers[0].boxes_xyxy.tolist() == [[8, 12, 24, 42]]


def test_a_rounded_border_is_the_border() -> None:
    found = read(task(annotation(region(value={"x": -0.005, "width": 100.01}))))
    assert found.answers[0].boxes_xyxy[0, [0, 2]].tolist() == [0, 80]


def test_other_words_of_a_form_are_passed_over() -> None:
    talk = {"id": "t", "type": "textarea", "from_name": "comment", "value": {"text": ["odd"]}}
    link = {"type": "relation", "from_id": "a", "to_id": "b"}
    assert len(read(task(annotation(region(), talk, link))).answers[0].boxes_xyxy) == 1


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["id", "data", "annotations", "result", "type", "value", "x", "rectanglelabels", "question", "completed_by"]), inner, max_size=4
    ), max_leaves=12,
)  # fmt: skip


@given(st.lists(junk, max_size=4), junk, junk)
def test_junk_is_no_answer_and_no_accident(tasks: list[Any], result: Any, value: Any) -> None:
    mine = [
        *tasks,
        task(annotation(result, {"type": "rectanglelabels", "value": value})),
        {**task(), "annotations": result},
    ]
    found = read(*mine)
    assert len(found.answers) + len(found.skipped) + len(found.refused) + len(found.waiting) == 1


def test_the_form_holds_any_class_name() -> None:
    names = ["a & b", '<c> "d"', "é'f", "nothing here"]
    root = ET.fromstring(label_config(names))
    assert [label.attrib["value"] for label in root.iter("Label")] == names


def test_the_key_is_the_question() -> None:
    """The same picture with another proposal is another question; the same proposal in a later queue is the same one."""
    again, other = asked_about(1), asked_about(1, boxes=[[1.0, 2.0, 3.0, 4.0]])
    assert questions(again.queue)[0].key == ASKED.key != questions(other.queue)[0].key
    assert len(questions(ONE.queue, least_score=0.5)[0].proposal) == 1
    assert questions(ONE.queue, least_score=0.5)[0].key == ASKED.key


def test_an_export_must_be_one() -> None:
    assert tasks_of_export([task()]) == [task()]
    for tree in ([], [{"image": "x"}], {}, [1]):
        with pytest.raises(InputError, match="not JSON-MIN"):
            tasks_of_export(tree)
