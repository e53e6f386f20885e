"""Datasets and predictions as COCO files, for every tool that reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Dataset, Predictions
from boxwright.boxes import xywh_from_xyxy
from boxwright.coco import Entry, categories, counted_ids, document, encoded, exact_xywh, image, results
from boxwright.store import write_bytes


def write_results(
    path: Path,
    predictions: Predictions,
    *,
    category_ids: Sequence[int] | None = None,
    kept: NDArray[np.bool_] | None = None,
) -> None:
    """COCO results, each with the name of its file.

    Args:
        path: to write, whole or not at all.
        predictions: of images with names.
        category_ids: by class_id; class_id + 1 unless the dataset came with its own.
        kept: (n,) which detections are written; all when None.
    """
    ids = category_ids or counted_ids(predictions.class_names)
    columns = predictions.columns
    rows = np.arange(len(columns.score)) if kept is None else np.flatnonzero(kept)
    at = columns.image_index[rows]
    names = predictions.images.column("file_name").to_pylist()
    text = results(
        predictions.image_ids[at].tolist(), [names[k] for k in at.tolist()],
        [ids[k] for k in columns.class_id[rows].tolist()],
        boxes_xywh=xywh_from_xyxy(columns.boxes_xyxy[rows]), score=columns.score[rows],
    )  # fmt: skip
    write_bytes(path, text)


def write_image_list(
    path: Path,
    predictions: Predictions,
    *,
    sizes_hw: Sequence[tuple[int, int]],
    category_ids: Sequence[int] | None = None,
    refused: Sequence[Mapping[str, str]] = (),
) -> None:
    """The images and categories that results speak of, as a COCO file without annotations; and the images that were refused.

    Args:
        path: to write, whole or not at all.
        predictions: whose images are listed, also those without a detection.
        sizes_hw: (n,) height and width of each upright image.
        category_ids: as for `write_results`.
        refused: file_name, reason and message of each image that could not be read.
    """
    names = predictions.images.column("file_name").to_pylist()
    tree = {
        "images": [
            image(number, name, size_hw)
            for number, name, size_hw in zip(predictions.image_ids.tolist(), names, sizes_hw, strict=True)
        ],
        "categories": categories(predictions.class_names, category_ids or None),
        "refused": list(refused),
    }
    write_bytes(path, encoded(tree))


def write_truth(path: Path, dataset: Dataset, *, picture_prefix: str = "") -> None:
    """COCO ground truth of a dataset."""
    ids = dataset.provenance.get("category_ids") or counted_ids(dataset.class_names)
    columns = dataset.annotations
    boxes = exact_xywh(columns.boxes_xyxy).tolist()
    of_image = dataset.image_ids[columns.image_index].tolist()
    images = [
        image(number, picture_prefix + name, size_hw, conditions=conditions)
        for number, name, size_hw, conditions in zip(
            dataset.image_ids.tolist(), dataset.file_names, dataset.sizes_hw.tolist(), dataset.conditions, strict=True
        )
    ]
    annotations = (
        Entry(
            id=int(columns.annotation_id[k]), image_id=of_image[k], category_id=ids[columns.class_id[k]], bbox=boxes[k],
            area=float(columns.area[k]), iscrowd=int(columns.crowd[k]),
        )
        for k in range(len(boxes))
    )  # fmt: skip
    write_bytes(path, encoded(document(images, annotations, categories(dataset.class_names, ids))))
