"""Calibrated scores: mapped class by class, in their new order, ties as they came."""

from __future__ import annotations

import numpy as np
import pytest

from boxwright.artifacts.calibration import ClassCalibration
from boxwright.detections import Detections
from boxwright.inference import calibrated

BOXES = np.array([[i, 0, i + 5, 5] for i in range(4)], float)
FOUND = Detections(BOXES, np.array([0.9, 0.8, 0.7, 0.6]), np.array([0, 1, 0, 1]))
LEVEL = {
    "a": ClassCalibration(method="isotonic", x=(0.5,), y=(0.3,)),
    "b": ClassCalibration(method="isotonic", x=(0.5,), y=(0.8,)),
}


def test_equal_scores_keep_their_order_and_no_map_changes_nothing() -> None:
    assert calibrated(FOUND, None, class_names=("a", "b")) is FOUND
    mapped = calibrated(FOUND, LEVEL, class_names=("a", "b"))
    assert mapped.boxes_xyxy[:, 0].tolist() == [1, 3, 0, 2]
    assert calibrated(FOUND, {"b": LEVEL["b"]}, class_names=("a", "b")).boxes_xyxy[:, 0].tolist() == [0, 1, 3, 2]
    assert len(calibrated(Detections.empty(), LEVEL, class_names=("a", "b"))) == 0


def test_each_class_has_its_own_map_and_keeps_its_boxes() -> None:
    mapped = calibrated(FOUND, LEVEL, class_names=("a", "b"))
    for class_id, score in ((0, 0.3), (1, 0.8)):
        mine = mapped[mapped.class_id == class_id]
        assert mine.score.tolist() == pytest.approx([score, score], abs=0.01)
        np.testing.assert_array_equal(mine.boxes_xyxy, FOUND.boxes_xyxy[FOUND.class_id == class_id])
