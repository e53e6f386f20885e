"""Thresholds by condition: found where a camera really differs, left alone where it does not, and explained either way."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from boxwright.artifacts import Bundle, Contract, Matches, OperatingPoint
from boxwright.evaluation import choose
from boxwright.evaluation.choose_by_condition import choose_by_condition
from boxwright.evaluation.follow_rule import follow, worth
from boxwright.evaluation.operating import least_scores
from boxwright.spec.spec import OperatingPointClause, OutputClause
from tests.evaluation.made_matches import made

RULES = ("best_f1", "least_precision", "least_recall", "least_cost")
NAMES = ("cat", "dog")


def cameras(seed: int, shift: float, *, images: int = 300) -> Matches:
    """Four objects and eight false detections a picture; camera c sees all scores shifted, on the log-odds scale."""
    rng = np.random.default_rng(seed)
    group = np.arange(images) // 3
    camera = np.array(["a", "b", "c"])[rng.integers(0, 3, images)[group * 3]]
    image = np.repeat(np.arange(images), 12)
    true = np.tile(np.arange(12) < 4, images)
    odds = rng.normal(np.where(true, 1.5, -1.5), 1) + np.where(camera[image] == "c", shift, 0)
    return made(
        image, rng.integers(0, 2, len(image)), 1 / (1 + np.exp(-odds)), true, class_names=NAMES, images=images,
        groups=[f"clip {g}" for g in group], camera=camera.tolist(),
    )  # fmt: skip


def bundle(folder: Path) -> Bundle:
    (folder / "m.onnx").write_bytes(b"x")
    return Bundle(
        model=folder / "m.onnx", contract=Contract(class_names=NAMES, input_hw=(32, 32), output=OutputClause())
    )


@pytest.mark.parametrize("rule", RULES)
def test_a_camera_that_differs_gets_thresholds_of_its_own(rule: str, tmp_path: Path) -> None:
    clause = OperatingPointClause(choose=rule, by="camera", least=0.85)
    point = choose(cameras(1, -2.0), bundle(tmp_path), clause)
    own = point.condition_thresholds["camera"]["c"]
    assert set(own) == set(NAMES)
    for name in NAMES:
        assert own[name] < point.score_thresholds[name]
        record = point.condition_evidence["camera"]["c"][name]
        assert record.accepted
        assert 0 < record.low <= record.gain <= record.high
        assert record.threshold == own[name]
    fresh = cameras(2, -2.0)  # pictures nothing was chosen on
    score, true = fresh.detections.column("score").to_numpy(), fresh.detections.column("hit").to_numpy() > 0
    values = []
    for by in (point.condition_thresholds, {}):
        passes = score >= least_scores(fresh, point.score_thresholds, by)
        values.append(worth(clause, *(np.array(float(v)) for v in ((passes & true).sum(), passes.sum(), true.sum()))))
    assert values[0] > values[1]


@pytest.mark.parametrize("rule", RULES)
def test_where_cameras_are_alike_the_class_keeps_its_threshold_and_the_reason_is_told(rule: str) -> None:
    accepted = tried = 0
    for seed in range(4):
        matches = cameras(10 + seed, 0.0)
        found, evidence = choose_by_condition(
            matches, matches.detections.column("score").to_numpy(), dict.fromkeys(NAMES, 0.5),
            OperatingPointClause(choose=rule, by="camera"),
        )  # fmt: skip
        records = [r for of_class in evidence["camera"].values() for r in of_class.values()]
        tried += len(records)
        accepted += sum(len(of_class) for values in found.values() for of_class in values.values())
        assert all(r.accepted or "interval from" in r.reason for r in records)
    assert tried == 24
    assert accepted <= 1


def test_too_little_evidence_is_told_with_its_numbers(tmp_path: Path) -> None:
    point = choose(cameras(1, -2.0, images=30), bundle(tmp_path), OperatingPointClause(by="camera"))
    assert point.condition_thresholds == {}
    reasons = {r.reason for of_class in point.condition_evidence["camera"].values() for r in of_class.values()}
    assert all("takes 30 objects in 10 groups" in reason for reason in reasons)


def test_what_was_chosen_survives_the_artifact_and_reaches_the_contract(tmp_path: Path) -> None:
    exported = bundle(tmp_path)
    point = choose(cameras(1, -2.0), exported, OperatingPointClause(by="camera"))
    again = OperatingPoint.from_parts(point.parts(), point.made_from)
    assert again == point
    json.dumps(point.parts().document, allow_nan=False)
    candidate = exported.with_thresholds(
        point.score_thresholds, point=point.digest, condition_thresholds=point.condition_thresholds
    )
    assert candidate.contract.condition_thresholds == point.condition_thresholds
    assert Bundle.from_parts(candidate.parts(), candidate.made_from) == candidate


def test_the_rule_on_many_lists_is_the_rule_on_each() -> None:
    rng = np.random.default_rng(0)
    shown = np.cumsum(rng.integers(1, 4, (7, 20)), axis=1).astype(float)
    hits = np.minimum(np.cumsum(rng.integers(0, 3, (7, 20)), axis=1), shown)
    objects = hits[:, -1] + rng.integers(1, 9, 7)
    for rule in RULES:
        clause = OperatingPointClause(choose=rule, least=0.6)
        chosen, kept = follow(clause, hits, shown, objects)
        for i in range(7):
            alone = follow(clause, hits[i], shown[i], objects[i])
            assert (int(alone[0]), bool(alone[1])) == (chosen[i], kept[i])
        if rule in ("best_f1", "least_cost"):
            values = worth(clause, hits, shown, np.repeat(objects[:, None], 20, axis=1))
            assert np.take_along_axis(values, chosen[:, None], 1)[:, 0] == pytest.approx(values.max(axis=1))
