"""Other light: equals the formula pixel by pixel, and leaves boxes alone."""

from __future__ import annotations

import numpy as np
import pytest

from boxwright.training.augment import recolour
from tests.training.painted import scattered


def recoloured(pixel: np.ndarray, *, brightness: float, contrast: float, saturation: float) -> list[float]:
    """Saturation towards the pixel's grey, then contrast about mid grey, then brightness; cut to 0..255 after each."""
    grey = 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2]
    coloured = [min(max(saturation * v + (1 - saturation) * grey, 0), 255) for v in pixel.tolist()]
    return [min(max((v - 128) * contrast + 128 + brightness * 255, 0), 255) for v in coloured]


@pytest.mark.parametrize(
    "light",
    [
        {"brightness": 0.2, "contrast": 1.0, "saturation": 1.0},
        {"brightness": -0.15, "contrast": 1.0, "saturation": 1.0},
        {"brightness": 0.0, "contrast": 0.7, "saturation": 1.0},
        {"brightness": 0.0, "contrast": 1.3, "saturation": 1.0},
        {"brightness": 0.0, "contrast": 1.0, "saturation": 0.0},
        {"brightness": 0.1, "contrast": 1.2, "saturation": 1.3},
    ],
    ids=str,
)
def test_every_pixel_follows_the_formula(light: dict[str, float]) -> None:
    scene = scattered(1)
    scene.picture[:] = np.random.default_rng(0).integers(0, 256, scene.picture.shape)
    changed = recolour(scene, **light)
    expected = [recoloured(pixel, **light) for pixel in scene.picture.reshape(-1, 3).astype(float)]
    np.testing.assert_allclose(changed.picture.reshape(-1, 3), expected, atol=2.5)
    assert np.array_equal(changed.boxes_xyxy, scene.boxes_xyxy)
    assert np.array_equal(changed.class_id, scene.class_id)


def test_no_change_is_no_change() -> None:
    scene = scattered(2)
    assert np.array_equal(recolour(scene, brightness=0.0, contrast=1.0, saturation=1.0).picture, scene.picture)


def test_without_saturation_everything_is_grey() -> None:
    grey = recolour(scattered(3), brightness=0.0, contrast=1.0, saturation=0.0).picture.astype(int)
    assert np.ptp(grey, axis=-1).max() <= 1
