"""A ground truth and a results file of the size and shape of COCO val2017, made from a seed.

    python benchmarks/coco_files.py OUT --images 5000 --detections-per-image 100 --seed 0

Each picture has a few classes of its own out of a long tail, and a heavy-tailed number of objects. 41, 34 and 25 % of
the objects are small, medium and large by the area of their (imagined) mask; about one in eighty is a crowd. A
detection is a displaced copy of an object, the more displaced the less sure, some of them a second time or of another
class; the rest of the picture's hundred are boxes on the background with low scores. Scores have 5 digits and boxes 2,
so that scores tie as in real files. Nothing here resembles pixels: the files are for timing and for comparing figures.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CLASSES = 80
OBJECTS_PER_IMAGE = 7.5  # before the largest are cut to MOST_OBJECTS
MOST_OBJECTS = 90
CROWD_SHARE = 0.0122
SIDES = np.array([[5.0, 32.0], [32.0, 96.0], [96.0, 400.0]])  # square root of the mask's area, pixels
SIZE_SHARES = (0.41, 0.34, 0.25)


@dataclass(frozen=True)
class Pictures:
    """Sizes of the pictures and the classes they are about.

    Attributes:
        size_wh: (n, 2) pixels.
        themes: (n, 3) class numbers.
        frequency: (CLASSES,) share of each class in the world.
    """

    size_wh: NDArray
    themes: NDArray
    frequency: NDArray


@dataclass(frozen=True)
class Boxes:
    """Boxes of one side; `extra` is the score of a detection, the mask's area of an object.

    Attributes:
        image: (n,) row of the pictures.
        class_id: (n,).
        boxes_xywh: (n, 4).
        extra: (n,).
    """

    image: NDArray
    class_id: NDArray
    boxes_xywh: NDArray
    extra: NDArray


def take_pictures(images: int, rng: np.random.Generator) -> Pictures:
    """Upright and lying pictures, three classes each."""
    lying = rng.random(images) < 0.7
    size_wh = np.where(lying[:, None], [640, 480], [480, 640])
    frequency = rng.permutation(1 / np.arange(1, CLASSES + 1) ** 0.9)
    frequency /= frequency.sum()
    return Pictures(size_wh, rng.choice(CLASSES, (images, 3), p=frequency), frequency)


def place_objects(pictures: Pictures, rng: np.random.Generator) -> Boxes:
    """Objects, heavy-tailed in number, most of their picture's own classes."""
    spread = 1.1
    count = rng.negative_binomial(spread, spread / (spread + OBJECTS_PER_IMAGE), len(pictures.size_wh))
    image = np.repeat(np.arange(len(count)), np.minimum(count, MOST_OBJECTS))
    boxes, fill = _free_boxes(pictures.size_wh[image], rng)
    area = np.round(boxes[:, 2] * boxes[:, 3] * fill, 4)
    return Boxes(image, _classes(pictures, image, 0.8, rng), boxes, area)


def detect(pictures: Pictures, objects: Boxes, *, per_image: int, rng: np.random.Generator) -> Boxes:
    """Exactly `per_image` detections a picture, in descending score."""
    near, far = _near_objects(objects, rng), _on_background(pictures, per_image, rng)
    everything = [np.concatenate([getattr(near, name), getattr(far, name)]) for name in vars(near)]
    order = np.lexsort((-everything[3], everything[0]))
    everything = [column[order] for column in everything]
    rank = np.arange(len(order)) - np.searchsorted(everything[0], everything[0])
    return Boxes(*(column[rank < per_image] for column in everything))


def write(
    folder: Path, *, images: int, detections_per_image: int, seed: int
) -> dict[str, int | float | tuple[float, ...]]:
    """gt.json and dt.json in a folder; what they hold is returned."""
    rng = np.random.default_rng(seed)
    pictures = take_pictures(images, rng)
    objects = place_objects(pictures, rng)
    crowd = rng.random(len(objects.image)) < CROWD_SHARE
    detections = detect(pictures, objects, per_image=detections_per_image, rng=rng)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gt.json").write_text(json.dumps(_truth_document(pictures, objects, crowd)))
    (folder / "dt.json").write_text(json.dumps(_results_document(detections)))
    kind = np.searchsorted(SIDES[1:, 0] ** 2, objects.extra)
    return {
        "images": images,
        "annotations": len(objects.image),
        "crowd": int(crowd.sum()),
        "small_medium_large": tuple(np.round(np.bincount(kind, minlength=3) / max(len(kind), 1), 3).tolist()),
        "detections": len(detections.image),
        "gt_mb": round((folder / "gt.json").stat().st_size / 1e6, 1),
        "dt_mb": round((folder / "dt.json").stat().st_size / 1e6, 1),
    }


