"""Report: what a candidate did on the data that judges. It measures; the gate judges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import pyarrow as pa

from boxwright.artifacts.artifact import Artifact
from boxwright.artifacts.codec import Fact, table
from boxwright.artifacts.report.averages import ClassMetrics, Curves, OptimalLrp, VocMetrics
from boxwright.artifacts.report.errors import Crowding, ErrorCosts
from boxwright.artifacts.report.operating import Confusion, OperatingMetrics
from boxwright.artifacts.report.scores import CertifiedPrecision, ScoreCalibration
from boxwright.artifacts.report.slices import SliceResult, WeakSlices
from boxwright.artifacts.resampled import Resampled
from boxwright.spec import Observed


@dataclass(frozen=True)
class Support:
    """What the metrics rest on.

    Attributes:
        images, objects, detections: evaluated; objects are annotations asked for.
        groups: what may not straddle a split.
    """

    images: int
    objects: int
    detections: int
    groups: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Report(Artifact):
    """Metrics of one candidate.

    Attributes:
        title: what was evaluated on what.
        class_names: by class_id.
        metrics: COCO's twelve by name, -1 where undefined, and AP at further IoU thresholds (`ap@0.33`).
        per_class: class name to its metrics.
        operating: at the score thresholds.
        confusion: at the score thresholds.
        slices: by condition and value.
        observed: key of a metric (`recall[open, lighting=dim]`) to what was found; what the gate looks up.
        curves: precision against recall.
        measured: latency percentiles in ms, hardware, memory, parity, digest of what judged.
        support: what all rests on.
        intervals: name of a metric over everything to what was found.
        resampling: how the intervals were made; None in a report without any.
        errors: what each kind of error costs.
        calibration: how far scores are from what they say.
        olrp, voc: further metrics.
        weak_slices: slices in which more goes wrong than elsewhere.
        crowding: what it cost, and what did it.
        certificates: what precision is certified: all classes together first, then each.
        failures: one row per miss and false alarm, the worst first.
    """

    kind: ClassVar[str] = "report"
    document_name: ClassVar[str] = "report.json"

    title: str
    class_names: tuple[str, ...]
    metrics: Mapping[str, float]
    per_class: Mapping[str, ClassMetrics]
    operating: OperatingMetrics
    support: Support
    confusion: Confusion = field(default_factory=Confusion)
    slices: tuple[SliceResult, ...] = ()
    observed: Mapping[str, Observed] = field(default_factory=dict)
    curves: Curves = field(default_factory=Curves)
    measured: Mapping[str, Fact] = field(default_factory=dict)
    intervals: Mapping[str, Observed] = field(default_factory=dict)
    resampling: Resampled | None = None
    errors: ErrorCosts = field(default_factory=ErrorCosts)
    calibration: ScoreCalibration = field(default_factory=ScoreCalibration)
    olrp: OptimalLrp = field(default_factory=OptimalLrp)
    voc: VocMetrics = field(default_factory=VocMetrics)
    weak_slices: WeakSlices = field(default_factory=WeakSlices)
    crowding: Crowding = field(default_factory=Crowding)
    certificates: tuple[CertifiedPrecision, ...] = ()
    failures: pa.Table = table()
