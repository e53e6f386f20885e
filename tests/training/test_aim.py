"""Where cuts are placed: about annotations, rare classes more often, ignored ones never."""

from __future__ import annotations

import numpy as np
import pytest

from boxwright.training.augment import Scene
from tests.training.painted import painted
from tests.training.sampled import SIDE, recipe, sampler

ONE = np.array([[44.0, 40.0, 52.0, 48.0]])


def one_object(class_id: int, *, ignore: bool = False) -> Scene:
    return painted((SIDE, SIDE), ONE, ids=np.array([class_id]), ignore=np.array([ignore]))


def test_a_cut_shows_what_it_was_aimed_at_now_here_now_there() -> None:
    made, rng = sampler([one_object(0)], recipe(crop=64, aim=1.0, mosaic=0.0)), np.random.default_rng(0)
    boxes = np.array([made.draw(rng, plain=True).boxes_xyxy for _ in range(80)])
    assert boxes.shape == (80, 1, 4)  # it is in every one
    middle = (boxes[:, 0, :2] + boxes[:, 0, 2:]) / 2 / 64
    assert middle.min() < 0.3 < 0.65 < middle.max()


def test_an_object_in_the_corner_is_seen_as_well() -> None:
    corner = painted((SIDE, SIDE), np.array([[88.0, 0.0, 96.0, 6.0]]))
    made, rng = sampler([corner], recipe(crop=64, aim=1.0, mosaic=0.0)), np.random.default_rng(0)
    assert all(len(made.draw(rng, plain=True).class_id) == 1 for _ in range(40))


def test_no_cut_lies_outside_of_its_image() -> None:
    made, rng = sampler([one_object(0)], recipe(crop=64, aim=0.5, mosaic=0.0)), np.random.default_rng(0)
    corners = np.array([made.draw(rng, plain=True).picture[0, 0, 1:] for _ in range(80)]).astype(int)
    assert corners.max() <= SIDE - 64  # green and blue say where the first pixel was
    assert len({tuple(at) for at in corners.tolist()}) > 20


def test_a_class_is_drawn_as_the_root_of_its_count() -> None:
    """Four images of one class and one of another: 4 / sqrt(4) to 1 / sqrt(1)."""
    made, rng = sampler([one_object(k) for k in (0, 0, 1, 0, 0)], recipe(aim=1.0, mosaic=0.0)), np.random.default_rng(0)
    drawn = np.array([made.draw(rng, plain=True).class_id[0] for _ in range(600)])
    assert (drawn == 1).mean() == pytest.approx(1 / 3, abs=0.04)


def test_an_ignored_object_is_not_aimed_at() -> None:
    made = sampler([one_object(0, ignore=True), one_object(1)], recipe(aim=1.0, mosaic=0.0))
    rng = np.random.default_rng(0)
    assert all(made.draw(rng, plain=True).class_id.tolist() == [1] for _ in range(30))


def test_where_nothing_is_annotated_any_image_is_drawn() -> None:
    empty = painted((SIDE, SIDE), np.zeros((0, 4)))
    made, rng = sampler([empty, empty], recipe(mosaic=0.5)), np.random.default_rng(0)
    assert all(made.draw(rng, plain=False).boxes_xyxy.shape == (0, 4) for _ in range(5))
