"""The report and the records it is made of, one file per question a reader asks.

averages    COCO's metrics per class, curves, oLRP, VOC
operating   metrics at the score thresholds, the confusion matrix
slices      by condition, and those found weak
errors      what each kind of error costs, what crowding costs; error_kinds says what the kinds are
scores      calibration and certificates
"""

from boxwright.artifacts.report.averages import ClassMetrics, Curves, LrpError, OptimalLrp, VocClass, VocMetrics
from boxwright.artifacts.report.error_kinds import ERROR_KINDS, ErrorKind
from boxwright.artifacts.report.errors import Crowding, ErrorCost, ErrorCosts, MissedBy, OverlapBin, Thinned
from boxwright.artifacts.report.operating import AtThreshold, Confusion, OperatingMetrics
from boxwright.artifacts.report.report import Report, Support
from boxwright.artifacts.report.scores import (
    CalibrationError,
    CertifiedPrecision,
    Claim,
    ClassScores,
    ReliabilityBin,
    ScoreCalibration,
)
from boxwright.artifacts.report.slices import SliceResult, WeakSlice, WeakSlices

__all__ = [
    "ERROR_KINDS",
    "AtThreshold",
    "CalibrationError",
    "CertifiedPrecision",
    "Claim",
    "ClassMetrics",
    "ClassScores",
    "Confusion",
    "Crowding",
    "Curves",
    "ErrorCost",
    "ErrorCosts",
    "ErrorKind",
    "LrpError",
    "MissedBy",
    "OperatingMetrics",
    "OptimalLrp",
    "OverlapBin",
    "ReliabilityBin",
    "Report",
    "ScoreCalibration",
    "SliceResult",
    "Support",
    "Thinned",
    "VocClass",
    "VocMetrics",
    "WeakSlice",
    "WeakSlices",
]
