"""Laws of the reductions: weights are repetition, slices add up, thresholds part what they say."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from boxwright.artifacts import Bundle, Contract, Matches
from boxwright.evaluation import GroundTruth, Reducer, Scored, choose, evaluate, match
from boxwright.evaluation.average_precision import mean_defined
from boxwright.evaluation.confusion import confusion
from boxwright.evaluation.operating import answered, count, figures, least_scores
from boxwright.gate import decide
from boxwright.spec import parse_spec
from boxwright.spec.spec import OperatingPointClause, OutputClause
from boxwright.statistics import group_weights

NAMES = ("cat", "dog")


def world(images: int, seed: int, *, copies: list[int] | None = None) -> Matches:
    """Random boxes and detections; `copies` repeats pictures under new numbers."""
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(images):
        n = int(rng.integers(0, 5))
        boxes = np.concatenate([rng.uniform(0, 80, (n, 2)), rng.uniform(10, 40, (n, 2))], 1)
        classes = rng.integers(0, 2, n)
        keep = rng.random(n) < 0.8
        found = np.concatenate(
            [boxes[keep] + rng.normal(0, 2, (keep.sum(), 4)), rng.uniform(5, 60, (int(rng.integers(0, 3)), 4))]
        )
        said = np.concatenate(
            [
                np.where(rng.random(keep.sum()) < 0.9, classes[keep], 1 - classes[keep]),
                rng.integers(0, 2, len(found) - keep.sum()),
            ]
        )
        found[:, 2:] = np.maximum(found[:, 2:], 1)
        parts.append((boxes, classes, found, said, rng.random(len(found)).round(2)))
    chosen = [i for i, times in enumerate(copies or [1] * images) for _ in range(times)]
    t = [(k, *parts[i][:2]) for k, i in enumerate(chosen)]
    truth = GroundTruth(
        image=np.concatenate([np.full(len(b), k) for k, b, _ in t] or [[]]).astype(np.int64),
        class_id=np.concatenate([c for _, _, c in t]).astype(np.int32),
        boxes_xywh=np.concatenate([b for _, b, _ in t]),
        area=np.concatenate([b[:, 2] * b[:, 3] for _, b, _ in t]),
        crowd=np.zeros(sum(len(b) for _, b, _ in t), bool),
        ignore=np.zeros(sum(len(b) for _, b, _ in t), bool),
        annotation_id=np.arange(sum(len(b) for _, b, _ in t)),
    )
    d = [(k, *parts[i][2:]) for k, i in enumerate(chosen)]
    scored = Scored(
        image=np.concatenate([np.full(len(b), k) for k, b, _, _ in d]).astype(np.int64),
        class_id=np.concatenate([c for _, _, c, _ in d]).astype(np.int32),
        boxes_xywh=np.concatenate([b for _, b, _, _ in d]),
        score=np.concatenate([s for *_, s in d]),
    )
    names = [f"{k}.jpg" for k in range(len(chosen))]
    light = ["dim" if i % 3 == 0 else "bright" for i in chosen]
    table = {"image_id": list(range(len(chosen))), "file_name": names, "group": names, "light": light}
    return match(truth, scored, class_names=NAMES, images=pa.table(table))


def passing(matches: Matches, *scores: float) -> np.ndarray:
    """Detections answered at one score threshold, or at one per class."""
    of_class = dict(zip(NAMES, scores if len(scores) > 1 else scores * 2, strict=True))
    return answered(matches, least_scores(matches, of_class))


def figures_at(matches: Matches, passes: np.ndarray, class_id: int = -1) -> dict[str, float]:
    """Figures of one class, or of all, at an operating point."""
    totals = [part.sum(axis=0) for part in count(matches, passes).with_total()]
    return {name: float(value[class_id]) for name, value in figures(*totals, np.float64(len(matches.images))).items()}


@pytest.mark.parametrize("seed", range(5))
def test_weights_are_repetition(seed: int) -> None:
    copies = np.random.default_rng(seed).integers(0, 4, 12).tolist()
    weighted = Reducer(world(12, seed)).curves(weights=np.array(copies))
    repeated = Reducer(world(12, seed, copies=copies)).curves()
    assert mean_defined(weighted.precision) == pytest.approx(mean_defined(repeated.precision), abs=1e-12)
    assert np.allclose(weighted.recall, repeated.recall)


def test_junk_below_every_score_moves_no_ap_but_precision() -> None:
    matches = world(30, 1)
    before = Reducer(matches)
    score = matches.detections.column("score").to_numpy()
    real = score >= 0.3
    assert mean_defined(before.curves(extra_ignored=~real).precision) != mean_defined(before.curves().precision)
    point, strict = figures_at(matches, passing(matches, 0.0)), figures_at(matches, passing(matches, 0.9))
    assert point["recall"] > strict["recall"]


def test_counts_of_slices_add_up_to_the_whole() -> None:
    matches = world(20, 2)
    passes = passing(matches, 0.3)
    whole = count(matches, passes)
    rng = np.random.default_rng(0)
    mask = rng.random(len(matches.objects)) < 0.5
    a, b = count(matches, passes, object_mask=mask), count(matches, passes, object_mask=~mask)
    assert np.array_equal(a.objects + b.objects, whole.objects)


@pytest.mark.parametrize("rule", ["best_f1", "least_precision", "least_recall"])
def test_chosen_thresholds_keep_the_rule(rule: str, tmp_path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"x")
    matches = world(60, 3)
    bundle = Bundle(
        model=tmp_path / "m.onnx", contract=Contract(class_names=NAMES, input_hw=(32, 32), output=OutputClause())
    )
    clause = OperatingPointClause(choose=rule, least=0.6)
    point = choose(matches, bundle, clause)
    thresholds = [point.score_thresholds[n] for n in NAMES]
    for class_id, name in enumerate(NAMES):
        found = figures_at(matches, passing(matches, *thresholds), class_id)
        assert found["precision"] == pytest.approx(point.observed[name].precision)
        assert found["recall"] == pytest.approx(point.observed[name].recall)
        if point.observed[name].rule_kept and rule != "best_f1":
            assert found[rule.removeprefix("least_")] >= 0.6
        for other in np.linspace(0, 1, 21):
            trial = thresholds.copy()
            trial[class_id] = other
            f1 = figures_at(matches, passing(matches, *trial), class_id)["f1"]
            if rule == "best_f1":
                assert not f1 > found["f1"] + 1e-7


def test_confusion_rows_are_objects_and_columns_detections() -> None:
    matches = world(25, 4)
    table = confusion(matches, passing(matches, 0.4))
    classes = matches.objects.column("class_id").to_numpy()
    said = matches.detections.column("class_id").to_numpy()[matches.detections.column("score").to_numpy() >= 0.4]
    assert table[:2].sum(axis=1).tolist() == np.bincount(classes, minlength=2).tolist()
    assert table[:, :2].sum(axis=0).tolist() == np.bincount(said, minlength=2).tolist()


def test_groups_are_drawn_whole_and_few_groups_give_no_interval() -> None:
    weights = group_weights(["a", "a", "b", "c", "d", "e"], replicates=50)
    assert weights is not None
    assert (weights[:, 0] == weights[:, 1]).all()
    assert group_weights(["a", "b", "b"]) is None


SPEC = """
name: pets
classes: [{name: cat}, {name: dog}]
conditions: [{name: light, bins: [dim, bright]}]
acceptance:
  judge_on: %s
  require: %s
