"""One agrees with many: an image is answered in a batch as it is alone, and by itself whatever lies beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from boxwright.artifacts.calibration import ClassCalibration
from boxwright.detections import Detections
from boxwright.inference import Detector
from tests.inference.block_finder import finder, noisy

SIZES = [(64, 96), (37, 53), (120, 50), (1, 1), (64, 96), (200, 300)]
HALVED = {name: ClassCalibration(method="isotonic", x=(0.0, 1.0), y=(0.0, 0.5)) for name in ("red", "green")}


def images() -> list[np.ndarray]:
    return [noisy(*size_hw, seed=seed) for seed, size_hw in enumerate(SIZES)]


def equal(one: Detections, other: Detections) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(vars(one).values(), vars(other).values(), strict=True))


@pytest.mark.parametrize("calibration", [None, HALVED], ids=["raw", "calibrated"])
def test_a_batch_is_its_images_one_by_one(tmp_path: Path, calibration: dict | None) -> None:
    detector, pictures = Detector(finder(tmp_path, calibration=calibration)), images()
    alone = [detector.detect(picture) for picture in pictures]
    assert sum(map(len, alone)) > 100
    assert len({one.boxes_xyxy.tobytes() for one in alone}) == len(alone)  # every image has an answer of its own
    for one, many in zip(alone, detector.detect_many(pictures), strict=True):
        assert equal(one, many)
    if calibration:
        assert max(float(one.score.max(initial=0)) for one in alone) <= 0.5


def test_the_order_of_a_batch_is_the_order_of_the_answers(tmp_path: Path) -> None:
    detector, pictures = Detector(finder(tmp_path)), images()
    forth, back = detector.detect_many(pictures), detector.detect_many(pictures[::-1])
    assert all(equal(one, other) for one, other in zip(forth, back[::-1], strict=True))


def test_no_image_is_no_answer(tmp_path: Path) -> None:
    assert Detector(finder(tmp_path)).detect_many([]) == []


def test_an_image_is_left_as_it_was(tmp_path: Path) -> None:
    detector, pictures = Detector(finder(tmp_path)), images()
    before = [picture.copy() for picture in pictures]
    detector.detect_many(pictures)
    assert all(np.array_equal(a, b) for a, b in zip(before, pictures, strict=True))
