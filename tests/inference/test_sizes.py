"""Images of every size: what is found lies where it was painted, from one pixel up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from boxwright.inference import Detector
from tests.inference.block_finder import CELL, INPUT_HW, PADDING_SCORE, finder

SIZES = [
    (64, 96),
    (37, 53),
    (53, 37),
    (101, 7),
    (7, 101),
    (63, 95),
    (65, 97),
    (1, 1),
    (1, 50),
    (50, 1),
    (2, 3),
    (641, 961),
    (480, 33),
]


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Detector:
    return Detector(finder(tmp_path_factory.mktemp("finder")))


def around(boxes: np.ndarray) -> list[float]:
    """The smallest box around all."""
    return [*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist()]


@pytest.mark.parametrize("size_hw", SIZES)
def test_what_fills_the_image_is_found_to_its_very_border(detector: Detector, size_hw: tuple[int, int]) -> None:
    height, width = size_hw
    picture = np.zeros((height, width, 3), np.uint8)
    picture[..., 0] = 255
    found = detector.detect(picture)
    assert set(found.class_id.tolist()) == {0}
    np.testing.assert_allclose(around(found.boxes_xyxy), [0, 0, width, height], atol=1e-4)


@pytest.mark.parametrize("size_hw", [size_hw for size_hw in SIZES if min(size_hw) > 30])
@pytest.mark.parametrize("class_id", [0, 1])
def test_an_object_is_found_where_it_was_painted(detector: Detector, size_hw: tuple[int, int], class_id: int) -> None:
    """Off the middle, so that no mirrored or swapped axis finds it; to half a cell of the input."""
    height, width = size_hw
    box = [width // 8, height * 3 // 8, width * 5 // 8, height * 7 // 8]
    picture = np.zeros((height, width, 3), np.uint8)
    picture[box[1] : box[3], box[0] : box[2], class_id] = 255
    found = detector.detect(picture)
    found = found[found.score >= 0.5]
    assert set(found.class_id.tolist()) == {class_id}
    scale = min(INPUT_HW[0] / height, INPUT_HW[1] / width)
    np.testing.assert_allclose(around(found.boxes_xyxy), box, atol=(CELL / 2 + 1) / scale)


def test_what_is_found_in_the_band_of_the_letterbox_is_counted(tmp_path: Path) -> None:
    detector = Detector(finder(tmp_path, score_floor=PADDING_SCORE - 0.01))
    found = detector.detect(np.zeros((32, 96, 3), np.uint8))
    # 16 rows of band above and below the image: two rows of 12 cells each, for both classes
    assert detector.left_out["outside"] == 2 * 12 * 2  # the outer rows
    assert len(found) == 2 * 12 * 2  # the inner ones have grown into the image
    _, y1, _, y2 = found.boxes_xyxy.T
    assert ((y1 == 0) & (y2 < 2) | (y1 > 30) & (y2 == 32)).all()


def test_a_black_image_is_answered_with_nothing(detector: Detector) -> None:
    for size_hw in SIZES:
        found = detector.detect(np.zeros((*size_hw, 3), np.uint8))
        assert (found.boxes_xyxy.shape, found.score.shape) == ((0, 4), (0,))
