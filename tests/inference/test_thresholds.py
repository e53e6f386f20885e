"""Which detections are answered: those at or above the threshold of their class, or of the image's condition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from boxwright.artifacts import Contract
from boxwright.detections import Detections
from boxwright.errors import StoreError
from boxwright.inference import Detector, Thresholds
from boxwright.spec.spec import OutputClause
from tests.tiny_bundles import tiny_bundle

FOUND = Detections(np.tile([0, 0, 5, 5], (4, 1)), np.array([0.9, 0.5, 0.1, 0.5]), np.array([0, 1, 1, 0]))


def thresholds(**contract: Any) -> Thresholds:
    return Thresholds(Contract(class_names=("a", "b"), input_hw=(32, 32), output=OutputClause(), **contract))


def test_without_thresholds_everything_is_answered() -> None:
    made = thresholds()
    assert made.answered(FOUND, {"camera": "cam-1"}).all()
    assert made.lowest == 0.0


def test_a_score_at_the_threshold_of_its_class_is_answered() -> None:
    made = thresholds(score_thresholds={"a": 0.6, "b": 0.5})
    assert made.answered(FOUND).tolist() == [True, True, False, False]
    assert made.lowest == 0.5


@pytest.mark.parametrize(
    "conditions, expected",
    [
        (None, [True, True, False, True]),
        ({}, [True, True, False, True]),
        ({"camera": "cam-1"}, [True, True, False, True]),
        ({"camera": "cam-9", "lighting": "dim"}, [True, True, True, True]),
        ({"camera": "cam-8"}, [False, True, False, False]),
        ({"lighting": "cam-9"}, [True, True, False, True]),
    ],
    ids=str,
)
def test_a_value_of_a_condition_has_thresholds_of_its_own(conditions: dict | None, expected: list[bool]) -> None:
    by = {"camera": {"cam-9": {"a": 0.0, "b": 0.0}, "cam-8": {"a": 1.1}}}
    made = thresholds(score_thresholds={"a": 0.4, "b": 0.4}, condition_thresholds=by)
    assert made.answered(FOUND, conditions).tolist() == expected
    assert made.lowest == 0.0


def test_the_detector_goes_by_its_contract(tmp_path: Path) -> None:
    by = {"camera": {"cam-9": {"carton": 0.0, "pouch": 1.1}}}
    thresholds = {"carton": 0.75, "pouch": 0.2}
    detector = Detector(tiny_bundle(tmp_path, golden=False, score_thresholds=thresholds, condition_thresholds=by))
    found = Detections(FOUND.boxes_xyxy[:3], np.array([0.75, 0.5, 0.1]), np.array([0, 0, 1]))
    assert detector.answered(found).tolist() == [True, False, False]
    assert detector.answered(found, {"camera": "cam-9"}).tolist() == [True, True, False]


def test_a_class_without_a_threshold_is_said() -> None:
    with pytest.raises(StoreError, match="none for the class 'b'"):
        thresholds(score_thresholds={"a": 0.5})


def test_nothing_found_is_nothing_answered() -> None:
    assert thresholds(score_thresholds={"a": 0.5, "b": 0.5}).answered(Detections.empty()).shape == (0,)
