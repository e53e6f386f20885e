"""Thresholds of their own for the values of one condition (a camera, a lighting), where val shows that it pays.

For a class and a value, the rule's threshold on that value's pictures is drawn, on the log-odds scale, towards the class's
threshold by empirical Bayes: kept by the share between / (between + within), where `within` is its own bootstrap variance
and `between` what is left, over all classes and values, of the squared differences to the class's thresholds (method of
moments, DerSimonian and Laird 1986). Whether it pays is cross-validated by group: folds that chose neither threshold
say what each is worth by the rule. It is accepted only when the bootstrap interval of the gain over groups lies above 0, at a
confidence divided by the number of pairs tried; elsewhere the class's threshold stays, and the reason is recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Matches
from boxwright.artifacts.calibration import logit, sigmoid
from boxwright.artifacts.condition_thresholds import spelled
from boxwright.evaluation.follow_rule import follow, worth
from boxwright.evaluation.operating import operating_bit
from boxwright.spec.spec import OperatingPointClause

FOLDS = 5
LEAST_GROUPS = 10  # of a value
LEAST_OBJECTS = 30  # of a class on a value's pictures
CONFIDENCE = 0.95
_STEPS = 256  # thresholds looked at, at most
_REPLICATES = 100  # for the variance of a threshold
_GAIN_REPLICATES = 4000  # for the interval of a gain

Thresholds = dict[str, dict[str, dict[str, float]]]  # condition, value, class name
Evidence = dict[str, dict[str, dict[str, dict[str, Any]]]]


@dataclass(frozen=True)
class _Cell:
    """One class on one value's pictures, or on all.

    Attributes:
        score: (n,) calibrated scores of its detections.
        true: (n,) bool.
        group: (n,) group of each detection.
        objects: (G,) annotations asked for, per group.
        steps: (s,) falling thresholds that are looked at.
        hits: (G, s) true detections at or above each step, per group.
        shown: (G, s) all of them.
    """

    score: NDArray
    true: NDArray
    group: NDArray
    objects: NDArray
    steps: NDArray
    hits: NDArray
    shown: NDArray

    def best(self, weights: NDArray, rule: OperatingPointClause) -> NDArray[np.float64]:
        """(b,) log odds of the rule's threshold under weightings of groups (b, G); NaN where there are no objects."""
        objects = weights @ self.objects
        chosen, _ = follow(rule, weights @ self.hits, weights @ self.shown, np.maximum(objects, 1e-9))
        return np.where(objects > 0, logit(self.steps)[chosen], np.nan)

    def counts(self, threshold_of_group: NDArray) -> tuple[NDArray, NDArray]:
        """(G,) true and all detections at or above a threshold of each group's own, (G,)."""
        passes = self.score >= threshold_of_group[self.group]
        groups = len(self.objects)
        return (
            np.bincount(self.group[passes & self.true], minlength=groups).astype(np.float64),
            np.bincount(self.group[passes], minlength=groups).astype(np.float64),
        )


def choose_by_condition(
    matches: Matches, scores: NDArray, thresholds: Mapping[str, float], rule: OperatingPointClause, *, seed: int = 0
) -> tuple[Thresholds, Evidence]:
    """Accepted thresholds by value and class of the condition `rule.by`, and what val showed for each pair.

    Args:
        matches: on val, with the condition as a column of `images`.
        scores: (detections,) calibrated.
        thresholds: class name to the class's own threshold.
        rule: the spec's; `by` names the condition.
        seed: of folds and bootstrap.
    """
    by = str(rule.by)
    names, group = np.unique(np.array(matches.images.column("group").to_pylist(), object), return_inverse=True)
    value = np.array([spelled(value or "") for value in matches.images.column(by).to_pylist()], object)
    cells = _cells(matches, scores, value, group, len(names))
    records = {pair: _lack(cell) for pair, cell in cells.items() if pair[1] is not None}
    able = [pair for pair, lack in records.items() if not lack]
    rng = np.random.default_rng(seed)
    fold = rng.permutation(len(names)) % FOLDS
    chosen = _shrunk(cells, able, np.ones(len(names)), rule, rng)
    fitted = [_shrunk(cells, able, (fold != k).astype(np.float64), rule, rng) for k in range(FOLDS)]
    accepted: Thresholds = {}
    evidence: Evidence = {by: {}}
    for (class_id, of_value), lack in records.items():
        name = matches.class_names[class_id]
        record: dict[str, Any] = {"accepted": False, "reason": lack, "class_threshold": thresholds[name]}
        if not lack:
            pair = (class_id, of_value)
            own = float(sigmoid(np.array(chosen[pair][1])))
            gain = _gain(cells[pair], [f[pair] for f in fitted], fold, rule, rng, tried=len(able))
            record = {**record, "threshold": own, **gain}
            if gain["accepted"]:
                accepted.setdefault(by, {}).setdefault(str(of_value), {})[name] = own
        evidence[by].setdefault(str(of_value), {})[name] = record
    return accepted, evidence


