"""A verdict is not taken at its word: what is forged, missing or about something else is refused on every way to a release.

Forgeries are whole artifacts with right digests, as somebody makes them who can write into the store. Those who would be served by
them are asked through the command line.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
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
from boxwright.cli.main import run
from boxwright.errors import NotReleasable
from boxwright.lifecycle import ROLLOUT, Stages, check_verdict, following, promoted, release
from boxwright.lifecycle.evidence import answer_again, gather, measure_again
from boxwright.serving import promote
from boxwright.spec import Spec
from boxwright.store import Store
from tests.tiny_bundles import keep_verdict, tiny_bundle

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
    assert out == "" and told in err and len(err.strip().splitlines()) == 1
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
    assert promoted(honest.store) == following(honest.store)() == honest.bundle.digest


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
    assert ask() == honest.bundle.digest
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
    flattered = replace(report, observed={**report.observed, "recall": {**report.observed["recall"], "value": 0.97}})
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
    return detections.set_column(at, "score", pa.array(np.full(len(detections), score, of_kind)))


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
    from boxwright.inference import Detector

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
    figures = tuple({**f, "difference": 0.0} if f["key"] == "recall" else f for f in comparison.figures)
    flattered = replace(comparison, figures=figures)
    store.put(flattered)
    report, before = (store.get(verdict.made_from[role], Report) for role in ("report", "baseline"))
    report = replace(report, observed={**report.observed, "recall": {**report.observed["recall"], "value": 1.0}})
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


def test_a_report_of_an_earlier_version_is_checked_in_what_it_has(honest: Honest) -> None:
    """A version that knew fewer figures made reports that still hold; one that gave another figure did not."""
    report = honest.piece(Report)
    fewer = replace(report, certificates=(), olrp={}, curves={})
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
