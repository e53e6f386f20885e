"""Golden pictures: the bundle carries them with its own answers, and no bundle that answers otherwise is loaded."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from boxwright.errors import InputError, ParityError
from boxwright.export import export
from boxwright.inference import Detector
from tests.export.changed_graphs import after, changed
from tests.export.conftest import Exported
from tests.worlds import spec


def test_the_first_pictures_and_their_answers_go_along(exported: Exported) -> None:
    golden = exported.bundle.golden
    assert sorted(golden) == ["golden/00.img", "golden/01.img", "golden/answers.json"]
    answers = json.loads(golden["golden/answers.json"].read_text())
    detector = Detector(exported.bundle, raw_scores=True)
    for k in range(2):
        assert golden[f"golden/{k:02}.img"].read_bytes() == exported.pictures[k]
        found, expected = detector.detect(detector.read(exported.pictures[k], name="p")), answers[f"{k:02}.img"]
        assert len(found) > 5
        np.testing.assert_allclose(found.boxes_xyxy, expected["boxes_xyxy"], atol=1e-3)
        np.testing.assert_allclose(found.score, expected["score"], atol=1e-6)
        assert found.class_id.tolist() == expected["class_id"]


def test_a_bundle_answers_its_own(exported: Exported) -> None:
    Detector(exported.bundle, check_golden=True)


@pytest.mark.parametrize("what", ["graph", "answers"])
def test_a_bundle_that_answers_otherwise_is_not_loaded(exported: Exported, tmp_path: Path, what: str) -> None:
    if what == "graph":
        bundle = changed(exported.bundle, tmp_path, after("boxes", "Add", np.float32([4, 0, 4, 0])))
    else:
        answers = json.loads(exported.bundle.golden["golden/answers.json"].read_text())
        answers["01.img"]["score"] = [score - 0.05 for score in answers["01.img"]["score"]]
        (tmp_path / "answers.json").write_text(json.dumps(answers))
        bundle = replace(
            exported.bundle, golden={**exported.bundle.golden, "golden/answers.json": tmp_path / "answers.json"}
        )
    with pytest.raises(ParityError, match="is answered differently here"):
        Detector(bundle, check_golden=True)


def test_without_a_picture_there_is_no_proof_and_no_bundle(exported: Exported, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one real picture"):
        export(exported.checkpoint, spec(), load=lambda _: exported.network, pictures=[], work_folder=tmp_path / "work")
    assert not (tmp_path / "work").exists()
