"""Small random worlds on a lattice of whole pixels: overlaps are exact, ties are common, crowds and empty sides occur."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from boxwright.artifacts import Matches
from boxwright.evaluation import GroundTruth, Scored, match
from tests.oracles import Thing

NAMES = ("cat", "dog", "fox")
SIDES = (8, 10, 20, 25, 40)
SHIFTS = (0, 0, 0, 1, -2, 5, 9, 14)


@dataclass(frozen=True)
class World:
    """Annotations and detections on pictures.

    Attributes:
        objects, detections: any order of pictures.
        cameras: (images,) a condition of each picture.
        groups: (images,) what may not be torn apart; every picture by itself when empty.
    """

    objects: list[Thing]
    detections: list[Thing]
    cameras: list[str]
    names: tuple[str, ...] = NAMES
    groups: tuple[str, ...] = ()

    def matches(self) -> Matches:
        images = range(len(self.cameras))
        boxes = np.array([t.box for t in self.objects], np.float64).reshape(-1, 4)
        sizes = boxes[:, 2:] - boxes[:, :2]
        flags = np.array([(t.crowd, t.ignore) for t in self.objects], bool).reshape(-1, 2)
        truth = GroundTruth(
            image=np.array([t.image for t in self.objects], np.int64),
            class_id=np.array([t.class_id for t in self.objects], np.int32),
            boxes_xywh=np.concatenate([boxes[:, :2], sizes], axis=1),
            area=sizes.prod(axis=1),
            crowd=flags[:, 0],
            ignore=flags[:, 1],
            annotation_id=np.arange(len(self.objects)) + 1000,
        )
        found = np.array([t.box for t in self.detections], np.float64).reshape(-1, 4)
        scored = Scored(
            image=np.array([t.image for t in self.detections], np.int64),
            class_id=np.array([t.class_id for t in self.detections], np.int32),
            boxes_xywh=np.concatenate([found[:, :2], found[:, 2:] - found[:, :2]], axis=1),
            score=np.array([t.score for t in self.detections], np.float64),
        )
        pictures = pa.table(
            {
                "image_id": pa.array(images, pa.int64()),
                "file_name": pa.array([f"{i}.jpg" for i in images], pa.string()),
                "group": pa.array(self.groups or [str(i) for i in images], pa.string()),
                "camera": pa.array(self.cameras, pa.string()),
                "height": pa.array([200] * len(self.cameras), pa.int64()),
                "width": pa.array([200] * len(self.cameras), pa.int64()),
            }
        )
        return match(truth, scored, class_names=self.names, images=pictures)

    def only(self, images: Sequence[int]) -> World:
        """The world of some of its pictures, renumbered in that order."""
        at = {image: row for row, image in enumerate(images)}
        return World(
            [replace(t, image=at[t.image]) for t in self.objects if t.image in at],
            [replace(t, image=at[t.image]) for t in self.detections if t.image in at],
            [self.cameras[i] for i in images],
            self.names,
            tuple((self.groups or [str(i) for i in range(len(self.cameras))])[i] for i in images),
        )


def random_world(seed: int, *, images: int = 4, most: int = 6, ignored: float = 0.15, decimals: int = 1) -> World:
    """Up to `most` annotations a picture and about twice as many detections; every eighth side is empty.

    Args:
        seed: all randomness comes from it.
        images: pictures.
        most: annotations in one of them.
        ignored: share of annotations that are not asked for, half of them crowds.
        decimals: of the scores; few make many ties.
    """
    rng = np.random.default_rng(seed)
    classes = int(rng.integers(1, 4))
    objects: list[Thing] = []
    detections: list[Thing] = []
    for image in range(images):
        mine: list[Thing] = []
        for _ in range(0 if rng.random() < 0.125 else int(rng.integers(1, most + 1))):
            x, y = rng.integers(0, 60, 2).tolist()
            w, h = rng.choice(SIDES, 2).tolist()
            ignore = bool(rng.random() < ignored)
            crowd = ignore and bool(rng.random() < 0.5)
            mine.append(Thing(image, int(rng.integers(classes)), (x, y, x + w, y + h), ignore=ignore, crowd=crowd))
        for _ in range(0 if rng.random() < 0.125 else int(rng.integers(0, 2 * most))):
            class_id = int(rng.integers(classes))
            if mine and rng.random() < 0.8:
                near = mine[int(rng.integers(len(mine)))]
                class_id = near.class_id if rng.random() < 0.7 else class_id
                dx, dy, dw, dh = rng.choice(SHIFTS, 4).tolist()
                x, y = near.box[0] + dx, near.box[1] + dy
                box = (x, y, max(near.box[2] + dw, x + 1), max(near.box[3] + dh, y + 1))
            else:
                x, y = rng.integers(0, 80, 2).tolist()
                w, h = rng.choice(SIDES, 2).tolist()
                box = (x, y, x + w, y + h)
            detections.append(Thing(image, class_id, box, score=float(np.round(rng.random(), decimals))))
        objects += mine
    return World(objects, detections, [f"c{i % 2}" for i in range(images)])
