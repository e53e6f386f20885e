"""The letterbox and its Placement: boxes go there and back, pixels and boxes agree on where things are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxwright.images import Placement, letterbox
from boxwright.images.resize import PAD_VALUE
from tests.worlds import picture

side = st.integers(1, 300)


@given(side, side, st.integers(1, 10).map(lambda n: 32 * n), st.integers(1, 10).map(lambda n: 32 * n), st.data())
def test_boxes_go_there_and_back(height: int, width: int, input_h: int, input_w: int, data: st.DataObject) -> None:
    _, placement = letterbox(np.zeros((height, width, 3), np.uint8), input_hw=(input_h, input_w))
    share = st.floats(0, 1)
    corners = data.draw(st.lists(st.tuples(share, share, share, share), max_size=5))
    boxes = np.array(corners, float).reshape(-1, 4) * [width, height, width, height]
    there = placement.to_input(boxes)
    assert (there >= -1e-9).all()
    assert (there <= np.array([input_w, input_h, input_w, input_h]) + 1e-9).all()
    np.testing.assert_allclose(placement.to_original(there), boxes, atol=1e-6)


@given(side, side)
def test_the_whole_picture_fills_one_side_and_is_centred(height: int, width: int) -> None:
    made, placement = letterbox(np.zeros((height, width, 3), np.uint8), input_hw=(96, 128))
    assert made.shape == (96, 128, 3)
    x1, y1, x2, y2 = placement.to_input(np.array([[0, 0, width, height]], float))[0]
    assert np.allclose((x1, x2), (0, 128)) or np.allclose((y1, y2), (0, 96))
    assert abs(x1 - (128 - x2)) <= 1 + 1e-9
    assert abs(y1 - (96 - y2)) <= 1 + 1e-9
    outside = np.ones((96, 128), bool)
    outside[round(y1) : round(y2), round(x1) : round(x2)] = False
    assert (made[outside] == PAD_VALUE).all()
    assert not made[~outside].any()  # the black picture, and nothing else


@pytest.mark.parametrize("size_hw", [(32, 64), (64, 32), (96, 96)])
def test_a_picture_of_the_input_size_is_left_exactly_as_it_is(size_hw: tuple[int, int]) -> None:
    pixels = picture(*size_hw)
    made, placement = letterbox(pixels, input_hw=size_hw)
    np.testing.assert_array_equal(made, pixels)
    assert (placement.scale_xy, placement.shift_xy) == ((1.0, 1.0), (0.0, 0.0))
    boxes = np.array([[1.5, 2.25, 20.125, 30.0]])
    np.testing.assert_array_equal(placement.to_input(boxes), boxes)
    np.testing.assert_array_equal(placement.to_original(boxes), boxes)


def test_a_picture_that_only_needs_padding_keeps_its_pixels() -> None:
    pixels = picture(32, 40)
    made, placement = letterbox(pixels, input_hw=(32, 64))
    np.testing.assert_array_equal(made[:, 12:52], pixels)
    assert placement.shift_xy == (12.0, 0.0)


@pytest.mark.parametrize("size_hw", [(120, 200), (200, 120), (37, 53), (500, 300)])
def test_pixels_and_boxes_agree_on_where_an_object_is(size_hw: tuple[int, int]) -> None:
    height, width = size_hw
    box = np.array([width // 4, height // 3, width * 3 // 4, height * 5 // 6])
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[box[1] : box[3], box[0] : box[2], 0] = 255
    made, placement = letterbox(pixels, input_hw=(96, 128))
    y, x = np.nonzero((made[..., 0] > 127) & (made[..., 1] < 64))
    found = [x.min(), y.min(), x.max() + 1, y.max() + 1]
    np.testing.assert_allclose(placement.to_input(box[None].astype(float))[0], found, atol=1)


def test_what_lies_in_the_padding_is_cut_to_the_original() -> None:
    placement = Placement(scale_xy=(0.5, 0.5), shift_xy=(10.0, 0.0), original_hw=(100, 60), input_hw=(50, 50))
    np.testing.assert_array_equal(placement.to_original(np.array([[0.0, -5, 50, 60]])), [[0, 0, 60, 100]])


def test_nothing_in_nothing_out() -> None:
    _, placement = letterbox(picture(30, 40), input_hw=(32, 32))
    assert placement.to_input(np.zeros((0, 4))).shape == (0, 4)
    assert placement.to_original(np.zeros((0, 4))).shape == (0, 4)


def test_shrinking_averages_so_that_fine_stripes_become_grey() -> None:
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 255
    made, _ = letterbox(stripes, input_hw=(32, 32))
    assert np.abs(made.astype(int) - 127).max() <= 2
