"""What calibration adds to bundles and operating points goes there and back; a contract says only what it has."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from boxwright.artifacts import Bundle, OperatingPoint
from boxwright.artifacts.calibration import ClassCalibration
from boxwright.artifacts.operating_point import ConditionEvidence
from boxwright.store.digest import canonical_json, digest_of_bytes
from tests.worlds import digest_of, one_of_each_kind

MAPS = {
    "carton": ClassCalibration(method="isotonic", x=(0.1, 0.9), y=(0.0, 1.0), detections=2000, true=700),
    "pouch": ClassCalibration(method="platt", a=1.5, b=-0.2, own_share=0.3, detections=40, true=11),
}
BY_CAMERA = {"camera": {"cam-1": {"carton": 0.2}, "cam-2": {"pouch": 0.7}}}

# contract.json of a bundle as it was written before scores were calibrated, and its digest in that manifest.json
BEFORE = {
    "class_names": ["carton", "pouch"],
    "input_hw": [64, 96],
    "pad_value": 114,
    "colour": "RGB",
    "output": {
        "box_format": "xyxy",
        "pixels": "original",
        "score_floor": 0.05,
        "max_detections": 100,
        "suppression": {"method": "nms", "iou_threshold": 0.6, "across_classes": False},
        "operating_point": {"choose": "best_f1", "least": 0.9},
    },
    "score_thresholds": {"carton": 0.3},
    "parity": {"least_iou": 0.999},
    "training_side_px": {"p50": 20.0},
    "spec_name": "line",
    "degraded": "refuse",
}


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    found = one_of_each_kind(tmp_path / "made")["bundle"]
    assert isinstance(found, Bundle)
    return found


def test_a_contract_without_new_keys_is_the_document_it_was(bundle: Bundle) -> None:
    contract = type(bundle.contract).model_validate(BEFORE)
    document = replace(bundle, contract=contract).parts().document
    assert document == BEFORE
    assert digest_of_bytes(canonical_json(document).encode()) == digest_of_bytes(canonical_json(BEFORE).encode())


def test_a_calibrated_candidate_goes_there_and_back(bundle: Bundle, tmp_path: Path) -> None:
    candidate = bundle.with_thresholds(
        {"carton": 0.7, "pouch": 0.2}, point=digest_of("point"), calibration=MAPS, condition_thresholds=BY_CAMERA,
        most_answered={"*": 9, "carton": 5, "pouch": 6},
    )  # fmt: skip
    (tmp_path / "saved").mkdir()
    candidate.save(tmp_path / "saved")
    loaded = Bundle.load(tmp_path / "saved")
    assert loaded == candidate
    assert loaded.contract.calibration == MAPS
    assert loaded.contract.condition_thresholds == BY_CAMERA
    assert json.loads((tmp_path / "saved" / "contract.json").read_text())["calibration"]["pouch"]["a"] == 1.5
    kept = loaded.with_thresholds({"carton": 0.9, "pouch": 0.9}, point=digest_of("other"))
    assert kept.contract.calibration == MAPS
    assert kept.contract.condition_thresholds == BY_CAMERA
    none = loaded.with_thresholds({"carton": 0.9}, point=digest_of("other"), calibration={}, condition_thresholds={})
    assert none.contract.calibration is None
    assert "calibration" not in none.parts().document


def test_every_new_key_changes_the_digest(bundle: Bundle) -> None:
    point = digest_of("point")
    made = [
        bundle.with_thresholds({"carton": 0.7}, point=point),
        bundle.with_thresholds({"carton": 0.7}, point=point, calibration=MAPS),
        bundle.with_thresholds({"carton": 0.7}, point=point, condition_thresholds=BY_CAMERA),
        bundle.with_thresholds({"carton": 0.7}, point=point, most_answered={"*": 9}),
    ]
    assert len({b.digest for b in made}) == len(made)


def test_an_operating_point_with_everything_goes_there_and_back(tmp_path: Path) -> None:
    point = OperatingPoint(
        score_thresholds={"carton": 0.3, "pouch": 0.4}, rule={"choose": "least_cost", "by": "camera"}, observed={},
        calibration=MAPS, condition_thresholds=BY_CAMERA, most_answered={"*": 4},
        condition_evidence={"camera": {"cam-1": {"carton": ConditionEvidence(True, "", 0.5, 0.4, gain=0.1)}}},
    )  # fmt: skip
    point.save(tmp_path)
    loaded = OperatingPoint.load(tmp_path)
    assert loaded == point
    assert loaded.calibration == MAPS
    assert loaded.condition_evidence == point.condition_evidence
