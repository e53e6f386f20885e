"""Detections and annotations: checked once, sliced like arrays, concatenated without losing whose is whose."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxwright.detections import (
    AnnotationColumns,
    Annotations,
    DetectionColumns,
    Detections,
    offsets_from_counts,
    rows_of,
)
from boxwright.errors import BoxError

counts_of_pictures = st.lists(st.integers(0, 4), max_size=6)


def detections(n: int, *, start: int = 0) -> Detections:
    """n distinguishable detections: every row says its own number."""
    number = np.arange(start, start + n)
    boxes = np.stack([number, number, number + 5, number + 5], axis=1)
    return Detections(boxes, number / 100, number % 3)


def pictures(counts: list[int]) -> list[Detections]:
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(int)
    return [detections(n, start=int(s)) for n, s in zip(counts, starts)]


def same(a: Detections, b: Detections) -> bool:
    return all(np.array_equal(getattr(a, f), getattr(b, f)) for f in ("boxes_xyxy", "score", "class_id"))


@pytest.mark.parametrize(
    ("boxes", "score", "class_id", "sentence"),
    [
        ([[0, 0, 1]], [0.5], [0], r"shape \(n, 4\)"),
        ([[0, 0, 1, 1]], [0.5, 0.5], [0], r"'score' must have the shape \(1,\).*found \(2,\)"),
        ([[0, 0, 1, 1]], [0.5], [], r"'class_id' must have the shape \(1,\).*found \(0,\)"),
        ([[0, 0, 1, 1], [5, 0, 1, 1]], [0.5, 0.5], [0, 0], r"x1 <= x2.*row 1 is \[5"),
        ([[0, 0, 1, 1], [0, 9, 1, 1]], [0.5, 0.5], [0, 0], r"y1 <= y2.*row 1"),
        ([[0, 0, 1, 1], [0, 0, np.nan, 1]], [0.5, 0.5], [0, 0], "finite; row 1"),
        ([[0, 0, np.inf, 1]], [0.5], [0], "finite; row 0"),
        ([[0, 0, 1, 1]], [1.5], [0], r"\[0, 1\]"),
        ([[0, 0, 1, 1]], [-0.1], [0], r"\[0, 1\]"),
        ([[0, 0, 1, 1]], [np.nan], [0], r"\[0, 1\]"),
    ],
)
def test_a_broken_contract_is_refused_with_what_was_found(boxes, score, class_id, sentence: str) -> None:
    with pytest.raises(BoxError, match=sentence):
        Detections(boxes, score, class_id)


def test_annotations_keep_the_same_contract() -> None:
    with pytest.raises(BoxError, match="x1 <= x2"):
        Annotations([[5, 0, 1, 1]], [0])
    with pytest.raises(BoxError, match="'ignore'"):
        Annotations([[0, 0, 1, 1]], [0], [True, False])
    assert Annotations([[0, 0, 1, 1]], [0]).ignore.tolist() == [False]


def test_columns_have_the_promised_types() -> None:
    found = Detections([[0, 0, 1, 1]], [1], [2.0])
    assert (found.boxes_xyxy.dtype, found.score.dtype, found.class_id.dtype) == (np.float32, np.float32, np.int32)


def test_a_box_without_extent_is_ordinary() -> None:
    assert len(Detections([[3, 3, 3, 3]], [0.5], [0])) == 1


def test_nothing_is_ordinary() -> None:
    for nothing in (Detections.empty(), Annotations.empty()):
        assert len(nothing) == 0
        assert nothing.boxes_xyxy.shape == (0, 4)
        assert len(nothing[:]) == 0
        assert len(nothing[np.zeros(0, bool)]) == 0


@given(st.integers(0, 8), st.data())
def test_rows_are_taken_as_from_an_array(n: int, data: st.DataObject) -> None:
    whole = detections(n)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)), bool)
    assert same(whole[mask], whole[np.flatnonzero(mask)])
    assert same(whole[1:3], whole[np.arange(n)[1:3]])
    np.testing.assert_array_equal(whole[mask].score, whole.score[mask])
    np.testing.assert_array_equal(whole[mask].boxes_xyxy, whole.boxes_xyxy[mask])


def test_annotations_slice_with_their_ignore_flags() -> None:
    whole = Annotations([[0, 0, 1, 1], [1, 1, 2, 2]], [4, 5], [False, True])
    part = whole[np.array([1])]
    assert (part.class_id.tolist(), part.ignore.tolist()) == ([5], [True])


@given(counts_of_pictures)
def test_from_list_and_back_is_the_same(counts: list[int]) -> None:
    given_pictures = pictures(counts)
    columns = DetectionColumns.from_list(given_pictures)
    assert len(columns) == len(counts)
    assert columns.offsets.tolist() == [0, *np.cumsum(counts).tolist()]
    for k, one in enumerate(given_pictures):
        assert same(columns[k], one)
    assert columns.image_index.tolist() == [k for k, n in enumerate(counts) for _ in range(n)]


@given(counts_of_pictures, st.data())
def test_take_gives_the_pictures_asked_for_in_that_order(counts: list[int], data: st.DataObject) -> None:
    columns = DetectionColumns.from_list(pictures(counts))
    asked = data.draw(st.lists(st.integers(0, len(counts) - 1), max_size=5)) if counts else []
    taken = columns.take(np.array(asked, int))
    assert len(taken) == len(asked)
    for k, image in enumerate(asked):
        assert same(taken[k], columns[image])


@given(counts_of_pictures, st.data())
def test_keep_drops_rows_and_never_a_picture(counts: list[int], data: st.DataObject) -> None:
    columns = DetectionColumns.from_list(pictures(counts))
    n = sum(counts)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)), bool)
    kept = columns.keep(mask)
    assert len(kept) == len(columns)
    for k in range(len(counts)):
        assert same(kept[k], columns[k][mask[columns.offsets[k] : columns.offsets[k + 1]]])


def test_keeping_everything_is_the_same_and_nothing_leaves_empty_pictures() -> None:
    columns = DetectionColumns.from_list(pictures([2, 0, 3]))
    everything, nothing = columns.keep(np.ones(5, bool)), columns.keep(np.zeros(5, bool))
    np.testing.assert_array_equal(everything.offsets, columns.offsets)
    assert nothing.offsets.tolist() == [0, 0, 0, 0]
    assert len(nothing[1]) == 0


@given(counts_of_pictures, st.data())
def test_rows_of_equals_the_loop(counts: list[int], data: st.DataObject) -> None:
    offsets = offsets_from_counts(counts)
    asked = data.draw(st.lists(st.integers(0, len(counts) - 1), max_size=5)) if counts else []
    expected = [row for image in asked for row in range(offsets[image], offsets[image + 1])]
    assert rows_of(offsets, np.array(asked, int)).tolist() == expected


def test_annotation_columns_take_every_column_along() -> None:
    columns = AnnotationColumns(
        offsets=np.array([0, 2, 2, 3]),
        boxes_xyxy=np.array([[0, 0, 1, 1], [1, 1, 2, 2], [2, 2, 3, 3]], float),
        class_id=np.array([0, 1, 2], np.int32),
        area=np.array([1.0, 2.0, 3.0]),
        crowd=np.array([False, True, False]),
        ignore=np.array([False, True, True]),
        annotation_id=np.array([10, 11, 30]),
    )
    taken = columns.take(np.array([2, 0]))
    assert taken.annotation_id.tolist() == [30, 10, 11]
    assert taken.area.tolist() == [3.0, 1.0, 2.0]
    assert taken.crowd.tolist() == [False, False, True]
    assert taken[0].ignore.tolist() == [True]
    assert columns.image_index.tolist() == [0, 0, 2]


def test_columns_keep_the_figures_of_a_file_to_the_last_digit() -> None:
    columns = DetectionColumns(
        np.array([0, 1]), np.array([[0.1, 0.2, 0.3, 0.4]]), np.array([0.123456789]), np.array([0], np.int32)
    )
    assert columns.take(np.array([0])).score[0] == 0.123456789
