"""OperatingPoint: what an answered score means, and the least at which a detection is answered; chosen on val."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from boxwright.artifacts.artifact import Artifact
from boxwright.artifacts.calibration import ClassCalibration
from boxwright.artifacts.codec import Document

ALL_CLASSES = "*"


@dataclass(frozen=True)
class Chosen:
    """What val showed at the threshold chosen for a class; None where nothing was there to choose on.

    Attributes:
        precision, recall, f1: in [0, 1].
        objects: annotations of the class.
        rule_kept: whether the rule could be kept.
        cost: of false alarms and misses, where the rule counts it.
    """

    precision: float | None
    recall: float | None
    f1: float | None
    objects: int
    rule_kept: bool
    cost: float | None = None


@dataclass(frozen=True)
class ConditionEvidence:
    """What val showed for a threshold of its own, of one class under one value of a condition.

    Attributes:
        accepted: whether it replaces the class's.
        reason: why, or why not.
        class_threshold: the class's.
        threshold: its own; None where there was too little to choose on, as below.
        gain, low, high: cross-validated, with its interval.
        tried: how many were tried at once.
    """

    accepted: bool
    reason: str
    class_threshold: float
    threshold: float | None = None
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    tried: int | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class OperatingPoint(Artifact):
    """Score thresholds and what they were chosen on.

    Attributes:
        score_thresholds: class name to least score, in [0, 1]; of calibrated scores where there is a calibration.
        rule: the spec's clause that was followed.
        observed: class name to what val showed at the threshold.
        calibration: class name to the map from raw to answered score; empty: scores are answered raw.
        condition_thresholds: condition to value to class name to the least score on pictures of that value, for the
            classes where val showed a gain; of one condition at most.
        most_answered: class name, and ALL_CLASSES for all together, to the most detections answered on one picture of val;
            the cap of certificates, fixed before the data that judges is looked at.
        condition_evidence: condition to value to class name to what val showed, accepted or not, and why.
    """

    kind: ClassVar[str] = "operating_point"

    score_thresholds: Mapping[str, float]
    rule: Document
    observed: Mapping[str, Chosen]
    calibration: Mapping[str, ClassCalibration] = field(default_factory=dict)
    condition_thresholds: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    condition_evidence: Mapping[str, Mapping[str, Mapping[str, ConditionEvidence]]] = field(default_factory=dict)
    most_answered: Mapping[str, int] = field(default_factory=dict)
