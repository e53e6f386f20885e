"""Whether scores mean what they say: of detections scored 0.8, are eight of ten true?

D-ECE (Kueppers et al., CVPRW 2020): detections of all classes in 10 equal bins of score; the distance of mean score and
precision at IoU 0.5, weighted by how many lie in the bin. LaECE0 (Kuzucu et al., ECCV 2024): per class in 25 bins, the
distance of mean score and mean IoU, where a false detection has IoU 0; the mean over classes. LaACE0: per class the mean
distance of each score and its IoU, likewise. The first bin is closed, the others are (low, high]; classes without detections
are left out; ignored detections take part in nothing.

A binned error is above 0 even for perfect scores, and the more so the fewer boxes there are. `null` says what a detector whose
scores are exactly right would show on as many boxes: what is true is drawn with the score as its chance, the IoU so that its
mean is the score. For the same reason replicates of a bootstrap lie above the figure: their percentiles would hardly ever
hold the truth. The interval is the pivotal one (the figure less the replicates' distance from it; Efron and Tibshirani
1993, 13.4), and begins at 0 where the figure is no larger than what resampled groups show once each bin's own error is taken
away. With fewer than some thirty boxes a bin, LaECE0's interval is still too high: read it beside `null`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Matches
from boxwright.artifacts.report import CalibrationError, ClassScores, ReliabilityBin, ScoreCalibration
from boxwright.evaluation.operating import operating_bit
from boxwright.statistics import percentile_interval, wilson

BINS = 10
BINS_OF_CLASS = 25
NULL_DRAWS = 100
MOST_REPLICATES = 400
_LEAST_GROUPS = 5  # percentiles of fewer do not reach far enough
METRICS = ("d_ece", "laece0", "laace0")


@dataclass(frozen=True)
class ScoredTruth:
    """Detections with what came of them, as parallel columns.

    Attributes:
        score: (n,) in [0, 1].
        true: (n,) bool, took an annotation at IoU 0.5.
        iou: (n,) with the annotation taken, 0 where false.
        class_id: (n,) int.
        image: (n,) int.
        class_names: by class_id.
        groups: (images,) what resembles each other.
    """

    score: NDArray
    true: NDArray
    iou: NDArray
    class_id: NDArray
    image: NDArray
    class_names: Sequence[str]
    groups: Sequence[str]

    def cells(self, bins: int) -> NDArray[np.int64]:
        """(n,) cell of class and score bin: class_id times `bins` plus the bin."""
        return self.class_id.astype(np.int64) * bins + bin_of(self.score, bins)


def calibration_figures(matches: Matches, weights: NDArray | None, *, confidence: float) -> ScoreCalibration:
    """How well the scores of a match table are calibrated.

    Args:
        matches: the tables.
        weights: (b, images) bootstrap weightings, see `group_weights`, of which MOST_REPLICATES are used; None for
            no intervals.
        confidence: of the intervals.
    """
    return figures_of(scored_truth(matches), weights, confidence=confidence)


def scored_truth(matches: Matches) -> ScoredTruth:
    """The columns of a match table that calibration looks at; ignored detections are left out."""
    detections, bit = matches.detections, operating_bit(matches)
    asked = detections.column("ignored").to_numpy() & bit == 0
    score, class_id, image, iou = (
        detections.column(name).to_numpy()[asked] for name in ("score", "class_id", "image", "iou")
    )
    true = (detections.column("hit").to_numpy() & bit != 0)[asked]
    groups = matches.images.column("group").to_pylist()
    return ScoredTruth(score, true, np.where(true, iou, 0.0), class_id, image, matches.class_names, groups)


def figures_of(columns: ScoredTruth, weights: NDArray | None, *, confidence: float) -> ScoreCalibration:
    """The figures of `calibration_figures`, from columns."""
    counts = np.bincount(columns.class_id, minlength=len(columns.class_names))
    groups, null = _groups_holding(columns), null_errors(columns)
    whole = _all_sums(columns, np.ones((1, len(columns.groups))))
    drawn = None if weights is None else _all_sums(columns, weights[:MOST_REPLICATES])
    figures = {
        metric: _figures(metric, whole, drawn, null[metric], groups.max(axis=1), confidence=confidence)
        for metric in METRICS
    }
    bins = _reliability(
        columns.class_names,
        whole["d_ece"],
        None if drawn is None else drawn["d_ece"],
        groups[:, 1:],
        confidence=confidence,
    )
    return ScoreCalibration(
        *(figures[metric][-1] for metric in METRICS),
        per_class={
            name: ClassScores(*(figures[metric][i] for metric in METRICS), detections=int(counts[i]))
            for i, name in enumerate(columns.class_names)
        },
        reliability=tuple(bins),
    )


def errors(columns: ScoredTruth, weights: NDArray) -> dict[str, NDArray[np.float64]]:
    """Metric to (b, K + 1) under weightings (b, images) of pictures: by class, then of all; NaN where undefined."""
    return {metric: _error(metric, sums) for metric, sums in _all_sums(columns, weights).items()}


def null_errors(columns: ScoredTruth, *, draws: int = NULL_DRAWS, seed: int = 0) -> dict[str, NDArray[np.float64]]:
    """Metric to (draws, K + 1): what exactly calibrated scores would show; boxes are drawn independently.

    A detection is true with its score as the chance. Its IoU is drawn from its class's true ones, and its chance is
    score / mean IoU; scores above the mean IoU stretch the IoU instead, so that its mean is the score.
    """
    rng = np.random.default_rng(seed)
    usual, mean = _usual_iou(columns)
    whole = _all_sums(columns, np.ones((1, len(columns.groups))))
    where = {"d_ece": columns.cells(BINS), "laece0": columns.cells(BINS_OF_CLASS), "laace0": columns.cells(1)}
    found: dict[str, list[NDArray]] = {metric: [] for metric in METRICS}
    for _ in range(draws):
        chance = rng.random(len(columns.score))
        iou = np.minimum(usual(rng) * np.maximum(columns.score / mean, 1.0), 1.0) * (chance < columns.score / mean)
        targets = {"d_ece": chance < columns.score, "laece0": iou, "laace0": np.abs(columns.score - iou)}
        for metric, target in targets.items():
            sums = whole[metric].copy()
            drawn = np.bincount(where[metric], target, minlength=sums[..., 0].size).reshape(sums.shape[:-1])
            sums[..., 1 if metric == "laace0" else 2] = drawn
            found[metric].append(_error(metric, sums)[0])
    return {metric: np.array(values) for metric, values in found.items()}


def _usual_iou(columns: ScoredTruth) -> tuple[Callable[[np.random.Generator], NDArray], NDArray[np.float64]]:
    """A draw of an IoU for each detection from its class's true ones (1 where there are none), and their mean, (n,)."""
    order = np.argsort(np.where(columns.true, columns.class_id, len(columns.class_names)), kind="stable")
    count = np.bincount(columns.class_id[columns.true], minlength=len(columns.class_names))
    total = np.bincount(columns.class_id[columns.true], columns.iou[columns.true], minlength=len(count))
    first = (np.cumsum(count) - count)[columns.class_id]
    known = (count > 0)[columns.class_id]
    mean = np.where(count > 0, total / np.maximum(count, 1), 1.0)[columns.class_id]

    def draw(rng: np.random.Generator) -> NDArray[np.float64]:
        place = first + (rng.random(len(first)) * count[columns.class_id]).astype(np.int64)
        return np.where(known, columns.iou[order[np.minimum(place, len(order) - 1)]], 1.0)

    return draw, mean


