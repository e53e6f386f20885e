"""The figures of some images, from two sets of answers: what the tolerance for single detections lets through adds up here.

Scores and boxes that are moved a little, each within the tolerance, can change which detections are answered, hit or ranked first
everywhere at once. The figures then differ, and those of the same bundle on another processor do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from boxwright.artifacts import Dataset
from boxwright.artifacts.predictions import detection_table
from boxwright.detections import DetectionColumns, Detections
from boxwright.evaluation import Reducer, coco_metrics, match_dataset
from boxwright.evaluation.evaluate import operating
from boxwright.evaluation.operating import answered, least_scores
from boxwright.lifecycle.evidence.pieces import Judged
from boxwright.spec.spec import ConditionClause

Answers = Mapping[int, Detections]  # image id to its detections
_CURVE, _AT_THRESHOLDS = ("ap", "ap50", "ap75", "ar100"), ("precision", "recall")


def other_figure(
    one: Judged,
    dataset: Dataset,
    conditions: Sequence[ConditionClause],
    stored: Answers,
    again: Answers,
    *,
    most: float,
) -> str:
    """The first figure that two sets of answers do not share, in words; empty where there is none.

    Args:
        one: whose bundle answers.
        dataset: with the annotations.
        conditions: of the spec; thresholds may depend on one.
        stored, again: answers to the same images.
        most: difference that is none; that of one object and a half is none either.
    """
    before, now = (_figures(one, dataset, conditions, answers) for answers in (stored, again))
    for name, (value, objects) in before.items():
        if abs(value - now[name][0]) > max(most, 1.5 / max(objects, 1)):
            return f"{name} is {value:.4f} as stored and {now[name][0]:.4f} as the bundle answers"
    return ""


def _figures(
    one: Judged, dataset: Dataset, conditions: Sequence[ConditionClause], answers: Answers
) -> dict[str, tuple[float, int]]:
    """Name to figure and objects it rests on; 0 where it is undefined."""
    ids = np.array(sorted(answers), np.int64)
    found = [answers[image_id] for image_id in ids.tolist()]
    predictions = replace(
        one.predictions,
        images=pa.table({"image_id": ids, "detections": pa.array([len(d) for d in found], pa.int32())}),
        detections=detection_table(DetectionColumns.from_list(found)),
    )
    groups = [str(image_id) for image_id in ids]
    matches = match_dataset(predictions, dataset, image_ids=ids, groups=groups, conditions=conditions)
    contract = one.bundle.contract
    thresholds = contract.score_thresholds or {}
    passes = answered(matches, least_scores(matches, thresholds, contract.condition_thresholds))
    at = operating(matches, passes, thresholds)
    objects = at.all.objects
    figures = {name: (value, objects) for name, value in coco_metrics(Reducer(matches)).items() if name in _CURVE}
    for name, record in {"": at.all, **at.per_class}.items():
        for figure in _AT_THRESHOLDS:
            figures[f"{figure}[{name}]" if name else figure] = (getattr(record, figure) or 0.0, record.objects)
    return figures
