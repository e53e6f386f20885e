"""Figures by name, with intervals: what the gate looks up.

A figure is a metric over a class and a slice, such as `recall[open, lighting=dim]`; it is a reduction of the match
tables under a weighting of pictures, and its intervals the same reduction under the bootstrap's weightings: one for new groups,
one for new images of these groups (statistics/resampling.py). One pass over
the replicates serves all classes of a slice. Every report carries the figures of the whole and of each class; with a
spec, also those its clauses ask for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Matches
from boxwright.artifacts.codec import Fact
from boxwright.artifacts.report import CalibrationError, ScoreCalibration
from boxwright.evaluation.average_precision import Reducer
from boxwright.evaluation.operating import Counts, count, figures
from boxwright.evaluation.slices import Slice, cut
from boxwright.spec import Observed, Spec, figure_key
from boxwright.spec.requirement import NO_INTERVAL
from boxwright.statistics import LEAST_GROUPS, Resampling, effective_groups, plain_intervals, share_intervals, wilson


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
        resampling: weightings of the images.
        confidence: of the intervals.
    """

    def __init__(
        self,
        matches: Matches,
        reducer: Reducer,
        passes: NDArray,
        resampling: Resampling,
        *,
        confidence: float,
    ) -> None:
        self._matches, self._reducer, self._passes = matches, reducer, passes
        self.resampling, self.confidence = resampling, confidence
        self._walked: dict[Any, tuple[Any, Any]] = {}
        self._last: tuple[Slice, _Weighed] | None = None

    def slice(self, part: Slice, metrics: Iterable[str]) -> dict[tuple[str, int | None], Observed]:
        """(metric, class_id or None for all) to figure, in one slice."""
        found: dict[tuple[str, int | None], Observed] = {}
        for metric, (value, spread) in self.replicated(part, metrics).items():
            found.update(self._observed(metric, value, spread, self.holding(part, metric)))
        return found

    def replicated(self, part: Slice, metrics: Iterable[str]) -> dict[str, tuple[NDArray, NDArray]]:
        """Metric to (K + 1,) its figure per class and, last, over all, and its replicates, in one slice.

        Replicates are (1 + r + s, K + 1), in the order of `Resampling.parted`.
        """
        found: dict[str, tuple[NDArray, NDArray]] = {}
        totals: tuple[NDArray, NDArray, NDArray, NDArray] | None = None
        metrics = list(metrics)
        alone = sum(metric in AVERAGES for metric in metrics) == 1
        for metric in metrics:
            if metric in AVERAGES:
                found[metric] = self._averages(AVERAGES[metric], part, alone)
            else:
                totals = totals or self._totals(part)
                found[metric] = _of_point(metric, *totals)
        self._walked.clear()
        return found

    def holding(self, part: Slice, metric: str = "ap") -> Holding:
        """What a metric of a slice rests on: of one range of areas, only objects of that range and the groups that have any."""
        area = AVERAGES[metric].area if metric in AVERAGES else 0
        weighed = self._weigh(part)
        if area not in weighed.held:
            counts = weighed.counts
            if area:
                objects = self._reducer.objects_of_classes(area=area, mask=part.objects)
                nothing = np.zeros_like(objects)  # detections have no range of their own
                counts = Counts(nothing, nothing, objects)
            weighed.held[area] = Holding.of(counts, part.pictures, self.resampling, weighed.votes)
        return weighed.held[area]

    def weightings(self, part: Slice) -> NDArray[np.float32]:
        """(1 + r + s, images) weightings of a slice, see `Resampling.weightings`."""
        return self._weigh(part).rows

    def even(self, part: Slice) -> bool:
        """Whether the groups of a slice are even enough to be weighed by their objects."""
        return bool((self._weigh(part).votes == 1).all())

    def _weigh(self, part: Slice) -> _Weighed:
        if self._last is None or self._last[0] is not part:
            counts = count(self._matches, self._passes, detection_mask=part.detections, object_mask=part.objects)
            inside = part.pictures.astype(np.float32)
            votes = self.resampling.votes(counts.objects.sum(axis=1) * inside)
            self._last = part, _Weighed(counts, votes, self.resampling.weightings(inside, votes))
        return self._last[1]

    def whole(self) -> Slice:
        """The slice that is everything."""
        return Slice(np.ones(len(self._matches.images), np.bool_))

    def _averages(self, average: Average, part: Slice, alone: bool) -> tuple[NDArray, NDArray]:
        """(K + 1,) the metric per class and their mean, and (1 + r + s, K + 1) its replicates.

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
        return mean, _with_mean(spread[which][:, at].mean(axis=1))

    def _walk(self, average: Average, ious: tuple[int, ...] | None, part: Slice) -> tuple[Any, Any]:
        """AP and recall (T, K) of a slice, and their replicates (1 + r + s, T, K)."""
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
        return value, self._reducer.replicates(self._weigh(part).rows, **asked)

    def _totals(self, part: Slice) -> tuple[NDArray, NDArray, NDArray, NDArray]:
        """(3, K + 1) true, false and objects with their replicates (1 + r + s, 3, K + 1), and pictures likewise."""
        inside, weighed = part.pictures.astype(np.float32), self._weigh(part)
        table = np.stack(weighed.counts.with_total(), axis=1) * inside[:, None, None]  # (images, 3, K + 1)
        flat = table.reshape(len(table), -1)
        value = flat.sum(axis=0, dtype=np.float64).reshape(table.shape[1:])
        spread = (weighed.rows @ flat).astype(np.float64).reshape(-1, *table.shape[1:])
        return value, spread, inside.sum(dtype=np.float64), (weighed.rows @ inside).astype(np.float64)[:, None]

    def _observed(
        self, metric: str, value: NDArray, replicates: NDArray, holding: Holding
    ) -> dict[tuple[str, int | None], Observed]:
        centre, new, these = self.resampling.parted(replicates)
        ends = self._ends(metric, value, new, holding.objects, holding.effective, centre)
        ends_these = self._ends(metric, value, these, holding.objects, holding.freedom + 1, None)
        names: list[int | None] = [*range(len(value) - 1), None]
        found: dict[tuple[str, int | None], Observed] = {}
        for i, name in enumerate(names):
            if not np.isfinite(value[i]):
                found[metric, name] = _undefined(metric, int(holding.objects[i]))
                continue
            rests = _Rests(metric, float(value[i]), int(holding.groups[i]), self.confidence)
            low, high, lacks = rests.on_groups(ends[0][i], ends[1][i], float(holding.effective[i]))
            if self.resampling.single:
                of_these = low, high
            else:
                of_these = rests.on_images(ends_these[0][i], ends_these[1][i], float(holding.freedom[i]))
            few = f"rests on {int(holding.objects[i])} objects only" if holding.objects[i] < FEW_OBJECTS else ""
            found[metric, name] = Observed(
                rests.value, low, high, int(holding.objects[i]), lacks or few, *of_these,
                groups=rests.groups, effective_groups=float(holding.effective[i]), centre=float(centre[i]),
            )  # fmt: skip
        return found

    def _ends(
        self, metric: str, value: NDArray, spread: NDArray, objects: NDArray, groups: NDArray, centre: NDArray | None
    ) -> tuple[NDArray, NDArray]:
        """(K + 1,) lower and upper ends; NaN where there are none."""
        if not len(spread):
            return np.full(len(value), np.nan), np.full(len(value), np.nan)
        if metric in UNBOUNDED:
            return plain_intervals(
                value, spread, groups=groups, confidence=self.confidence, within=(0.0, np.inf), centre=centre
            )
        return share_intervals(value, spread, objects=objects, groups=groups, confidence=self.confidence, centre=centre)


@dataclass(frozen=True)
class _Weighed:
    """A slice's counts, the votes of its groups and its weightings, see `Resampling.weightings`; `held` by range of areas."""

    counts: Counts
    votes: NDArray
    rows: NDArray
    held: dict[int, Holding] = field(default_factory=dict)


