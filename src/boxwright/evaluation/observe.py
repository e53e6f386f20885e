"""Figures by name, with intervals: what the gate looks up.

A figure is a metric over a class and a slice, such as `recall[open, lighting=dim]`; it is a reduction of the match
tables under a weighting of pictures, and its interval the same reduction under the bootstrap's weightings. One pass over
the replicates serves all classes of a slice. Every report carries the figures of the whole and of each class; with a
spec, also those its clauses ask for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Matches
from boxwright.evaluation.average_precision import Reducer
from boxwright.evaluation.operating import Counts, count, figures
from boxwright.evaluation.slices import Slice, cut
from boxwright.spec import Observed, Spec, figure_key
from boxwright.statistics import LEAST_GROUPS, effective_groups, group_numbers, plain_intervals, share_intervals, wilson


@dataclass(frozen=True)
class Average:
    """How a metric averages curves: area range, IoU threshold by position (None: all), most detections, recall or not."""

    area: int = 0
    iou: int | None = None
    most: int = 100
    recall: bool = False


AVERAGES = {
    "ap": Average(),
    "ap50": Average(iou=0),
    "ap75": Average(iou=5),
    "ap_small": Average(area=1),
    "ap_medium": Average(area=2),
    "ap_large": Average(area=3),
    "ar1": Average(most=1, recall=True),
    "ar10": Average(most=10, recall=True),
    "ar100": Average(recall=True),
    "ar_small": Average(area=1, recall=True),
    "ar_medium": Average(area=2, recall=True),
    "ar_large": Average(area=3, recall=True),
}
OF_POINT = ("precision", "recall", "f1", "false_alarms_per_image")
UNBOUNDED = ("false_alarms_per_image",)  # no share
NOTHING_ANSWERED = "no detection reaches its score threshold"
FEW_OBJECTS = 30  # figures on fewer are flagged


class Observer:
    """Figures of one evaluation.

    Args:
        matches: the match tables.
        reducer: over them.
        passes: (detections,) bool, those answered at the operating point.
        weights: (r, images) bootstrap weightings, or None for no intervals.
        confidence: of the intervals.
        groups: (images,) what was resampled.
    """

    def __init__(
        self,
        matches: Matches,
        reducer: Reducer,
        passes: NDArray,
        weights: NDArray | None,
        *,
        confidence: float,
        groups: Sequence[str],
    ) -> None:
        self._matches, self._reducer, self._passes = matches, reducer, passes
        self._weights, self.confidence = weights, confidence
        self._walked: dict[Any, tuple[Any, Any]] = {}
        self._group = group_numbers(groups)

    def slice(self, part: Slice, metrics: Iterable[str]) -> dict[tuple[str, int | None], Observed]:
        """(metric, class_id or None for all) to figure, in one slice."""
        holding = self.holding(part)
        found: dict[tuple[str, int | None], Observed] = {}
        for metric, (value, spread) in self.replicated(part, metrics).items():
            found.update(self._observed(metric, value, spread, self._within_area(metric, part, holding)))
        return found

    def replicated(self, part: Slice, metrics: Iterable[str]) -> dict[str, tuple[NDArray, NDArray | None]]:
        """Metric to (K + 1,) its figure per class and, last, over all, and (r, K + 1) its replicates, in one slice."""
        found: dict[str, tuple[NDArray, NDArray | None]] = {}
        totals: tuple[NDArray, NDArray | None, NDArray, NDArray | None] | None = None
        metrics = list(metrics)
        alone = sum(metric in AVERAGES for metric in metrics) == 1
        for metric in metrics:
            if metric in AVERAGES:
                found[metric] = self._averages(AVERAGES[metric], part, alone)
            else:
                totals = totals or self._totals(self._counts(part), part)
                found[metric] = _of_point(metric, *totals)
        self._walked.clear()
        return found

    def holding(self, part: Slice) -> Holding:
        """What figures of a slice rest on."""
        return Holding.of(self._counts(part), part.pictures, self._group)

    def _within_area(self, metric: str, part: Slice, holding: Holding) -> Holding:
        """The same for a metric over one range of areas: only objects of that range support it."""
        area = AVERAGES[metric].area if metric in AVERAGES else 0
        if area == 0:
            return holding
        of_class = self._reducer.objects(area=area, weights=part.pictures.astype(np.float64), mask=part.objects)
        return Holding(np.append(of_class, of_class.sum()), holding.groups, holding.even)

    def _counts(self, part: Slice) -> Counts:
        return count(self._matches, self._passes, detection_mask=part.detections, object_mask=part.objects)

    def whole(self) -> Slice:
        """The slice that is everything."""
        return Slice(np.ones(len(self._matches.images), np.bool_))

    def _averages(self, average: Average, part: Slice, alone: bool) -> tuple[NDArray, NDArray | None]:
        """(K + 1,) the metric per class and their mean, and (r, K + 1) its replicates.

        `alone` walks only the IoU threshold asked for; otherwise all are walked and kept for the next metric.
        """
        ious = (average.iou,) if alone and average.iou is not None else None
        key = (average.area, average.most, ious, part)
        if key not in self._walked:
            self._walked[key] = self._walk(average, ious, part)
        value, spread = self._walked[key]
        which = 1 if average.recall else 0
        at = slice(None) if average.iou is None else slice(0, 1) if ious else slice(average.iou, average.iou + 1)
        of_class = value[which][at]
        of_class = np.where(of_class[0] > -1, of_class.mean(axis=0), np.nan)
        mean = _with_mean(of_class[None])[0]
        return mean, None if spread is None else _with_mean(spread[which][:, at].mean(axis=1))

    def _walk(self, average: Average, ious: tuple[int, ...] | None, part: Slice) -> tuple[Any, Any]:
        """AP and recall (T, K) of a slice, and their replicates (r, T, K)."""
        inside = part.pictures.astype(np.float32)
        asked: dict[str, Any] = {
            "area": average.area,
            "ious": ious,
            "max_detections": average.most,
            "extra_ignored": None if part.detections is None else ~part.detections,
            "object_mask": part.objects,
        }
        curves = self._reducer.curves(weights=inside, **asked)
        value = (curves.precision.mean(axis=1), curves.recall)
        return value, None if self._weights is None else self._reducer.replicates(self._weights * inside, **asked)

    def _totals(self, counts: Counts, part: Slice) -> tuple[NDArray, NDArray | None, NDArray, NDArray | None]:
        """(3, K + 1) true, false and objects with their replicates (r, 3, K + 1), and pictures likewise."""
        inside = part.pictures.astype(np.float32)
        table = np.stack(counts.with_total(), axis=1) * inside[:, None, None]  # (images, 3, K + 1)
        flat = table.reshape(len(table), -1)
        value = flat.sum(axis=0, dtype=np.float64).reshape(table.shape[1:])
        if self._weights is None:
            return value, None, inside.sum(dtype=np.float64), None
        spread = (self._weights @ flat).astype(np.float64).reshape(-1, *table.shape[1:])
        return value, spread, inside.sum(dtype=np.float64), (self._weights @ inside).astype(np.float64)[:, None]

    def _observed(
        self, metric: str, value: NDArray, spread: NDArray | None, holding: Holding
    ) -> dict[tuple[str, int | None], Observed]:
        names: list[int | None] = [*range(len(value) - 1), None]
        nothing = np.full(len(value), np.nan)
        low, high = nothing, nothing
        if spread is not None and metric in UNBOUNDED:
            low, high = plain_intervals(value, spread, groups=holding.even, confidence=self.confidence)
            low = np.maximum(low, 0.0)
        elif spread is not None:
            low, high = share_intervals(
                value, spread, objects=holding.objects, groups=holding.even, confidence=self.confidence
            )
        return {
            (metric, name): self._one(value[i], low[i], high[i], int(holding.objects[i]), int(holding.groups[i]))
            if np.isfinite(value[i])
            else _undefined(metric, int(holding.objects[i]))
            for i, name in enumerate(names)
        }

    def _one(self, value: float, low: float, high: float, support: int, groups: int) -> Observed:
        if self._weights is None or groups < LEAST_GROUPS:
            return Observed(float(value), support=support, note=f"no interval: {groups} groups hold anything of it")
        if np.isnan(low):
            return Observed(float(value), support=support, note="no interval: too few groups hold most of it")
        if low == high and 0 <= value <= 1:
            low, high = wilson(float(value), groups, confidence=self.confidence)
        note = f"rests on {support} objects only" if support < FEW_OBJECTS else ""
        return Observed(float(value), float(low), float(high), support, note)


def _undefined(metric: str, support: int) -> Observed:
    """A figure that has no value; of precision where there are objects, because nothing was answered."""
    silent = metric == "precision" and support > 0
    return Observed(None, support=support, note=NOTHING_ANSWERED if silent else "nothing in this slice to measure")


@dataclass(frozen=True)
class Holding:
    """What figures of a slice rest on, per class and, last, all together: (K + 1,) each.

    Attributes:
        objects: annotations asked for.
        groups: groups that hold an annotation or an answered detection of the slice.
        even: how many groups of one size they are worth, by their annotations (by all they hold where there is none).
    """

    objects: NDArray
    groups: NDArray
    even: NDArray

    @classmethod
    def of(cls, counts: Counts, pictures: NDArray, group: NDArray) -> Holding:
        """Of the counts of a slice; `group` is (images,) numbers from 0."""
        true, false, objects = counts.with_total()
        holding = ((true + false + objects) > 0) & pictures[:, None]
        image, column = np.nonzero(holding)
        shape = (int(group.max(initial=-1)) + 1, holding.shape[1])
        seen, sizes = np.zeros(shape, np.bool_), np.zeros(shape)
        seen[group[image], column] = True
        np.add.at(sizes, (group[image], column), objects[image, column])
        even = effective_groups(np.where(sizes.any(axis=0), sizes, seen))
        return cls((objects * pictures[:, None]).sum(axis=0), seen.sum(axis=0), even)


def observe(
    observer: Observer, matches: Matches, spec: Spec | None, measured: Mapping[str, Any], calibration: Mapping[str, Any]
) -> dict[str, Observed]:
    """Figure key to what was found: the whole, each class, and what the spec's clauses ask for."""
    whole = observer.slice(observer.whole(), (*AVERAGES, *OF_POINT))
    found = {figure_key(m, None if c is None else matches.class_names[c]): o for (m, c), o in whole.items()}
    for requirement in spec.requirements if spec else ():
        if requirement.metric in calibration:
            found[requirement.figure] = _of_calibration(calibration[requirement.metric], len(matches.detections))
        elif requirement.metric not in (*AVERAGES, *OF_POINT):
            found[requirement.figure] = _measured(requirement.metric, measured, spec)
        elif requirement.conditions:
            part = observer.slice(cut(matches, spec.conditions, requirement.conditions), (requirement.metric,))  # type: ignore[union-attr]
            for (metric, class_id), figure in part.items():
                name = None if class_id is None else matches.class_names[class_id]
                found[figure_key(metric, name, requirement.conditions)] = figure
    return found


def _of_calibration(figure: Mapping[str, Any], support: int) -> Observed:
    value, low, high = (figure.get(name) for name in ("value", "low", "high"))
    return Observed(value, low, high, support, "" if value is not None else "no detection to calibrate")


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


def _of_point(
    metric: str, value: NDArray, spread: NDArray | None, images: NDArray, drawn: NDArray | None
) -> tuple[NDArray, NDArray | None]:
    """A metric at the operating point from totals, see `Observer._totals`."""
    found = figures(value[0], value[1], value[2], images)[metric]
    if spread is None or drawn is None:
        return found, None
    return found, figures(spread[:, 0], spread[:, 1], spread[:, 2], drawn)[metric]


def _with_mean(values: NDArray) -> NDArray[np.float64]:
    """(r, K) with one more column: the mean over each row's defined entries, NaN where there is none."""
    defined = np.isfinite(values)
    total = np.where(defined, values, 0.0).sum(axis=1, keepdims=True)
    counted = defined.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.concatenate([values, total / counted], axis=1)
