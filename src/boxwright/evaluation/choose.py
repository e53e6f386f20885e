"""The score threshold of each class, chosen on val by the spec's rule.

best_f1: the threshold with the best F1. least_precision: the lowest threshold that still keeps the precision (so the
most recall). least_recall: the highest threshold that still keeps the recall (so the most precision). least_cost: the least
sum of the costs of false alarms and misses. Where a rule cannot be kept, or a class has no objects on val, the best F1 of
what there is, or the middle of the range, is taken and said. Thresholds lie midway between the scores they part, so that
rounding cannot move a detection across. They apply to calibrated scores where a calibration was fitted. With
`rule.by`, see choose_by_condition.py.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Bundle, Matches, OperatingPoint
from boxwright.artifacts.calibration import ClassCalibration
from boxwright.artifacts.codec import Document
from boxwright.artifacts.operating_point import Chosen
from boxwright.evaluation.calibrate import calibrated_scores
from boxwright.evaluation.certificate import most_answered
from boxwright.evaluation.choose_by_condition import choose_by_condition
from boxwright.evaluation.follow_rule import follow
from boxwright.evaluation.operating import least_scores, operating_bit
from boxwright.spec.spec import OperatingPointClause

_UNSEEN = 0.5


def choose(
    matches: Matches,
    bundle: Bundle,
    rule: OperatingPointClause,
    *,
    calibration: Mapping[str, ClassCalibration] | None = None,
) -> OperatingPoint:
    """The operating point of a bundle from its matches on val.

    Args:
        matches: on val, with the model's own scores.
        bundle: whose detections these are.
        rule: the spec's.
        calibration: class name to its map; thresholds are then those of mapped scores.
    """
    scores = calibrated_scores(matches, calibration or {})
    thresholds: dict[str, float] = {}
    observed: dict[str, Chosen] = {}
    for class_id, name in enumerate(matches.class_names):
        score, true, objects = _sorted_hits(matches, scores, class_id)
        thresholds[name], observed[name] = _choose_one(score, true, objects, rule)
    accepted, evidence = choose_by_condition(matches, scores, thresholds, rule) if rule.by else ({}, {})
    passes = scores >= least_scores(matches, thresholds, accepted)
    return OperatingPoint(
        score_thresholds=thresholds,
        rule=_as_followed(rule),
        observed=observed,
        calibration=calibration or {},
        condition_thresholds=accepted,
        condition_evidence=evidence,
        most_answered=most_answered(matches, passes),
        made_from={"bundle": bundle.digest, "matches": matches.digest},
    )


def _as_followed(rule: OperatingPointClause) -> Document:
    """The rule as a document, with the costs where they decided."""
    costs = {"cost": rule.cost.model_dump(mode="json")} if rule.choose == "least_cost" else {}
    return {**rule.model_dump(mode="json"), **costs}


def _sorted_hits(matches: Matches, scores: NDArray, class_id: int) -> tuple[NDArray, NDArray, int]:
    """Scores falling, whether each was true, and the number of objects, of one class."""
    bit = operating_bit(matches)
    detections, objects = matches.detections, matches.objects
    mine = detections.column("class_id").to_numpy() == class_id
    mine &= detections.column("ignored").to_numpy() & bit == 0
    score = scores[mine]
    true = (detections.column("hit").to_numpy() & bit != 0)[mine]
    order = np.argsort(-score, kind="stable")
    asked = objects.column("left_out").to_numpy() & np.uint64(1) == 0
    return score[order], true[order], int((asked & (objects.column("class_id").to_numpy() == class_id)).sum())


def _choose_one(score: NDArray, true: NDArray, objects: int, rule: OperatingPointClause) -> tuple[float, Chosen]:
    if not len(score) or not objects:
        return _UNSEEN, Chosen(None, None, None, objects, rule_kept=False)
    ends = np.flatnonzero(np.append(score[1:] < score[:-1], True))  # ties pass or fail together
    hits, shown = np.cumsum(true)[ends].astype(np.float64), ends + 1.0
    chosen, kept = follow(rule, hits, shown, objects)
    best, hit = ends[chosen], hits[chosen]
    below = score[best + 1] if best + 1 < len(score) else max(0.0, score[best] - 0.02)
    cost = rule.cost.false_alarm * (best + 1 - hit) + rule.cost.miss * (objects - hit)
    found = Chosen(
        precision=float(hit / (best + 1)),
        recall=float(hit / objects),
        f1=float(2 * hit / (best + 1 + objects)),
        objects=objects,
        rule_kept=bool(kept),
        cost=float(cost) if rule.choose == "least_cost" else None,
    )
    return float((score[best] + below) / 2), found
