"""Scenes as a batch: each keeps its own, and what is padded says so."""

from __future__ import annotations

import numpy as np

from boxwright.training.sample import stack
from tests.training.painted import painted, scattered


def test_each_scene_keeps_its_own() -> None:
    scenes = [scattered(seed) for seed in range(3)] + [painted((48, 64), np.zeros((0, 4)))]
    scenes[1].ignore[:] = True
    batch = stack(scenes)
    most = max(len(scene.class_id) for scene in scenes)
    assert batch.boxes_xyxy.shape == (4, most, 4)
    for i, scene in enumerate(scenes):
        n = len(scene.class_id)
        np.testing.assert_array_equal(batch.pictures[i], scene.picture)
        np.testing.assert_array_equal(batch.boxes_xyxy[i, :n], scene.boxes_xyxy)
        assert batch.class_id[i].tolist() == [*scene.class_id.tolist(), *[-1] * (most - n)]
        assert batch.ignore[i].tolist() == [*scene.ignore.tolist(), *[False] * (most - n)]
        assert not batch.boxes_xyxy[i, n:].any()


def test_a_batch_without_annotations_has_no_column() -> None:
    batch = stack([painted((8, 8), np.zeros((0, 4)))] * 2)
    assert batch.boxes_xyxy.shape == (2, 0, 4)
    assert batch.class_id.shape == batch.ignore.shape == (2, 0)
