"""Match tables made of columns, for laws about scores: no boxes, only what a detection scored and whether it was true."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from boxwright.artifacts import Matches


def made(
    image: NDArray,
    class_id: NDArray,
    score: NDArray,
    true: NDArray,
    *,
    class_names: Sequence[str],
    images: int,
    iou: NDArray | None = None,
    ignored: NDArray | None = None,
    missed: Sequence[tuple[int, int]] = (),
    groups: Sequence[str] | None = None,
    camera: Sequence[str] | None = None,
) -> Matches:
    """Matches at IoU 0.5 in which each true detection took an object of its own; `missed` are (image, class_id) more."""
    true = np.asarray(true, bool)
    ignored = np.zeros(len(true), bool) if ignored is None else np.asarray(ignored, bool)
    found = [*zip(np.asarray(image)[true & ~ignored], np.asarray(class_id)[true & ~ignored], strict=True), *missed]
    of_image, of_class = np.array(found, np.int32).reshape(-1, 2).T
    groups = [str(i) for i in range(images)] if groups is None else list(groups)
    return Matches(
        class_names=tuple(class_names),
        iou_thresholds=(0.5,),
        area_names=("all",),
        images=pa.table(
            {
                "image_id": np.arange(images), "file_name": [f"{i}.jpg" for i in range(images)], "group": groups,
                "camera": list(camera) if camera is not None else [""] * images,
            }
        ),
        detections=pa.table(
            {
                "image": np.asarray(image, np.int32), "class_id": np.asarray(class_id, np.int32),
                "score": np.asarray(score, np.float64), "rank": np.zeros(len(true), np.int32),
                "hit": true.astype(np.uint64), "ignored": ignored.astype(np.uint64),
                "annotation": np.full(len(true), -1, np.int32),
                "iou": np.where(true, 0.8, 0.1) if iou is None else np.asarray(iou, np.float64),
            }
        ),
        objects=pa.table(
            {"image": of_image, "class_id": of_class, "left_out": np.zeros(len(of_image), np.uint64)}
        ),
    )  # fmt: skip


def scored_world(
    seed: int, *, images: int = 200, a_picture: int = 8, classes: int = 2, slope: float = 1.0, shift: float = 0.0
) -> Matches:
    """Detections whose chance to be true has the log odds slope * logit(score) + shift; calibrated at 1 and 0."""
    rng = np.random.default_rng(seed)
    n = images * a_picture
    odds = rng.normal(0, 2, n)
    true = rng.random(n) < 1 / (1 + np.exp(-(slope * odds + shift)))
    image = np.repeat(np.arange(images), a_picture)
    return made(
        image, rng.integers(0, classes, n), 1 / (1 + np.exp(-odds)), true, iou=np.where(true, rng.uniform(0.6, 1, n), 0.2),
        class_names=[f"class {k}" for k in range(classes)], images=images,
        missed=[(int(i), int(c)) for i, c in zip(rng.integers(0, images, 20), rng.integers(0, classes, 20), strict=True)],
    )  # fmt: skip
