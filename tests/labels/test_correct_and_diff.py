"""A correction replaces a picture's boxes as a whole, touches nothing else, and diff says exactly what it did."""

from __future__ import annotations

import json
from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxwright.artifacts import Dataset
from boxwright.errors import InputError
from boxwright.labels import correct, diff
from tests.worlds import corrections, dataset, digest_of, row

A, B, C = (1.0, 2.0, 30.0, 40.0), (50.0, 10.0, 60.0, 20.0), (5.5, 6.5, 7.5, 8.5)
corner = st.integers(0, 40)
box = st.tuples(corner, corner, st.integers(1, 20), st.integers(1, 20)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
boxes_of_a_picture = st.lists(st.tuples(box, st.integers(0, 1)), max_size=4, unique=True)
worlds = st.lists(boxes_of_a_picture, max_size=4)


def world(pictures: list) -> Dataset:
    return dataset([row(k, [b for b, _ in p], classes=[c for _, c in p]) for k, p in enumerate(pictures, start=1)])


def of_picture(data: Dataset, image_id: int) -> dict:
    return next(r for r in data.rows.to_pylist() if r["image_id"] == image_id)


@given(worlds)
def test_a_version_differs_from_itself_in_nothing(pictures: list) -> None:
    assert diff(world(pictures), world(pictures)).nothing


@given(worlds, worlds)
def test_what_is_added_one_way_is_removed_the_other(one: list, other: list) -> None:
    there, back = diff(world(one), world(other)), diff(world(other), world(one))
    assert there.pictures_added == back.pictures_removed
    assert (there.boxes_added, there.boxes_moved) == (back.boxes_removed, back.boxes_moved)
    assert there.boxes_relabelled == back.boxes_relabelled
    assert there.pictures_changed.keys() == back.pictures_changed.keys()


@given(worlds, boxes_of_a_picture, st.data())
def test_a_correction_replaces_one_picture_wholly_and_leaves_the_others(
    pictures: list, answer: list, data: st.DataObject
) -> None:
    before = world([*pictures, []])
    which = data.draw(st.integers(1, len(pictures) + 1))
    boxes, classes = [b for b, _ in answer], [c for _, c in answer]
    after = correct(before, corrections({digest_of(f"picture {which}"): (boxes, classes)}))
    mine = of_picture(after, which)
    found = list(zip(mine["x1"], mine["y1"], mine["x2"], mine["y2"], mine["class_id"]))
    assert found == [(*map(float, b), c) for b, c in answer]
    assert mine["area"] == [(b[2] - b[0]) * (b[3] - b[1]) for b in boxes]
    others = [r for r in after.rows.to_pylist() if r["image_id"] != which]
    assert others == [r for r in before.rows.to_pylist() if r["image_id"] != which]
    ids = [i for r in after.rows.to_pylist() for i in r["annotation_id"]]
    assert len(set(ids)) == len(ids)


@given(worlds, st.randoms(use_true_random=False))
def test_the_same_boxes_in_any_order_keep_their_ids(pictures: list, rng) -> None:
    before = world([[(A, 0)], *pictures])
    answers = {}
    for k, boxes in enumerate([[(A, 0)], *pictures], start=1):
        shuffled = rng.sample(boxes, len(boxes))
        answers[digest_of(f"picture {k}")] = ([b for b, _ in shuffled], [c for _, c in shuffled])
    assert diff(before, correct(before, corrections(answers))).nothing


def test_unchanged_boxes_keep_their_ids_and_new_ones_get_new() -> None:
    before = dataset([row(1, [A, B], ids=[7, 9]), row(2, [C], ids=[30])])
    after = correct(before, corrections({digest_of("picture 1"): ([C, B], [0, 0])}))
    assert of_picture(after, 1)["annotation_id"] == [31, 9]
    found = diff(before, after)
    assert (found.boxes_added, found.boxes_removed, found.boxes_moved) == (1, 1, 0)
    assert list(found.pictures_changed) == ["001.jpg"]


def test_two_boxes_on_the_same_place_keep_their_ids_too() -> None:
    before = dataset([row(1, [A, A], ids=[7, 9])])
    after = correct(before, corrections({digest_of("picture 1"): ([A, A], [0, 0])}))
    assert diff(before, after).nothing


def test_a_box_given_another_class_or_moved_is_the_same_box() -> None:
    x1, y1, x2, y2 = B
    moved = (x1 + 1, y1, x2 + 1, y2)
    before = dataset([row(1, [A, B], ids=[7, 9])])
    before = replace(before, rows=before.rows.set_column(
        before.rows.schema.get_field_index("attributes"), "attributes", pa.array([['{"truncated": true}', "{}"]])
    ))  # fmt: skip
    after = correct(before, corrections({digest_of("picture 1"): ([moved, A], [0, 1])}))
    made = of_picture(after, 1)
    assert made["annotation_id"] == [9, 7]
    assert [json.loads(text).get("truncated") for text in made["attributes"]] == [None, True]
    found = diff(before, after)
    assert (found.boxes_added, found.boxes_removed, found.boxes_moved, found.boxes_relabelled) == (0, 0, 1, 1)


def test_a_box_of_another_class_elsewhere_is_another_box() -> None:
    before = dataset([row(1, [A], ids=[7])])
    x1, y1, x2, y2 = A
    shifted = (x1 + 0.3 * (x2 - x1), y1, x2 + 0.3 * (x2 - x1), y2)
    after = correct(before, corrections({digest_of("picture 1"): ([shifted], [1])}))
    assert of_picture(after, 1)["annotation_id"] == [8]


def test_an_answer_without_boxes_says_nothing_here() -> None:
    before = dataset([row(1, [A, B])])
    after = correct(before, corrections({digest_of("picture 1"): ([], [])}))
    assert of_picture(after, 1)["x1"] == []
    assert len(after) == 1
    assert diff(before, after).boxes_removed == 2


def test_an_unlabelled_picture_is_labelled_once_answered() -> None:
    before = dataset([{**row(1), "labelled": False}])
    after = correct(before, corrections({digest_of("picture 1"): ([], [])}))
    assert of_picture(after, 1)["labelled"] is True


def test_a_picture_seen_in_production_is_added() -> None:
    before = dataset([row(4, [A], ids=[7])])
    after = correct(before, corrections({digest_of("new"): ([B], [1])}))
    new = of_picture(after, 5)
    assert (new["file_name"], new["picture"], new["annotation_id"]) == ("seen/0.jpg", digest_of("new"), [8])
    assert after.conditions[1] == {"camera": "cam-9"}
    found = diff(before, after)
    assert (found.pictures_added, found.boxes_added, found.pictures_changed) == (["seen/0.jpg"], 1, {})


def test_a_correction_knows_where_it_came_from_and_leaves_its_argument_alone() -> None:
    before, answers = dataset([row(1, [A])]), corrections({digest_of("picture 1"): ([B], [0])})
    digest = before.digest
    after = correct(before, answers)
    assert dict(after.made_from) == {"dataset": digest, "corrections": answers.digest}
    assert dataset([row(1, [A])]).digest == digest == replace(before).digest


def test_other_classes_and_no_answers_are_refused() -> None:
    answers = corrections({digest_of("picture 1"): ([B], [0])})
    with pytest.raises(InputError, match="crate"):
        correct(replace(dataset([row(1)]), class_names=("crate",)), answers)
    with pytest.raises(InputError, match="no answer"):
        correct(dataset([row(1)]), corrections({}))


def test_moved_and_relabelled_boxes_are_told_in_words() -> None:
    before = dataset([row(1, [A, B], ids=[1, 2])])
    moved = (2.0, *A[1:])
    found = diff(before, dataset([row(1, [moved, B], ids=[1, 2], classes=[0, 1])]))
    assert (found.boxes_moved, found.boxes_relabelled, found.boxes_added, found.boxes_removed) == (1, 1, 0, 0)
    words = " | ".join(found.pictures_changed["001.jpg"])
    assert "moved carton [1.0, 2.0, 30.0, 40.0] to [2.0, 2.0, 30.0, 40.0]" in words
    assert "carton became pouch" in words


def test_a_picture_that_went_takes_its_boxes_along() -> None:
    found = diff(dataset([row(1, [A, B]), row(2)]), dataset([row(2)]))
    assert (found.pictures_removed, found.boxes_removed, found.pictures_changed) == (["001.jpg"], 2, {})


def test_two_rows_with_the_same_bytes_are_both_looked_at() -> None:
    same = digest_of("same bytes")
    before = dataset([row(1, [A], picture=same), row(2, [B], picture=same)])
    after = dataset([row(1, picture=same), row(2, [B], picture=same)])
    assert diff(before, after).boxes_removed == 1


def test_a_box_that_is_no_longer_judged_is_a_difference() -> None:
    assert not diff(dataset([row(1, [A])]), dataset([{**row(1, [A]), "ignore": [True]}])).nothing