def _reliability(
    class_names: Sequence[str], whole: NDArray, drawn: NDArray | None, groups: NDArray, *, confidence: float
) -> Iterator[ReliabilityBin]:
    """One record per class, and None for all, and bin that holds anything; from the sums of d_ece. groups: (K + 1, bins)."""
    value = _with_all_classes(whole)[0]
    spread = None if drawn is None else _with_all_classes(drawn)
    for row, name in enumerate((*class_names, None)):
        for k in np.flatnonzero(value[row, :, 0]).tolist():
            count, score, true = value[row, k].tolist()
            replicates = None if spread is None else spread[:, row, k]
            low, high = _precision_interval(true / count, replicates, int(groups[row, k]), confidence)
            yield ReliabilityBin(name, k / BINS, (k + 1) / BINS, int(count), score / count, true / count, low, high)


def bin_of(score: NDArray, bins: int) -> NDArray[np.int64]:
    """(n,) bin of equal width; the first is closed, the others are (low, high]."""
    return np.clip(np.searchsorted(np.linspace(0, 1, bins + 1), score, side="left") - 1, 0, bins - 1)


def _all_sums(columns: ScoredTruth, weights: NDArray) -> dict[str, NDArray[np.float64]]:
    return {metric: _sums(columns, metric, weights) for metric in METRICS}


def _with_all_classes(sums: NDArray) -> NDArray[np.float64]:
    """(b, K + 1, bins, 3) the sums with those of all classes together as one more class."""
    return np.concatenate([sums, sums.sum(axis=1, keepdims=True)], axis=1)


def _sums(columns: ScoredTruth, metric: str, weights: NDArray) -> NDArray[np.float64]:
    """(b, K, bins, 3) under weightings: how many, sum of scores, sum of targets; of distances and 0 for laace0."""
    score, target, bins = columns.score, columns.true.astype(np.float64), BINS
    if metric == "laece0":
        target, bins = columns.iou, BINS_OF_CLASS
    elif metric == "laace0":
        score, target, bins = np.abs(score - columns.iou), np.zeros(len(score)), 1
    cell = columns.cells(bins)
    classes = len(columns.class_names)
    found = _weighted_sums(weights, columns.image, cell, score, target, classes * bins)
    return found.reshape(len(weights), classes, bins, 3)


