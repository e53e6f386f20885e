"""Cuts: a box goes with its object, and an object that loses its box is not seen any more."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxwright.images.resize import PAD_VALUE
from boxwright.training.augment import Scene, cut
from tests.training.painted import check_ids, painted, scattered

corner = st.integers(-30, 60)
share = st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.0])


def copied_loop(picture: np.ndarray, x: int, y: int, size_hw: tuple[int, int]) -> np.ndarray:
    """The part of a picture, pixel by pixel, grey where there is none."""
    out = np.full((*size_hw, 3), PAD_VALUE, np.uint8)
    for i in range(size_hw[0]):
        for j in range(size_hw[1]):
            if 0 <= i + y < picture.shape[0] and 0 <= j + x < picture.shape[1]:
                out[i, j] = picture[i + y, j + x]
    return out


@given(st.integers(0, 20), corner, corner, st.integers(8, 50), st.integers(8, 50), share)
def test_every_box_holds_its_object_and_no_object_is_without_a_box(
    seed: int, x: int, y: int, height: int, width: int, least_visible: float
) -> None:
    scene = scattered(seed)
    part = cut(scene, corner_xy=(x, y), scale=1.0, size_hw=(height, width), least_visible=least_visible)
    assert part.picture.shape == (height, width, 3)
    check_ids(part)


@given(st.integers(0, 20), corner, corner, share)
def test_the_box_stays_where_enough_of_the_object_does(seed: int, x: int, y: int, least_visible: float) -> None:
    scene, size_hw = scattered(seed), (30, 40)
    part = cut(scene, corner_xy=(x, y), scale=1.0, size_hw=size_hw, least_visible=least_visible)
    expected = copied_loop(scene.picture, x, y, size_hw)
    stays = []
    for k in scene.class_id:
        seen = expected[..., 0] == k + 1
        whole = (scene.picture[..., 0] == k + 1).sum()
        sides = (seen.any(axis=0).sum(), seen.any(axis=1).sum())
        if seen.any() and seen.sum() / whole >= least_visible and min(sides) >= 3:
            stays.append(int(k))
        else:
            expected[seen] = PAD_VALUE
    assert part.class_id.tolist() == stays
    np.testing.assert_array_equal(part.picture, expected)


@given(st.floats(-20, 30), st.floats(-20, 30), st.floats(0.5, 2.0), st.sampled_from([0.2, 0.6]))
def test_a_scaled_box_lies_about_its_scaled_object(x: float, y: float, scale: float, least_visible: float) -> None:
    box = np.array([[14.0, 10.0, 34.0, 26.0]], np.float32)
    picture = np.zeros((40, 50, 3), np.uint8)
    picture[10:26, 14:34] = 255
    scene = Scene(picture, box, np.zeros(1, np.int32), np.zeros(1, bool))
    part = cut(scene, corner_xy=(x, y), scale=scale, size_hw=(48, 44), least_visible=least_visible)
    bright = part.picture[..., 0] > 190  # more than half of the pixel is the object
    if not len(part.class_id):
        assert not bright.any()
        return
    rows, columns = np.nonzero(bright.any(axis=1))[0], np.nonzero(bright.any(axis=0))[0]
    found = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
    np.testing.assert_allclose(part.boxes_xyxy[0], found, atol=1.0)
    expected = np.clip((box[0] - [x, y, x, y]) * scale, 0, [44, 48, 44, 48])
    np.testing.assert_allclose(part.boxes_xyxy[0], expected, atol=1e-3)


def test_the_middle_of_an_object_stays_its_middle_when_scaled() -> None:
    """Pixel centres are what scales; mapping corners would move everything by half a pixel."""
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[20:44, 12:36] = 240
    scene = Scene(picture, np.array([[12, 20, 36, 44]], np.float32), np.zeros(1, np.int32), np.zeros(1, bool))
    for scale in (0.5, 0.75, 1.5, 2.0):
        part = cut(scene, corner_xy=(4.0, 8.0), scale=scale, size_hw=(96, 96), least_visible=0.5)
        weight = np.where(part.picture[..., 0] == PAD_VALUE, 0, part.picture[..., 0]).astype(float)
        weight[int(56 * scale) - 2 :], weight[:, int(60 * scale) - 2 :] = 0, 0  # beyond the scene
        rows, columns = np.mgrid[:96, :96] + 0.5
        x1, y1, x2, y2 = part.boxes_xyxy[0]
        assert (weight * columns).sum() / weight.sum() == pytest.approx((x1 + x2) / 2, abs=0.1)
        assert (weight * rows).sum() / weight.sum() == pytest.approx((y1 + y2) / 2, abs=0.1)


def test_an_ignored_object_keeps_its_box_and_its_pixels_however_little_is_left() -> None:
    scene = painted((20, 40), np.array([[0, 4, 10, 14], [20, 4, 30, 14]]), ignore=np.array([True, False]))
    part = cut(scene, corner_xy=(8.0, 0.0), scale=1.0, size_hw=(20, 14), least_visible=0.9)
    assert part.boxes_xyxy.tolist() == [[0, 4, 2, 14]]
    assert part.ignore.tolist() == [True]
    assert (part.picture[4:14, :2, 0] == 1).all()
    assert (part.picture[4:14, 12:14] == PAD_VALUE).all()  # the other one lost its box
    gone = cut(scene, corner_xy=(12.0, 0.0), scale=1.0, size_hw=(20, 6), least_visible=0.0)
    assert not len(gone.class_id)


def test_what_was_given_stays_as_it_was() -> None:
    scene = scattered(1)
    before = (scene.picture.copy(), scene.boxes_xyxy.copy())
    for scale in (1.0, 1.3):
        cut(scene, corner_xy=(-3.0, 7.0), scale=scale, size_hw=(30, 30), least_visible=1.0)
    assert np.array_equal(scene.picture, before[0])
    assert np.array_equal(scene.boxes_xyxy, before[1])
