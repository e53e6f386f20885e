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

import numba
import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Matches
from boxwright.artifacts.calibration import ClassCalibration, logit, sigmoid
from boxwright.evaluation.operating import operating_bit

ISOTONIC_FROM = 1000
PLATT_FROM = 100
_PER_RARER = 10
_SLOPE_LEAST = 0.01
_STEPS = 50


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
    pooled = fit_platt(score, true)
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
        x, y = fit_isotonic(score, true)
        return ClassCalibration(
            method="isotonic", x=tuple(x.tolist()), y=tuple(y.tolist()), detections=len(score), true=round(amount)
        )
    share = 1.0 if enough >= PLATT_FROM else enough / (enough + PLATT_FROM)
    own = fit_platt(score, true) if len(score) else pooled
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


def fit_isotonic(score: NDArray, true: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Knots (x, y), both (k,) and strictly rising: centre and mean of the blocks of the isotonic fit."""
    x, first = np.unique(score, return_inverse=True)
    weight = np.bincount(first).astype(np.float64)
    mean = np.bincount(first, np.asarray(true, np.float64)) / weight
    block = _pool_adjacent(mean, weight)
    size = np.bincount(block, weight)
    centre = np.bincount(block, weight * x) / size
    return centre, np.clip(np.bincount(block, weight * mean) / size, 0, 1)


def fit_platt(score: NDArray, true: NDArray) -> tuple[float, float]:
    """(a, b) of sigmoid(a logit(score) + b) with the least cross entropy, a > 0; damped Newton steps.

    Targets are softened as Platt does, to (true + 1) / (true + 2) and 1 / (false + 2), so that parted scores give no
    infinite slope.
    """
    z = logit(score)
    true = np.asarray(true, np.float64)
    yes, no = float(true.sum()), float((1 - true).sum())
    target = true * (yes + 1) / (yes + 2) + (1 - true) / (no + 2)
    a, b = _newton(np.stack([z, np.ones_like(z)], axis=1), target, np.array([1.0, 0.0]))
    if a >= _SLOPE_LEAST:
        return a, b
    (b,) = _newton(np.ones((len(z), 1)), target, np.array([0.0]), offset=_SLOPE_LEAST * z)
    return _SLOPE_LEAST, b


def _newton(columns: NDArray, target: NDArray, start: NDArray, *, offset: NDArray | float = 0.0) -> tuple[float, ...]:
    """Coefficients (k,) of a logistic regression of `target` on `columns` (n, k), from `start`."""

    def loss(coefficients: NDArray) -> float:
        value = columns @ coefficients + offset
        return float(np.sum(np.logaddexp(0, value) - target * value))

    at, best = start, loss(start)
    for _ in range(_STEPS):
        p = sigmoid(columns @ at + offset)
        curvature = columns.T @ (columns * (p * (1 - p))[:, None]) + 1e-9 * np.eye(columns.shape[1])
        step = np.linalg.solve(curvature, columns.T @ (target - p))
        while np.abs(step).max() > 1e-10 and loss(at + step) > best:
            step = step / 2
        at = at + step
        before, best = best, loss(at)
        if before - best <= 1e-12 * max(1.0, abs(best)):
            break
    return tuple(float(v) for v in at)


@numba.njit(cache=True, nogil=True)
def _pool_adjacent(mean: NDArray, weight: NDArray) -> NDArray:
    """(n,) block of each entry: neighbours are pooled until block means rise strictly."""
    n = len(mean)
    value, size, first = np.empty(n), np.empty(n), np.empty(n, np.int64)
    blocks = 0
    for i in range(n):
        value[blocks], size[blocks], first[blocks] = mean[i], weight[i], i
        blocks += 1
        while blocks > 1 and value[blocks - 2] >= value[blocks - 1]:
            together = size[blocks - 2] + size[blocks - 1]
            value[blocks - 2] = (value[blocks - 2] * size[blocks - 2] + value[blocks - 1] * size[blocks - 1]) / together
            size[blocks - 2] = together
            blocks -= 1
    block = np.empty(n, np.int64)
    for k in range(blocks):
        stop = first[k + 1] if k + 1 < blocks else n
        block[first[k] : stop] = k
    return block
