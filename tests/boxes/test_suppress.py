"""Suppression: the chain of kept boxes equals the naive loop, ties included."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxwright.boxes import as_boxes, pairwise_iou, suppress
from tests.oracles import suppress_loop

place, size = st.integers(0, 10), st.integers(0, 8)
scored = st.tuples(place, place, size, size, st.integers(0, 4), st.integers(0, 2))  # few scores: many ties
crowd = st.lists(scored, max_size=14)
threshold = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])


def columns(rows: list) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    boxes = as_boxes([(x, y, x + w, y + h) for x, y, w, h, _, _ in rows])
    return boxes, np.array([r[4] / 4 for r in rows], np.float32), np.array([r[5] for r in rows], np.int32)


@given(crowd, threshold, st.booleans())
def test_it_equals_the_naive_loop(rows: list, iou_threshold: float, across_classes: bool) -> None:
    boxes, score, class_id = columns(rows)
    found = suppress(boxes, score, class_id, iou_threshold=iou_threshold, across_classes=across_classes)
    expected = suppress_loop(
        boxes.tolist(), score.tolist(), class_id.tolist(), iou_threshold=iou_threshold, across_classes=across_classes
    )
    assert found.tolist() == expected


@given(crowd, threshold)
def test_twice_is_once_and_what_stays_does_not_overlap(rows: list, iou_threshold: float) -> None:
    boxes, score, class_id = columns(rows)
    kept = suppress(boxes, score, class_id, iou_threshold=iou_threshold, across_classes=True)
    again = suppress(boxes[kept], score[kept], class_id[kept], iou_threshold=iou_threshold, across_classes=True)
    assert again.tolist() == list(range(len(kept)))
    overlap = pairwise_iou(boxes[kept].astype(float), boxes[kept].astype(float))
    np.fill_diagonal(overlap, 0)
    assert (overlap <= iou_threshold).all()
    assert (np.diff(score[kept]) <= 0).all()


@given(st.permutations(range(6)))
def test_the_order_of_the_input_does_not_matter_when_scores_differ(order: list[int]) -> None:
    boxes = as_boxes([(0, 0, 10, 10), (1, 0, 11, 10), (2, 0, 12, 10), (20, 0, 30, 10), (21, 0, 31, 10), (8, 0, 18, 10)])
    score, class_id = np.array([0.3, 0.9, 0.5, 0.2, 0.8, 0.6]), np.zeros(6, int)
    shuffled = suppress(boxes[order], score[order], class_id, iou_threshold=0.5)
    assert [order[i] for i in shuffled] == suppress(boxes, score, class_id, iou_threshold=0.5).tolist()


def test_of_equal_scores_the_first_stays() -> None:
    boxes = as_boxes([(0, 0, 10, 10)] * 3)
    assert suppress(boxes, np.full(3, 0.5), np.zeros(3, int), iou_threshold=0.5).tolist() == [0]


def test_classes_leave_each_other_alone_unless_asked() -> None:
    boxes, score, class_id = as_boxes([(0, 0, 10, 10)] * 2), np.array([0.4, 0.9]), np.array([0, 7])
    assert suppress(boxes, score, class_id, iou_threshold=0.5).tolist() == [1, 0]
    assert suppress(boxes, score, class_id, iou_threshold=0.5, across_classes=True).tolist() == [1]


def test_a_box_at_the_threshold_stays() -> None:
    boxes, score = as_boxes([(0, 0, 10, 10), (0, 0, 10, 5)]), np.array([0.9, 0.8])  # IoU is exactly 0.5
    assert suppress(boxes, score, np.zeros(2, int), iou_threshold=0.5).tolist() == [0, 1]
    assert suppress(boxes, score, np.zeros(2, int), iou_threshold=0.4375).tolist() == [0]


@pytest.mark.parametrize("across_classes", [False, True])
def test_nothing_in_nothing_out(across_classes: bool) -> None:
    none = suppress(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int), iou_threshold=0.5, across_classes=across_classes)
    assert none.shape == (0,)
    assert none.dtype == np.int64


def test_small_sets_of_supervision(shared: Callable[[str], Path]) -> None:
    cases = json.loads(shared("cases/fusion/nms_small.json").read_text())["nms"]
    assert cases
    for case in cases:
        rows = [[*row, 0][:6] for row in case["boxes_xyxy_score_class"]]  # no class given: all the same
        table = np.array(rows, float)
        kept = suppress(table[:, :4], table[:, 4], table[:, 5].astype(int), iou_threshold=case["iou_threshold"])
        assert np.isin(np.arange(len(rows)), kept).tolist() == case["keep"]
