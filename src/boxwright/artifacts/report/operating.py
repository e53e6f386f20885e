"""What a report says of the operating point: metrics at the score thresholds, and the confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class AtThreshold:
    """Metrics at a score threshold, IoU 0.50; None where undefined.

    Attributes:
        precision, recall, f1: in [0, 1].
        false_alarms_per_image: false detections over images.
        true, false: answered detections.
        objects: annotations asked for.
        score_threshold: the minimum score that is answered; None for all classes together.
    """

    precision: float | None
    recall: float | None
    f1: float | None
    false_alarms_per_image: float | None
    true: int
    false: int
    objects: int
    score_threshold: float | None = None


@dataclass(frozen=True)
class OperatingMetrics:
    """Metrics at the score thresholds.

    Attributes:
        all: all classes together.
        per_class: class name to its own.
        condition_thresholds: condition to value to class name to the minimum score that replaces the class's there.
    """

    all: AtThreshold
    per_class: Mapping[str, AtThreshold]
    condition_thresholds: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Confusion:
    """The confusion matrix.

    Attributes:
        labels: the classes, then `background`.
        counts: rows annotations, columns detections; the last row and column are background.
        rule: by which they were counted.
    """

    labels: tuple[str, ...] = ()
    counts: tuple[tuple[int, ...], ...] = ()
    rule: str = ""
