"""A verdict is not taken at its word: what is forged, missing or about something else is refused on every way to a release.

Forgeries are whole artifacts with right digests, as somebody makes them who can write into the store. Those who would be served by
them are asked through the command line.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from boxwright.artifacts import (
    Bundle,
    Check,
    Comparison,
    Dataset,
    Matches,
    Predictions,
    Report,
    Rollout,
    Split,
    Verdict,
)
from boxwright.artifacts.split import SetOrigin, SplitSummary
from boxwright.cli.main import run
from boxwright.cli.terminal import any_artifact, find
from boxwright.errors import InputError, NotReleasable, StoreError
from boxwright.evaluation.evaluate import measured_figures
from boxwright.evaluation.operating import least_scores
from boxwright.gate import OnSet
from boxwright.inference import Detector, Thresholds
from boxwright.lifecycle import ROLLOUT, Stages, check_verdict, following, promoted, release, releasing
from boxwright.lifecycle.evidence import answer_again, gather, measure_again
from boxwright.serving import promote, rollback
from boxwright.spec import Observed, Spec
from boxwright.store import Store
from boxwright.store.digest import digest_of_columns
from tests.tiny_bundles import BOXES_XYXY, NAMES, jpeg, keep_verdict, tiny_bundle
from tests.worlds import row

COMPARES = {"acceptance": {"judge_on": "value", "require": ["ap50 >= 0.5", "ap50 >= baseline - 0.01"]}}


@dataclass(frozen=True)
class Honest:
    """A store with a judged bundle that nobody promoted yet, and everything its verdict rests on."""

    root: Path
    store: Store
    bundle: Bundle
    verdict: Verdict

    def piece(self, kind: type) -> Any:
        report = self.store.get(self.verdict.made_from["report"], Report)
        if kind is Report:
            return report
        return self.store.get(report.made_from[kind.kind], kind)

    def decided(self, report: Report, verdict: Verdict | None = None) -> Verdict:
        """The gate's own verdict on a report that was put into the store, under the honest spec."""
        self.store.put(report)
        stages = Stages(
            self.store, Spec.model_validate(dict((verdict or self.verdict).spec)), None, Path(), lambda *_: None
        )
        made = stages.decide(report, None)
        self.store.put(made)
        return made

    def rejudged(self, **pieces: Any) -> Verdict:
        """A verdict on another prediction, match or dataset, with every later piece made from it as it should be."""
        stages = Stages(self.store, Spec.model_validate(dict(self.verdict.spec)), None, Path(), lambda *_: None)
        data, parts = pieces.get("dataset", self.piece(Dataset)), pieces.get("split", self.piece(Split))
        found = pieces.get("predictions", self.piece(Predictions))
        matches = pieces.get("matches") or stages.match(found, data, parts, "test")
        for artifact in (data, parts, found, matches):
            self.store.put(artifact)
        return self.decided(stages.evaluate(matches, found, self.bundle, data, parts))


@pytest.fixture(scope="module")
def honest_once(tmp_path_factory: pytest.TempPathFactory) -> Honest:
    root = tmp_path_factory.mktemp("honest")
    store, bundle = Store(root / "store"), tiny_bundle(root / "bundle", scores=(0.9, 0.6))
    return Honest(root, store, bundle, keep_verdict(store, bundle))


@pytest.fixture
def honest(honest_once: Honest, tmp_path: Path) -> Honest:
    shutil.copytree(honest_once.root / "store", tmp_path / "store")
    return replace(honest_once, root=tmp_path, store=Store(tmp_path / "store"))


def words(honest: Honest, *arguments: str) -> list[str]:
    return [*arguments, "--store", str(honest.root / "store")]


def refused(
    honest: Honest, verdict: Verdict, told: str, capsys: pytest.CaptureFixture[str], *, served_too: bool = True
) -> None:
    """Promote refuses with one sentence; so do both forms of serve, where a server can see it; no name moves."""
    before = honest.store.history(ROLLOUT)
    assert run(words(honest, "promote", verdict.digest)) in (1, 2)
    out, err = capsys.readouterr()
    err = err.replace("promote: at work\n", "")
    assert out == "" and told in err, err
    assert len(err.strip().splitlines()) == 1
    assert "boxwright " in err.split("boxwright:", 1)[1]  # what to type next
    assert honest.store.history(ROLLOUT) == before
    if served_too:
        assert run(words(honest, "serve", verdict.bundle or honest.bundle.digest, "--verdict", verdict.digest)) in (
            1,
            2,
        )
        assert capsys.readouterr().out == ""
        by_hand = Rollout(
            primary=verdict.bundle, previous=None, verdict=verdict.digest, previous_verdict=None, number=1,
            made_from={"bundle": verdict.bundle, "verdict": verdict.digest},
        )  # fmt: skip
        honest.store.put(by_hand, name=ROLLOUT)
        assert run(words(honest, "serve")) in (1, 2)
        assert told in capsys.readouterr().err


def test_an_honest_verdict_is_promoted_and_may_be_served(honest: Honest) -> None:
    assert run(words(honest, "promote", honest.verdict.digest)) == 0
    assert promoted(honest.store) == following(honest.store)().bundle == honest.bundle.digest