def _free_boxes(size_wh: NDArray, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    """(n, 4) boxes anywhere inside pictures of (n, 2) sizes, and the share of each that its mask fills."""
    n = len(size_wh)
    least, most = SIDES[rng.choice(3, n, p=SIZE_SHARES)].T
    fill = rng.uniform(0.5, 0.9, n)
    side = least * (most / least) ** rng.random(n) / np.sqrt(fill)
    turn = np.exp(rng.normal(0, 0.4, n))
    wh = np.minimum(np.stack([side * turn, side / turn], axis=1), 0.98 * size_wh)
    return np.round(np.concatenate([rng.random((n, 2)) * (size_wh - wh), wh], axis=1), 2), fill


def _classes(pictures: Pictures, image: NDArray, own: float, rng: np.random.Generator) -> NDArray:
    """A class for each row: with probability `own` one of its picture's, else any."""
    of_picture = pictures.themes[image, rng.integers(0, 3, len(image))]
    anything = rng.choice(CLASSES, len(image), p=pictures.frequency)
    return np.where(rng.random(len(image)) < own, of_picture, anything)


def _near_objects(objects: Boxes, rng: np.random.Generator) -> Boxes:
    """None, one or several detections of each object; the better placed ones score higher."""
    times = rng.choice([0, 1, 2, 3, 5], len(objects.image), p=[0.12, 0.38, 0.25, 0.15, 0.10])
    source = np.repeat(np.arange(len(times)), times)
    boxes, off = objects.boxes_xywh[source], rng.gamma(1.2, 0.07, len(source))[:, None]
    corner = boxes[:, :2] + boxes[:, 2:] * off * rng.normal(size=(len(source), 2))
    size = boxes[:, 2:] * np.exp(off * rng.normal(size=(len(source), 2)))
    wrong = rng.random(len(source)) < 0.12
    class_id = np.where(wrong, rng.integers(0, CLASSES, len(source)), objects.class_id[source])
    score = 1 / (1 + np.exp(4 * off[:, 0] - rng.normal(0.6, 1.4, len(source))))
    return Boxes(objects.image[source], class_id, np.round(np.concatenate([corner, size], 1), 2), np.round(score, 5))


def _on_background(pictures: Pictures, per_image: int, rng: np.random.Generator) -> Boxes:
    """`per_image` boxes a picture on nothing in particular, with low scores."""
    image = np.repeat(np.arange(len(pictures.size_wh)), per_image)
    boxes, _ = _free_boxes(pictures.size_wh[image], rng)
    score = np.round(rng.beta(0.6, 9, len(image)), 5)
    return Boxes(image, _classes(pictures, image, 0.6, rng), boxes, score)


def _truth_document(pictures: Pictures, objects: Boxes, crowd: NDArray) -> dict:
    images = [
        {"id": i, "width": w, "height": h, "file_name": f"{i:012d}.jpg"}
        for i, (w, h) in enumerate(pictures.size_wh.tolist(), start=1)
    ]
    columns = (objects.image + 1, objects.class_id + 1, objects.boxes_xywh, objects.extra, crowd.astype(int))
    annotations = [
        {"id": i, "image_id": image, "category_id": category, "bbox": box, "area": area, "iscrowd": crowded}
        for i, (image, category, box, area, crowded) in enumerate(zip(*(c.tolist() for c in columns)), start=1)
    ]
    categories = [{"id": i, "name": f"class {i}"} for i in range(1, CLASSES + 1)]
    return {"images": images, "annotations": annotations, "categories": categories}


def _results_document(detections: Boxes) -> list[dict]:
    columns = (detections.image + 1, detections.class_id + 1, detections.boxes_xywh, detections.extra)
    return [
        {"image_id": image, "category_id": category, "bbox": box, "score": score}
        for image, category, box, score in zip(*(c.tolist() for c in columns))
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--detections-per-image", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    held = write(given.out, images=given.images, detections_per_image=given.detections_per_image, seed=given.seed)
    print(json.dumps(held))


if __name__ == "__main__":
    main()
