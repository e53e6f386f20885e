"""The score threshold of each class, chosen on val by the spec's rule.

best_f1: the threshold with the best F1. least_precision: the lowest threshold that still keeps the precision (so the
most recall). least_recall: the highest threshold that still keeps the recall (so the most precision). Where a rule
cannot be kept, or a class has no objects on val, the best F1 of what there is, or the middle of the range, is taken and
said. Thresholds lie midway between the scores they part, so that rounding cannot move a detection across.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Bundle, Matches, OperatingPoint
from boxwright.evaluation.operating import operating_bit
from boxwright.spec.spec import OperatingPointClause

_UNSEEN = 0.5


def choose(matches: Matches, bundle: Bundle, rule: OperatingPointClause) -> OperatingPoint:
    """The operating point of a bundle from its matches on val."""
    thresholds: dict[str, float] = {}
    observed: dict[str, dict[str, float | None]] = {}
    for class_id, name in enumerate(matches.class_names):
        score, true, objects = _sorted_hits(matches, class_id)
        thresholds[name], observed[name] = _choose_one(score, true, objects, rule)
    return OperatingPoint(
        score_thresholds=thresholds,
        rule=rule.model_dump(mode="json"),
        observed=observed,
        made_from={"bundle": bundle.digest, "matches": matches.digest},
    )


def _sorted_hits(matches: Matches, class_id: int) -> tuple[NDArray, NDArray, int]:
    """Scores falling, whether each was true, and the number of objects, of one class."""
    bit = operating_bit(matches)
    detections, objects = matches.detections, matches.objects
    mine = detections.column("class_id").to_numpy() == class_id
    mine &= detections.column("ignored").to_numpy() & bit == 0
    score = detections.column("score").to_numpy()[mine]
    true = (detections.column("hit").to_numpy() & bit != 0)[mine]
    order = np.argsort(-score, kind="stable")
    asked = objects.column("left_out").to_numpy() & np.uint64(1) == 0
    return score[order], true[order], int((asked & (objects.column("class_id").to_numpy() == class_id)).sum())


def _choose_one(
    score: NDArray, true: NDArray, objects: int, rule: OperatingPointClause
) -> tuple[float, dict[str, float | None]]:
    if not len(score) or not objects:
        return _UNSEEN, {"precision": None, "recall": None, "f1": None, "objects": objects, "rule_kept": 0}
    hits = np.cumsum(true)
    shown = np.arange(1, len(score) + 1)
    precision, recall = hits / shown, hits / objects
    f1 = 2 * hits / (shown + objects)
    ends = np.flatnonzero(np.append(score[1:] < score[:-1], True))  # ties pass or fail together
    best = ends[np.argmax(f1[ends])]
    kept = True
    if rule.choose == "least_precision":
        able = ends[precision[ends] >= rule.least]
        best, kept = (able[-1], True) if len(able) else (best, False)
    elif rule.choose == "least_recall":
        able = ends[recall[ends] >= rule.least]
        best, kept = (able[0], True) if len(able) else (best, False)
    below = score[best + 1] if best + 1 < len(score) else max(0.0, score[best] - 0.02)
    figures = {"precision": float(precision[best]), "recall": float(recall[best]), "f1": float(f1[best])}
    return float((score[best] + below) / 2), {**figures, "objects": objects, "rule_kept": int(kept)}
