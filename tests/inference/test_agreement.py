"""How two answers are compared: what proves parity and golden images must see every kind of difference."""

from __future__ import annotations

import numpy as np
import pytest

from boxwright.detections import Detections
from boxwright.inference import agreement, compare_detections

BOXES = np.array([[0, 0, 20, 20], [30, 0, 60, 30], [0, 40, 40, 60]], float)
ANSWER = Detections(BOXES, np.array([0.9, 0.6, 0.3]), np.array([0, 1, 0]))
DIFFERENT = {
    "missing": ANSWER[np.array([0, 2])],
    "extra": Detections(np.concatenate([BOXES, [[70, 70, 90, 90]]]), np.array([0.9, 0.6, 0.3, 0.5]), np.array([0, 1, 0, 0])),
    "moved": Detections(BOXES + [[0, 0, 0, 0], [8, 0, 8, 0], [0, 0, 0, 0]], ANSWER.score, ANSWER.class_id),
    "class": Detections(BOXES, ANSWER.score, np.array([0, 0, 0])),
    "score": Detections(BOXES, np.array([0.9, 0.55, 0.3]), ANSWER.class_id),
    "nothing": Detections.empty(),
}  # fmt: skip


def complaint(expected: Detections, found: Detections) -> str:
    return compare_detections(expected, found, above=0.1, least_iou=0.98, most_score_difference=0.02)


def agrees(one: Detections, other: Detections) -> bool:
    """As parity is judged: both ways round."""
    both = [agreement(a, b, above=0.1) for a, b in ((one, other), (other, one))]
    return all(lost == 0 and iou >= 0.99 and difference <= 0.01 for _, lost, iou, difference in both)


def test_an_answer_agrees_with_itself_in_any_order() -> None:
    turned = ANSWER[np.array([2, 0, 1])]
    assert complaint(ANSWER, turned) == complaint(turned, ANSWER) == ""
    assert agreement(ANSWER, turned, above=0.1) == (3, 0, 1.0, 0.0)
    assert agrees(Detections.empty(), Detections.empty())
    assert complaint(Detections.empty(), Detections.empty()) == ""


@pytest.mark.parametrize("what", DIFFERENT)
def test_every_difference_is_seen_either_way_round(what: str) -> None:
    for one, other in ((ANSWER, DIFFERENT[what]), (DIFFERENT[what], ANSWER)):
        assert complaint(one, other)
        assert not agrees(one, other)


def test_what_is_below_the_score_is_not_asked_for() -> None:
    assert agreement(ANSWER, ANSWER[:2], above=0.35) == (2, 0, 1.0, 0.0)
    assert agreement(ANSWER, ANSWER[:2], above=0.25)[:2] == (3, 1)


def test_figures_are_the_worst_of_all_pairs() -> None:
    found = Detections(BOXES + [[0, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]], np.array([0.9, 0.57, 0.29]), ANSWER.class_id)
    compared, lost, iou, difference = agreement(ANSWER, found, above=0.1)
    assert (compared, lost) == (3, 0)
    assert iou == pytest.approx(29 / 31)
    assert difference == pytest.approx(0.03, abs=1e-6)


def test_two_detections_do_not_share_a_partner() -> None:
    double = Detections(BOXES[[0, 0]], np.array([0.9, 0.9]), np.array([0, 0]))
    assert "missing" in complaint(double, double[:1])
    assert agreement(double, double[:1], above=0.1)[:2] == (2, 1)
