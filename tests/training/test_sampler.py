"""The sampler: batch s of a seed is always the same batch, and in every scene of it each box holds its object."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from boxwright.training import sample
from boxwright.training.sample import Batch
from tests.training.painted import check_ids
from tests.training.sampled import images, recipe, sampler

FLIPS = ("horizontal", "vertical", "transpose")


def equal(one: Batch, other: Batch) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(vars(one).values(), vars(other).values(), strict=True))


def rich() -> sample.Sampler:
    """Everything varied."""
    made = recipe(mosaic=0.5, scale=(0.7, 1.4), brightness=0.2, contrast=0.2, saturation=0.2)
    return sampler(images(), made, flips=FLIPS, seed=5)


def test_a_batch_depends_on_seed_and_number_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not on what was drawn before, nor on what is in memory."""
    used = rich()
    for step in (9, 2, 0):
        used.batch(step, plain=False)
    monkeypatch.setattr(sample, "CACHE_BYTES", 0)
    forgetful = rich()
    for step in (0, 1, 7):
        assert equal(used.batch(step, plain=False), rich().batch(step, plain=False))
        assert equal(used.batch(step, plain=False), forgetful.batch(step, plain=False))


def test_other_numbers_and_other_seeds_are_other_batches() -> None:
    made = rich()
    drawn = [made.batch(step, plain=False).pictures for step in range(6)]
    drawn += [sampler(images(), recipe(), seed=seed).batch(0, plain=False).pictures for seed in (0, 1)]
    assert len({pictures.tobytes() for pictures in drawn}) == len(drawn)


@pytest.mark.parametrize("mosaic", [0.0, 1.0])
@pytest.mark.parametrize("flips", [(), ("horizontal",), FLIPS])
def test_every_box_of_a_drawn_scene_holds_its_object(mosaic: float, flips: tuple[str, ...]) -> None:
    made = sampler(images(), recipe(mosaic=mosaic), flips=flips)
    rng, found = np.random.default_rng(1), 0
    for _ in range(30):
        scene = made.draw(rng, plain=False)
        assert scene.picture.shape == (64, 64, 3)
        check_ids(scene)
        found += len(scene.class_id)
    assert found > 60


def test_plain_means_one_image_a_scene() -> None:
    scenes = images()
    image_of = {int(k): i for i, scene in enumerate(scenes) for k in scene.class_id}
    made, rng = sampler(scenes, recipe(mosaic=1.0)), np.random.default_rng(2)

    def seen(*, plain: bool) -> int:
        return max(len({image_of[int(k)] for k in made.draw(rng, plain=plain).class_id}) for _ in range(20))

    assert seen(plain=True) == 1
    assert seen(plain=False) > 1


@pytest.mark.parametrize("flips", [(), ("horizontal",), ("vertical",)])
def test_only_flips_that_leave_labels_true_are_made(flips: tuple[str, ...]) -> None:
    """Blue says how far down a pixel was, green how far to the right."""
    made, rng = sampler(images(), recipe(mosaic=0.0), flips=flips), np.random.default_rng(3)
    turned = set()
    for _ in range(20):
        picture = made.draw(rng, plain=True).picture.astype(int)
        across, down = (int(np.median(np.diff(picture[..., plane], axis=axis))) for plane, axis in ((1, 1), (2, 0)))
        assert (abs(across), abs(down)) == (1, 1)  # not along the diagonal
        turned |= {name for name, by in (("horizontal", across), ("vertical", down)) if by < 0}
    assert turned == set(flips)


def test_boxes_go_through_the_letterbox_of_serving() -> None:
    """An image of half the height is centred between bands of grey."""
    scene = images(1)[0]
    flat = replace(scene, picture=scene.picture[:48], boxes_xyxy=np.array([[2, 4, 10, 20]], np.float32), class_id=np.zeros(1), ignore=np.zeros(1, bool))  # fmt: skip
    laid = sampler([flat], recipe()).scene(0)
    assert laid.boxes_xyxy.tolist() == [[2, 28, 10, 44]]
    np.testing.assert_array_equal(laid.picture[24:72], flat.picture)
