"""Labels and detections made from a seed, with known errors, for the tests of the audit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from boxwright.detections import AnnotationColumns, DetectionColumns, offsets_from_counts

SIZE = 400.0


@dataclass(frozen=True)
class World:
    """Labels with errors and a detector's boxes.

    Attributes:
        annotations, detections: of the same pictures.
        kind: (n,) the error of each annotation, or empty.
        missing: (picture, box) of objects without a label.
        sizes_hw: of the pictures.
        classes: how many.
    """

    annotations: AnnotationColumns
    detections: DetectionColumns
    kind: NDArray
    missing: list[tuple[int, NDArray]]
    sizes_hw: NDArray
    classes: int


def annotations_of(pictures: int, rows: list[tuple[int, tuple, int]], *, ignore: set[int] | None = None):
    """Annotation columns of (picture, xyxy, class) in rising picture; rows in `ignore` are crowds."""
    box = np.array([r[1] for r in rows], np.float64).reshape(-1, 4)
    crowd = np.array([i in (ignore or ()) for i in range(len(rows))], np.bool_)
    image = np.array([r[0] for r in rows], np.int64)
    return AnnotationColumns(
        offsets=offsets_from_counts(np.bincount(image, minlength=pictures)), boxes_xyxy=box,
        class_id=np.array([r[2] for r in rows], np.int32), area=(box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]),
        crowd=crowd, ignore=crowd, annotation_id=np.arange(len(rows)) + 1,
    )  # fmt: skip


def detections_of(pictures: int, rows: list[tuple[int, tuple, int, float]]):
    """Detection columns of (picture, xyxy, class, score) in rising picture."""
    image = np.array([r[0] for r in rows], np.int64)
    return DetectionColumns(
        offsets=offsets_from_counts(np.bincount(image, minlength=pictures)),
        boxes_xyxy=np.array([r[1] for r in rows], np.float64).reshape(-1, 4),
        score=np.array([r[3] for r in rows], np.float64), class_id=np.array([r[2] for r in rows], np.int32),
    )  # fmt: skip


def world(pictures: int = 120, *, classes: int = 3, seed: int = 0, share: float = 0.04) -> World:
    """Six objects a picture on a grid, a good detector, and errors of each kind in `share` of the labels."""
    rng = np.random.default_rng(seed)
    labels, found, kind, missing = [], [], [], []
    for image in range(pictures):
        for cell in range(9):
            corner = np.array([cell % 3, cell // 3]) * 130.0 + 20 + rng.uniform(0, 20, 2)
            size, c = rng.uniform(35, 70, 2), int(rng.integers(classes))
            box, draw = np.concatenate([corner, corner + size]), rng.random()
            if cell >= 6:  # an empty place
                if draw < 2 * share:
                    labels.append((image, tuple(box), c))
                    kind.append("spurious")
                elif draw < 0.2:
                    found.append((image, tuple(box), c, float(rng.beta(1, 6))))
                continue
            if rng.random() < 0.995:
                seen = box + rng.normal(0, 0.04, 4) * np.tile(size, 2)
                found.append((image, tuple(seen), c, float(rng.beta(8, 2))))
            if draw < share:
                missing.append((image, box))
            elif draw < 2 * share and classes > 1:
                labels.append((image, tuple(box), (c + 1) % classes))
                kind.append("class")
            elif draw < 3 * share:
                labels.append((image, tuple(box + np.tile(size * rng.choice([-0.4, 0.4], 2), 2)), c))
                kind.append("location")
            else:
                labels.append((image, tuple(box), c))
                kind.append("")
    sizes = np.full((pictures, 2), SIZE)
    a, d = annotations_of(pictures, labels), detections_of(pictures, found)
    return World(a, d, np.array(kind, dtype=object), missing, sizes, classes)
