"""Decoding where it is tight: nothing found, borders, ties, thresholds met exactly, more than fits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from boxwright.detections import Detections
from boxwright.images import Placement
from boxwright.inference.decode import LeftOut, decode_counted
from boxwright.spec.spec import OutputClause

WHOLE = Placement(scale_xy=(1.0, 1.0), shift_xy=(0.0, 0.0), original_hw=(40, 60), input_hw=(40, 60))
BANDED = Placement(scale_xy=(2.0, 2.0), shift_xy=(0.0, 10.0), original_hw=(20, 30), input_hw=(60, 60))


def decoded(
    boxes: Any, scores: Any, *, placement: Placement = WHOLE, suppression: dict[str, Any] | None = None, **output: Any
) -> tuple[Detections, LeftOut]:
    """One class where `scores` is a flat list."""
    table = np.asarray(scores, np.float32)
    clause = OutputClause.model_validate({"score_floor": 0.3, "suppression": suppression or {}, **output})
    return decode_counted(
        np.asarray(boxes, np.float32).reshape(-1, 4), table.reshape(len(table), -1), placement, clause
    )


def test_no_cell_and_no_cell_at_the_floor_are_no_detection() -> None:
    none = np.zeros((0, 2), np.float32)
    for found, left_out in (
        decode_counted(np.zeros((0, 4), np.float32), none, WHOLE, OutputClause()),
        decoded([[0, 0, 9, 9]], [0.29]),
    ):
        assert (found.boxes_xyxy.shape, len(found), left_out.any) == ((0, 4), 0, False)


def test_a_score_at_the_floor_is_a_detection() -> None:
    assert len(decoded([[0, 0, 9, 9]], [0.5], score_floor=0.5)[0]) == 1


@pytest.mark.parametrize(
    "box, expected",
    [
        ([0, 0, 60, 40], [0, 0, 60, 40]),
        ([-7, -3, 5, 6], [0, 0, 5, 6]),
        ([50, 30, 99, 41], [50, 30, 60, 40]),
        ([-1e6, -1e6, 1e6, 1e6], [0, 0, 60, 40]),
        ([59.5, 39.25, 70, 70], [59.5, 39.25, 60, 40]),
    ],
)
def test_a_box_at_or_over_the_border_is_cut_to_the_image(box: list[float], expected: list[float]) -> None:
    found, left_out = decoded([box], [0.9])
    assert found.boxes_xyxy.tolist() == [expected]
    assert not left_out.any


@pytest.mark.parametrize("box", [[-9, 2, 0, 9], [60, 2, 70, 9], [2, -9, 9, 0], [2, 40, 9, 50], [-9, -9, -1, -1]])
def test_a_box_that_only_touches_the_image_from_outside_is_counted(box: list[float]) -> None:
    found, left_out = decoded([box], [0.9])
    assert not len(found)
    assert left_out == LeftOut(outside=1)


def test_a_box_in_the_band_of_the_letterbox_is_outside() -> None:
    found, left_out = decoded([[0, 0, 60, 10], [4, 14, 8, 20], [0, 45, 60, 60]], [0.9, 0.8, 0.7], placement=BANDED)
    assert found.boxes_xyxy.tolist() == [[2, 2, 4, 5], [0, 17.5, 30, 20]]
    assert left_out == LeftOut(outside=1)


@pytest.mark.parametrize("box", [[5, 5, 5, 9], [5, 9, 8, 9], [5, 5, 5, 5]])
def test_a_box_without_area_is_counted(box: list[float]) -> None:
    found, left_out = decoded([box, [1, 1, 4, 4]], [0.9, 0.4])
    assert found.boxes_xyxy.tolist() == [[1, 1, 4, 4]]
    assert left_out == LeftOut(no_area=1)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("side", range(4))
def test_a_box_that_is_not_finite_is_counted_and_is_no_detection(value: float, side: int) -> None:
    """An endless box was cut to the image and answered."""
    box = [5.0, 5.0, 9.0, 9.0]
    box[side] = value
    found, left_out = decoded([box, [1, 1, 4, 4]], [0.9, 0.4])
    assert found.boxes_xyxy.tolist() == [[1, 1, 4, 4]]
    assert left_out == LeftOut(not_finite=1)


def test_of_equal_scores_the_earlier_cell_comes_first_and_stays() -> None:
    boxes = [[0, 0, 10, 10], [20, 0, 30, 10], [1, 0, 11, 10], [40, 0, 50, 10]]
    found, _ = decoded(boxes, [0.5, 0.5, 0.5, 0.5])
    assert found.boxes_xyxy[:, 0].tolist() == [0, 20, 40]
    found, _ = decoded(boxes, [0.5] * 4, suppression={"method": "none"})
    assert found.boxes_xyxy[:, 0].tolist() == [0, 20, 1, 40]


def test_a_cell_answers_for_every_class_at_the_floor() -> None:
    found, _ = decoded([[0, 0, 9, 9], [20, 0, 29, 9]], [[0.4, 0.8, 0.1], [0.8, 0.0, 0.3]])
    assert list(zip(found.boxes_xyxy[:, 0].tolist(), found.class_id.tolist(), strict=True)) == [
        (0, 1), (20, 0), (0, 0), (20, 2),
    ]  # fmt: skip
    found, _ = decoded([[0, 0, 9, 9]], [[0.4, 0.8]], suppression={"across_classes": True})
    assert found.class_id.tolist() == [1]


@pytest.mark.parametrize("iou_threshold, stay", [(0.5, 2), (0.499, 1), (0.501, 2)])
def test_an_overlap_of_exactly_the_threshold_stays(iou_threshold: float, stay: int) -> None:
    found, _ = decoded([[0, 0, 10, 10], [0, 0, 10, 5]], [0.9, 0.8], suppression={"iou_threshold": iou_threshold})
    assert len(found) == stay


def test_overlap_is_that_of_the_boxes_as_they_are_answered() -> None:
    """Cut to the image, the two are the same."""
    found, _ = decoded([[50, 0, 60, 10], [50, 0, 90, 10]], [0.8, 0.9])
    assert found.score.tolist() == pytest.approx([0.9])


def test_the_most_detections_are_the_best_after_suppression() -> None:
    boxes = [[0, 0, 10, 10], [0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10]]
    found, _ = decoded(boxes, [0.8, 0.9, 0.4, 0.7], max_detections=2)
    assert found.score.tolist() == pytest.approx([0.9, 0.7])


@pytest.mark.parametrize("method", ["nms", "none"])
def test_as_many_are_answered_as_the_contract_allows(method: str) -> None:
    """Only 3000 were, of whatever was allowed."""
    columns = np.arange(70 * 60)
    x, y = columns % 60, columns // 60 % 40
    boxes = np.stack([x, y, x + 0.5, y + 0.5], axis=1)[: 40 * 60]
    boxes = np.concatenate([boxes, boxes + 0.5])  # 4800 that do not overlap
    scores = np.linspace(0.4, 0.9, len(boxes))
    found, _ = decoded(boxes, scores, max_detections=4000, suppression={"method": method})
    assert found.score.tolist() == np.sort(scores.astype(np.float32))[::-1][:4000].tolist()
    few, _ = decoded(boxes, scores, max_detections=5, suppression={"method": method})
    assert few.score.tolist() == found.score[:5].tolist()


def test_a_score_a_little_above_1_is_1() -> None:
    assert decoded([[0, 0, 9, 9]], [1.0005])[0].score.tolist() == [1.0]
