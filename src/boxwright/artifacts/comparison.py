"""Comparison: two candidates on the same pictures; what got better, what got worse, object by object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import pyarrow as pa

from boxwright.artifacts.artifact import Artifact
from boxwright.artifacts.codec import table
from boxwright.artifacts.resampled import Resampled

Standing = Literal["better", "worse", "no significant difference", "undefined"]


@dataclass(frozen=True)
class ComparedMetric:
    """One metric of both sides; None where undefined.

    Attributes:
        key: of the metric, such as `recall[open, lighting=dim]`.
        metric: its name.
        class_name: None for all classes together.
        conditions: of the slice; empty for everything.
        a, b: the values.
        difference: b minus a.
        low, high: interval of the difference, for new groups.
        support: objects.
        verdict: of B, by the interval.
        these_low, these_high: interval of the difference, for these groups.
    """

    key: str
    metric: str
    class_name: str | None
    conditions: Mapping[str, str]
    a: float | None
    b: float | None
    difference: float | None
    low: float | None
    high: float | None
    support: int
    verdict: Standing
    these_low: float | None = None
    these_high: float | None = None


@dataclass(frozen=True)
class ObjectChanges:
    """What became of objects: found by B only, by A only, by neither, by both."""

    fixed: int
    broken: int
    still_missed: int
    both_found: int


@dataclass(frozen=True)
class AlarmChanges:
    """What became of false alarms: given by A only, by B only, by both."""

    gone: int
    new: int
    still_there: int


@dataclass(frozen=True)
class ComparedSlice:
    """One value of one condition.

    Attributes:
        condition, value: which.
        objects: annotations asked for in it.
        ap50, precision, recall: of both sides.
        fixed, broken: objects.
        gone, new: false alarms.
    """

    condition: str
    value: str
    objects: int
    ap50: ComparedMetric
    precision: ComparedMetric
    recall: ComparedMetric
    fixed: int
    broken: int
    gone: int
    new: int


@dataclass(frozen=True)
class CostPair:
    """What a kind of error costs on both sides, in points of AP50 (dap)."""

    a: float
    b: float


@dataclass(frozen=True, eq=False, kw_only=True)
class Comparison(Artifact):
    """B against A.

    Attributes:
        title_a, title_b: what is compared.
        class_names: by class_id.
        metrics: over everything, per class, and under the conditions the spec asks for.
        objects, false_alarms: `all`, then class name, to what became of them.
        slices: by condition and value.
        error_types: code of an ErrorKind to what it costs.
        resampling: of the intervals; both sides with the same groups.
        judged_on: digest of the pictures and annotations.
        changed: one row per object or false alarm that is not the same on both sides, or wrong on both.
    """

    kind: ClassVar[str] = "comparison"
    document_name: ClassVar[str] = "comparison.json"

    title_a: str
    title_b: str
    class_names: tuple[str, ...]
    metrics: tuple[ComparedMetric, ...]
    objects: Mapping[str, ObjectChanges]
    false_alarms: Mapping[str, AlarmChanges]
    slices: tuple[ComparedSlice, ...]
    error_types: Mapping[str, CostPair]
    resampling: Resampled
    judged_on: str
    changed: pa.Table = table()

    def of_all(self) -> list[ComparedMetric]:
        """The metrics over everything."""
        return [metric for metric in self.metrics if metric.class_name is None and not metric.conditions]

    def of_classes(self) -> list[ComparedMetric]:
        """The metrics of single classes, over everything."""
        return [metric for metric in self.metrics if metric.class_name is not None and not metric.conditions]
