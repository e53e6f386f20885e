"""What is judged must be what is answered: the thresholds of an image's condition, the order of scores, the bundle's own promise.

Each attack here is whole: stored predictions are the bundle's, or within every tolerance, and the gate itself says pass.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from boxwright.artifacts import Bundle, Dataset, Matches, Predictions, Report, Split, Verdict
from boxwright.errors import InputError, NotReleasable
from boxwright.inference import Detector
from boxwright.lifecycle import Stages, check_verdict
from boxwright.spec import Spec
from boxwright.store import Store
from tests.tiny_bundles import BOXES_XYXY, NAMES, jpeg, tiny_bundle
from tests.worlds import row

COMPOSED, IN_PARTS, LOOSE = "caf\u00e9", "cafe\u0301", " caf\u00e9"
DEAF = dict.fromkeys(NAMES, 0.99)
CLASSES = [{"name": name} for name in NAMES]


def promise(**more: Any) -> Spec:
    asked = {"judge_on": "value", "require": ["recall >= 0.9"], **more.pop("acceptance", {})}
    return Spec.model_validate({"name": "line", "classes": CLASSES, **more, "acceptance": asked})


def by_place(**more: Any) -> Spec:
    """Thresholds may depend on the condition `place`."""
    return promise(conditions=[{"name": "place"}], output={"operating_point": {"by": "place"}}, **more)


class World:
    """A store of eight images of one place, all judged, and a way to judge what is said to be a bundle's."""

    def __init__(self, root: Path, spec: Spec, *, place: str = COMPOSED, boxes: Any = BOXES_XYXY) -> None:
        self.root, self.spec, self.store = root, spec, Store(root / "store")
        self.stages = Stages(self.store, spec, None, Path(), lambda *_: None)
        pictures = self.store.pictures.add([jpeg(20 + 10 * k) for k in range(8)])
        rows = [
            {
                **row(k + 1, list(boxes), classes=[0, 1][: len(boxes)], picture=picture, place=place),
                "width": 64,
                "height": 48,
            }
            for k, picture in enumerate(pictures)
        ]
        self.data = Dataset.from_rows(rows, name="line", class_names=spec.class_names, provenance={"format": "by hand"})
        self.parts = Split(
            image_ids=self.data.image_ids, side=("test",) * 8, group=tuple(f"g{k}" for k in range(8)), summary={"seed": 0},
            made_from={"dataset": self.data.digest},
        )  # fmt: skip
        for artifact in (self.data, self.parts):
            self.store.put(artifact)

    def predicted(self, bundle: Bundle) -> Predictions:
        self.store.put(bundle)
        return self.stages.predict(bundle, self.data, self.parts, "test")

    def matched(self, found: Predictions) -> Matches:
        self.store.put(found)
        return self.stages.match(found, self.data, self.parts, "test")

    def judged(self, bundle: Bundle, found: Predictions, matches: Matches, before: Report | None = None) -> Verdict:
        self.store.put(matches)
        report = self.stages.evaluate(matches, found, bundle, self.data, self.parts)
        verdict = self.stages.decide(report, before)
        for artifact in (report, verdict):
            self.store.put(artifact)
        return verdict


def test_matches_without_the_condition_of_the_thresholds_are_refused(tmp_path: Path) -> None:
    """Without the column, evaluation knew no value and took the class's thresholds; the server takes those of the place."""
    world = World(tmp_path, by_place())
    bundle = tiny_bundle(tmp_path / "b", condition_thresholds={"place": {COMPOSED: DEAF}})
    found = world.predicted(bundle)
    matches = world.matched(found)
    assert world.judged(bundle, found, matches).verdict == "fail"
    forged = replace(matches, images=matches.images.drop_columns(["place"]))
    with pytest.raises((NotReleasable, InputError), match="place"):
        verdict = world.judged(bundle, found, forged)
        assert verdict.verdict == "pass"
        check_verdict(world.store, verdict)


@pytest.mark.parametrize(("place", "key"), [(COMPOSED, IN_PARTS), (IN_PARTS, COMPOSED), (LOOSE, COMPOSED)])
def test_a_condition_has_one_spelling_for_evaluation_and_server(tmp_path: Path, place: str, key: str) -> None:
    """The server reads values as composed Unicode without blanks around them; evaluation compared them as they were written."""
    world = World(tmp_path, by_place(), place=place)
    bundle = tiny_bundle(tmp_path / "b", condition_thresholds={"place": {key: DEAF}})
    found = world.predicted(bundle)
    assert world.judged(bundle, found, world.matched(found)).verdict == "fail"
    detector = Detector(bundle)
    for spelled in (place, key):
        assert not detector.answered(found.columns[0], {"place": spelled}).any()


def test_two_spellings_of_one_condition_are_refused() -> None:
    of = {"place": {COMPOSED: DEAF, IN_PARTS: {}}}
    with pytest.raises(ValueError, match="Score thresholds depend on"):
        tiny_bundle(Path("unused"), golden=False, condition_thresholds=of)
    with pytest.raises(ValueError, match="Score thresholds depend on"):
        tiny_bundle(Path("unused"), golden=False, condition_thresholds={"place": {" ": DEAF}})


def test_scores_finer_than_an_answers_are_refused(tmp_path: Path) -> None:
    """All scores are equal, and the true boxes come last. Stored with 1e-9 more they came first, and AP50 rose from 0.5 to 1.

    A detection's score is float32, in which the difference is nothing: so no sample of answers showed it.
    """
    world = World(tmp_path, promise(classes=CLASSES[:1], acceptance={"require": ["ap50 >= 0.9"]}), boxes=BOXES_XYXY[1:])
    bundle = tiny_bundle(tmp_path / "b", scores=(0.9, 0.9), class_names=NAMES[:1])
    found = world.predicted(bundle)
    assert world.judged(bundle, found, world.matched(found)).verdict == "fail"
    score = found.detections.column("score").to_numpy()
    true = found.detections.column("x1").to_numpy() == BOXES_XYXY[1][0]
    at = found.detections.column_names.index("score")
    finer = replace(
        found, detections=found.detections.set_column(at, "score", pa.array(score + np.where(true, 1e-9, 0)))
    )
    verdict = world.judged(bundle, finer, world.matched(finer))
    assert verdict.verdict == "pass"
    with pytest.raises(NotReleasable, match="are not what the bundle answers.*float32"):
        check_verdict(world.store, verdict)


def test_a_bundle_that_answers_without_a_record_is_refused_where_the_promise_says_refuse(tmp_path: Path) -> None:
    world = World(tmp_path, promise())
    bundle = tiny_bundle(tmp_path / "b", degraded="answer")
    found = world.predicted(bundle)
    verdict = world.judged(bundle, found, world.matched(found))
    assert verdict.verdict == "pass"
    with pytest.raises(NotReleasable, match="failure_modes.degraded"):
        check_verdict(world.store, verdict)