def _cells(
    matches: Matches, scores: NDArray, value: NDArray, group: NDArray, groups: int
) -> dict[tuple[int, str | None], _Cell]:
    """(class_id, value) to its cell; value None for all pictures. Unknown values have no cell of their own."""
    bit = operating_bit(matches)
    detections, objects = matches.detections, matches.objects
    asked_d = detections.column("ignored").to_numpy() & bit == 0
    asked_o = objects.column("left_out").to_numpy() & np.uint64(1) == 0
    true = detections.column("hit").to_numpy() & bit != 0
    class_d, class_o = detections.column("class_id").to_numpy(), objects.column("class_id").to_numpy()
    image_d, image_o = detections.column("image").to_numpy(), objects.column("image").to_numpy()
    found: dict[tuple[int, str | None], _Cell] = {}
    for class_id in range(len(matches.class_names)):
        of_class, of_objects = asked_d & (class_d == class_id), asked_o & (class_o == class_id)
        steps = _steps(scores[of_class])
        for name in (None, *sorted({v for v in value if v})):
            inside = np.ones(len(value), np.bool_) if name is None else value == name
            rows, wanted = of_class & inside[image_d], of_objects & inside[image_o]
            groups_d = group[image_d[rows]]
            hits, shown = (
                _at_or_above(scores[rows][which], groups_d[which], steps, groups)
                for which in (true[rows], np.ones(int(rows.sum()), np.bool_))
            )
            count = np.bincount(group[image_o[wanted]], minlength=groups).astype(np.float64)
            found[class_id, name] = _Cell(scores[rows], true[rows], groups_d, count, steps, hits, shown)
    return found


def _steps(score: NDArray) -> NDArray[np.float64]:
    """(s,) falling thresholds midway between neighbouring scores, at most _STEPS of them, evenly over the detections."""
    distinct = np.unique(score)[::-1]
    if len(distinct) > _STEPS:
        distinct = np.unique(np.quantile(score, np.linspace(0, 1, _STEPS)))[::-1]
    below = np.append(distinct[1:], max(0.0, distinct[-1] - 0.02)) if len(distinct) else distinct
    return (distinct + below) / 2


def _at_or_above(score: NDArray, group: NDArray, steps: NDArray, groups: int) -> NDArray[np.float64]:
    """(G, s) how many of a group's detections reach each step."""
    step = np.searchsorted(-steps, -score, side="left")  # the first, highest, step that is reached
    inside = step < len(steps)
    cells = group[inside] * len(steps) + step[inside]
    return np.cumsum(np.bincount(cells, minlength=groups * len(steps)).reshape(groups, len(steps)), axis=1).astype(
        np.float64
    )


def _lack(cell: _Cell) -> str:
    """What a pair lacks to be tried at all; empty when nothing."""
    objects, groups = int(cell.objects.sum()), int((cell.objects > 0).sum())
    if objects < LEAST_OBJECTS or groups < LEAST_GROUPS or not len(cell.score):
        return (
            f"{objects} objects in {groups} groups on val; a threshold of its own takes {LEAST_OBJECTS} objects in "
            f"{LEAST_GROUPS} groups"
        )
    return ""


def _shrunk(
    cells: Mapping[tuple[int, str | None], _Cell],
    pairs: list[tuple[int, str | None]],
    inside: NDArray,
    rule: OperatingPointClause,
    rng: np.random.Generator,
) -> dict[tuple[int, str | None], tuple[float, float]]:
    """Pair to log odds of the class's threshold and of the pair's own, drawn towards it; from groups (G,) inside."""
    base = {c: float(cells[c, None].best(inside[None], rule)[0]) for c in {c for c, _ in pairs}}
    away, within = np.zeros(len(pairs)), np.full(len(pairs), np.inf)
    for i, pair in enumerate(pairs):
        drawn = _resampled(inside * (cells[pair].objects + cells[pair].shown[:, -1] > 0), _REPLICATES, rng)
        away[i] = float(cells[pair].best(inside[None], rule)[0]) - base[pair[0]]
        spread = cells[pair].best(drawn, rule)
        within[i] = float(np.nanvar(spread)) if np.isfinite(spread).any() else np.inf
    usable = np.isfinite(away) & np.isfinite(within)
    between = max(0.0, float(np.mean(away[usable] ** 2 - within[usable]))) if usable.any() else 0.0
    with np.errstate(invalid="ignore"):
        kept = np.where(usable & (between > 0), between / (between + within), 0.0)
    moved = np.where(usable, away, 0.0) * kept
    return {pair: (base[pair[0]], base[pair[0]] + float(moved[i])) for i, pair in enumerate(pairs)}


def _gain(
    cell: _Cell,
    fitted: list[tuple[float, float]],
    fold: NDArray,
    rule: OperatingPointClause,
    rng: np.random.Generator,
    *,
    tried: int,
) -> dict[str, Any]:
    """What the own threshold is worth above the class's, on folds that chose neither, with its interval."""
    of_class, own = (sigmoid(np.array(side))[fold] for side in zip(*fitted, strict=True))
    before, after = cell.counts(of_class), cell.counts(own)
    drawn = _resampled((cell.objects + cell.shown[:, -1] > 0).astype(np.float64), _GAIN_REPLICATES, rng)
    weights = np.concatenate([np.ones((1, len(fold))), drawn])
    objects = weights @ cell.objects
    values = [worth(rule, weights @ hits, weights @ shown, objects) for hits, shown in (after, before)]
    gain, spread = float((values[0] - values[1])[0]), (values[0] - values[1])[1:]
    tail = (1 - CONFIDENCE) / 2 / tried
    low, high = (float(v) for v in np.quantile(spread, [tail, 1 - tail]))
    reason = "" if low > 0 else f"the cross-validated gain {gain:.4f} has an interval from {low:.4f} to {high:.4f}"
    return {"accepted": low > 0, "reason": reason, "gain": gain, "low": low, "high": high, "tried": tried}


def _resampled(inside: NDArray, replicates: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(replicates, G) how often each group was drawn, from those inside (above 0)."""
    there = inside > 0
    count = int(there.sum())
    weights = np.zeros((replicates, len(inside)))
    if count:
        weights[:, there] = rng.multinomial(count, np.full(count, 1 / count), size=replicates)
    return weights
