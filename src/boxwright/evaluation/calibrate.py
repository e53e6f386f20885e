"""Fit, on val, the map from a class's raw score to the chance that a detection is true at IoU 0.5.

Much evidence: isotonic regression, by pooling adjacent violators, with each block drawn together into its centre and
straight lines between (Oron and Flournoy, Centered Isotonic Regression, Stat. Biopharm. Res. 9, 2017), so that the map rises
wherever val says so. Some evidence: Platt's sigmoid on the log odds (Platt 1999, with his softened targets). Little: the
class's sigmoid, drawn towards that of all classes together. What counts as evidence is the number of detections, but at
most ten for each of the rarer kind: a thousand false detections with five true ones among them say little.

Ignored detections take part in nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Matches
from boxwright.artifacts.calibration import ClassCalibration
from boxwright.evaluation.operating import operating_bit
from boxwright.statistics import fit_platt, isotonic_blocks, logit

ISOTONIC_FROM = 1000
PLATT_FROM = 100
_PER_RARER = 10
_SLOPE_LEAST = 0.01


def fit_calibration(matches: Matches) -> dict[str, ClassCalibration]:
    """Class name to its map, from matches on val; empty when val holds no detection at all."""
    detections = matches.detections
    bit = operating_bit(matches)
    asked = detections.column("ignored").to_numpy() & bit == 0
    score = detections.column("score").to_numpy()[asked]
    true = (detections.column("hit").to_numpy() & bit != 0)[asked]
    class_id = detections.column("class_id").to_numpy()[asked]
    if not len(score):
        return {}
    pooled = fit_platt(logit(score), true, least_slope=_SLOPE_LEAST)
    return {
        name: fit_class(score[class_id == i], true[class_id == i], pooled=pooled)
        for i, name in enumerate(matches.class_names)
    }


def fit_class(score: NDArray, true: NDArray, *, pooled: tuple[float, float]) -> ClassCalibration:
    """The map of one class.

    Args:
        score: (n,) raw, in [0, 1].
        true: (n,) bool, or a share in [0, 1] such as the IoU of what is true.
        pooled: a and b of the sigmoid of all classes together.
    """
    amount = float(np.sum(true))
    enough = evidence(len(score), amount)
    if enough >= ISOTONIC_FROM:
        x, y, _ = isotonic_blocks(score, true)
        y = np.clip(y, 0, 1)
        return ClassCalibration(
            method="isotonic", x=tuple(x.tolist()), y=tuple(y.tolist()), detections=len(score), true=round(amount)
        )
    share = 1.0 if enough >= PLATT_FROM else enough / (enough + PLATT_FROM)
    own = fit_platt(logit(score), true, least_slope=_SLOPE_LEAST) if len(score) else pooled
    a, b = (share * mine + (1 - share) * ours for mine, ours in zip(own, pooled, strict=True))
    return ClassCalibration(method="platt", a=a, b=b, own_share=share, detections=len(score), true=round(amount))


def evidence(detections: int, true: float) -> float:
    """How many detections a class counts for: all, but at most ten for each of the rarer of true and false."""
    return min(detections, _PER_RARER * min(true, detections - true))


def calibrated_scores(matches: Matches, calibration: Mapping[str, ClassCalibration]) -> NDArray[np.float64]:
    """(detections,) scores as a Detector with these maps answers them, rounded to float32 as its answers are."""
    score = matches.detections.column("score").to_numpy()
    class_id = matches.detections.column("class_id").to_numpy()
    mapped = score.astype(np.float64)
    for i, name in enumerate(matches.class_names):
        if name in calibration:
            mine = class_id == i
            mapped[mine] = calibration[name].apply(score[mine]).astype(np.float32)
    return mapped
