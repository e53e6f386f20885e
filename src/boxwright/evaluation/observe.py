"""What the report found for each clause of the spec, with an interval.

A clause is a metric over a class and a slice; the figure is a reduction of the match tables under a weighting of
pictures, its interval the same reduction under the bootstrap's weightings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Matches
from boxwright.evaluation.average_precision import Reducer, coco_metrics, mean_defined
from boxwright.evaluation.bootstrap import interval, replicate
from boxwright.evaluation.operating import count, figures
from boxwright.evaluation.slices import Slice, cut
from boxwright.spec import Observed, Requirement, Spec
from boxwright.spec.requirement import SLICEABLE

_IOUS_OF = {"ap": None, "ap50": (0,), "ap75": (5,)}


def observe(
    matches: Matches,
    reducer: Reducer,
    thresholds: NDArray,
    spec: Spec,
    weights: NDArray | None,
    measured: Mapping[str, Any],
) -> dict[str, Observed]:
    """Text of each requirement (one per class for `*`) to what was found."""
    found: dict[str, Observed] = {}
    whole = coco_metrics(reducer)
    for requirement in spec.requirements:
        for key, class_id in expand(requirement, matches.class_names):
            if requirement.metric in SLICEABLE:
                part = cut(matches, spec.conditions, requirement.conditions)
                found[key] = observe_slice(
                    matches, reducer, thresholds, part, weights, class_id=class_id,
                    metrics=(requirement.metric,), confidence=spec.acceptance.confidence,
                )[requirement.metric]  # fmt: skip
            elif requirement.metric in whole:
                value = whole[requirement.metric]
                objects = int(reducer.objects(area=0, weights=np.ones(reducer.images)).sum())
                found[key] = Observed(value if value > -1 else None, support=objects)
            else:
                found[key] = _measured(requirement, measured, spec)
    return found


def expand(requirement: Requirement, class_names: Sequence[str]) -> list[tuple[str, int | None]]:
    """(text, class_id) of a requirement; `*` stands for every class by itself."""
    if requirement.class_name is None:
        return [(requirement.text, None)]
    if requirement.class_name == "*":
        return [(requirement.text.replace("*", name, 1), i) for i, name in enumerate(class_names)]
    return [(requirement.text, list(class_names).index(requirement.class_name))]


def observe_slice(
    matches: Matches,
    reducer: Reducer,
    thresholds: NDArray,
    part: Slice,
    weights: NDArray | None,
    *,
    class_id: int | None,
    metrics: Sequence[str],
    confidence: float,
) -> dict[str, Observed]:
    """Some figures of one class (all when None) in one slice.

    Args:
        weights: (b, images) bootstrap weightings, or None for no intervals.
        metrics: among requirement.SLICEABLE.
    """
    inside = part.pictures.astype(np.float64)
    replicates = None if weights is None else weights * inside
    counts = count(matches, thresholds, detection_mask=part.detections, object_mask=part.objects).only_class(class_id)
    support = int((counts.objects.sum(axis=1) * inside).sum())
    found = {}
    for metric in metrics:
        if metric in _IOUS_OF:
            skip = None if part.detections is None else ~part.detections

            def average(w: NDArray, metric: str = metric, skip: NDArray | None = skip) -> float:
                curve = reducer.curves(
                    ious=_IOUS_OF[metric], weights=w, extra_ignored=skip, object_mask=part.objects
                ).precision
                return mean_defined(curve if class_id is None else curve[:, :, class_id])

            value = average(inside)
            spread = None if replicates is None else replicate(average, replicates)
            value = value if value > -1 else np.nan
        else:
            value = figures(counts, inside[None])[metric][0]
            spread = None if replicates is None else figures(counts, replicates)[metric]
        low, high = (None, None) if spread is None else interval(spread, confidence=confidence)
        defined = bool(np.isfinite(value))
        found[metric] = Observed(
            value=float(value) if defined else None,
            low=low if defined else None,
            high=high if defined else None,
            support=support,
            note="" if low is not None else "no interval: too few groups",
        )
    return found


def _measured(requirement: Requirement, measured: Mapping[str, Any], spec: Spec) -> Observed:
    value = measured.get(requirement.metric)
    if value is None:
        return Observed(None, note=f"{requirement.metric} was not measured")
    if requirement.metric.startswith("latency"):
        hardware, asked = str(measured.get("hardware", "unknown")), spec.constraints.hardware
        if asked and asked.lower() not in hardware.lower():
            return Observed(None, note=f"measured on '{hardware}'; the promise is for '{asked}', measure it there")
        return Observed(float(value), note=f"on {hardware}")
    return Observed(float(value))
