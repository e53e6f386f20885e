"""Evaluation: what a candidate did, figure by figure, from one match table.

Takes predictions and annotations, returns `Matches` and from them a `Report`, or on val an `OperatingPoint`.
Guarantees COCO's figures to the last bit, that every figure is a reduction of the saved tables, and that intervals
resample the spec's groups. It measures; the gate judges.
"""

from boxwright.evaluation.average_precision import Reducer, coco_metrics
from boxwright.evaluation.choose import choose
from boxwright.evaluation.collect import Coverage, cover
from boxwright.evaluation.compare import Contender, compare
from boxwright.evaluation.confusion import confusion
from boxwright.evaluation.coverage import coverage
from boxwright.evaluation.error_types import error_types
from boxwright.evaluation.evaluate import evaluate, match_dataset
from boxwright.evaluation.match import match
from boxwright.evaluation.sides import GroundTruth, Scored

__all__ = [
    "Contender",
    "Coverage",
    "GroundTruth",
    "Reducer",
    "Scored",
    "choose",
    "coco_metrics",
    "compare",
    "confusion",
    "cover",
    "coverage",
    "error_types",
    "evaluate",
    "match",
    "match_dataset",
]
