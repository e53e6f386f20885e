"""Datasets and predictions as COCO files, for every tool that reads them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from boxwright.artifacts import Dataset, Predictions
from boxwright.boxes import xywh_from_xyxy
from boxwright.ingestion.formats.coco_write import exact_xywh
from boxwright.store import write_bytes


def write_results(path: Path, predictions: Predictions, *, category_ids: Sequence[int] | None = None) -> None:
    """COCO results; category ids are class_id + 1 unless the data set came with its own."""
    ids = category_ids or [i + 1 for i in range(len(predictions.class_names))]
    columns = predictions.columns
    boxes = xywh_from_xyxy(columns.boxes_xyxy)
    images = predictions.image_ids[columns.image_index]
    entries = [
        {"image_id": image, "category_id": ids[class_id], "bbox": box, "score": score}
        for image, class_id, box, score in zip(
            images.tolist(), columns.class_id.tolist(), boxes.tolist(), columns.score.tolist(), strict=True
        )
    ]
    write_bytes(path, json.dumps(entries).encode())


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
