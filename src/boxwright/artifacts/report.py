"""Report: what a candidate did on the data that judges. It measures; the gate judges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import pyarrow as pa

from boxwright.artifacts.artifact import Artifact, Parts

_LATER = (
    "intervals", "resampling", "error_types", "error_summary", "calibration", "olrp", "voc", "weak_slices", "suppression",
    "certificates",
)  # fmt: skip


@dataclass(frozen=True, eq=False, kw_only=True)
class Report(Artifact):
    """Figures of one candidate.

    Attributes:
        title: what was evaluated on what.
        class_names: by class_id.
        metrics: COCO's twelve figures by name, -1 where undefined.
        per_class: class name to its figures.
        operating: precision, recall, f1 and counts at the score thresholds: `all`, then per class.
        confusion: `labels` and `counts`, rows annotations, columns detections, last row and column background.
        slices: one record per condition and value: figures, intervals, support.
        observed: figure key (`recall[open, lighting=dim]`) to value, low and high (for new groups), support, note, these_low and
            these_high (for these groups), groups, effective_groups.
        curves: class name to recall and precision lists at IoU 0.50.
        measured: latency percentiles in ms, hardware, memory, parity.
        intervals: metric over everything to value, low, high, these_low, these_high, support; `resampling` says of what and how.
        error_types: TIDE's kinds to dap, low, high, share (points of AP50), count, answered, try, collect, evidence.
        error_summary: ap50 in points, shares per class, the rule.
        calibration: d_ece, laece0, laace0 with intervals, per_class, reliability.
        olrp, voc: further figures, `all` and `per_class`.
        weak_slices: `found` slices worse than elsewhere, how many were `searched`, the false discovery `rate`.
        suppression: what crowding cost, and what did it.
        certificates: what precision is certified, for all and per class, or how many more images it would take.
        failures: one row per miss and false alarm, the worst first.
    """

    kind: ClassVar[str] = "report"
    document_name: ClassVar[str] = "report.json"

    title: str
    class_names: tuple[str, ...]
    metrics: Mapping[str, float]
    per_class: Mapping[str, Mapping[str, float]]
    operating: Mapping[str, Any]
    confusion: Mapping[str, Any]
    slices: tuple[Mapping[str, Any], ...]
    observed: Mapping[str, Mapping[str, Any]]
    curves: Mapping[str, Any]
    measured: Mapping[str, Any]
    support: Mapping[str, int]
    intervals: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    resampling: Mapping[str, Any] = field(default_factory=dict)
    error_types: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    error_summary: Mapping[str, Any] = field(default_factory=dict)
    calibration: Mapping[str, Any] = field(default_factory=dict)
    olrp: Mapping[str, Any] = field(default_factory=dict)
    voc: Mapping[str, Any] = field(default_factory=dict)
    weak_slices: Mapping[str, Any] = field(default_factory=dict)
    suppression: Mapping[str, Any] = field(default_factory=dict)
    certificates: tuple[Mapping[str, Any], ...] = ()
    failures: pa.Table = field(default_factory=lambda: pa.table({}))

    def parts(self) -> Parts:
        document = {
            "title": self.title,
            "class_names": list(self.class_names),
            "metrics": dict(self.metrics),
            "per_class": {name: dict(figures) for name, figures in self.per_class.items()},
            "operating": dict(self.operating),
            "confusion": dict(self.confusion),
            "slices": [dict(record) for record in self.slices],
            "observed": {text: dict(figure) for text, figure in self.observed.items()},
            "curves": dict(self.curves),
            "measured": dict(self.measured),
            "support": dict(self.support),
        }
        later = {name: getattr(self, name) for name in _LATER}  # reports of before these existed keep their digest
        document |= {name: value for name, value in later.items() if value}
        return Parts(document, {"failures": self.failures})

    @classmethod
    def from_parts(cls, parts: Parts, made_from: Mapping[str, str]) -> Self:
        document = dict(parts.document)
        document["class_names"] = tuple(document["class_names"])
        document["slices"] = tuple(document["slices"])
        document["certificates"] = tuple(document.get("certificates", ()))
        return cls(**document, failures=parts.tables["failures"], made_from=made_from)