@dataclass(frozen=True)
class _Rests:
    """A figure, and how many groups it rests on; says which of its intervals hold."""

    metric: str
    value: float
    groups: int
    confidence: float

    def on_groups(self, low: float, high: float, effective: float) -> tuple[float | None, float | None, str]:
        """The interval for new groups, and why there is none."""
        if self.groups < LEAST_GROUPS:
            count = "1 group contains" if self.groups == 1 else f"{self.groups} groups contain"
            return None, None, f"{NO_INTERVAL}{count} anything of it"
        if np.isnan(low):
            return None, None, f"{NO_INTERVAL}too few groups contain most of it"
        return *self._unless_alike(low, high, effective), ""

    def on_images(self, low: float, high: float, freedom: float) -> tuple[float | None, float | None]:
        """The interval for these groups."""
        if np.isnan(low) or freedom + 1 < LEAST_GROUPS:
            return None, None
        return self._unless_alike(low, high, freedom + 1)

    def _unless_alike(self, low: float, high: float, trials: float) -> tuple[float, float]:
        """Wilson's interval for a share that is the same in every replicate."""
        if low == high and self.metric not in UNBOUNDED:
            return wilson(self.value, trials, confidence=self.confidence)
        return float(low), float(high)


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
        effective: how many groups of one weight they are worth, by their weighted annotations (by all they hold where there is
            none).
        freedom: degrees of freedom of the images within groups.
    """

    objects: NDArray
    groups: NDArray
    effective: NDArray
    freedom: NDArray

    @classmethod
    def of(cls, counts: Counts, pictures: NDArray, resampling: Resampling, votes: NDArray) -> Holding:
        """Of the counts of a slice; `votes` is (images,), see `Resampling.votes`."""
        true, false, objects = counts.with_total()
        group = resampling.group
        holding = ((true + false + objects) > 0) & pictures[:, None]
        image, column = np.nonzero(holding)
        shape = (int(group.max(initial=-1)) + 1, holding.shape[1])
        seen, sizes = np.zeros(shape, np.bool_), np.zeros(shape)
        seen[group[image], column] = True
        np.add.at(sizes, (group[image], column), objects[image, column] * votes[image])
        effective = effective_groups(np.where(sizes.any(axis=0), sizes, seen))
        of_slice = objects * pictures[:, None]
        within = resampling.freedom_within(np.where(of_slice.any(axis=0), of_slice, holding))
        return cls(of_slice.sum(axis=0), seen.sum(axis=0), effective, within)


def observe(
    observer: Observer, matches: Matches, spec: Spec | None, measured: Mapping[str, Fact], calibration: ScoreCalibration
) -> dict[str, Observed]:
    """Figure key to what was found: the whole, each class, and what the spec's clauses ask for."""
    whole = observer.slice(observer.whole(), (*AVERAGES, *OF_POINT))
    found = {figure_key(m, None if c is None else matches.class_names[c]): o for (m, c), o in whole.items()}
    for requirement in spec.requirements if spec else ():
        if (of_scores := calibration.of_metric(requirement.metric)) is not None:
            found[requirement.figure] = _of_calibration(of_scores, len(matches.detections))
        elif requirement.metric not in (*AVERAGES, *OF_POINT):
            found[requirement.figure] = _measured(requirement.metric, measured, spec)
        elif requirement.conditions:
            part = observer.slice(cut(matches, spec.conditions, requirement.conditions), (requirement.metric,))  # type: ignore[union-attr]
            for (metric, class_id), figure in part.items():
                name = None if class_id is None else matches.class_names[class_id]
                found[figure_key(metric, name, requirement.conditions)] = figure
    return found


