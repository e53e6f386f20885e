"""What was answered, counted cheaply: one bin per score and one number per class, added once per image.

A counter and a histogram of the Prometheus client take a lock and a search in Python for every detection; an image with a hundred would
pay more for being counted than for being decoded.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

MOST_CLASSES = 100
OTHERS = "other"
_EDGES = (np.arange(1, 11) / 10).astype(np.float32)  # upper, inclusive; as precise as scores are


class Tallies(Collector):
    """Images, empty images, detections by class, scores."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._images = self._empty = 0
        self._by_class: dict[str, int] = {}
        self._bins = np.zeros(len(_EDGES) + 1, np.int64)
        self._score_sum = 0.0

    def add(self, score: NDArray, class_id: NDArray, class_names: Sequence[str]) -> None:
        """Count the answer to one image.

        Args:
            score, class_id: (n,) of the detections that reach their thresholds.
            class_names: by class_id.
        """
        bins = np.bincount(np.searchsorted(_EDGES, score), minlength=len(self._bins)) if len(score) else None
        per_class = np.bincount(class_id) if len(score) else None
        with self._lock:
            self._images += 1
            if bins is None or per_class is None:
                self._empty += 1
                return
            self._bins += bins
            self._score_sum += float(score.sum())
            for one in np.flatnonzero(per_class).tolist():
                name = self._label(class_names[one])
                self._by_class[name] = self._by_class.get(name, 0) + int(per_class[one])

    def collect(self) -> Iterator[CounterMetricFamily | HistogramMetricFamily]:
        with self._lock:
            images, empty, by_class = self._images, self._empty, dict(self._by_class)
            bins, score_sum = self._bins.cumsum().tolist(), self._score_sum
        yield CounterMetricFamily("boxwright_images", "Images answered.", value=images)
        yield CounterMetricFamily("boxwright_empty_images", "Images answered without a detection.", value=empty)
        detections = CounterMetricFamily(
            "boxwright_detections", "Detections at their score threshold.", labels=["class_name"]
        )
        for name, count in by_class.items():
            detections.add_metric([name], count)
        yield detections
        edges = [*(f"{edge:.1f}" for edge in _EDGES), "+Inf"]
        scores = HistogramMetricFamily("boxwright_score", "Scores of detections at their score threshold.")
        scores.add_metric([], list(zip(edges, bins, strict=True)), sum_value=score_sum)
        yield scores

    def _label(self, name: str) -> str:
        known = name in self._by_class or len(self._by_class.keys() - {OTHERS}) < MOST_CLASSES
        return name if known else OTHERS
