"""Three ways to write a box: there and back is the same, whichever way round."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxwright.boxes import (
    area,
    as_boxes,
    clip,
    cxcywh_from_xyxy,
    xywh_from_xyxy,
    xyxy_from_cxcywh,
    xyxy_from_xywh,
)
from boxwright.errors import BoxError
from tests.oracles import area_of

side = st.floats(-1000, 1000, allow_nan=False, width=32)
boxes_anyhow = st.lists(st.tuples(side, side, side, side), max_size=8).map(
    lambda rows: as_boxes(rows, dtype=np.float64)
)

CONVERSIONS = [
    xywh_from_xyxy,
    cxcywh_from_xyxy,
    xyxy_from_xywh,
    xyxy_from_cxcywh,
]


@given(boxes_anyhow)
def test_there_and_back_is_the_same(boxes: np.ndarray) -> None:
    np.testing.assert_allclose(xyxy_from_xywh(xywh_from_xyxy(boxes)), boxes, atol=1e-9)
    np.testing.assert_allclose(xyxy_from_cxcywh(cxcywh_from_xyxy(boxes)), boxes, atol=1e-9)
    np.testing.assert_allclose(xywh_from_xyxy(xyxy_from_xywh(boxes)), boxes, atol=1e-9)
    np.testing.assert_allclose(cxcywh_from_xyxy(xyxy_from_cxcywh(boxes)), boxes, atol=1e-9)


def test_one_box_in_all_three_ways() -> None:
    xyxy = np.array([[10.0, 20.0, 40.0, 80.0]])
    np.testing.assert_array_equal(xywh_from_xyxy(xyxy), [[10, 20, 30, 60]])
    np.testing.assert_array_equal(cxcywh_from_xyxy(xyxy), [[25, 50, 30, 60]])


@pytest.mark.parametrize("convert", CONVERSIONS, ids=lambda f: f.__name__)
def test_nothing_in_nothing_out_and_type_kept(convert: Callable[[np.ndarray], np.ndarray]) -> None:
    assert convert(np.zeros((0, 4), np.float32)).shape == (0, 4)
    assert convert(np.ones((3, 4), np.float32)).dtype == np.float32


@pytest.mark.parametrize("convert", CONVERSIONS, ids=lambda f: f.__name__)
def test_arguments_are_left_as_they_were(convert: Callable[[np.ndarray], np.ndarray]) -> None:
    boxes = np.array([[1.0, 2.0, 3.0, 4.0]])
    convert(boxes)[:] = 99
    np.testing.assert_array_equal(boxes, [[1, 2, 3, 4]])


@given(boxes_anyhow)
def test_area_equals_the_loop_and_is_never_negative(boxes: np.ndarray) -> None:
    np.testing.assert_allclose(area(boxes), [area_of(box) for box in boxes.tolist()])
    assert (area(boxes) >= 0).all()


def test_a_line_a_point_and_an_inside_out_box_have_no_area() -> None:
    boxes = np.array([[0, 0, 0, 5], [3, 3, 3, 3], [5, 5, 1, 1], [0, 0, 2, 3]], float)
    np.testing.assert_array_equal(area(boxes), [0, 0, 0, 6])


@given(boxes_anyhow, st.integers(1, 900), st.integers(1, 900))
def test_clip_stays_inside_and_twice_is_once(boxes: np.ndarray, height: int, width: int) -> None:
    once = clip(boxes, size_hw=(height, width))
    assert (once >= 0).all()
    assert (once <= [width, height, width, height]).all()
    np.testing.assert_array_equal(clip(once, size_hw=(height, width)), once)
    inside = ((boxes >= 0) & (boxes <= [width, height, width, height])).all(axis=1)
    np.testing.assert_array_equal(once[inside], boxes[inside])


def test_clip_cuts_x_by_width_and_y_by_height() -> None:
    np.testing.assert_array_equal(clip(np.array([[-5.0, -5, 500, 500]]), size_hw=(20, 30)), [[0, 0, 30, 20]])


@pytest.mark.parametrize("empty", [[], (), np.zeros((0, 4)), [[]]])
def test_an_empty_sequence_becomes_no_boxes(empty: object) -> None:
    boxes = as_boxes(empty)  # type: ignore[arg-type]
    assert boxes.shape == (0, 4)
    assert boxes.dtype == np.float32


@pytest.mark.parametrize("wrong", [[1, 2, 3, 4], [[1, 2, 3]], np.zeros((2, 2, 4)), [[1, 2, 3, 4, 5]]])
def test_other_shapes_are_refused_with_the_shape_found(wrong: object) -> None:
    with pytest.raises(BoxError, match=r"\(n, 4\); found \("):
        as_boxes(wrong)  # type: ignore[arg-type]


def test_conversions_of_the_field(shared: Callable[[str], Path]) -> None:
    cases = json.loads(shared("cases/boxes/conversions.json").read_text())
    for case in cases["to_fraction_xyxy"]:
        size = np.array([case["cols"], case["rows"]] * 2, float)
        box = as_boxes([case["box"]], dtype=np.float64)
        found = {
            "coco": lambda b, s: xyxy_from_xywh(b) / s,
            "pascal_voc": lambda b, s: b / s,
            "yolo": lambda b, _: xyxy_from_cxcywh(b),
        }[case["format"]](box, size)
        np.testing.assert_allclose(found[0], case["expected"], atol=1e-6)
    for case in cases["clip"]:
        found = clip(as_boxes([case["box_xyxy"]]), size_hw=(case["rows"], case["cols"]))
        np.testing.assert_allclose(found[0], case["expected"], atol=1e-6)
