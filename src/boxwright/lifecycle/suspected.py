"""A data set of the store held against predictions: suspects, and a queue that brings them to people."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from boxwright.artifacts import QUEUE_SCHEMA, Dataset, Predictions, ReviewQueue, Suspects
from boxwright.artifacts.review_queue import Selection
from boxwright.detections import DetectionColumns, offsets_from_counts, rows_of
from boxwright.errors import InputError
from boxwright.labels.audit import SURE_FROM, AuditedImages, suspects

_PRIORITY = "P2"
_CORNERS = ("x1", "y1", "x2", "y2")
_NOTED = ("annotation_id", "kind", "score", "class_id", "proposed_class_id", "proposed_box")


def suspects_of(dataset: Dataset, predictions: Sequence[Predictions], *, seed: int = 0) -> Suspects:
    """Labels of a data set that are probably wrong, where predictions look at them.

    Args:
        dataset: the labels; pictures nobody has labelled are left out.
        predictions: of different pictures each.
        seed: of the audit.

    Raises:
        InputError: the classes differ, or no labelled picture was predicted.
    """
    ids = np.concatenate([np.zeros(0, np.int64), *(p.image_ids for p in predictions)])
    labelled = dataset.rows.column("labelled").to_numpy(zero_copy_only=False)[dataset.positions(ids)]
    if not labelled.any():
        raise InputError(f"No labelled picture of dataset '{dataset.name}' was predicted; there is nothing to audit.")
    columns, rows = _together(dataset, predictions)
    order = np.argsort(ids, kind="stable")[labelled[np.argsort(ids, kind="stable")]]
    at = rows_of(columns.offsets, order)
    positions = dataset.positions(ids[order])
    names = [dataset.file_names[i] for i in positions]
    return suspects(
        dataset.annotations.take(positions),
        columns.take(order),
        class_names=dataset.class_names,
        images=AuditedImages(
            ids[order],
            names,
            dataset.sizes_hw[positions].astype(np.float64),
            axes_of(names, [dataset.conditions[i] for i in positions]),
        ),
        detection_rows=rows[at],
        seed=seed,
        made_from={"dataset": dataset.digest, **_roles(predictions)},
    )


def axes_of(file_names: Sequence[str], conditions: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """What suspects can be grouped by: each condition given as text, and the folder of the picture."""
    keys = dict.fromkeys(key for record in conditions for key, value in record.items() if isinstance(value, str))
    axes = {key: [str(record.get(key, "")) for record in conditions] for key in keys}
    return {**axes, "folder": [str(PurePosixPath(name).parent) for name in file_names]}


def suspect_queue(
    found: Suspects, dataset: Dataset, *, due_in: float, now: float | None = None, least_score: float = SURE_FROM
) -> ReviewQueue:
    """The pictures with suspects, the likeliest to be wrong somewhere first; the proposal is the labels as they are.

    Args:
        found: suspects of this data set.
        dataset: the version they are of.
        due_in: seconds until answers are due.
        now: seconds since 1970.
        least_score: suspects below it bring no picture into the queue.
    """
    now = time.time() if now is None else now
    records = [row for row in found.once.to_pylist() if row["score"] >= least_score]
    of_picture: dict[int, list[dict[str, Any]]] = {}
    for row in records:
        of_picture.setdefault(row["image_id"], []).append(row)
    value = {i: float(1 - np.prod([1 - row["score"] for row in rows])) for i, rows in of_picture.items()}
    position = {int(image): row for row, image in enumerate(dataset.image_ids)}
    items = []
    for image in sorted(of_picture, key=lambda i: (-value[i], i)):
        row = position[image]
        items.append(
            {
                "item": f"dataset-{image}-{dataset.picture_digests[row][:8]}",  # ids of images restart in every dataset
                "picture": dataset.picture_digests[row],
                "file_name": dataset.file_names[row],
                "camera": str(dataset.conditions[row].get("camera", "")),
                "priority": _PRIORITY,
                "reason": "suspect",
                "value": value[image],
                "selected_at": now,
                "due_at": now + due_in,
                "proposal": json.dumps(_proposal(dataset, row, of_picture[image])),
            }
        )
    columns = {name: [item[name] for item in items] for name in QUEUE_SCHEMA.names}
    return ReviewQueue(
        class_names=dataset.class_names,
        items=pa.table(columns, schema=QUEUE_SCHEMA),
        summary=Selection(chosen={"suspect": len(items)}, suspects=len(records), least_score=least_score),
        made_from={"dataset": dataset.digest, "suspects": found.digest},
    )


def _proposal(dataset: Dataset, row: int, of: list[dict[str, Any]]) -> dict[str, Any]:
    columns = dataset.annotations
    span = slice(columns.offsets[row], columns.offsets[row + 1])
    return {
        "boxes_xyxy": columns.boxes_xyxy[span].tolist(),
        "score": [1.0] * int(span.stop - span.start),
        "class_id": columns.class_id[span].tolist(),
        "ignore": columns.ignore[span].tolist(),
        "suspects": [{k: row[k] for k in _NOTED} | {"box_xyxy": [row[c] for c in _CORNERS]} for row in of],
    }


def _together(dataset: Dataset, predictions: Sequence[Predictions]) -> tuple[DetectionColumns, NDArray]:
    """All detections with the data set's class_ids, and the row each has in its own predictions."""
    for part in predictions:
        if set(part.class_names) != set(dataset.class_names):
            raise InputError(
                f"The predictions are of the classes {', '.join(part.class_names)}; dataset '{dataset.name}' has "
                f"{', '.join(dataset.class_names)}. Audit with a bundle of the same classes."
            )
    columns = [part.columns for part in predictions]
    class_of = [np.array([dataset.class_names.index(name) for name in part.class_names]) for part in predictions]
    whole = DetectionColumns(
        offsets=offsets_from_counts(np.concatenate([np.diff(c.offsets) for c in columns])),
        boxes_xyxy=np.concatenate([c.boxes_xyxy for c in columns]).astype(np.float64),
        score=np.concatenate([c.score for c in columns]).astype(np.float64),
        class_id=np.concatenate([ids[c.class_id] for ids, c in zip(class_of, columns, strict=True)]).astype(np.int32),
    )
    return whole, np.concatenate([np.arange(len(c.score)) for c in columns])


def _roles(predictions: Sequence[Predictions]) -> dict[str, str]:
    if len(predictions) == 1:
        return {"predictions": predictions[0].digest}
    return {f"predictions_{i + 1}": part.digest for i, part in enumerate(predictions)}
