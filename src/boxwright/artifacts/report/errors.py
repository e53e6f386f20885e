"""What errors cost: AP50 by kind of error, and objects by how crowded they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ErrorCost:
    """What one kind of error costs; see ErrorKind for what it is.

    Attributes:
        name: of the kind, in words.
        dap: points of AP50 that fixing this kind alone would give (such gains do not add up).
        low, high: interval of dap, None where there is none.
        share: Shapley value in points; the six and AP50 make 100.
        count: errors of all detections.
        answered: errors of those at the score thresholds.
        recommendation: what to try.
        collect: what data to collect.
        evidence: the slice in which the kind is most frequent, in words; empty where none stands out.
    """

    name: str
    dap: float
    low: float | None
    high: float | None
    share: float
    count: int
    answered: int = 0
    recommendation: str = ""
    collect: str = ""
    evidence: str = ""


@dataclass(frozen=True)
class ErrorCosts:
    """What is missing from an AP50 of 100 points, by kind of error.

    Attributes:
        kinds: code of an ErrorKind to its cost, in TIDE's order; empty where nothing can be judged.
        ap50: in points, None where undefined.
        per_class: class name to code to share in points.
        false_positives, false_negatives: dap of fixing all of them.
        rule: how the figures are made, in words.
    """

    kinds: Mapping[str, ErrorCost] = field(default_factory=dict)
    ap50: float | None = None
    per_class: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    false_positives: float | None = None
    false_negatives: float | None = None
    rule: str = ""


@dataclass(frozen=True)
class OverlapBin:
    """Objects by their largest IoU with an object of the same class.

    Attributes:
        low, high: of the IoU.
        objects: how many.
        found: by an answered detection.
        threshold, suppression, model: missed, by what they are put down to.
    """

    low: float
    high: float
    objects: int
    found: int
    threshold: int
    suppression: int
    model: int


@dataclass(frozen=True)
class MissedBy:
    """Missed objects by what they are put down to.

    Attributes:
        threshold: a detection lies there, below the score threshold.
        suppression: an answered neighbour overlaps by more than the suppression allows.
        model: no detection that could have been answered.
    """

    threshold: int = 0
    suppression: int = 0
    model: int = 0

    @property
    def total(self) -> int:
        """All missed objects."""
        return self.threshold + self.suppression + self.model


@dataclass(frozen=True)
class Thinned:
    """What a lower IoU threshold of the suppression would remove of the answered detections.

    Attributes:
        iou_threshold: the lower one.
        duplicates_removed, other_false_removed, true_removed: detections.
    """

    iou_threshold: float
    duplicates_removed: int
    other_false_removed: int
    true_removed: int


@dataclass(frozen=True)
class Crowding:
    """What crowding cost, and what did it.

    Attributes:
        by_overlap: the least crowded first.
        missed: the same summed.
        duplicates: answered detections on an object that is taken.
        sweep: per lower IoU threshold what it would remove.
        lost_by_rule: objects of which one must go, were both boxes perfect; None where the suppression is not known.
        iou_threshold: of the suppression; None where it is not known.
    """

    by_overlap: tuple[OverlapBin, ...] = ()
    missed: MissedBy = field(default_factory=MissedBy)
    duplicates: int = 0
    sweep: tuple[Thinned, ...] = ()
    lost_by_rule: int | None = None
    iou_threshold: float | None = None
