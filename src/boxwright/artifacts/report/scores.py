"""What a report says of scores: whether they mean what they say, and what precision is certified."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class CalibrationError:
    """A calibration error, a share; None where undefined.

    Attributes:
        value, low, high: with its interval.
        null: what exactly calibrated scores would show on as many boxes.
        null_high: and at most, with the report's confidence.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    null: float | None = None
    null_high: float | None = None


@dataclass(frozen=True)
class ClassScores:
    """The three errors of one class, and the detections they rest on."""

    d_ece: CalibrationError
    laece0: CalibrationError
    laace0: CalibrationError
    detections: int


@dataclass(frozen=True)
class ReliabilityBin:
    """Detections of one bin of score.

    Attributes:
        class_name: None for all classes together.
        low, high: of the score.
        count: detections.
        mean_score: of them.
        precision, precision_low, precision_high: share of them that is true, with its interval.
    """

    class_name: str | None
    low: float
    high: float
    count: int
    mean_score: float
    precision: float
    precision_low: float | None = None
    precision_high: float | None = None


@dataclass(frozen=True)
class ScoreCalibration:
    """How far scores are from what they say; see evaluation/calibration.py for the three errors.

    Attributes:
        d_ece, laece0, laace0: over all classes.
        per_class: class name to its own.
        reliability: per class, and for all, the bins that have detections.
    """

    d_ece: CalibrationError = field(default_factory=CalibrationError)
    laece0: CalibrationError = field(default_factory=CalibrationError)
    laace0: CalibrationError = field(default_factory=CalibrationError)
    per_class: Mapping[str, ClassScores] = field(default_factory=dict)
    reliability: tuple[ReliabilityBin, ...] = ()

    def of_metric(self, metric: str) -> CalibrationError | None:
        """The error of this name over all classes; None where the name is another metric's."""
        return {"d_ece": self.d_ece, "laece0": self.laece0, "laace0": self.laace0}.get(metric)


@dataclass(frozen=True)
class Claim:
    """Whether one precision is certified.

    Attributes:
        precision: asked for.
        certified: whether it is.
        e_value: the largest on the way through the units.
        more_units, more_images: about how many more it would take; 0 when certified, None when no number would do.
        note: the same in words.
    """

    precision: float
    certified: bool
    e_value: float
    more_units: int | None
    more_images: int | None
    note: str


@dataclass(frozen=True)
class CertifiedPrecision:
    """What precision is certified at the operating point; see evaluation/certificate.py for what it rests on.

    Attributes:
        class_name: None for all classes together.
        certified_precision: the highest that is certified, 0 where none is.
        observed: precision of the units, None where nothing was answered.
        confidence: that a certified precision holds.
        units: groups.
        images: in them.
        detections: answered.
        cap: most detections of a unit, fixed beforehand.
        beyond_cap: detections left out for it.
        if_independent: Clopper-Pearson lower bound that treats boxes as independent; for comparison only, not certified.
        claims: per precision asked for, rising.
    """

    class_name: str | None
    certified_precision: float
    observed: float | None
    confidence: float
    units: int
    images: int
    detections: int
    cap: int
    beyond_cap: int
    if_independent: float
    claims: tuple[Claim, ...] = ()
