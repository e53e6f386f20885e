"""What the next training batch shows.

Pictures are letterboxed into the model's input once and kept in memory while they fit. A sample is a square cut,
mostly about a randomly chosen annotation (rare classes chosen more often), sometimes a mosaic of four, then flipped as
the spec allows and recoloured. Batch number s of a seed is always the same batch, which is what makes a resumed run
equal to an uninterrupted one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from boxwright.detections import AnnotationColumns
from boxwright.images import letterbox
from boxwright.training.augment import Scene, cut, flip, mosaic, recolour
from boxwright.training.recipe import Recipe

CACHE_BYTES = 3_000_000_000
ReadPicture = Callable[[int], NDArray[np.uint8]]


@dataclass(frozen=True)
class Batch:
    """One batch, padded to the most annotations of a picture.

    Attributes:
        pictures: (n, h, w, 3) uint8 RGB.
        boxes_xyxy: (n, m, 4) float32.
        class_id: (n, m) int64, -1 where padded.
        ignore: (n, m) bool.
    """

    pictures: NDArray[np.uint8]
    boxes_xyxy: NDArray
    class_id: NDArray
    ignore: NDArray


class Sampler:
    """Draws batches from annotated pictures.

    Args:
        annotations: of the pictures, in their own frames.
        read: index to upright RGB picture.
        recipe: what to vary, and by how much.
        flips: subset of `horizontal`, `vertical`, `transpose`: what leaves the labels true.
        seed: of every draw.
    """

    def __init__(
        self, annotations: AnnotationColumns, read: ReadPicture, recipe: Recipe, *, flips: tuple[str, ...], seed: int
    ) -> None:
        self._annotations, self._read, self._recipe = annotations, read, recipe
        self._flips, self._seed = flips, seed
        self._cache: dict[int, Scene] = {}
        height, width = recipe.model.input_hw
        self._cacheable = int(CACHE_BYTES // (height * width * 3))
        asked = ~annotations.ignore
        self._anchor_rows = np.flatnonzero(asked)
        count = np.bincount(annotations.class_id[asked], minlength=1).astype(float)
        weight = (count[annotations.class_id[self._anchor_rows]] / max(count.max(), 1)) ** -0.5
        self._anchor_weight = np.cumsum(weight) / weight.sum() if len(weight) else weight
        self._image_of_row = annotations.image_index

    def batch(self, step: int, *, plain: bool) -> Batch:
        """Batch number `step`; `plain` leaves out mosaics (for the end of training)."""
        rng = np.random.default_rng([self._seed, step])
        return stack([self.draw(rng, plain=plain) for _ in range(self._recipe.training.batch)])

    def scene(self, image: int) -> Scene:
        """Picture `image` in the model's input, as serving would see it."""
        scene = self._cache.get(image)
        if scene is None:
            annotations = self._annotations[image]
            picture, placement = letterbox(self._read(image), input_hw=self._recipe.model.input_hw)
            boxes = placement.to_input(annotations.boxes_xyxy).astype(np.float32)
            scene = Scene(picture, boxes, annotations.class_id, annotations.ignore)
            if len(self._cache) < self._cacheable:
                self._cache[image] = scene
        return scene

    def draw(self, rng: np.random.Generator, *, plain: bool) -> Scene:
        """One training scene; `plain` leaves out mosaics."""
        side = self._recipe.training.crop
        if not plain and rng.random() < self._recipe.augment.mosaic:
            x, y = (int(v) for v in rng.integers(side // 3, side - side // 3, 2))
            quarters = [(y, x), (y, side - x), (side - y, x), (side - y, side - x)]
            scene = mosaic([self._cut(rng, size) for size in quarters], meeting_xy=(x, y), size_hw=(side, side))
        else:
            scene = self._cut(rng, (side, side))
        scene = flip(scene, **{name: bool(rng.random() < 0.5) for name in self._flips})
        return self._recolour(rng, scene)

    def _cut(self, rng: np.random.Generator, size_hw: tuple[int, int]) -> Scene:
        augment = self._recipe.augment
        image, centre = self._aim(rng)
        source = self.scene(image)
        scale = (
            float(np.exp(rng.uniform(*np.log(augment.scale))))
            if augment.scale[0] != augment.scale[1]
            else augment.scale[0]
        )
        corner = []
        for middle, out, have in zip(centre, size_hw[::-1], source.picture.shape[1::-1], strict=True):
            span = out / scale
            start = middle - span * rng.uniform(0.15, 0.85)
            corner.append(float(round(np.clip(start, min(0, have - span), max(0, have - span)))))
        least = augment.least_visible
        return cut(source, corner_xy=(corner[0], corner[1]), scale=scale, size_hw=size_hw, least_visible=least)

    def _aim(self, rng: np.random.Generator) -> tuple[int, tuple[float, float]]:
        """A picture and a point in its input frame: of an annotation mostly, anywhere sometimes."""
        if len(self._anchor_rows) and rng.random() < self._recipe.training.aim:
            row = int(
                self._anchor_rows[min(np.searchsorted(self._anchor_weight, rng.random()), len(self._anchor_rows) - 1)]
            )
            image = int(self._image_of_row[row])
            box = self.scene(image).boxes_xyxy[row - self._annotations.offsets[image]]
            return image, (float(box[0] + box[2]) / 2, float(box[1] + box[3]) / 2)
        image = int(rng.integers(len(self._annotations)))
        height, width = self._recipe.model.input_hw
        return image, (float(rng.uniform(0, width)), float(rng.uniform(0, height)))

    def _recolour(self, rng: np.random.Generator, scene: Scene) -> Scene:
        augment = self._recipe.augment
        brightness, contrast, saturation = (
            rng.uniform(-a, a) for a in (augment.brightness, augment.contrast, augment.saturation)
        )
        if not (augment.brightness or augment.contrast or augment.saturation):
            return scene
        return recolour(scene, brightness=brightness, contrast=1 + contrast, saturation=1 + saturation)


def stack(scenes: list[Scene]) -> Batch:
    """Scenes of one size as a padded batch."""
    n, most = len(scenes), max(len(s.class_id) for s in scenes)
    boxes = np.zeros((n, most, 4), np.float32)
    class_id = np.full((n, most), -1, np.int64)
    ignore = np.zeros((n, most), np.bool_)
    for i, scene in enumerate(scenes):
        count = len(scene.class_id)
        boxes[i, :count], class_id[i, :count], ignore[i, :count] = scene.boxes_xyxy, scene.class_id, scene.ignore
    return Batch(np.stack([s.picture for s in scenes]), boxes, class_id, ignore)
