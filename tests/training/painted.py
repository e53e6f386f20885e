"""Scenes whose objects are painted with their ids, so that a box can be asked which object it holds.

Object k has class k and its pixels have the level k + 1 in red; green and blue say where a pixel was. Ids stay below the grey that
fills what lies outside an image.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from boxwright.training.augment import Scene

MOST_IDS = 90


def painted(
    size_hw: tuple[int, int], boxes: NDArray, *, ids: NDArray | None = None, ignore: NDArray | None = None
) -> Scene:
    """A scene with these objects, whole pixels and apart from each other; ids are 0, 1, ... where none are given."""
    height, width = size_hw
    y, x = np.mgrid[:height, :width]
    picture = np.stack([np.zeros_like(x), x % 251, y % 251], axis=-1).astype(np.uint8)
    ids = np.arange(len(boxes)) if ids is None else ids
    assert len(ids) == 0 or max(ids) < MOST_IDS
    for (x1, y1, x2, y2), k in zip(np.asarray(boxes, int), ids, strict=True):
        picture[y1:y2, x1:x2, 0] = k + 1
    none = np.zeros(len(ids), bool)
    return Scene(
        picture,
        np.asarray(boxes, np.float32).reshape(-1, 4),
        np.asarray(ids, np.int32),
        none if ignore is None else ignore,
    )


def scattered(seed: int, *, size_hw: tuple[int, int] = (48, 64), cell: int = 16, first_id: int = 0) -> Scene:
    """A painted scene with about one object in every second cell of a raster."""
    rng = np.random.default_rng(seed)
    boxes = []
    for top in range(0, size_hw[0] - cell + 1, cell):
        for left in range(0, size_hw[1] - cell + 1, cell):
            if rng.random() < 0.6:
                x, y = rng.integers(0, 4, 2)
                w, h = rng.integers(4, cell - 4, 2)
                boxes.append((left + x, top + y, left + x + w, top + y + h))
    made = np.array(boxes, float).reshape(-1, 4)
    return painted(size_hw, made, ids=first_id + np.arange(len(made)))


def check_ids(scene: Scene) -> None:
    """Every box still holds its object and nothing else, and no object is seen outside of its box."""
    red = scene.picture[..., 0]
    area: dict[int, int] = {}
    for box, k in zip(scene.boxes_xyxy, scene.class_id, strict=True):
        assert (box == box.round()).all(), f"object {k}: {box}"
        x1, y1, x2, y2 = box.astype(int)
        assert 0 <= x1 < x2 <= red.shape[1] and 0 <= y1 < y2 <= red.shape[0], f"object {k}: {box}"
        assert (red[y1:y2, x1:x2] == k + 1).all(), f"the box {box} does not hold object {k}"
        area[int(k)] = area.get(int(k), 0) + (x2 - x1) * (y2 - y1)
    for level in range(1, MOST_IDS + 1):
        assert (red == level).sum() == area.get(level - 1, 0), f"object {level - 1} is seen outside of its box"
