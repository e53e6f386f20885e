"""Optimal LRP: one figure for finding, placing and not crying wolf, at the score threshold that suits each class best.

LRP(s) = (sum over true detections of (1 - IoU) / (1 - tau) + false + missed) / (true + false + missed), tau 0.5, over the
detections scored at least s; oLRP is its least value over s (Oksuz et al., ECCV 2018 and PAMI 2022). 0 is perfect, 1 is
nothing right. Its parts at that threshold: `localisation` (mean of (1 - IoU) over true detections), `false_positive`
(1 - precision), `false_negative` (1 - recall). Unlike AP it moves when low scored junk is added above the threshold, and it
names the threshold.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from boxwright.artifacts import Matches
from boxwright.artifacts.report import LrpError, OptimalLrp
from boxwright.evaluation.average_precision import Reducer
from boxwright.evaluation.operating import operating_bit

_TAU = 0.5


def olrp(matches: Matches, reducer: Reducer) -> OptimalLrp:
    """oLRP and its parts."""
    bit = operating_bit(matches)
    counts = reducer.ignored & bit == 0
    true = reducer.hit & bit != 0
    iou = matches.detections.column("iou").to_numpy()[reducer.order]
    score = matches.detections.column("score").to_numpy()[reducer.order]
    objects = reducer.objects(area=0, weights=np.ones(reducer.images))
    per_class: dict[str, LrpError] = {}
    for c, name in enumerate(matches.class_names):
        rows = slice(reducer.starts[c], reducer.starts[c + 1])
        keep = counts[rows]
        per_class[name] = _of_class(score[rows][keep], true[rows][keep], iou[rows][keep], int(objects[c]))
    defined = list(per_class.values())
    return OptimalLrp(
        LrpError(
            _mean([e.olrp for e in defined]), _mean([e.localisation for e in defined]),
            _mean([e.false_positive for e in defined]), _mean([e.false_negative for e in defined]),
        ),
        per_class,
    )  # fmt: skip


def _mean(values: Sequence[float | None]) -> float | None:
    """Of those that are defined."""
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None


def _of_class(score: np.ndarray, true: np.ndarray, iou: np.ndarray, objects: int) -> LrpError:
    """Of one class; scores fall."""
    if not objects:
        return LrpError()
    nothing = LrpError(olrp=1.0, false_negative=1.0)
    if not len(score):
        return nothing
    hits, shown = np.cumsum(true), np.arange(1, len(score) + 1)
    off = np.cumsum(np.where(true, (1 - iou) / (1 - _TAU), 0.0))
    lrp = (off + (shown - hits) + (objects - hits)) / (shown + objects - hits)
    ends = np.flatnonzero(np.append(score[1:] < score[:-1], True))  # ties pass or fail together
    best = ends[np.argmin(lrp[ends])]
    if lrp[best] >= 1.0:
        return nothing
    return LrpError(
        olrp=float(lrp[best]),
        localisation=float(off[best] * (1 - _TAU) / hits[best]),
        false_positive=float(1 - hits[best] / shown[best]),
        false_negative=float(1 - hits[best] / objects),
        threshold=float(score[best]),
    )
