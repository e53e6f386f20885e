"""The candidate answers calibrated scores, in their order; golden pictures and parity stay with the model's own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from boxwright.artifacts import Bundle, Matches, OperatingPoint, Rollout, Split
from boxwright.artifacts.calibration import ClassCalibration
from boxwright.errors import InputError
from boxwright.images import read_picture
from boxwright.inference import Detector
from boxwright.lifecycle import ROLLOUT, Stages, release
from boxwright.spec.spec import AcceptanceClause
from boxwright.store import Store
from tests.lifecycle.servers import served
from tests.tiny_bundles import judge


def pictures(world, count: int) -> list[np.ndarray]:
    return [read_picture(world.store.pictures.read(d)) for d in world.dataset.picture_digests[:count]]


def test_a_turn_gives_a_calibrated_candidate_and_says_on_what(world) -> None:
    contract = world.candidate.contract
    assert contract.calibration is not None
    assert set(contract.calibration) == set(contract.class_names)
    assert set(contract.most_answered) == {"*", *contract.class_names}
    point = world.store.get(world.candidate.made_from["operating_point"], OperatingPoint)
    assert dict(point.calibration) == contract.calibration
    val = world.store.get(point.made_from["matches"], Matches)
    assert sum(c.detections for c in contract.calibration.values()) <= len(val.detections)


def test_answers_are_the_raw_ones_mapped_and_in_order(world) -> None:
    answering, raw = Detector(world.candidate), Detector(world.candidate, raw_scores=True)
    assert world.candidate.contract.calibration is not None
    moved = 0.0
    for picture in pictures(world, 6):
        found, before = answering.detect(picture), raw.detect(picture)
        assert len(found) == len(before)
        assert (np.diff(found.score) <= 0).all()
        for class_id, name in enumerate(world.candidate.contract.class_names):
            mine, theirs = found[found.class_id == class_id], before[before.class_id == class_id]
            mapped = world.candidate.contract.calibration[name].apply(theirs.score).astype(np.float32)
            assert np.array_equal(mine.score, mapped)
            assert np.array_equal(mine.boxes_xyxy, theirs.boxes_xyxy)
            moved = max(moved, float(np.abs(mapped - theirs.score).max(initial=0)))
    assert moved > 0.01


def test_golden_pictures_are_held_against_raw_scores(world) -> None:
    """A map that moves every score far away does not make a bundle look damaged."""
    far = {n: ClassCalibration(method="platt", a=0.5, b=-4.0) for n in world.candidate.contract.class_names}
    moved = world.candidate.with_thresholds(
        world.candidate.contract.score_thresholds, point="0" * 64, calibration=far
    )  # fmt: skip
    Detector(moved, check_golden=True)


def test_a_calibrated_bundle_is_not_calibrated_again(world) -> None:
    point = world.store.get(world.candidate.made_from["operating_point"], OperatingPoint)
    val = world.store.get(point.made_from["matches"], Matches)
    stages = Stages(world.store, world.spec, None, world.root / "work", lambda *_: None)
    with pytest.raises(InputError, match=f"made from, {world.candidate.made_from['bundle'][:12]}"):
        stages.choose(val, world.candidate)
    exported = world.store.get(world.candidate.made_from["bundle"], Bundle)
    again = stages.choose(val, exported)
    assert dict(again.score_thresholds) == world.candidate.contract.score_thresholds
    plain = world.spec.model_copy(update={"output": world.spec.output.model_copy(update={"calibration": "none"})})
    raw = Stages(world.store, plain, None, world.root / "work", lambda *_: None).choose(val, exported)
    assert raw.calibration == {}
    assert Stages.candidate(stages, exported, raw).contract.calibration is None


def test_the_server_goes_by_the_condition_a_request_names(world, tmp_path: Path) -> None:
    names = world.candidate.contract.class_names
    by = {"lighting": {"dim": dict.fromkeys(names, 0.0), "bright": dict.fromkeys(names, 1.1)}}
    special = world.candidate.with_thresholds(dict.fromkeys(names, 0.3), point="0" * 64, condition_thresholds=by)
    shutil.copytree(world.root / "store", tmp_path / "store")
    store = Store(tmp_path / "store")
    point = world.spec.output.operating_point.model_copy(update={"by": "lighting"})
    promise = world.spec.model_copy(
        update={
            "acceptance": AcceptanceClause(require=("parity_iou >= 0.9",), judge_on="value"),
            "output": world.spec.output.model_copy(update={"operating_point": point}),
        }
    )
    verdict = judge(store, promise, special, world.dataset, store.get("split/small", Split))
    release(store, verdict, reason="test")
    assert store.get(ROLLOUT, Rollout).primary == special.digest
    data = world.store.pictures.read(world.dataset.picture_digests[0])
    every = Detector(special).detect(read_picture(data))
    with served(["--store", str(tmp_path / "store")], tmp_path / "log") as server:

        def count(path: str, **headers: str) -> int:
            status, answer, _ = server.ask("POST", path, data, **headers)
            assert status == 200, json.dumps(answer)
            return len(answer["detections"])

        assert count("/v1/detect", X_Lighting="dim") == count("/v1/detect?lighting=dim") == len(every)
        assert count("/v1/detect", X_Lighting="bright") == 0
        assert count("/v1/detect", X_Lighting="warm") == count("/v1/detect") == int((every.score >= 0.3).sum())
        assert count("/v1/detect?min_score=0", X_Lighting="bright") == len(every)
