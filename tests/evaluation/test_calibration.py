"""Calibration: errors equal the slow loops, maps rise strictly and harm no ranking, what is fitted on val holds on test."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxwright.artifacts import Matches
from boxwright.artifacts.calibration import ClassCalibration
from boxwright.artifacts.codec import plain
from boxwright.artifacts.report import CalibrationError
from boxwright.evaluation import Reducer
from boxwright.evaluation.calibrate import (
    calibrated_scores,
    evidence,
    fit_calibration,
    fit_class,
)
from boxwright.evaluation.calibration import (
    BINS,
    BINS_OF_CLASS,
    ScoredTruth,
    bin_of,
    calibration_figures,
    errors,
    scored_truth,
)
from boxwright.statistics import group_weights
from tests.evaluation.made_matches import made, scored_world
from tests.evaluation.test_reductions import world

CONFIDENCE = 0.95


def with_scores(matches: Matches, score: np.ndarray) -> Matches:
    columns = matches.detections
    return replace(matches, detections=columns.set_column(columns.column_names.index("score"), "score", [score]))


def binned_loop(score: list[float], target: list[float], bins: int) -> float:
    """Every box looks for its bin; every bin is asked for its distance."""
    total = 0.0
    for k in range(bins):
        low, high = k / bins, (k + 1) / bins
        inside = [i for i, s in enumerate(score) if (s > low or (k == 0 and s == 0)) and s <= high]
        total += abs(sum(score[i] for i in inside) - sum(target[i] for i in inside))
    return total / len(score)


scores = st.lists(st.integers(0, 1000).map(lambda v: v / 1000), min_size=1, max_size=40)


@given(scores, st.integers(0, 2**31))
def test_the_three_errors_equal_the_slow_loops(score: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = len(score)
    true, class_id = rng.random(n) < score, rng.integers(0, 3, n)
    iou = np.where(true, rng.uniform(0.5, 1, n), 0)
    columns = ScoredTruth(np.array(score), true, iou, class_id, rng.integers(0, 4, n), "abc", list("wxyz"))
    found = errors(columns, np.ones((1, 4)))
    per_class = [[i for i in range(n) if class_id[i] == k] for k in range(3)]
    there = [rows for rows in per_class if rows]
    assert found["d_ece"][0, -1] == pytest.approx(binned_loop(score, true.tolist(), BINS))
    loops = {
        "laece0": lambda r: binned_loop([score[i] for i in r], [iou[i] for i in r], BINS_OF_CLASS),
        "laace0": lambda r: float(np.mean([abs(score[i] - iou[i]) for i in r])),
    }
    for metric, loop in loops.items():
        assert found[metric][0, -1] == pytest.approx(np.mean([loop(rows) for rows in there]))
        for k, rows in enumerate(per_class):
            expected = loop(rows) if rows else np.nan
            assert found[metric][0, k] == pytest.approx(expected, nan_ok=True)


def test_the_first_bin_is_closed_and_the_others_take_their_upper_edge() -> None:
    assert bin_of(np.array([0, 0.1, np.nextafter(0.1, 1), 0.2, 0.95, 1]), 10).tolist() == [0, 0, 1, 1, 9, 9]


@pytest.mark.parametrize("seed", range(3))
def test_weights_are_repetition(seed: int) -> None:
    columns = scored_truth(scored_world(seed, images=12))
    copies = np.random.default_rng(seed).integers(0, 4, 12)
    rows = np.repeat(np.arange(len(columns.score)), copies[columns.image])
    again = ScoredTruth(
        *(getattr(columns, name)[rows] for name in ("score", "true", "iou", "class_id", "image")),
        columns.class_names, columns.groups,
    )  # fmt: skip
    weighted, repeated = errors(columns, copies[None].astype(float)), errors(again, np.ones((1, 12)))
    for metric in weighted:
        assert weighted[metric] == pytest.approx(repeated[metric])


def test_ignored_detections_take_part_in_nothing() -> None:
    plain = scored_world(0)
    n = len(plain.detections)
    columns = {name: plain.detections.column(name).to_numpy() for name in ("image", "class_id", "score", "iou")}
    rng = np.random.default_rng(1)
    more = {name: np.concatenate([values, rng.permutation(values)[:50]]) for name, values in columns.items()}
    true = np.concatenate([plain.detections.column("hit").to_numpy() > 0, rng.random(50) < 0.5])
    ignored = np.arange(n + 50) >= n
    dirty = made(
        more["image"], more["class_id"], more["score"], true, iou=more["iou"], ignored=ignored,
        class_names=plain.class_names, images=200,
    )  # fmt: skip
    assert calibration_figures(dirty, None, confidence=0.9) == calibration_figures(plain, None, confidence=0.9)
    assert fit_calibration(dirty) == fit_calibration(plain)


def test_scores_that_are_right_show_what_the_null_says_and_others_more() -> None:
    weights = group_weights([str(i) for i in range(200)], replicates=200)
    right = [calibration_figures(scored_world(s), weights, confidence=CONFIDENCE).d_ece for s in range(10, 30)]
    assert np.mean([f.value for f in right]) == pytest.approx(np.mean([f.null for f in right]), rel=0.15)
    assert sum(f.value <= f.null_high for f in right) >= 17
    assert sum(f.low == 0 for f in right) >= 17
    wrong = calibration_figures(scored_world(3, slope=2.5), weights, confidence=CONFIDENCE).d_ece
    assert wrong.null_high < wrong.low < wrong.value < wrong.high


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """60 worlds of 150 pictures whose true D-ECE is known from a large one."""
    truth = errors(scored_truth(scored_world(1, images=40_000, slope=1.6)), np.ones((1, 40_000)))["d_ece"][0, -1]
    weights = group_weights([str(i) for i in range(150)], replicates=200)
    held = 0
    for seed in range(60):
        figure = calibration_figures(
            scored_world(100 + seed, images=150, slope=1.6), weights, confidence=CONFIDENCE
        ).d_ece  # fmt: skip
        held += figure.low <= truth <= figure.high
    assert held >= 52


def test_figures_are_json_and_complete() -> None:
    matches = scored_world(4)
    weights = group_weights(matches.images.column("group").to_pylist())
    found = calibration_figures(matches, weights, confidence=CONFIDENCE)
    json.dumps(plain(found), allow_nan=False)
    assert set(plain(found)) == {"d_ece", "laece0", "laace0", "per_class", "reliability"}
    assert set(found.per_class) == {"class 0", "class 1"}
    for record in found.reliability:
        assert record.low <= record.mean_score <= record.high
        if record.precision_low is not None:
            assert record.precision_low <= record.precision <= record.precision_high
    pooled = [r for r in found.reliability if r.class_name is None]
    assert sum(r.count for r in pooled) == len(matches.detections)
    counts = {name: of_class.detections for name, of_class in found.per_class.items()}
    assert sum(counts.values()) == len(matches.detections)


def test_without_detections_and_with_few_groups_nothing_is_claimed() -> None:
    none = made(np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0), class_names=["a"], images=6, missed=[(0, 0)])
    weights = group_weights([str(i) for i in range(6)])
    found = calibration_figures(none, weights, confidence=CONFIDENCE)
    assert found.d_ece == CalibrationError(value=None, low=None, high=None, null=None, null_high=None)
    assert found.reliability == ()
    assert fit_calibration(none) == {}
    few = calibration_figures(scored_world(0, images=4), None, confidence=CONFIDENCE)
    assert few.d_ece.value is not None
    assert few.d_ece.low is None


maps = st.one_of(
    st.builds(
        lambda a, b: ClassCalibration(method="platt", a=a, b=b), st.floats(0.01, 20), st.floats(-20, 20)
    ),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=8, unique_by=lambda p: p[0]).map(
        lambda points: ClassCalibration(
            method="isotonic", x=tuple(sorted(x for x, _ in points)), y=tuple(sorted(y for _, y in points))
        )
    ),
)  # fmt: skip


@given(maps, st.lists(st.integers(0, 10**6), min_size=2, max_size=30, unique=True))
def test_a_map_rises_strictly_within_0_and_1_and_survives_json(
    mapping: ClassCalibration, millionths: list[int]
) -> None:
    score = np.array([0, *sorted(millionths), 10**6 + 1]) / (10**6 + 1)
    found = mapping.apply(np.unique(score))
    assert (np.diff(found) > 0).all()
    assert found.min() >= 0
    assert found.max() <= 1
    assert ClassCalibration.model_validate(json.loads(mapping.model_dump_json())) == mapping


def test_a_map_that_falls_is_refused() -> None:
    for wrong in (
        {"method": "isotonic", "x": (0.1, 0.1), "y": (0.2, 0.3)},
        {"method": "isotonic", "x": (0.1, 0.2), "y": (0.3, 0.2)},
        {"method": "isotonic"},
        {"method": "platt", "x": (0.1,), "y": (0.2,)},
        {"method": "platt", "a": -1.0},
    ):
        with pytest.raises(ValueError):
            ClassCalibration.model_validate(wrong)


@pytest.mark.parametrize("seed", range(6))
def test_average_precision_is_the_same_before_and_after(seed: int) -> None:
    """Whatever map is fitted, on whatever data; pictures, ties and classes included."""
    matches = world(60, seed)
    other = scored_world(seed, images=300, slope=0.7, shift=-0.5)
    fitted = dict(zip(matches.class_names, fit_calibration(other).values(), strict=True))
    assert {m.method for m in fitted.values()} == {"isotonic"}
    few = {name: fit_class(np.array([0.3, 0.9]), np.array([True, False]), pooled=(0.4, 1.0)) for name in fitted}
    score, class_id = (matches.detections.column(name).to_numpy() for name in ("score", "class_id"))
    for calibration in (fitted, few, fit_calibration(matches)):
        mapped = score.copy()
        for k, name in enumerate(matches.class_names):
            mapped[class_id == k] = calibration[name].apply(score[class_id == k])
        for answered in (mapped, calibrated_scores(matches, calibration)):
            before, after = Reducer(matches).curves(), Reducer(with_scores(matches, answered)).curves()
            assert np.array_equal(before.precision, after.precision)
            assert np.array_equal(before.recall, after.recall)


def test_the_method_goes_by_the_evidence() -> None:
    rng = np.random.default_rng(0)
    pooled = (2.0, 1.0)
    cases = {(4000, 0.5): ("isotonic", 1.0), (4000, 0.004): ("platt", 1.0), (400, 0.5): ("platt", 1.0)}
    for (n, share), (method, own) in cases.items():
        found = fit_class(rng.random(n), np.arange(n) < n * share, pooled=pooled)
        assert (found.method, found.own_share, found.detections) == (method, own, n)
    small = fit_class(rng.random(50), np.arange(50) < 25, pooled=pooled)
    assert small.own_share == pytest.approx(50 / 150)
    nothing = fit_class(np.zeros(0), np.zeros(0), pooled=pooled)
    assert (nothing.a, nothing.b, nothing.own_share) == (2.0, 1.0, 0.0)
    assert evidence(2000, 5) == 50
    assert evidence(2000, 1998) == 20


@pytest.mark.parametrize("images", [20, 60, 400])
def test_what_is_fitted_on_val_is_nearer_to_the_truth_on_test(images: int) -> None:
    """Sizes at which the rule takes shrunk Platt, Platt and isotonic."""
    gains = []
    for seed in range(5):
        val, test = (scored_world(s, images=images, slope=2.2, shift=-1.0, classes=3) for s in (seed, 1000 + seed))
        fitted = fit_calibration(val)
        mapped = with_scores(test, calibrated_scores(test, fitted))
        before, after = (calibration_figures(m, None, confidence=0.9) for m in (test, mapped))
        gains.append(after.d_ece.value / before.d_ece.value)
    assert np.mean(gains) < 0.6
