"""Figures by name, with intervals: what the gate looks up.

A figure is a metric over a class and a slice, such as `recall[open, lighting=dim]`; it is a reduction of the match
tables under a weighting of pictures, and its interval the same reduction under the bootstrap's weightings. One pass over
the replicates serves all classes of a slice. Every report carries the figures of the whole and of each class; with a
spec, also those its clauses ask for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Matches
from boxwright.evaluation.average_precision import Reducer
from boxwright.evaluation.bootstrap import LEAST_GROUPS, interval, wilson
from boxwright.evaluation.operating import Counts, count, figures
from boxwright.evaluation.slices import Slice, cut
from boxwright.spec import Observed, Spec, figure_key

# metric: (area range, IoU thresholds by position or None for all, recall instead of precision)
AVERAGES: dict[str, tuple[int, tuple[int, ...] | None, bool]] = {
    "ap": (0, None, False),
    "ap50": (0, (0,), False),
    "ap75": (0, (5,), False),
    "ap_small": (1, None, False),
    "ap_medium": (2, None, False),
    "ap_large": (3, None, False),
    "ar100": (0, None, True),
}
OF_POINT = ("precision", "recall", "f1", "false_alarms_per_image")
_ALWAYS = ("ap50", "ap75", "ap", *OF_POINT)
_MOST_STEPS = 1_000_000_000  # of a bootstrap that nobody asked for


class Observer:
    """Figures of one evaluation.

    Args:
        matches: the match tables.
        reducer: over them.
        thresholds: (K,) score thresholds.
        weights: (b, images) bootstrap weightings, or None for no intervals.
        confidence: of the intervals.
        groups: (images,) what was resampled.
    """

    def __init__(
        self,
        matches: Matches,
        reducer: Reducer,
        thresholds: NDArray,
        weights: NDArray | None,
        *,
        confidence: float,
        groups: Sequence[str],
    ) -> None:
        self._matches, self._reducer, self._thresholds = matches, reducer, thresholds
        self._weights, self._confidence = weights, confidence
        self._group = np.unique(np.array(groups, dtype=object), return_inverse=True)[1]

    def slice(self, part: Slice, metrics: Iterable[str]) -> dict[tuple[str, int | None], Observed]:
        """(metric, class_id or None for all) to figure, in one slice."""
        inside = part.pictures.astype(np.float64)
        counts = count(self._matches, self._thresholds, detection_mask=part.detections, object_mask=part.objects)
        found: dict[tuple[str, int | None], Observed] = {}
        for metric in metrics:
            if metric in AVERAGES:
                found.update(self._averages(metric, part, inside, counts))
            else:
                found.update(self._of_point(metric, inside, counts))
        return found

    def whole(self) -> Slice:
        """The slice that is everything."""
        return Slice(np.ones(len(self._matches.images), np.bool_))

    def cost(self, metric: str) -> int:
        """Steps a bootstrap of an average walks."""
        ious = AVERAGES[metric][1] if metric in AVERAGES else ()
        steps = len(self._matches.iou_thresholds) if ious is None else len(ious)
        return steps * len(self._matches.detections) * (0 if self._weights is None else len(self._weights))

    def _averages(
        self, metric: str, part: Slice, inside: NDArray, counts: Counts
    ) -> dict[tuple[str, int | None], Observed]:
        area, ious, use_recall = AVERAGES[metric]
        skip = None if part.detections is None else ~part.detections

        def by_class(weights: NDArray) -> NDArray:
            curves = self._reducer.curves(
                area=area, ious=ious, weights=weights, extra_ignored=skip, object_mask=part.objects
            )
            values = curves.recall if use_recall else curves.precision.reshape(-1, self._reducer.classes)
            return np.where(values[0] > -1, values.mean(axis=0), np.nan)

        value = by_class(inside)
        spread = None if self._weights is None else np.array([by_class(w * inside) for w in self._weights])
        return self._with_means(metric, value, spread, inside, counts)

    def _with_means(
        self, metric: str, value: NDArray, spread: NDArray | None, inside: NDArray, counts: Counts
    ) -> dict[tuple[str, int | None], Observed]:
        support = inside @ counts.objects
        found: dict[tuple[str, int | None], Observed] = {
            (metric, None): self._observed(
                _mean(value[None])[0], None if spread is None else _mean(spread), int(support.sum()), inside, counts
            )
        }
        for class_id in range(len(value)):
            of_class = None if spread is None else spread[:, class_id]
            part = counts.only_class(class_id)
            found[metric, class_id] = self._observed(value[class_id], of_class, int(support[class_id]), inside, part)
        return found

    def _of_point(self, metric: str, inside: NDArray, counts: Counts) -> dict[tuple[str, int | None], Observed]:
        found: dict[tuple[str, int | None], Observed] = {}
        for class_id in (None, *range(len(self._matches.class_names))):
            part = counts.only_class(class_id)
            value = figures(part, inside[None])[metric][0]
            spread = None if self._weights is None else figures(part, self._weights * inside)[metric]
            support = int((inside @ part.objects).sum())
            found[metric, class_id] = self._observed(value, spread, support, inside, part)
        return found

    def _observed(
        self, value: float, spread: NDArray | None, support: int, inside: NDArray, counts: Counts
    ) -> Observed:
        if not np.isfinite(value):
            return Observed(None, support=support, note="nothing in this slice to measure")
        holding = (counts.true + counts.false + counts.objects).sum(axis=1) * inside > 0
        groups = len(np.unique(self._group[holding]))
        if spread is None or groups < LEAST_GROUPS:
            return Observed(float(value), support=support, note=f"no interval: {groups} groups hold anything of it")
        low, high = interval(spread, confidence=self._confidence)
        if low is not None and low == high and 0 <= value <= 1:
            low, high = wilson(float(value), groups, confidence=self._confidence)
        return Observed(float(value), low, high, support, "" if low is not None else "no interval: mostly undefined")


def observe(
    observer: Observer, matches: Matches, spec: Spec | None, measured: Mapping[str, Any]
) -> dict[str, Observed]:
    """Figure key to what was found: the whole, each class, and what the spec's clauses ask for."""
    asked = {r.metric for r in spec.requirements} if spec else set()
    wanted = [m for m in _ALWAYS if m in asked or observer.cost(m) <= _MOST_STEPS]
    wanted += [m for m in AVERAGES if m in asked and m not in wanted]
    whole = observer.slice(observer.whole(), wanted)
    found = {figure_key(m, None if c is None else matches.class_names[c]): o for (m, c), o in whole.items()}
    for requirement in spec.requirements if spec else ():
        if requirement.metric not in (*AVERAGES, *OF_POINT):
            found[requirement.figure] = _measured(requirement.metric, measured, spec)
        elif requirement.conditions:
            part = observer.slice(cut(matches, spec.conditions, requirement.conditions), (requirement.metric,))  # type: ignore[union-attr]
            for (metric, class_id), figure in part.items():
                name = None if class_id is None else matches.class_names[class_id]
                found[figure_key(metric, name, requirement.conditions)] = figure
    return found


def _measured(metric: str, measured: Mapping[str, Any], spec: Spec | None) -> Observed:
    value = measured.get(metric)
    if value is None:
        return Observed(None, note=f"{metric} was not measured")
    if metric.startswith("latency") and spec is not None:
        hardware, asked = str(measured.get("hardware", "unknown")), spec.constraints.hardware
        if asked and asked.lower() not in hardware.lower():
            return Observed(None, note=f"measured on '{hardware}'; the promise is for '{asked}', measure it there")
        return Observed(float(value), note=f"on {hardware}")
    return Observed(float(value))


def _mean(values: NDArray) -> NDArray[np.float64]:
    """(b,) mean of each row over its defined entries, NaN where there is none."""
    defined = np.isfinite(values)
    count_defined = defined.sum(axis=1)
    total = np.where(defined, values, 0.0).sum(axis=1)
    return np.where(count_defined > 0, total / np.maximum(count_defined, 1), np.nan)
