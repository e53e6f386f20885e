"""Where a page's pictures and boxes come from: the store, or files on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Dataset, Matches, Predictions
from boxwright.detections import Annotations, Detections
from boxwright.errors import BoxwrightError
from boxwright.images import read_picture
from boxwright.ingestion import TruthColumns
from boxwright.store import Store


def pictures_of_store(store: Store, dataset: Dataset, predictions: Predictions) -> dict[str, Any]:
    """Arguments of a report's page: picture, annotations and detections by image id."""
    row_of = {int(image): row for row, image in enumerate(dataset.image_ids)}
    at = {int(image): row for row, image in enumerate(predictions.image_ids)}

    def read(image: int) -> NDArray | None:
        digest = dataset.picture_digests[row_of[image]]
        return (
            read_picture(store.pictures.read(digest), name=digest[:12], bit_depth=dataset.bit_depth)
            if digest in store.pictures
            else None
        )

    return {
        "read_picture": read,
        "annotations": lambda image: dataset.annotations[row_of[image]],
        "detections": lambda image: predictions.columns[at[image]] if image in at else None,
    }


def pictures_of_files(truth: TruthColumns, matches: Matches, folder: Path) -> dict[str, Any]:
    """The same for files; a picture that is not under `folder` is shown as None."""
    position = {int(image): row for row, image in enumerate(truth.image_ids)}
    at = picture_reader(truth, folder)
    return _of_columns(truth, matches, lambda image: at(position[image]))


def pictures_of_dataset(truth: TruthColumns, matches: Matches, store: Store, dataset: Dataset) -> dict[str, Any]:
    """The same for detections from files on a stored dataset, or a part of it."""
    row_of = {int(image): row for row, image in enumerate(dataset.image_ids)}

    def read(image: int) -> NDArray | None:
        digest = dataset.picture_digests[row_of[image]]
        return read_picture(store.pictures.read(digest), name=digest[:12]) if digest in store.pictures else None

    return _of_columns(truth, matches, read)


def _of_columns(truth: TruthColumns, matches: Matches, read: Callable[[int], NDArray | None]) -> dict[str, Any]:
    position = {int(image): row for row, image in enumerate(truth.image_ids)}

    def boxes(table: Any, image: int) -> tuple[NDArray, NDArray, NDArray]:
        rows = np.flatnonzero(table.column("image").to_numpy() == position[image])
        corners = np.stack([table.column(n).to_numpy()[rows] for n in ("x1", "y1", "x2", "y2")], axis=1)
        return corners, table.column("class_id").to_numpy()[rows], rows

    def annotations(image: int) -> Annotations:
        corners, class_id, rows = boxes(matches.objects, image)
        return Annotations(corners, class_id, matches.objects.column("ignore").to_numpy(zero_copy_only=False)[rows])

    def detections(image: int) -> Detections:
        corners, class_id, rows = boxes(matches.detections, image)
        score = np.clip(matches.detections.column("score").to_numpy()[rows], 0, 1)
        upright = (corners[:, 2:] >= corners[:, :2]).all(axis=1)  # a results file may hold what no picture can
        return Detections(corners[upright], score[upright], class_id[upright])

    return {"read_picture": read, "annotations": annotations, "detections": detections}


def picture_reader(truth: TruthColumns, folder: Path) -> Callable[[int], NDArray | None]:
    """From the position of a picture to its pixels; None where it is not found or cannot be read."""
    roots = (folder, folder / "images", folder / "JPEGImages", folder.parent / "images")

    def read(position: int) -> NDArray | None:
        name = truth.file_names[position]
        path = next((root / name for root in roots if (root / name).is_file()), None)
        try:
            return read_picture(path.read_bytes(), name=name) if path else None
        except BoxwrightError:
            return None

    return read