"""


def judged(clauses: list[str], *, judge_on: str = "value", first_release: bool = False):
    import json

    spec = parse_spec(SPEC % (judge_on, json.dumps(clauses)))
    report = evaluate(world(60, 5), title="t", score_thresholds=dict.fromkeys(NAMES, 0.4), spec=spec)
    return decide(report, spec, first_release=first_release), report


def test_the_gate_says_met_not_met_and_no_evidence() -> None:
    verdict, report = judged(
        ["ap50 >= 0.01", "recall[cat, light=dim] >= 1", "latency_p95_ms <= 5", "ap50 >= baseline", "precision[*] > 0"]
    )
    assert [c.status for c in verdict.checks] == ["met", "not met", "no evidence", "no evidence", "met", "met"]
    assert verdict.verdict == "fail"
    assert verdict.checks[0].observed == report.observed["ap50"].value
    assert verdict.checks[4].requirement == "precision[cat] > 0"


def test_a_bound_is_harder_than_a_value_and_says_what_would_settle_it() -> None:
    _, report = judged(["ap50 >= 0"])
    between = (report.observed["ap50"].value + report.observed["ap50"].low) / 2
    by_value, _ = judged([f"ap50 >= {between}"])
    by_bound, _ = judged([f"ap50 >= {between}"], judge_on="bound")
    assert by_value.checks[0].status == "met"
    assert by_bound.checks[0].status == "no evidence"
    assert "more objects" in by_bound.checks[0].note


def test_a_first_release_asks_nothing_of_a_baseline() -> None:
    verdict, _ = judged(["ap50 >= baseline - 0.01"], first_release=True)
    assert verdict.verdict == "pass"
