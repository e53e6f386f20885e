"""OperatingPoint: what an answered score means, and the least at which a detection is answered; chosen on val."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from boxwright.artifacts.artifact import Artifact, Parts
from boxwright.artifacts.calibration import ClassCalibration

ALL_CLASSES = "*"
_LATER = (
    "calibration",
    "condition_thresholds",
    "condition_evidence",
    "most_answered",
)  # left out of the document while empty


@dataclass(frozen=True, eq=False, kw_only=True)
class OperatingPoint(Artifact):
    """Score thresholds and what they were chosen on.

    Attributes:
        score_thresholds: class name to least score, in [0, 1]; of calibrated scores where there is a calibration.
        rule: the spec's clause that was followed.
        observed: class name to precision, recall, f1 and objects on val at the threshold.
        calibration: class name to the map from raw to answered score; empty: scores are answered raw.
        condition_thresholds: condition to value to class name to the least score on pictures of that value, for the
            classes where val showed a gain; of one condition at most.
        most_answered: class name, and ALL_CLASSES for all together, to the most detections answered on one picture of val;
            the cap of certificates, fixed before the data that judges is looked at.
        condition_evidence: condition to value to class name to what val showed, accepted or not, and why.
    """

    kind: ClassVar[str] = "operating_point"

    score_thresholds: Mapping[str, float]
    rule: Mapping[str, Any]
    observed: Mapping[str, Mapping[str, float | None]]
    calibration: Mapping[str, ClassCalibration] = field(default_factory=dict)
    condition_thresholds: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    condition_evidence: Mapping[str, Mapping[str, Mapping[str, Mapping[str, Any]]]] = field(default_factory=dict)
    most_answered: Mapping[str, int] = field(default_factory=dict)

    def parts(self) -> Parts:
        document = {
            "score_thresholds": dict(self.score_thresholds),
            "rule": dict(self.rule),
            "observed": {name: dict(figures) for name, figures in self.observed.items()},
            "calibration": _plain(self.calibration),
            "condition_thresholds": _plain(self.condition_thresholds),
            "condition_evidence": _plain(self.condition_evidence),
            "most_answered": dict(self.most_answered),
        }
        return Parts({key: value for key, value in document.items() if value or key not in _LATER})

    @classmethod
    def from_parts(cls, parts: Parts, made_from: Mapping[str, str]) -> Self:
        document = dict(parts.document)
        maps = {name: ClassCalibration.model_validate(c) for name, c in document.pop("calibration", {}).items()}
        return cls(**document, calibration=maps, made_from=made_from)


def _plain(tree: Any) -> Any:
    """Nested mappings, and what is fitted in them, as nested dicts."""
    if isinstance(tree, ClassCalibration):
        return tree.model_dump(mode="json")
    return {key: _plain(value) for key, value in tree.items()} if isinstance(tree, Mapping) else tree
