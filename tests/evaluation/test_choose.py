"""Thresholds of calibrated scores, by cost, and what the candidate's contract carries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from boxwright.artifacts import Bundle, Contract
from boxwright.errors import SpecError
from boxwright.evaluation import choose
from boxwright.evaluation.calibrate import calibrated_scores, fit_calibration
from boxwright.evaluation.operating import least_scores
from boxwright.spec import parse_spec
from boxwright.spec.spec import CostClause, OperatingPointClause, OutputClause
from tests.evaluation.made_matches import made, scored_world

NAMES = ("class 0", "class 1")


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    (tmp_path / "m.onnx").write_bytes(b"x")
    return Bundle(
        model=tmp_path / "m.onnx", contract=Contract(class_names=NAMES, input_hw=(32, 32), output=OutputClause())
    )


@pytest.mark.parametrize("rule", ["best_f1", "least_precision", "least_recall", "least_cost"])
@pytest.mark.parametrize("images", [20, 400])
def test_calibration_moves_thresholds_but_not_what_is_answered(rule: str, images: int, bundle: Bundle) -> None:
    val = scored_world(1, images=images, slope=0.6, shift=-0.7)
    clause = OperatingPointClause(choose=rule, least=0.7)
    calibration = fit_calibration(val)
    raw, mapped = choose(val, bundle, clause), choose(val, bundle, clause, calibration=calibration)
    assert dict(raw.score_thresholds) != dict(mapped.score_thresholds)
    scores = val.detections.column("score").to_numpy()
    one = scores >= least_scores(val, raw.score_thresholds)
    other = calibrated_scores(val, calibration) >= least_scores(val, mapped.score_thresholds)
    assert np.array_equal(one, other)
    assert raw.observed == mapped.observed
    assert mapped.calibration == calibration


@pytest.mark.parametrize(("false_alarm", "miss"), [(1, 5), (1, 1), (10, 1)])
def test_no_threshold_is_cheaper_than_the_one_of_least_cost(false_alarm: float, miss: float, bundle: Bundle) -> None:
    val = scored_world(2, images=100)
    clause = OperatingPointClause(choose="least_cost", cost=CostClause(false_alarm=false_alarm, miss=miss))
    point = choose(val, bundle, clause)
    assert point.rule["cost"] == {"false_alarm": false_alarm, "miss": miss}
    score, class_id = (val.detections.column(n).to_numpy() for n in ("score", "class_id"))
    true = val.detections.column("hit").to_numpy() > 0
    objects = val.objects.column("class_id").to_numpy()
    for k, name in enumerate(NAMES):

        def cost(threshold: float, k: int = k) -> float:
            passes = (class_id == k) & (score >= threshold)
            return false_alarm * (passes & ~true).sum() + miss * ((objects == k).sum() - (passes & true).sum())

        cheapest = cost(point.score_thresholds[name])
        assert cheapest == point.observed[name].cost
        assert all(cheapest <= cost(t) for t in np.linspace(0, score[class_id == k].max(), 400))


def test_with_calibrated_scores_the_least_cost_lies_where_the_odds_pay(bundle: Bundle) -> None:
    """A detection of chance p is worth answering when p * miss > (1 - p) * false_alarm (Elkan, IJCAI 2001)."""
    val = scored_world(3, images=6000, slope=2.0, shift=1.0)
    clause = OperatingPointClause(choose="least_cost", cost=CostClause(false_alarm=1, miss=4))
    point = choose(val, bundle, clause, calibration=fit_calibration(val))
    for threshold in point.score_thresholds.values():
        assert threshold == pytest.approx(1 / 5, abs=0.06)


def test_the_point_tells_the_most_answered_on_a_picture(bundle: Bundle) -> None:
    matches = made(
        [0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 1, 0], [0.9, 0.8, 0.9, 0.9, 0.8, 0.1], [1, 1, 1, 1, 1, 0],
        class_names=NAMES, images=3,
    )  # fmt: skip
    point = choose(matches, bundle, OperatingPointClause())
    assert point.most_answered == {"*": 3, "class 0": 2, "class 1": 2}


def test_a_class_val_does_not_know_is_mapped_as_all_and_gets_the_middle(bundle: Bundle) -> None:
    matches = made([0, 1], [0, 0], [0.9, 0.2], [1, 0], class_names=NAMES, images=2)
    calibration = fit_calibration(matches)
    point = choose(matches, bundle, OperatingPointClause(), calibration=calibration)
    assert point.score_thresholds["class 1"] == 0.5
    assert (calibration["class 1"].own_share, calibration["class 1"].detections) == (0.0, 0)


LEAST = "name: line\nclasses: [{name: a}]\nconditions: [{name: camera}, {name: brightness, source: measured, bins: [0, 9]}]\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{by: site}", "names 'site', which is no metadata condition"),
        ("{by: brightness}", "names 'brightness', which is no metadata condition"),
        ("{cost: {miss: 0}}", "output.operating_point.cost.miss"),
        ("{cost: {mis: 1}}", "did you mean 'miss'"),
        ("{choose: least}", "output.operating_point.choose"),
    ],
)
def test_a_rule_the_spec_cannot_mean_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence):
        parse_spec(f"{LEAST}output: {{operating_point: {text}}}")


def test_the_rule_of_the_spec_reaches_the_point(bundle: Bundle) -> None:
    spec = parse_spec(f"{LEAST}output: {{calibration: none, operating_point: {{choose: least_cost, by: camera}}}}")
    rule = spec.output.operating_point
    assert (spec.output.calibration, rule.cost.miss, rule.by) == ("none", 5.0, "camera")
    point = choose(scored_world(0), bundle, rule)
    assert point.rule["by"] == "camera"
    assert set(parse_spec(LEAST).as_document["output"]) == {
        "box_format", "pixels", "score_floor", "max_detections", "suppression", "operating_point",
    }  # fmt: skip