def _of_calibration(error: CalibrationError, support: int) -> Observed:
    note = "" if error.value is not None else "no detection to calibrate"
    low, high = error.low, error.high
    return Observed(
        error.value, low, high, support, note, low, high
    )  # groups are resampled; the wider interval answers both


def _measured(metric: str, measured: Mapping[str, Fact], spec: Spec | None) -> Observed:
    value = measured.get(metric)
    if not isinstance(value, (int, float)):
        return Observed(None, note=f"{metric} was not measured")
    if metric.startswith("latency") and spec is not None:
        hardware, asked = str(measured.get("hardware", "unknown")), spec.constraints.hardware
        if asked and asked.lower() not in hardware.lower():
            return Observed(None, note=f"measured on '{hardware}'; the promise is for '{asked}', measure it there")
        return Observed(float(value), note=f"on {hardware}")
    return Observed(float(value))


def _of_point(metric: str, value: NDArray, spread: NDArray, images: NDArray, drawn: NDArray) -> tuple[NDArray, NDArray]:
    """A metric at the operating point from totals, see `Observer._totals`."""
    found = figures(value[0], value[1], value[2], images)[metric]
    return found, figures(spread[:, 0], spread[:, 1], spread[:, 2], drawn)[metric]


def _with_mean(values: NDArray) -> NDArray[np.float64]:
    """(r, K) with one more column: the mean over each row's defined entries, NaN where there is none."""
    defined = np.isfinite(values)
    total = np.where(defined, values, 0.0).sum(axis=1, keepdims=True)
    counted = defined.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.concatenate([values, total / counted], axis=1)
