"""What a report says over all scores: COCO's metrics per class, curves, oLRP, and VOC's average precision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ClassMetrics:
    """One class; -1 where undefined.

    Attributes:
        ap, ap50, ap75, ar100: as COCO defines them.
        objects: annotations asked for.
    """

    ap: float
    ap50: float
    ap75: float
    ar100: float
    objects: int


@dataclass(frozen=True)
class Curves:
    """Precision against recall at IoU 0.50.

    Attributes:
        recall: 101 points.
        precision: class name to precision at these points, for classes that have objects.
    """

    recall: tuple[float, ...] = ()
    precision: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class LrpError:
    """Optimal LRP and its parts, each in [0, 1] and 0 when perfect; None where undefined.

    Attributes:
        olrp: the least LRP over scores.
        localisation: mean of 1 - IoU over true detections.
        false_positive: 1 - precision.
        false_negative: 1 - recall.
        threshold: the score at which it is least; None for the mean over classes.
    """

    olrp: float | None = None
    localisation: float | None = None
    false_positive: float | None = None
    false_negative: float | None = None
    threshold: float | None = None


@dataclass(frozen=True)
class OptimalLrp:
    """oLRP: the mean over classes with objects, and of each class (undefined without objects)."""

    all: LrpError = field(default_factory=LrpError)
    per_class: Mapping[str, LrpError] = field(default_factory=dict)


@dataclass(frozen=True)
class VocClass:
    """VOC's average precision of one class, by 11 points (2007) and over all points (2010 on); None without objects."""

    ap_11_points: float | None = None
    ap_all_points: float | None = None


@dataclass(frozen=True)
class VocMetrics:
    """VOC's average precision: the mean over classes with objects (None without any), and of every class."""

    ap_11_points: float | None = None
    ap_all_points: float | None = None
    per_class: Mapping[str, VocClass] = field(default_factory=dict)
