"""What leaks are worth in points: the score on pictures that leak against the score on pictures that do not.

Both are figures of the same detections on the same test side; groups are resampled, and each resampling gives both figures
and their difference. Pictures that leak may also be easier for other reasons (one photo, one day): the difference is what is
seen, not proof of what the leak did. Where every picture leaks there is nothing clean to compare with, and that is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Matches
from boxwright.evaluation import Reducer
from boxwright.evaluation.operating import answered, count, figures, least_scores
from boxwright.statistics import LEAST_GROUPS, effective_groups, group_numbers, group_weights, plain_intervals

CONFIDENCE = 0.95
FIGURES = ("ap", "ap50", "f1")
_REPLICATES = 500
_AP50 = 0  # position of IoU 0.5


def leak_effect(
    matches: Matches, leaky: NDArray[np.bool_], groups: Sequence[str], *, score_threshold: float
) -> dict[str, Any]:
    """Figures on leaky and on clean pictures, and their difference with an interval.

    Args:
        matches: with COCO's thresholds and areas.
        leaky: (images,) which pictures leak.
        groups: (images,) what is resampled.
        score_threshold: of F1.

    Returns:
        `pictures` and `groups` of both, and per figure `leaky`, `clean`, `difference` (leaky minus clean), `low`, `high`; None
        where a figure is not defined or the groups are too few.
    """
    parts = {"leaky": leaky, "clean": ~leaky}
    names = group_numbers(groups)
    sizes = np.stack([np.bincount(names, part, names.max(initial=0) + 1) for part in parts.values()], axis=1)
    held = {name: len(np.unique(names[part])) for name, part in parts.items()}
    weights = group_weights(groups, replicates=_REPLICATES) if min(held.values()) >= LEAST_GROUPS else None
    ones = np.ones((1, len(leaky)), np.float32)
    values = {name: _figures(matches, ones * part, score_threshold) for name, part in parts.items()}
    spread = (
        {name: _figures(matches, weights * part, score_threshold) for name, part in parts.items()}
        if weights is not None
        else None
    )
    found: dict[str, Any] = {
        "pictures": {name: int(part.sum()) for name, part in parts.items()},
        "groups": held,
        "figures": {},
    }
    for figure in FIGURES:
        one, other = float(values["leaky"][figure][0]), float(values["clean"][figure][0])
        record = {
            "leaky": _plain(one),
            "clean": _plain(other),
            "difference": _plain(one - other),
            "low": None,
            "high": None,
        }
        if spread is not None and record["difference"] is not None:
            apart = (spread["leaky"][figure] - spread["clean"][figure])[:, None]
            even = np.array([effective_groups(sizes).min()])
            low, high = plain_intervals(
                np.array([one - other]), apart, groups=even, confidence=CONFIDENCE, within=(-1.0, 1.0)
            )
            record["low"], record["high"] = _plain(float(low[0])), _plain(float(high[0]))
        found["figures"][figure] = record
    return found


def _figures(matches: Matches, weights: NDArray, score_threshold: float) -> dict[str, NDArray]:
    """Figure to (r,) its value under each row of weights; NaN where undefined."""
    precision, _ = Reducer(matches).replicates(np.asarray(weights, np.float32))  # (r, T, K)
    with np.errstate(invalid="ignore"):
        of_class = np.isfinite(precision[:, _AP50])
        some = np.maximum(of_class.sum(axis=1), 1)
        ap50 = np.where(of_class.any(axis=1), np.nansum(precision[:, _AP50], axis=1) / some, np.nan)
        mean = np.nansum(precision.mean(axis=1), axis=1) / some
        ap = np.where(of_class.any(axis=1), mean, np.nan)
    passes = answered(matches, least_scores(matches, dict.fromkeys(matches.class_names, score_threshold)))
    table = [np.asarray(weights @ part.sum(axis=1)) for part in _counts(matches, passes)]
    f1 = figures(table[0], table[1], table[2], np.asarray(weights).sum(axis=1))["f1"]
    return {"ap": ap, "ap50": ap50, "f1": np.asarray(f1, np.float64)}


def _counts(matches: Matches, passes: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    counts = count(matches, passes)
    return counts.true, counts.false, counts.objects


def _plain(value: float) -> float | None:
    return round(value, 6) if np.isfinite(value) else None
