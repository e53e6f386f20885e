"""Mosaics: four scenes side by side, every box still with its object."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxwright.training.augment import Scene, cut, mosaic
from tests.training.painted import check_ids, scattered

SIDE = 64


def quarters(x: int, y: int, seed: int) -> list[Scene]:
    """Four scenes that fit about the meeting point, with ids of their own."""
    sizes = [(y, x), (y, SIDE - x), (SIDE - y, x), (SIDE - y, SIDE - x)]
    return [
        cut(scattered(seed + k, first_id=20 * k), corner_xy=(0.0, 0.0), scale=1.0, size_hw=size_hw, least_visible=0.5)
        for k, size_hw in enumerate(sizes)
    ]


@given(st.integers(10, 54), st.integers(10, 54), st.integers(0, 50))
def test_every_box_holds_its_object(x: int, y: int, seed: int) -> None:
    scenes = quarters(x, y, seed)
    made = mosaic(scenes, meeting_xy=(x, y), size_hw=(SIDE, SIDE))
    check_ids(made)
    assert made.class_id.tolist() == [k for scene in scenes for k in scene.class_id]
    assert made.boxes_xyxy.dtype == np.float32


def test_each_scene_has_its_quarter() -> None:
    scenes = quarters(24, 40, 3)
    made = mosaic(scenes, meeting_xy=(24, 40), size_hw=(SIDE, SIDE)).picture
    for scene, part in zip(scenes, (made[:40, :24], made[:40, 24:], made[40:, :24], made[40:, 24:]), strict=True):
        np.testing.assert_array_equal(part, scene.picture)


def test_what_is_ignored_stays_ignored() -> None:
    scenes = quarters(32, 32, 5)
    marked = [
        Scene(s.picture, s.boxes_xyxy, s.class_id, np.full(len(s.class_id), k == 2)) for k, s in enumerate(scenes)
    ]
    made = mosaic(marked, meeting_xy=(32, 32), size_hw=(SIDE, SIDE))
    assert made.ignore.any()
    assert {int(k) // 20 for k in made.class_id[made.ignore]} == {2}


def test_three_scenes_are_no_mosaic() -> None:
    with pytest.raises(ValueError):
        mosaic(quarters(32, 32, 0)[:3], meeting_xy=(32, 32), size_hw=(SIDE, SIDE))
