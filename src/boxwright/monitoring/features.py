"""What is watched about each picture: how many boxes, how sure, how near the threshold, and how the picture looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Events, Predictions
from boxwright.artifacts.condition_thresholds import spelled
from boxwright.detections import DetectionColumns
from boxwright.images import MEASURES


@dataclass(frozen=True)
class Features:
    """One value per picture and feature; NaN where there is none (the mean score of no boxes).

    Attributes:
        values: feature name to (n,) float64.
        latency_ms: (n,).
        slices: (n,) value of the spec's monitored condition, empty where unknown.
    """

    values: Mapping[str, NDArray]
    latency_ms: NDArray
    slices: Sequence[str]

    def __len__(self) -> int:
        return len(self.latency_ms)

    def take(self, rows: NDArray) -> Features:
        """The same features of some pictures."""
        values = {name: column[rows] for name, column in self.values.items()}
        return Features(values, self.latency_ms[rows], [self.slices[int(i)] for i in rows])


def rows_by_value(slices: Sequence[str]) -> dict[str, NDArray[np.int64]]:
    """Each value that is known, in the order met, to the rows that have it; one pass, however many values there are."""
    rows: dict[str, list[int]] = {}
    for row, value in enumerate(slices):
        if value:
            rows.setdefault(value, []).append(row)
    return {value: np.array(of, np.int64) for value, of in rows.items()}


def features_of_predictions(
    predictions: Predictions, thresholds: Mapping[str, float], *, near: float, slices: Sequence[str] | None = None
) -> Features:
    """Features of the reference; `slices` in the order of the predictions' pictures, `near` as the spec's margin."""
    measures = {name: predictions.images.column(name).to_numpy() for name in MEASURES}
    values = _of_detections(predictions.columns, predictions.class_names, thresholds, near) | measures
    known = [spelled(value) for value in slices] if slices is not None else [""] * len(predictions.latency_ms)
    return Features(values, predictions.latency_ms, known)


def features_of_events(events: Events, thresholds: Mapping[str, float], *, near: float) -> Features:
    """Features of traffic; the slice is the camera, `near` the spec's margin."""
    measures = {name: events.events.column(name).to_numpy() for name in MEASURES}
    values = _of_detections(events.columns, events.class_names, thresholds, near) | measures
    cameras = [spelled(value or "") for value in events.events.column("camera").to_pylist()]
    return Features(values, events.events.column("latency_ms").to_numpy(), cameras)


def _of_detections(
    columns: DetectionColumns, class_names: Sequence[str], thresholds: Mapping[str, float], margin: float
) -> dict[str, NDArray]:
    least = np.array([thresholds.get(name, 0.5) for name in class_names])
    image, pictures = columns.image_index, len(columns)
    limit = least[columns.class_id] if len(columns.class_id) else np.zeros(0)
    answered = columns.score >= limit
    near = np.abs(columns.score - limit) <= margin
    count = np.bincount(image[answered], minlength=pictures).astype(np.float64)
    total = np.bincount(image[answered], columns.score[answered], pictures)
    best = np.zeros(pictures)
    np.maximum.at(best, image, columns.score)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / count
    values = {
        "boxes per picture": count,
        "mean score": mean,
        "best score": best,
        "boxes near threshold": np.bincount(image[near], minlength=pictures).astype(np.float64),
    }
    for index, name in enumerate(class_names):
        mine = answered & (columns.class_id == index)
        values[f"boxes of {name}"] = np.bincount(image[mine], minlength=pictures).astype(np.float64)
    return values