def test_nothing_judged_is_not_a_pass() -> None:
    assert Verdict(spec_name="line", bundle="b" * 64, checks=()).verdict == "fail"


def test_a_verdict_made_from_nothing_is_refused(honest: Honest, capsys: pytest.CaptureFixture[str]) -> None:
    met = (Check("ap50 >= 0.5", 0.5, 0.9, 0.8, 0.95, "met"),)
    for checks, told in (((), "no checks"), (met, "keeps no spec")):
        forged = Verdict(spec_name="line", bundle=honest.bundle.digest, checks=checks)
        honest.store.put(forged)
        refused(honest, forged, told, capsys)
        with pytest.raises(NotReleasable):
            promoted(honest.store)


def test_a_spec_without_requirements_passes_nothing(honest: Honest, capsys: pytest.CaptureFixture[str]) -> None:
    spec = {**honest.verdict.spec, "acceptance": {"judge_on": "value", "require": []}}
    forged = replace(honest.verdict, spec=spec)
    honest.store.put(forged)
    refused(honest, forged, "has no acceptance clause", capsys)


@pytest.mark.parametrize("kind", [Report, Matches, Predictions, Split, Dataset, Bundle], ids=lambda kind: kind.kind)
def test_a_missing_piece_is_named(honest: Honest, kind: type, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(honest.store.folder(honest.piece(kind).digest, kind=kind.kind))
    told = "cannot become the primary" if kind is Bundle else f"the {kind.kind}"
    refused(honest, honest.verdict, told, capsys, served_too=kind not in (Dataset, Bundle))


@pytest.mark.parametrize("kind", [Report, Matches, Predictions, Split], ids=lambda kind: kind.kind)
def test_a_changed_byte_is_named(honest: Honest, kind: type, capsys: pytest.CaptureFixture[str]) -> None:
    folder = honest.store.folder(honest.piece(kind).digest, kind=kind.kind)
    if kind is Report:
        text = (folder / "report.json").read_text()
        (folder / "report.json").write_text(text.replace('"ap50": 1.0', '"ap50": 0.9', 1))
    else:
        table = next(folder.glob("*.parquet"))
        whole = pq.read_table(table)
        pq.write_table(whole.slice(0, len(whole) - 1), table)
    refused(honest, honest.verdict, f"the {kind.kind}", capsys)


def test_a_figure_the_report_does_not_have_is_refused(honest: Honest, capsys: pytest.CaptureFixture[str]) -> None:
    better = replace(honest.verdict, checks=(replace(honest.verdict.checks[0], observed=0.123),))
    honest.store.put(better)
    refused(honest, better, "'ap50 >= 0.5' has observed 0.123, decided again it is 1.0", capsys)


def test_a_verdict_about_another_bundle_is_refused(honest: Honest, capsys: pytest.CaptureFixture[str]) -> None:
    other = tiny_bundle(honest.root / "other", scores=(0.7, 0.6))
    honest.store.put(other)
    forged = replace(
        honest.verdict, bundle=other.digest, made_from={**honest.verdict.made_from, "bundle": other.digest}
    )
    honest.store.put(forged)
    refused(honest, forged, f"the report is about bundle {honest.bundle.digest[:12]}", capsys)
    relabelled = replace(honest.piece(Report), made_from={**honest.piece(Report).made_from, "bundle": other.digest})
    refused(honest, honest.decided(relabelled), "the predictions are made from", capsys)


def test_a_rollout_that_names_another_bundles_verdict_is_not_served(
    honest: Honest, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tiny_bundle(honest.root / "other", scores=(0.7, 0.6))
    honest.store.put(other)
    forged = Rollout(
        primary=other.digest, previous=None, verdict=honest.verdict.digest, previous_verdict=None, number=1
    )
    honest.store.put(forged, name=ROLLOUT)
    assert run(words(honest, "serve")) == 1
    assert "it was not made by `boxwright promote`" in capsys.readouterr().err


def test_a_running_server_does_not_follow_to_a_forged_rollout(honest: Honest) -> None:
    ask = following(honest.store)
    release(honest.store, honest.verdict, reason="test")
    assert ask().bundle == honest.bundle.digest
    other = tiny_bundle(honest.root / "other", scores=(0.7, 0.6))
    honest.store.put(other)
    empty = Verdict(spec_name="line", bundle=other.digest, checks=())
    honest.store.put(empty)
    now = honest.store.get(ROLLOUT, Rollout)
    honest.store.put(
        Rollout(primary=other.digest, previous=now.primary, verdict=empty.digest, previous_verdict=now.verdict, number=2,
                made_from={"rollout": now.digest}),
        name=ROLLOUT,
    )  # fmt: skip
    with pytest.raises(NotReleasable, match="no checks"):
        ask()


def test_a_report_that_flatters_is_refused(honest: Honest, capsys: pytest.CaptureFixture[str]) -> None:
    """Whole, with a right digest, and a verdict that follows from it; its figures do not follow from its matches."""
    poor = replace(
        honest.bundle,
        contract=honest.bundle.contract.model_copy(update={"score_thresholds": {"carton": 0.95, "pouch": 0.95}}),
    )
    honest.store.put(poor)
    verdict = keep_verdict(honest.store, poor, acceptance={"judge_on": "value", "require": ["recall >= 0.5"]})
    assert verdict.verdict == "fail"
    report = honest.store.get(verdict.made_from["report"], Report)
    flattered = replace(report, observed={**report.observed, "recall": replace(report.observed["recall"], value=0.97)})
    forged = honest.decided(flattered, verdict)
    assert forged.verdict == "pass"
    gather(honest.store, forged)  # a server cannot see it; whoever moves the name can
    refused(honest, forged, "'observed.recall.value' is 0.97, made again it is 0", capsys, served_too=False)


def test_matches_that_flatter_are_refused(honest: Honest, capsys: pytest.CaptureFixture[str]) -> None:
    matches = honest.piece(Matches)
    fewer = matches.objects.set_column(
        matches.objects.column_names.index("ignore"), "ignore", pa.array([True] + [False] * (len(matches.objects) - 1))
    )
    forged = honest.rejudged(matches=replace(matches, objects=fewer))
    refused(honest, forged, "does not follow from the stored predictions and annotations: 'objects.ignore' of row 0", capsys,
            served_too=False)  # fmt: skip


def _moved_boxes(predictions: Predictions) -> pa.Table:
    x1 = predictions.detections.column("x1").to_numpy() + np.float64(1.5)
    return predictions.detections.set_column(
        0, "x1", pa.array(x1.astype(predictions.detections.column("x1").to_numpy().dtype))
    )


def _at_score(detections: pa.Table, score: float) -> pa.Table:
    of_kind = detections.column("score").to_numpy().dtype
    at = detections.column_names.index("score")
    return detections.set_column(at, "score", pa.array(np.full(len(detections), np.float32(score), of_kind)))


@pytest.mark.parametrize("forge", [_moved_boxes, lambda p: _at_score(p.detections, 0.99)], ids=["boxes", "scores"])
def test_predictions_that_the_bundle_does_not_give_are_refused(
    honest: Honest, forge: Callable[[Predictions], pa.Table], capsys: pytest.CaptureFixture[str]
) -> None:
    """Everything after the predictions was honestly made from them; the bundle itself is asked."""
    found = honest.piece(Predictions)
    forged = honest.rejudged(predictions=replace(found, detections=forge(found)))
    evidence = gather(honest.store, forged)
    measure_again(honest.store, evidence)
    refused(honest, forged, "are not what the bundle answers: on image", capsys, served_too=False)


def test_detections_of_low_score_are_counted(honest: Honest, capsys: pytest.CaptureFixture[str]) -> None:
    found = honest.piece(Predictions)
    order = np.repeat(np.arange(len(found.images)), 2)
    low = _at_score(found.detections, 0.06)
    both = pa.concat_tables([found.detections, low]).take(np.argsort(np.concatenate([order, order]), kind="stable"))
    images = found.images.set_column(
        found.images.column_names.index("detections"), "detections", pa.array([4] * len(found.images), pa.int32())
    )
    forged = honest.rejudged(predictions=replace(found, images=images, detections=both))
    refused(honest, forged, "have no partner", capsys, served_too=False)


def test_an_image_that_is_not_the_one_ingested_is_refused(honest: Honest, monkeypatch: pytest.MonkeyPatch) -> None:
    import lance

    address = str(honest.store.place.local("tables/pictures.lance"))
    kept = lance.dataset(address).to_table()
    swapped = kept.set_column(1, "data", pa.chunked_array([kept.column("data").combine_chunks()[::-1]]))
    lance.write_dataset(swapped.cast(kept.schema), address, mode="overwrite")
    with pytest.raises(NotReleasable, match="is not the one that was ingested"):
        check_verdict(Store(honest.root / "store"), honest.verdict)


def test_the_sample_is_bounded_by_images_and_time(honest: Honest) -> None:
    evidence, detector = gather(honest.store, honest.verdict), Detector(honest.bundle)
    assert answer_again(honest.store, evidence, detector) == 8  # all that were judged
    assert answer_again(honest.store, evidence, detector, images=5) == 5
    assert answer_again(honest.store, evidence, detector, seconds=0) == 4


def test_a_first_release_is_none_where_a_bundle_is_in_service(
    honest: Honest, capsys: pytest.CaptureFixture[str]
) -> None:
    """A promise that compares with what is in service is kept against exactly that bundle."""
    store = honest.store
    release(store, honest.verdict, reason="test")
    second, third = (tiny_bundle(honest.root / f"{score}", scores=(score, 0.6)) for score in (0.8, 0.7))
    as_if_first = keep_verdict(store, second, **COMPARES)
    refused(honest, as_if_first, f"compares with nothing (a first release), and {honest.bundle.digest[:12]} is in service", capsys,
            served_too=False)  # fmt: skip
    fair = keep_verdict(store, second, against=honest.bundle, **COMPARES)
    assert run(words(honest, "promote", fair.digest)) == 0
    capsys.readouterr()
    late = keep_verdict(store, third, against=honest.bundle, **COMPARES)
    refused(honest, late, f"compares with bundle {honest.bundle.digest[:12]}, and {second.digest[:12]} is in service", capsys,
            served_too=False)  # fmt: skip
    assert run(words(honest, "rollback")) == 0  # the way back compares with nothing
    assert promoted(store) == honest.bundle.digest


def test_a_comparison_that_flatters_is_refused(honest: Honest, capsys: pytest.CaptureFixture[str]) -> None:
    store, worse = honest.store, tiny_bundle(honest.root / "worse", scores=(0.9, 0.3))
    release(store, honest.verdict, reason="test")
    recall = {"acceptance": {"judge_on": "value", "require": ["recall >= baseline - 0.01"]}}
    verdict = keep_verdict(store, worse, against=honest.bundle, **recall)
    assert verdict.verdict == "fail"
    comparison = store.get(verdict.made_from["comparison"], Comparison)
    figures = tuple(replace(f, difference=0.0) if f.key == "recall" else f for f in comparison.metrics)
    flattered = replace(comparison, metrics=figures)
    store.put(flattered)
    report, before = (store.get(verdict.made_from[role], Report) for role in ("report", "baseline"))
    report = replace(report, observed={**report.observed, "recall": replace(report.observed["recall"], value=1.0)})
    store.put(report)
    stages = Stages(store, Spec.model_validate(dict(verdict.spec)), None, Path(), lambda *_: None)
    forged = stages.decide(report, before, (), [flattered])
    store.put(forged)
    assert forged.verdict == "pass"
    refused(honest, forged, "does not follow from the stored matches", capsys, served_too=False)


def test_a_baseline_made_bad_is_refused(honest: Honest, capsys: pytest.CaptureFixture[str]) -> None:
    """Predictions of the bundle in service that it does not give make any candidate good."""
    store, worse = honest.store, tiny_bundle(honest.root / "worse", scores=(0.8, 0.6))
    release(store, honest.verdict, reason="test")
    spec = Spec.model_validate({**honest.verdict.spec, **COMPARES})
    stages = Stages(store, spec, None, Path(), lambda *_: None)
    data, parts, found = (honest.piece(kind) for kind in (Dataset, Split, Predictions))
    bad = replace(found, detections=_at_score(found.detections, 0.07))
    matches = stages.match(bad, data, parts, "test")
    before = stages.evaluate(matches, bad, honest.bundle, data, parts)
    report = store.get(keep_verdict(store, worse).made_from["report"], Report)
    for artifact in (bad, matches, before):
        store.put(artifact)
    compared = stages.compare(before, report)
    store.put(compared)
    forged = stages.decide(report, before, (), [compared])
    store.put(forged)
    refused(honest, forged, "are not what the bundle answers", capsys, served_too=False)


def test_rollback_asks_for_the_evidence_on_the_previous_bundle(
    honest: Honest, capsys: pytest.CaptureFixture[str]
) -> None:
    release(honest.store, honest.verdict, reason="test")
    second = tiny_bundle(honest.root / "second", scores=(0.8, 0.6))
    release(honest.store, keep_verdict(honest.store, second), reason="test")
    shutil.rmtree(honest.store.folder(honest.piece(Predictions).digest, kind="predictions"))
    assert run(words(honest, "rollback")) == 1
    err = capsys.readouterr().err
    assert "the predictions" in err and f"bundle {second.digest[:12]} stays the primary" in err
    assert promoted(honest.store) == second.digest


def test_a_rollout_whose_previous_was_put_in_by_hand_is_not_gone_back_to(
    honest: Honest, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tiny_bundle(honest.root / "other", scores=(0.7, 0.6))
    honest.store.put(other)
    forged = replace(promote(honest.verdict), previous=other.digest, previous_verdict=honest.verdict.digest)
    honest.store.put(forged, name=ROLLOUT)
    assert run(words(honest, "rollback")) == 1
    assert "it was not made by `boxwright promote`" in capsys.readouterr().err


def test_looks_that_nobody_counted_are_refused(honest: Honest, capsys: pytest.CaptureFixture[str]) -> None:
    forged = replace(honest.verdict, looks={"gold": ("a" * 64,)})
    honest.store.put(forged)
    refused(honest, forged, "that the store did not count", capsys)


def test_a_report_is_checked_in_what_it_has(honest: Honest) -> None:
    """One that lacks figures still holds; one that gives another figure does not."""
    report = honest.piece(Report)
    fewer = replace(report, certificates=(), intervals={}, curves=replace(report.curves, precision={}))
    check_verdict(honest.store, honest.decided(fewer))
    other = replace(report, metrics={**report.metrics, "ap75": 0.4})
    with pytest.raises(NotReleasable, match=r"'metrics.ap75' is 0.4, made again it is 1\. Evaluate and judge it again"):
        check_verdict(honest.store, honest.decided(other))


def test_a_primary_that_is_judged_again_keeps_its_place(honest: Honest, capsys: pytest.CaptureFixture[str]) -> None:
    """What an earlier version judged is judged again and promoted again: the rollout then names the new verdict."""
    store = honest.store
    release(store, honest.verdict, reason="test")
    second = tiny_bundle(honest.root / "second", scores=(0.8, 0.6))
    old = keep_verdict(store, second)
    by_hand = replace(old, spec={})
    store.put(by_hand)
    now = store.get(ROLLOUT, Rollout)
    store.put(replace(promote(by_hand, current=now)), name=ROLLOUT)
    with pytest.raises(NotReleasable, match=r"keeps no spec.*Judge it again: `boxwright turn`"):
        promoted(store)
    assert run(words(honest, "promote", old.digest)) == 0
    after = store.get(ROLLOUT, Rollout)
    assert (after.primary, after.verdict) == (second.digest, old.digest)
    assert (after.previous, after.previous_verdict) == (honest.bundle.digest, honest.verdict.digest)
    assert promoted(store) == second.digest
    assert promote(old, current=after) is after


CLASSES = [{"name": name} for name in NAMES]
HALF = dict.fromkeys(NAMES, 0.5)


def under(honest: Honest, require: list[str], **more: Any) -> Stages:
    """The stages under another promise."""
    promise = {"name": "line", "classes": CLASSES, "acceptance": {"judge_on": "value", "require": require}, **more}
    return Stages(honest.store, Spec.model_validate(promise), None, Path(), lambda *_: None)


def reported(
    stages: Stages, bundle: Bundle, data: Dataset, parts: Split, side: str = "test", found: Predictions | None = None
) -> Report:
    """The report on a bundle, or on predictions that are said to be its own; everything is kept."""
    found = found or stages.predict(bundle, data, parts, side)
    matches = stages.match(found, data, parts, side)
    report = stages.evaluate(matches, found, bundle, data, parts, side)
    for artifact in (bundle, found, matches, report):
        stages._store.put(artifact)
    return report


@pytest.mark.parametrize(
    "of",
    [{"group": {"g0": HALF}}, {"file_name": {"a.jpg": HALF}}, {"camera": {"": HALF}}, {"a": {"x": HALF}, "b": {}}],
    ids=str,
)
def test_thresholds_depend_on_one_condition_that_a_caller_can_send(honest: Honest, of: dict[str, Any]) -> None:
    """Evaluation took any column of its tables for a condition; in service nothing was answered."""
    with pytest.raises(ValueError, match="Score thresholds depend on"):
        tiny_bundle(honest.root / "b", condition_thresholds=of)
    with pytest.raises(InputError, match="Score thresholds depend on"):
        least_scores(honest.piece(Matches), HALF, of)
    with pytest.raises(InputError, match="Score thresholds depend on"):
        Thresholds(honest.bundle.contract.model_copy(update={"condition_thresholds": of}))


def test_a_condition_that_the_spec_does_not_name_is_refused(honest: Honest, capsys: pytest.CaptureFixture[str]) -> None:
    camera = tiny_bundle(honest.root / "b", scores=(0.9, 0.6), condition_thresholds={"camera": {"cam-1": HALF}})
    told = "score thresholds depend on camera; its spec lets them depend on nothing"
    refused(honest, keep_verdict(honest.store, camera), told, capsys)


def test_predictions_of_classes_in_another_order_are_refused(
    honest: Honest, capsys: pytest.CaptureFixture[str]
) -> None:
    swapped = tiny_bundle(honest.root / "b", scores=(0.9, 0.6), class_names=NAMES[::-1])
    stages, data, parts = under(honest, ["ap50 >= 0.5"]), honest.piece(Dataset), honest.piece(Split)
    found = replace(stages.predict(swapped, data, parts, "test"), class_names=NAMES)
    forged = honest.decided(reported(stages, swapped, data, parts, found=found))
    refused(honest, forged, "of the classes carton, pouch; the bundle has pouch, carton", capsys)


@pytest.mark.parametrize(
    ("answers", "stored", "least"), [(0.055, 0.069, 0.06), (0.4999, 0.5001, 0.5)], ids=["faint", "near"]
)
def test_scores_that_only_just_reach_their_threshold_are_compared(
    honest: Honest, answers: float, stored: float, least: float, capsys: pytest.CaptureFixture[str]
) -> None:
    """The bundle answers nothing in service; its stored scores are moved by less than golden images may differ."""
    blind = tiny_bundle(honest.root / "b", scores=(answers, answers), score_thresholds=dict.fromkeys(NAMES, least))
    stages, data, parts = under(honest, ["recall >= 0.9"]), honest.piece(Dataset), honest.piece(Split)
    found = stages.predict(blind, data, parts, "test")
    found = replace(found, detections=_at_score(found.detections, stored))
    verdict = stages.decide(reported(stages, blind, data, parts, found=found), None)
    honest.store.put(verdict)
    refused(honest, verdict, "are not what the bundle answers", capsys, served_too=False)


def test_what_is_moved_within_the_tolerance_of_each_detection_shows_in_the_figures(
    honest: Honest, capsys: pytest.CaptureFixture[str]
) -> None:
    stages, data, parts = under(honest, ["recall >= 0.9"]), honest.piece(Dataset), honest.piece(Split)
    barely = tiny_bundle(honest.root / "c", scores=(0.495, 0.9))
    made = stages.predict(barely, data, parts, "test")
    score = made.detections.column("score").to_numpy()
    at = made.detections.column_names.index("score")
    moved = np.where(score < 0.6, 0.5, score).astype(score.dtype)
    forged = replace(made, detections=made.detections.set_column(at, "score", pa.array(moved)))
    verdict = stages.decide(reported(stages, barely, data, parts, found=forged), None)
    honest.store.put(verdict)
    assert verdict.verdict == "pass"
    refused(honest, verdict, "recall is 1.0000 as stored and 0.5000 as the bundle answers", capsys, served_too=False)


def test_a_comparison_with_one_more_record_is_refused(honest: Honest, capsys: pytest.CaptureFixture[str]) -> None:
    """Records were told apart by their key, which the gate does not read: the last one about a figure won."""
    store, worse = honest.store, tiny_bundle(honest.root / "worse", scores=(0.9, 0.3))
    release(store, honest.verdict, reason="test")
    stages, data, parts = under(honest, ["recall >= baseline - 0.01"]), honest.piece(Dataset), honest.piece(Split)
    report, before = (reported(stages, bundle, data, parts) for bundle in (worse, honest.bundle))
    made = stages.compare(before, report)
    recall = next(record for record in made.metrics if record.key == "recall")
    more = replace(recall, key="recall ", difference=0.0, low=0.0, high=0.0)
    with pytest.raises(InputError, match="'recall' is compared twice"):
        stages.decide(report, before, (), [replace(made, metrics=(*made.metrics, more))])
    other = replace(more, metric="ap75", class_name="nobody")
    longer = replace(made, metrics=(*made.metrics, other))
    store.put(longer)
    evidence = gather(store, _passing(stages, honest, longer))
    with pytest.raises(NotReleasable, match="'metrics' has 49 entries, made again it has 48"):
        measure_again(store, evidence)
    shorter = replace(made, metrics=made.metrics[1:])
    store.put(shorter)
    with pytest.raises(NotReleasable, match="'metrics' has 47 entries, made again it has 48"):
        measure_again(store, gather(store, _passing(stages, honest, shorter)))


def _passing(stages: Stages, honest: Honest, like: Comparison) -> Verdict:
    """A verdict that passes, with a comparison of the bundle in service and a second that is as good; its figures are `like`'s."""
    good = tiny_bundle(honest.root / "good", scores=(0.9, 0.65))
    data, parts = honest.piece(Dataset), honest.piece(Split)
    report, before = (reported(stages, bundle, data, parts) for bundle in (good, honest.bundle))
    made = stages.compare(before, report)
    keys = {record.key for record in made.metrics}
    extra = [record for record in like.metrics if record.key not in keys]
    kept = {record.key for record in like.metrics}
    forged = replace(made, metrics=(*(record for record in made.metrics if record.key in kept), *extra))
    verdict = stages.decide(report, before, (), [forged])
    for artifact in (forged, verdict):
        stages._store.put(artifact)
    return verdict


def test_a_baseline_with_thresholds_that_its_bundle_does_not_have_is_refused(
    honest: Honest, capsys: pytest.CaptureFixture[str]
) -> None:
    worse = tiny_bundle(honest.root / "worse", scores=(0.9, 0.3))
    release(honest.store, honest.verdict, reason="test")
    stages, data, parts = under(honest, ["recall >= baseline - 0.01"]), honest.piece(Dataset), honest.piece(Split)
    report, before = (reported(stages, bundle, data, parts) for bundle in (worse, honest.bundle))
    deaf = {"lighting": {"": dict.fromkeys(NAMES, 1.0)}}
    forged = replace(before, operating=replace(before.operating, condition_thresholds=deaf))
    per_class = {name: replace(record, score_threshold=1.0) for name, record in before.operating.per_class.items()}
    assert stages.compare(forged, report).metrics == stages.compare(before, report).metrics
    forged = replace(before, operating=replace(before.operating, per_class=per_class))
    assert stages.compare(forged, report).metrics == stages.compare(before, report).metrics
    good = honest.piece(Report)
    with_more = replace(good, operating=replace(good.operating, condition_thresholds=deaf))
    refused(
        honest,
        honest.decided(with_more),
        "'operating.condition_thresholds.lighting' is stored, and not there",
        capsys,
        served_too=False,
    )


def test_a_figure_that_is_not_made_again_is_refused(honest: Honest, capsys: pytest.CaptureFixture[str]) -> None:
    report = honest.piece(Report)
    figure = Observed(1.0, 0.99, 1.0, 5000)
    forged = replace(report, observed={**report.observed, "recall[ghost]": figure})
    refused(
        honest, honest.decided(forged), "'observed.recall[ghost]' is stored, and not there", capsys, served_too=False
    )
    bare = replace(honest.verdict, spec={**honest.verdict.spec, "classes": [*CLASSES, {"name": "ghost"}]})
    honest.store.put(bare)
    refused(honest, bare, "the bundle has the classes carton, pouch; its spec has carton, pouch, ghost", capsys)


def _two_sides(store: Store, boxes: Any = BOXES_XYXY, name: str = "line") -> tuple[Dataset, Split]:
    """Eight test images and eight of a challenge set, whose annotations are `boxes`."""
    pictures = store.pictures.add([jpeg(20 + 10 * k) for k in range(16)])
    rows = [
        {**row(k + 1, list(BOXES_XYXY if k < 8 else boxes), classes=[0, 1], picture=picture), "width": 64, "height": 48}
        for k, picture in enumerate(pictures)
    ]
    data = Dataset.from_rows(rows, name=name, class_names=NAMES, provenance={"format": "by hand"})
    parts = Split(
        image_ids=data.image_ids, side=("test",) * 8 + ("hard",) * 8, group=tuple(f"g{k // 2}" for k in range(16)),
        summary=SplitSummary(seed=0, sets={"hard": SetOrigin("challenge")}), made_from={"dataset": data.digest},
    )  # fmt: skip
    store.put(data)
    store.put(parts)
    return data, parts


HARD = {"sets": [{"name": "hard", "kind": "challenge"}]}


def test_a_baseline_is_asked_for_on_every_side_that_compares(
    honest: Honest, capsys: pytest.CaptureFixture[str]
) -> None:
    store, worse = honest.store, tiny_bundle(honest.root / "worse", scores=(0.9, 0.3))
    release(store, honest.verdict, reason="test")
    data, parts = _two_sides(store)
    stages = under(honest, ["recall >= baseline - 0.01", "recall[set=hard] >= 0.2"], **HARD)
    report, hard, before = (
        reported(stages, b, data, parts, s) for b, s in ((worse, "test"), (worse, "hard"), (honest.bundle, "hard"))
    )
    on = OnSet("hard", "challenge", hard, before)
    assert stages.decide(report, None, [on]).verdict == "fail"  # no first release where there is any baseline
    alone = stages.decide(report, None, [replace(on, baseline=None)])
    store.put(alone)
    refused(honest, alone, "compares with nothing (a first release)", capsys, served_too=False)
    stages = under(honest, ["recall >= 0.2", "recall[set=hard] >= baseline - 0.01"], **HARD)
    on_test = reported(stages, honest.bundle, data, parts)
    report = reported(stages, worse, data, parts)
    assert stages.decide(report, on_test, [replace(on, baseline=None)]).verdict == "fail"


def test_all_reports_of_a_verdict_are_of_one_dataset_and_split(
    honest: Honest, capsys: pytest.CaptureFixture[str]
) -> None:
    real = _two_sides(honest.store, ((20.0, 20.0, 28.0, 28.0), (2.0, 30.0, 10.0, 40.0)))
    easy = _two_sides(honest.store, name="easy")
    stages = under(honest, ["recall >= 0.7", "recall[set=hard] >= 0.7"], **HARD)
    report, hard = reported(stages, honest.bundle, *real), reported(stages, honest.bundle, *easy, "hard")
    verdict = stages.decide(report, None, [OnSet("hard", "challenge", hard)])
    honest.store.put(verdict)
    refused(honest, verdict, f"its report[hard] is of {easy[0].digest[:12]}", capsys)


def test_a_bundle_before_that_was_put_in_by_hand_is_not_kept_warm(honest: Honest) -> None:
    store = honest.store
    release(store, honest.verdict, reason="test")
    second = tiny_bundle(honest.root / "second", scores=(0.8, 0.6))
    release(store, keep_verdict(store, second), reason="test")
    now = store.get(ROLLOUT, Rollout)
    assert following(store)().previous == honest.bundle.digest
    other = tiny_bundle(honest.root / "other", scores=(0.2, 0.2))
    store.put(other)
    store.put(replace(now, previous=other.digest), name=ROLLOUT)
    wanted = following(store)()
    assert (wanted.bundle, wanted.previous) == (second.digest, None)


def test_evidence_that_a_store_does_not_give_holds_up_no_other_release(
    honest: Honest, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, over, hangs = honest.store, threading.Event(), threading.Event()
    release(store, honest.verdict, reason="test")
    ask = following(store)
    assert ask().bundle == honest.bundle.digest
    second = tiny_bundle(honest.root / "second", scores=(0.8, 0.6))
    judged = keep_verdict(store, second)
    release(store, judged, reason="test")

    def hanging(store: Store, verdict: Verdict) -> Any:
        if verdict.digest == judged.digest:
            hangs.set()
            assert over.wait(60)
        return gather(store, verdict)

    monkeypatch.setattr(releasing, "gather", hanging)
    monkeypatch.setattr(releasing, "_BEFORE_S", 0.1)
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(ask)
        assert hangs.wait(60)
        with pytest.raises(StoreError, match="has not been read yet"):
            ask()
        now = store.get(ROLLOUT, Rollout)
        store.put(rollback(now), name=ROLLOUT)
        wanted = ask()
        assert (wanted.bundle, wanted.previous) == (honest.bundle.digest, None)
        over.set()
        assert first.result(60).bundle == second.digest
    assert ask().previous == second.digest


def test_the_evidence_on_the_bundle_before_holds_up_a_look_for_a_moment_only(
    honest: Honest, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, over = honest.store, threading.Event()
    release(store, honest.verdict, reason="test")
    second = tiny_bundle(honest.root / "second", scores=(0.8, 0.6))
    release(store, keep_verdict(store, second), reason="test")

    def hanging(store: Store, verdict: Verdict) -> Any:
        if verdict.digest == honest.verdict.digest:
            assert over.wait(60)
        return gather(store, verdict)

    monkeypatch.setattr(releasing, "gather", hanging)
    monkeypatch.setattr(releasing, "_BEFORE_S", 0.1)
    ask = following(store)
    assert (ask().bundle, ask().previous) == (second.digest, None)
    over.set()
    until = time.monotonic() + 60
    while ask().previous != honest.bundle.digest:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_measured_figures_come_from_what_was_timed(honest: Honest, capsys: pytest.CaptureFixture[str]) -> None:
    found = honest.piece(Predictions)
    told = {**found.measured_on, "latency_p95_ms": 0.001, "parity_iou": 1.0}
    figures = measured_figures(replace(found, measured_on=told), honest.bundle)
    assert figures == measured_figures(found, honest.bundle) and figures["latency_p95_ms"] > 0.001


def test_parity_of_no_detection_is_not_measured(honest: Honest) -> None:
    def figures(compared: int) -> set[str]:
        parity = {"detections_compared": compared, "unmatched": 0, "least_iou": 1.0, "largest_score_difference": 0.0}
        contract = honest.bundle.contract.model_copy(update={"parity": parity})
        return {"parity_iou", "parity_score"} & set(measured_figures(None, replace(honest.bundle, contract=contract)))

    assert figures(1) == {"parity_iou", "parity_score"}
    assert figures(0) == set()


@pytest.mark.parametrize("nested", ["contract.json", "manifest.json"])
def test_nesting_without_end_is_damage(honest: Honest, nested: str) -> None:
    (honest.store.folder(honest.bundle.digest, kind="bundle") / nested).write_text("[" * 200_000)
    with pytest.raises(StoreError, match="damaged|cannot be read"):
        honest.store.get(honest.bundle.digest, Bundle)


@pytest.mark.parametrize("answers", ["[" * 200_000, '{"0.jpg": {"boxes_xyxy": [[0, 0, 1, 1]], "score": [0.9], "class_id": [1000000000000]}}'],
                         ids=["nested", "large"])  # fmt: skip
def test_golden_answers_of_another_shape_are_damage(tmp_path: Path, answers: str) -> None:
    bundle = tiny_bundle(tmp_path / "b", scores=(0.9, 0.6))
    bundle.golden["golden/answers.json"].write_text(answers)
    with pytest.raises(StoreError, match="golden pictures of bundle .* are damaged"):
        Detector(replace(bundle), check_golden=True)


def test_a_folder_called_by_a_digest_does_not_stand_in_for_it(honest: Honest, monkeypatch: pytest.MonkeyPatch) -> None:
    other = keep_verdict(honest.store, tiny_bundle(honest.root / "other", scores=(0.7, 0.6)))
    place, wanted = honest.root / "store", honest.verdict.digest
    for called in (wanted, wanted[:12]):
        shutil.copytree(honest.store.folder(other.digest, kind="verdict"), honest.root / "here" / called)
        monkeypatch.chdir(honest.root / "here")
        with pytest.raises(StoreError, match="is called like a digest"):
            find(place, called, Verdict)
        with pytest.raises(StoreError, match="is called like a digest"):
            any_artifact(place, called)
        assert find(place, f"./{called}", Verdict).digest == other.digest
    assert find(place, wanted[:20], Verdict).digest == wanted


def test_a_name_does_not_stand_in_for_the_beginning_of_a_digest(honest: Honest) -> None:
    store, short = honest.store, honest.verdict.digest[:12]
    other = keep_verdict(store, tiny_bundle(honest.root / "other", scores=(0.7, 0.6)))
    with pytest.raises(StoreError, match="reads like the beginning of a digest"):
        store.point(short, other.digest)
    place = honest.root / "store" / "names"
    shutil.copyfile(place / f"verdict/{other.bundle[:8]}.jsonl", place / f"{short}.jsonl")
    assert store.resolve(short) == honest.verdict.digest
    shutil.copyfile(
        place / f"verdict/{other.bundle[:8]}.jsonl", place / "facade.jsonl"
    )  # as an earlier version named it
    assert store.resolve("facade") == other.digest and store.point("facade", honest.verdict.digest)


def test_a_column_name_cannot_stand_for_other_columns() -> None:
    """Names stand unescaped before the values: `x:int8:1;...` could be read as a column of its own."""
    digest_of_columns(pa.table({"lens:type": [1]}))
    with pytest.raises(StoreError, match="';' stands in its name"):
        digest_of_columns(pa.table({"a:int8:1;X": [1]}))
    with pytest.raises(StoreError, match="';' stands in its name"):
        digest_of_columns(pa.table({"a": pa.array([{"b;": 1}])}))
