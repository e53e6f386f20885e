"""Flips: boxes go where their pixels go."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from boxwright.training.augment import Scene, flip
from tests.training.painted import check_ids, painted, scattered

WAYS = [dict(zip(("horizontal", "vertical", "transpose"), on, strict=True)) for on in product((False, True), repeat=3)]


def equal(one: Scene, other: Scene) -> bool:
    return np.array_equal(one.picture, other.picture) and np.array_equal(one.boxes_xyxy, other.boxes_xyxy)


@pytest.mark.parametrize("ways", WAYS, ids=lambda ways: "-".join(k for k, on in ways.items() if on) or "none")
@pytest.mark.parametrize("seed", range(4))
def test_every_box_holds_its_object(ways: dict[str, bool], seed: int) -> None:
    scene = scattered(seed)
    turned = flip(scene, **ways)
    check_ids(turned)
    assert turned.class_id.tolist() == scene.class_id.tolist()
    assert turned.picture.shape[:2] == ((64, 48) if ways["transpose"] else (48, 64))


def test_pixels_move_as_the_name_says() -> None:
    scene = scattered(1)
    for y, x in ((0, 0), (5, 17), (47, 63)):
        pixel = scene.picture[y, x].tolist()
        assert flip(scene, horizontal=True).picture[y, 63 - x].tolist() == pixel
        assert flip(scene, vertical=True).picture[47 - y, x].tolist() == pixel
        assert flip(scene, transpose=True).picture[x, y].tolist() == pixel
        assert flip(scene, horizontal=True, transpose=True).picture[63 - x, y].tolist() == pixel


@pytest.mark.parametrize("way", ["horizontal", "vertical", "transpose"])
def test_twice_is_as_before_once_is_not(way: str) -> None:
    scene = scattered(2, size_hw=(64, 64))
    once = flip(scene, **{way: True})
    assert not equal(once, scene)
    assert equal(flip(once, **{way: True}), scene)


def test_a_box_between_pixels_keeps_its_size() -> None:
    scene = Scene(
        np.zeros((20, 30, 3), np.uint8),
        np.array([[1.25, 2.5, 7.75, 9.0]], np.float32),
        np.zeros(1, np.int32),
        np.zeros(1, bool),
    )
    assert flip(scene, horizontal=True).boxes_xyxy.tolist() == [[22.25, 2.5, 28.75, 9.0]]
    assert flip(scene, vertical=True).boxes_xyxy.tolist() == [[1.25, 11.0, 7.75, 17.5]]
    assert flip(scene, transpose=True).boxes_xyxy.tolist() == [[2.5, 1.25, 9.0, 7.75]]


def test_what_was_given_stays_as_it_was_and_nothing_is_nothing() -> None:
    scene = scattered(3)
    before = (scene.picture.copy(), scene.boxes_xyxy.copy())
    flip(scene, horizontal=True, vertical=True, transpose=True)
    assert np.array_equal(scene.picture, before[0])
    assert np.array_equal(scene.boxes_xyxy, before[1])
    assert flip(painted((8, 8), np.zeros((0, 4))), horizontal=True, transpose=True).boxes_xyxy.shape == (0, 4)
