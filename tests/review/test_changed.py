"""What was proposed is no answer until a person has looked; what a person changed is told, and tools that round change nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxwright.artifacts import Proposal, ReviewQueue
from boxwright.errors import InputError
from boxwright.review import Answer, questions, weigh
from boxwright.review.items import items_of
from tests.worlds import DAY, NAMES, digest_of, queue, queue_item

SIZE = (600, 800)
SCORES = [0.93, 0.61, 0.44, 0.38, 0.12, 0.04]
LEAST = {"": {"carton": 0.4, "pouch": 0.3}}  # a pouch at 0.38 goes out, a carton would not


def proposal_of(k: int) -> dict[str, Any]:
    """Six boxes with odd digits, no two alike, of falling score."""
    rng = np.random.default_rng(k)
    x1, y1 = rng.uniform(0, 600, 6), rng.uniform(0, 450, 6)
    boxes = np.stack([x1, y1, x1 + rng.uniform(20, 150, 6), y1 + rng.uniform(20, 120, 6)], axis=1)
    return {"boxes_xyxy": boxes.tolist(), "score": SCORES, "class_id": [0, 1, 0, 1, 0, 1]}


def asked(count: int = 4, **more: Any) -> ReviewQueue:
    items = [
        {**queue_item(f"item-{k}", picture=digest_of(f"p{k}"), file_name=f"cam/{k}.jpg", due_at=DAY + k),
         "proposal": json.dumps(proposal_of(k))}
        for k in range(count)
    ]  # fmt: skip
    made = queue(items)
    return ReviewQueue(class_names=NAMES, items=made.items, least_scores=LEAST, **more)


def returned(one: ReviewQueue, least_score: float | None = None, *, round_: Callable = lambda b: b) -> list[Answer]:
    """The queue as a tool gives it back when nobody has touched it."""
    return [_answer(q.item, q.proposal, round_) for q in questions(one, least_score=least_score)]


def _answer(name: str, proposal: Proposal, round_: Callable = lambda b: b) -> Answer:
    names = [NAMES[i] for i in proposal.class_id]
    return Answer(f"images/{name}.jpeg", round_(proposal.boxes_xyxy), names, [False] * len(names))


def judged(one: ReviewQueue, answers: list[Answer], **more: Any):
    return weigh(one, answers, size_of=lambda _: SIZE, **{"exports": [None], **more})


def with_boxes(answer: Answer, boxes: Any, names: list[str] | None = None, **more: Any) -> Answer:
    names = answer.class_names if names is None else names
    return Answer(answer.file_name, np.asarray(boxes, float), names, [False] * len(names), **more)


def by_corner_and_size(places: int) -> Callable:
    def rounded(boxes: np.ndarray) -> np.ndarray:
        corner, size = np.round(boxes[:, :2], places), np.round(boxes[:, 2:] - boxes[:, :2], places)
        return np.concatenate([corner, corner + size], axis=1)

    return rounded


def per_cent(boxes: np.ndarray) -> np.ndarray:
    scale = np.array([SIZE[1], SIZE[0]] * 2) / 100
    return boxes / scale * scale


def normalised(boxes: np.ndarray) -> np.ndarray:
    """As YOLO writes: centre and size as shares, six decimals."""
    wh = np.array([SIZE[1], SIZE[0]])
    centre, size = np.round((boxes[:, :2] + boxes[:, 2:]) / 2 / wh, 6), np.round((boxes[:, 2:] - boxes[:, :2]) / wh, 6)
    return np.concatenate([centre - size / 2, centre + size / 2], axis=1) * np.concatenate([wh, wh])


ROUNDINGS = {
    "exact": lambda b: b, "float32": lambda b: b.astype(np.float32), "COCO": by_corner_and_size(2), "CVAT": lambda b: np.round(b, 2),
    "per cent": per_cent, "YOLO": normalised, "tenths": by_corner_and_size(1), "whole pixels": by_corner_and_size(0),
    "VOC": lambda b: np.round(b), "cut": lambda b: np.concatenate([np.floor(b[:, :2]), np.floor(b[:, :2]) + np.floor(b[:, 2:] - b[:, :2])], axis=1),
}  # fmt: skip


@pytest.mark.parametrize("form", list(ROUNDINGS))
@pytest.mark.parametrize("least_score", [None, 0.0, 0.5])
def test_what_comes_back_as_it_went_out_is_no_answer(form: str, least_score: float | None) -> None:
    one = asked()
    found = judged(one, returned(one, least_score, round_=ROUNDINGS[form]), exports=[least_score])
    assert [change.state for change in found.changes] == ["untouched"] * 4
    assert found.answers == [] and found.boxes == dict.fromkeys(found.boxes, 0)
    confirmed = judged(
        one, returned(one, least_score, round_=ROUNDINGS[form]), exports=[least_score], unchanged_is_confirmed=True
    )
    assert len(confirmed.answers) == 4 and {c.state for c in confirmed.changes} == {"confirmed"}


@pytest.mark.parametrize("form", list(ROUNDINGS))
@pytest.mark.parametrize("touched", range(4))
def test_one_touched_image_is_exactly_one_answer(form: str, touched: int) -> None:
    one = asked()
    answers = returned(one, round_=ROUNDINGS[form])
    kept = answers[touched]
    answers[touched] = with_boxes(kept, kept.boxes_xyxy[1:], kept.class_names[1:])
    found = judged(one, answers)
    assert [c.item for c in found.changes if c.answered] == [f"item-{touched}"]
    assert found.boxes == {"added": 0, "removed": 1, "moved": 0, "relabelled": 0, "marked": 0, "kept": 3}


def test_every_kind_of_change_is_told() -> None:
    one = asked(1)
    (answer,) = returned(one)
    boxes, names = answer.boxes_xyxy.copy(), list(answer.class_names)  # carton, pouch, carton, pouch
    boxes[0] += 3  # moved
    names[1] = "carton"  # another class
    boxes = np.concatenate([np.delete(boxes, 2, axis=0), [[700, 500, 740, 560]]])  # removed, added
    found = judged(one, [with_boxes(answer, boxes, [names[0], names[1], names[3], "pouch"])])
    assert found.changes[0].boxes == {"added": 1, "removed": 1, "moved": 1, "relabelled": 1, "marked": 0, "kept": 1}


@pytest.mark.parametrize("least_score", [None, 0.0, 0.5, 0.2, 0.7, 0.05])
def test_without_a_record_every_threshold_may_have_been_asked_for(least_score: float | None) -> None:
    one = asked()
    found = judged(one, returned(one, least_score), exports=None)
    assert {change.state for change in found.changes} == {"untouched"}
    answers = returned(one, 0.0)
    middle = [0, 1, 3, 4, 5]  # the third surest is gone: no threshold does that
    answers[1] = with_boxes(answers[1], answers[1].boxes_xyxy[middle], [answers[1].class_names[i] for i in middle])
    assert [c.item for c in judged(one, answers, exports=None).changes if c.answered] == ["item-1"]


def test_of_several_exports_any_may_have_come_back() -> None:
    one = asked()
    mixed = returned(one)[:2] + returned(one, 0.0)[2:]
    assert {c.state for c in judged(one, mixed, exports=[None, 0.0]).changes} == {"untouched"}
    assert [c.answered for c in judged(one, mixed, exports=[None]).changes] == [False, False, True, True]


def test_the_faintest_box_taken_away_is_a_change_where_the_export_is_known() -> None:
    one = asked(2)
    answers = returned(one)
    answers[0] = with_boxes(answers[0], answers[0].boxes_xyxy[:-1], answers[0].class_names[:-1])
    assert [c.answered for c in judged(one, answers).changes] == [True, False]


def test_an_image_that_lost_all_its_boxes_counts_only_where_the_tool_kept_boxes() -> None:
    one = asked(3)
    answers = returned(one)
    answers[1] = with_boxes(answers[1], np.zeros((0, 4)), [])
    found = judged(one, answers)
    assert [c.state for c in found.changes] == ["untouched", "changed", "untouched"]
    assert found.changes[1].boxes["removed"] == 4
    bare = [with_boxes(a, np.zeros((0, 4)), []) for a in answers]
    assert {c.state for c in judged(one, bare).changes} == {"emptied"}
    assert {c.state for c in judged(one, bare, unchanged_is_confirmed=True).changes} == {"emptied"}
    assert len(judged(one, bare, emptied_is_confirmed=True).answers) == 3


def test_nothing_proposed_and_nothing_drawn_is_untouched() -> None:
    one = asked(2)
    answers = returned(one, 0.99)
    assert all(len(a.boxes_xyxy) == 0 for a in answers)
    assert {c.state for c in judged(one, answers, exports=[0.99]).changes} == {"untouched"}
    answers[0] = with_boxes(answers[0], [[1, 2, 30, 40]], ["carton"])
    assert [c.answered for c in judged(one, answers, exports=[0.99]).changes] == [True, False]


@pytest.mark.parametrize(("looked_at", "state"), [(True, "confirmed"), (False, "not marked"), (None, "untouched")])
def test_what_the_file_says_about_a_look_counts(looked_at: bool | None, state: str) -> None:
    one = asked(1)
    (answer,) = returned(one)
    found = judged(one, [with_boxes(answer, answer.boxes_xyxy, looked_at=looked_at)])
    assert found.changes[0].state == state
    moved = judged(one, [with_boxes(answer, answer.boxes_xyxy + 5, looked_at=looked_at)])
    assert moved.changes[0].state == ("not marked" if looked_at is False else "changed")


def test_a_mark_is_a_change_and_a_mark_that_a_tool_dropped_is_none() -> None:
    one = asked(1)
    (answer,) = returned(one)
    n = len(answer.class_names)
    for attributes, ignore, state in (
        ([{"occluded": False, "rotation": 0.0}] * n, [False] * n, "untouched"),
        ([{"occluded": True}, *[{}] * (n - 1)], [False] * n, "changed"),
        ([], [True] + [False] * (n - 1), "changed"),
    ):
        given_ = Answer(answer.file_name, answer.boxes_xyxy, answer.class_names, ignore, attributes=attributes)
        found = judged(one, [given_])
        assert found.changes[0].state == state
    ignored = {**proposal_of(0), "ignore": [True] * 6}
    row = {**one.items.to_pylist()[0], "proposal": json.dumps(ignored)}
    with_ignored = ReviewQueue(class_names=NAMES, items=queue([row]).items, least_scores=LEAST)
    assert judged(with_ignored, returned(one)).changes[0].state == "untouched"


@given(st.permutations(range(4)), st.permutations(range(4)), st.sets(st.integers(0, 3)))
def test_order_and_other_images_do_not_matter(images: list[int], boxes: list[int], touched: set[int]) -> None:
    one = asked()
    answers = returned(one)
    for k in touched:
        answers[k] = with_boxes(answers[k], answers[k].boxes_xyxy + 4)
    shuffled = [
        with_boxes(a, a.boxes_xyxy[boxes], [a.class_names[i] for i in boxes]) for a in (answers[k] for k in images)
    ]
    found = {c.item: c.answered for c in judged(one, shuffled).changes}
    assert found == {f"item-{k}": k in touched for k in range(4)}


def test_hostile_numbers_are_a_change_and_refused_later() -> None:
    one = asked(1)
    (answer,) = returned(one)
    boxes = answer.boxes_xyxy.copy()
    boxes[0, 0] = np.nan
    assert judged(one, [with_boxes(answer, boxes)]).changes[0].state == "changed"


def test_what_goes_out_is_what_would_be_answered() -> None:
    one = asked(1)
    (question,) = questions(one)
    assert question.proposal.score.tolist() == [0.93, 0.61, 0.44, 0.38] and question.held_back == 2
    assert len(questions(one, least_score=0.0)[0].proposal) == 6
    per_camera = ReviewQueue(
        class_names=NAMES, items=one.items, least_scores={**LEAST, "cam-1": {"carton": 0.9, "pouch": 0.9}}
    )
    assert len(questions(per_camera)[0].proposal) == 1


@pytest.mark.parametrize(
    "name",
    ["item-1", "item-1.jpeg", "images/item-1.png", "C:\\q\\ITEM-1.JPG", "cam/1.jpg", "1.jpg", digest_of("p1") + ".jpg"],
)
def test_names_in_any_spelling_find_their_item(name: str) -> None:
    assert items_of(asked(), [name]).rows[0]["item"] == "item-1"


def test_how_names_were_met_is_told() -> None:
    assert items_of(asked(), ["item-0.jpeg", "item-1.png", "item-2"]).told == {}
    told = items_of(asked(), ["task 7/item-0.jpeg", "CAM/1.jpg", "2.jpg", "item-3.webp"]).told
    assert told == {"ending": 2, "case": 1, "path end": 1}


def test_a_name_that_two_items_could_have_belongs_to_none() -> None:
    rows = [
        queue_item("e1", picture=digest_of("p1"), file_name="a/frame.jpg"),
        queue_item("e2", picture=digest_of("p2"), file_name="b/frame.jpg"),
        queue_item("e3", picture=digest_of("p3"), file_name="same.jpg"),
        queue_item("e4", picture=digest_of("p4"), file_name="same.jpg"),
    ]
    for name in ("frame.jpg", "same.jpg", "c/frame.jpg"):
        with pytest.raises(InputError, match="belongs to no item of the queue"):
            items_of(queue(rows), [name])
    assert items_of(queue(rows), ["b/frame.jpg"]).rows[0]["item"] == "e2"
    with pytest.raises(InputError, match="answered twice"):
        items_of(queue(rows), ["e1", "a/frame.jpg"])


def as_proposed(of: ReviewQueue, k: int, *, times: int = 1) -> Answer:
    """The boxes that go out for an item, as an answer."""
    found = questions(of)[k].proposal
    names = [NAMES[i] for i in found.class_id]
    count = times * len(names)
    return Answer(f"item-{k}", np.tile(found.boxes_xyxy, (times, 1)), names * times, [False] * count)


def test_boxes_that_a_tool_imported_twice_are_no_change() -> None:
    doubled = [as_proposed(asked(), k, times=2) for k in range(2)]
    found = weigh(asked(), doubled, size_of=lambda _: SIZE, exports=[None])
    assert [c.state for c in found.changes] == ["untouched"] * 2


def test_what_another_queue_proposed_is_no_answer() -> None:
    """An untouched export of an earlier queue about the same images differs from the proposals of this one."""
    rows = [{**row, "proposal": json.dumps(proposal_of(70 + k))} for k, row in enumerate(asked().items.to_pylist())]
    earlier = ReviewQueue(class_names=NAMES, items=queue(rows).items, least_scores=LEAST)
    stale = [as_proposed(earlier, k) for k in range(2)]
    alone = weigh(asked(), stale, size_of=lambda _: SIZE, exports=[None])
    assert [c.state for c in alone.changes] == ["changed"] * 2
    others = {row["picture"]: [(earlier, row)] for row in rows}
    found = weigh(asked(), stale, size_of=lambda _: SIZE, exports=[None], others=others)
    assert [c.state for c in found.changes] == ["untouched"] * 2 and not found.answers


@pytest.mark.parametrize("unit", [1.0, 0.5, 0.1, 0.01])
def test_what_a_tool_rounds_is_no_change(unit: float) -> None:
    """Half a pixel is what whole numbers for centre, width and height come to."""
    rounded = [as_proposed(asked(), k) for k in range(3)]
    rounded = [replace(a, boxes_xyxy=np.round(a.boxes_xyxy / unit) * unit) for a in rounded]
    found = weigh(asked(), rounded, size_of=lambda _: SIZE, exports=[None])
    assert [c.state for c in found.changes] == ["untouched"] * 3


@pytest.mark.parametrize("shift", [(1, 1, 1, 1), (0, 0, 1, 1), (-1, -1, 0, 0)])
@pytest.mark.parametrize("rounded", [False, True])
def test_a_tool_that_counts_pixels_otherwise_changes_nothing(shift: tuple[int, ...], rounded: bool) -> None:
    """Counted from 1, or with the last pixel inside: every box of the file moves by the same pixel, which no hand does."""
    answers = [as_proposed(asked(), k) for k in range(4)]
    boxes = [np.round(a.boxes_xyxy) if rounded else a.boxes_xyxy for a in answers]
    answers = [replace(a, boxes_xyxy=b + shift) for a, b in zip(answers, boxes, strict=True)]
    found = weigh(asked(), answers, size_of=lambda _: SIZE, exports=[None])
    assert [c.state for c in found.changes] == ["untouched"] * 4
    by_hand = answers[0].boxes_xyxy + [[9, 0, 9, 0]] * len(answers[0].boxes_xyxy)
    found = weigh(
        asked(), [replace(answers[0], boxes_xyxy=by_hand), *answers[1:]], size_of=lambda _: SIZE, exports=[None]
    )
    assert [c.state for c in found.changes] == ["changed"] + ["untouched"] * 3
    assert np.array_equal(found.answers[0].boxes_xyxy, by_hand)