def _error(metric: str, sums: NDArray) -> NDArray[np.float64]:
    """(b, K + 1) of each class, then of all: pooled for d_ece, else the mean over classes that hold anything."""
    if metric == "d_ece":
        return _binned_error(_with_all_classes(sums))
    by_class = _binned_error(sums)
    there = np.isfinite(by_class)
    number = there.sum(axis=1)
    mean = np.where(there, by_class, 0).sum(axis=1) / np.maximum(number, 1)
    return np.concatenate([by_class, np.where(number, mean, np.nan)[:, None]], axis=1)


def _binned_error(sums: NDArray) -> NDArray[np.float64]:
    """(b, K) sum over bins of |sum of scores - sum of targets| over the number; sums is (b, K, bins, 3)."""
    number = sums[..., 0].sum(axis=2)
    distance = np.abs(sums[..., 1] - sums[..., 2]).sum(axis=2)
    return np.where(number > 0, distance / np.maximum(number, 1e-300), np.nan)


def _without_bias(sums: NDArray, of_all: NDArray) -> NDArray[np.float64]:
    """Replicates' sums with each bin's own error, as seen in `of_all` (1, K, bins, 3), taken away: noise alone."""
    gap = (of_all[..., 1] - of_all[..., 2]) / np.maximum(of_all[..., 0], 1e-300)
    shifted = sums.copy()
    shifted[..., 2] += gap * sums[..., 0]
    return shifted


def _figures(
    metric: str,
    whole: Mapping[str, NDArray],
    drawn: Mapping[str, NDArray] | None,
    null: NDArray,
    groups: NDArray,
    *,
    confidence: float,
) -> list[CalibrationError]:
    """value, low, high, null and null_high of each class, then of all; groups: (K + 1,) that hold anything."""
    value = _error(metric, whole[metric])[0]
    spread = noise = None
    if drawn is not None:
        spread = _error(metric, drawn[metric])
        noise = _error(metric, _without_bias(drawn[metric], whole[metric]))
    records: list[CalibrationError] = []
    for i, found in enumerate(value.tolist()):
        if not np.isfinite(found):
            records.append(CalibrationError())
            continue
        low, high = None, None
        if spread is not None and groups[i] >= _LEAST_GROUPS:
            low, high = percentile_interval(spread[:, i], confidence=confidence, groups=int(groups[i]))
        if low is not None and high is not None and noise is not None:
            low, high = (min(1.0, max(0.0, end)) for end in (2 * found - high, 2 * found - low))
            low = 0.0 if found <= float(np.nanquantile(noise[:, i], confidence)) else low
        by_chance = float(np.mean(null[:, i])), float(np.quantile(null[:, i], confidence))
        records.append(CalibrationError(found, low, high, *by_chance))
    return records


def _precision_interval(
    precision: float, spread: NDArray | None, groups: int, confidence: float
) -> tuple[float | None, float | None]:
    """Percentiles of a bin's precision; Wilson's where replicates do not differ; None for too few groups."""
    if spread is None or groups < _LEAST_GROUPS:
        return None, None
    with np.errstate(invalid="ignore", divide="ignore"):
        low, high = percentile_interval(spread[:, 2] / spread[:, 0], confidence=confidence, groups=groups)
    if low is not None and low == high:
        return wilson(precision, groups, confidence=confidence)
    return low, high


def _groups_holding(columns: ScoredTruth) -> NDArray[np.int64]:
    """(K + 1, 1 + BINS) number of groups that hold a detection of each class, then of all: of any score, then by bin."""
    classes, parts = len(columns.class_names), BINS + 1
    names, group = np.unique(np.array(columns.groups, object).astype(str), return_inverse=True)
    group, part = group[columns.image], bin_of(columns.score, BINS) + 1
    held = np.zeros(((classes + 1) * parts, max(len(names), 1)), np.bool_)
    held[columns.class_id * parts + part, group] = True
    held = held.reshape(classes + 1, parts, -1)
    held[:, 0] = held[:, 1:].any(axis=1)
    held[classes] = held[:classes].any(axis=0)
    return held.sum(axis=2)


@numba.njit(cache=True, nogil=True)
def _weighted_sums(weights, image, cell, score, target, cells):
    """(b, cells, 3) under each weighting of pictures: how many, sum of scores, sum of targets."""
    out = np.zeros((len(weights), cells, 3))
    for b in range(len(weights)):
        for i in range(len(cell)):
            weight = weights[b, image[i]]
            if weight != 0.0:
                out[b, cell[i], 0] += weight
                out[b, cell[i], 1] += weight * score[i]
                out[b, cell[i], 2] += weight * target[i]
    return out
