"""Datasets and predictions as COCO files, for every tool that reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Dataset, Predictions
from boxwright.boxes import xywh_from_xyxy
from boxwright.ingestion.formats.coco_write import exact_xywh
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
    ids = category_ids or _counted_ids(predictions)
    columns = predictions.columns
    rows = np.arange(len(columns.score)) if kept is None else np.flatnonzero(kept)
    boxes = xywh_from_xyxy(columns.boxes_xyxy[rows])
    at = columns.image_index[rows]
    names = predictions.images.column("file_name").to_pylist()
    entries = [
        {"image_id": image, "file_name": names[position], "category_id": ids[class_id], "bbox": box, "score": score}
        for image, position, class_id, box, score in zip(
            predictions.image_ids[at].tolist(), at.tolist(), columns.class_id[rows].tolist(), boxes.tolist(),
            columns.score[rows].tolist(), strict=True,
        )
    ]  # fmt: skip
    write_bytes(path, json.dumps(entries).encode())


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
    ids = category_ids or _counted_ids(predictions)
    names = predictions.images.column("file_name").to_pylist()
    tree = {
        "images": [
            {"id": image, "file_name": name, "width": int(width), "height": int(height)}
            for image, name, (height, width) in zip(predictions.image_ids.tolist(), names, sizes_hw, strict=True)
        ],
        "categories": [{"id": i, "name": name} for i, name in zip(ids, predictions.class_names, strict=True)],
        "refused": list(refused),
    }
    write_bytes(path, json.dumps(tree).encode())


def _counted_ids(predictions: Predictions) -> list[int]:
    return [i + 1 for i in range(len(predictions.class_names))]


def write_truth(path: Path, dataset: Dataset, *, picture_prefix: str = "") -> None:
    """COCO ground truth of a dataset."""
    ids = dataset.provenance.get("category_ids") or [i + 1 for i in range(len(dataset.class_names))]
    columns = dataset.annotations
    boxes = exact_xywh(columns.boxes_xyxy).tolist()
    images = dataset.image_ids[columns.image_index].tolist()
    tree = {
        "images": [
            {"id": i, "file_name": picture_prefix + name, "width": int(w), "height": int(h), "conditions": c}
            for i, name, (h, w), c in zip(
                dataset.image_ids.tolist(),
                dataset.file_names,
                dataset.sizes_hw.tolist(),
                dataset.conditions,
                strict=True,
            )
        ],
        "categories": [{"id": i, "name": name} for i, name in zip(ids, dataset.class_names, strict=True)],
        "annotations": [
            {
                "id": int(columns.annotation_id[k]),
                "image_id": images[k],
                "category_id": ids[columns.class_id[k]],
                "bbox": boxes[k],
                "area": float(columns.area[k]),
                "iscrowd": int(columns.crowd[k]),
            }
            for k in range(len(boxes))
        ],
    }
    write_bytes(path, json.dumps(tree).encode())
