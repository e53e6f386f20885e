"""Light, contrast, sharpness: what each figure must follow, and what it must not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from boxwright.images import MEASURES, measure
from tests.worlds import picture


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(3).integers(60, 190, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("grey", [0, 77, 255])
def test_a_plain_picture_has_its_grey_level_and_nothing_else(grey: int) -> None:
    found = measure(np.full((40, 60, 3), grey, np.uint8))
    assert tuple(found) == MEASURES
    assert found["brightness"] == pytest.approx(grey, abs=0.5)
    assert found["contrast"] == pytest.approx(0, abs=1e-6)
    assert found["sharpness"] == pytest.approx(0, abs=1e-6)


def test_half_black_half_white_has_the_largest_contrast() -> None:
    pixels = np.zeros((20, 20, 3), np.uint8)
    pixels[:, 10:] = 255
    found = measure(pixels)
    assert found["brightness"] == pytest.approx(127.5)
    assert found["contrast"] == pytest.approx(127.5)


def test_more_light_changes_brightness_only() -> None:
    before, after = measure(noise(80, 100)), measure(noise(80, 100) + 50)
    assert after["brightness"] == pytest.approx(before["brightness"] + 50, abs=1)
    assert after["contrast"] == pytest.approx(before["contrast"], abs=1)
    assert after["sharpness"] == pytest.approx(before["sharpness"], rel=0.02)


def test_blur_takes_sharpness() -> None:
    pixels = noise(80, 100)
    assert measure(cv2.GaussianBlur(pixels, (0, 0), 2))["sharpness"] < 0.3 * measure(pixels)["sharpness"]


def test_turning_a_picture_changes_nothing() -> None:
    pixels = picture(90, 60)
    one, other = measure(pixels), measure(np.ascontiguousarray(pixels[::-1, ::-1]))
    assert one == pytest.approx(other, abs=0.05)


@pytest.mark.parametrize("size_hw", [(1, 1), (1, 900), (900, 1), (700, 500)])
def test_every_size_can_be_measured(size_hw: tuple[int, int]) -> None:
    assert all(np.isfinite(value) for value in measure(picture(*size_hw)).values())


def test_a_large_picture_measures_like_its_small_copy() -> None:
    small = measure(picture(200, 250))
    large = measure(cv2.resize(picture(200, 250), (1000, 800), interpolation=cv2.INTER_LINEAR))
    assert large["brightness"] == pytest.approx(small["brightness"], abs=1)
    assert large["contrast"] == pytest.approx(small["contrast"], abs=1)
