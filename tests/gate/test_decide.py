"""What is met, what is not, and what there is no evidence for; and how much more would settle it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxwright.artifacts import Check, Comparison, Predictions, Report, Verdict
from boxwright.artifacts.comparison import ComparedMetric
from boxwright.artifacts.resampled import Resampled
from boxwright.artifacts.verdict import MANY_LOOKS
from boxwright.errors import InputError
from boxwright.gate import OnSet, as_junit, as_markdown, decide, pair
from boxwright.pages import verdict_page
from boxwright.spec import Observed, parse_requirement
from tests.gate.reports import asking, figure, report, slice_of
from tests.worlds import digest_of, one_of_each_kind

share = st.floats(0, 1)


def only(verdict: Verdict) -> Check:
    (check,) = verdict.checks
    return check


@given(st.tuples(share, share, share).map(sorted), share, st.sampled_from([">=", ">", "<=", "<"]))
def test_the_bound_decides(ends: list[float], required: float, comparison: str) -> None:
    low, value, high = ends
    verdict = decide(report({"recall": figure(value, low, high)}), asking(f"recall {comparison} {required!r}"))
    met = {">=": low >= required, ">": low > required, "<=": high <= required, "<": high < required}[comparison]
    out = {">=": high < required, ">": high <= required, "<=": low > required, "<": low >= required}[comparison]
    assert only(verdict).status == ("met" if met else "not met" if out else "no evidence")
    assert verdict.verdict == ("pass" if met else "fail")


@given(st.floats(0.5, 0.95), st.floats(0.01, 0.2), st.floats(0.05, 0.95), st.integers(1, 5000), st.integers(1, 500))
def test_as_much_more_as_is_said_would_settle_it(
    value: float, reach: float, part: float, support: int, images: int
) -> None:
    required = value - reach * part  # within the interval
    spec = asking(f"recall[lighting=dim] >= {required!r}")
    found = figure(value, value - reach, value + reach, support)
    dim = slice_of("lighting", "dim", images=images, objects=support, found=found)
    check = only(decide(report({"recall[lighting=dim]": found}, slices=(dim,)), spec))
    lacking = check.lacking
    assert check.status == "no evidence" and lacking is not None and lacking.slice == "lighting=dim"
    assert lacking.objects is not None and lacking.images is not None
    margin = value - required
    assert reach * math.sqrt(support / (support + lacking.objects)) <= margin * (1 + 1e-9)
    assert reach * math.sqrt(support / (support + max(0, lacking.objects - 2))) >= margin * (1 - 1e-9)
    assert lacking.objects / lacking.images == pytest.approx(
        support / images, rel=2 / lacking.images + 2 / lacking.objects
    )
    assert f"about {lacking.objects} more objects of lighting=dim (about {lacking.images} more images" in check.note


def test_a_figure_that_does_not_clear_its_bound_is_not_helped_by_more_data() -> None:
    check = only(decide(report({"recall[carton]": figure(0.58, 0.5, 0.66)}), asking("recall[carton] >= 0.6")))
    assert check.status == "no evidence" and check.lacking is not None
    assert (check.lacking.slice, check.lacking.objects) == ("carton", None)
    assert "the figure itself does not clear it: more data of carton alone may not either" in check.note


def test_images_are_not_guessed_where_a_slice_was_not_counted() -> None:
    key = "recall[carton, camera=a, lighting=dim]"
    check = only(decide(report({key: figure(0.7, 0.5, 0.8)}), asking(f"{key} >= 0.6")))
    assert check.lacking is not None and check.lacking.objects == 300 and check.lacking.images is None
    assert "about 300 more objects of carton, camera=a, lighting=dim would settle it" in check.note


@pytest.mark.parametrize("found", [figure(None, support=0), figure(1.0, support=3)])
def test_where_nothing_was_seen_a_least_number_of_groups_is_said(found: Observed) -> None:
    check = only(decide(report({"recall[lighting=dim]": found}), asking("recall[lighting=dim] >= 0.9")))
    assert check.status == "no evidence" and check.lacking is not None
    groups = check.lacking.groups
    assert groups == 35  # 1.96^2 * 0.9 / 0.1 = 34.6; Wilson's interval of 35 of 35 begins at 0.901
    assert "at the least 35 groups of it, all of them right" in check.note


def test_the_least_number_of_groups_is_wilsons() -> None:
    from boxwright.statistics import LEAST_GROUPS, wilson

    easy = only(decide(report({"recall": figure(None)}), asking("recall >= 0.1")))
    assert easy.lacking is not None and easy.lacking.groups == LEAST_GROUPS
    assert wilson(1.0, 35, confidence=0.95)[0] >= 0.9 > wilson(1.0, 34, confidence=0.95)[0]


@given(st.floats(0.2, 0.8), st.tuples(*[st.floats(-0.1, 0.1)] * 3).map(sorted), st.sampled_from([0.01, 0.05]))
def test_against_the_baseline_the_paired_difference_is_judged(before: float, ends: list[float], slack: float) -> None:
    low, value, high = ends
    candidate = report({"ap50": figure(before + value, 0.0, 1.0)})  # alone, it could not be told
    spec, pairs = asking(f"ap50 >= baseline - {slack}"), {"ap50": Observed(value, low, high, 90)}
    baseline = report({"ap50": figure(before, 0.0, 1.0)}, bundle="older")
    check = only(decide(candidate, spec, baseline=baseline, differences=pairs))
    edge = 1e-9  # of floating point
    if low >= -slack + edge:
        assert check.status == "met"
    elif high < -slack - edge:
        assert check.status == "not met"
    elif low < -slack - edge and high > -slack + edge:
        assert check.status == "no evidence"
    assert "paired difference" in check.note
    assert only(decide(candidate, spec, baseline=baseline)).status == "no evidence"


@given(st.tuples(*[st.floats(-0.5, 0.5)] * 3).map(sorted))
def test_lower_is_better_is_the_mirror(ends: list[float]) -> None:
    low, value, high = ends
    key = "false_alarms_per_image"
    spec, pairs = asking(f"{key} <= baseline + 0.1"), {key: Observed(value, low, high)}
    check = only(decide(report({key: figure(1 + value, 0, 2)}), spec, differences=pairs))
    assert check.required == pytest.approx(1.1)  # the baseline's figure follows from the pair
    if abs(high - 0.1) > 1e-9 and abs(low - 0.1) > 1e-9:
        assert check.status == ("met" if high < 0.1 else "not met" if low > 0.1 else "no evidence")


def test_pairs_without_an_interval_are_no_evidence() -> None:
    spec, pairs = asking("ap50 >= baseline - 0.1"), {"ap50": Observed(0.02)}
    check = only(decide(report({"ap50": figure(0.9, 0.89, 0.91)}), spec, differences=pairs))
    assert check.status == "no evidence" and "paired difference" in check.note


def on(name: str, observed: dict[str, Observed], **more: Any) -> OnSet:
    kind = "golden" if name == "gold" else "challenge"
    looks = more.pop("looks", ())
    return OnSet(name, kind, report(observed, side=name, pictures=name, **more), looks=looks)


def test_a_clause_on_a_set_is_judged_on_the_sets_own_report() -> None:
    spec = asking("recall >= 0.8", "recall[set=gold] >= 0.9", "ap50[carton, set=night] >= 0.5")
    main = report({"recall": figure(0.9, 0.85, 0.95), "ap50[carton]": figure(0.1, 0.05, 0.2)})
    sets = [on("gold", {"recall": figure(0.7, 0.6, 0.8)}), on("night", {"ap50[carton]": figure(0.7, 0.6, 0.8)})]
    verdict = decide(main, spec, sets=sets)
    assert [(c.observed, c.status) for c in verdict.checks] == [(0.9, "met"), (0.7, "not met"), (0.7, "met")]
    assert verdict.made_from["report[gold]"] == sets[0].report.digest
    assert verdict.made_from["dataset"] == digest_of("dataset") and verdict.made_from["split"] == digest_of("split")


def test_pairs_of_a_set_have_the_set_in_their_key() -> None:
    requirement = parse_requirement("ap50[carton, lighting=dim, set=gold] >= baseline - 0.01")
    assert (requirement.figure, requirement.key) == (
        "ap50[carton, lighting=dim]",
        "ap50[carton, lighting=dim, set=gold]",
    )
    spec = asking("ap50[set=gold] >= baseline - 0.01")
    main, gold = report({}), on("gold", {"ap50": figure(0.7, 0.1, 0.9)})
    pairs = {"ap50[set=gold]": Observed(0.05, 0.0, 0.1), "ap50": Observed(-0.5, -0.6, -0.4)}
    assert only(decide(main, spec, sets=[gold], differences=pairs)).status == "met"


def test_a_set_that_was_not_evaluated_is_no_evidence() -> None:
    spec = asking("recall[set=gold] >= 0.9")
    for sets in ([], [OnSet("gold", "golden", looks=(digest_of("a"),))]):
        check = only(decide(report({"recall": figure(1.0, 0.99, 1.0)}), spec, sets=sets))
        assert check.status == "no evidence" and "--side gold" in check.note
    check = only(decide(report({}), spec, sets=[on("gold", {"ap50": figure(1.0)})]))
    assert check.status == "no evidence" and "has no figure 'recall'" in check.note


def test_reports_of_other_sides_bundles_and_pictures_are_refused() -> None:
    spec, good = asking("recall[set=gold] >= 0.9"), {"recall": figure(0.95, 0.94, 0.96)}
    with pytest.raises(InputError, match="judged on the side 'val'"):
        decide(report(good, side="val"), spec)
    with pytest.raises(InputError, match="judged on the side 'gold'"):
        decide(report(good, side="gold"), spec)
    with pytest.raises(InputError, match="judged on the side 'test'"):
        decide(report(good), spec, sets=[OnSet("gold", "golden", report(good))])
    with pytest.raises(InputError, match="about bundle"):
        decide(report(good), spec, sets=[on("gold", good, bundle="another")])
    with pytest.raises(InputError, match="other pictures"):
        decide(report(good), spec, sets=[replace(on("gold", good), baseline=report(good, pictures="elsewhere"))])
    with pytest.raises(InputError, match="declares no set 'silver'"):
        decide(report(good), spec, sets=[OnSet("silver", "golden")])
    assert decide(report(good, side=None), spec, sets=[on("gold", good)]).verdict == "pass"  # a file says no side


def test_looks_are_told_and_too_many_warn() -> None:
    spec, good = asking("recall[set=gold] >= 0.9"), {"recall": figure(0.95, 0.94, 0.96)}
    for count in (0, 1, MANY_LOOKS, MANY_LOOKS + 1):
        looks = tuple(digest_of(f"bundle {k}") for k in range(count))
        verdict = decide(report(good), spec, sets=[on("gold", good, looks=looks), on("night", good)])
        (told,) = verdict.looks_told  # a challenge set may be looked at freely
        assert ("no look" if count == 0 else "once" if count == 1 else f"{count} times") in told
        assert all(digest[:12] in told for digest in looks)
        assert ("leaks a little" in told) == (count > MANY_LOOKS)
        assert ("too often" in verdict_page(verdict)) == (count > MANY_LOOKS)
        for text in (verdict_page(verdict), as_markdown(verdict), as_junit(verdict).decode()):
            assert all(digest[:12] in text for digest in looks)


def test_coverage_says_how_many_more_of_what() -> None:
    spec = asking("ap50 >= 0", coverage=[{"where": {"lighting": "dim"}, "split": "test", "least_objects": 30},
                                         {"split": "gold", "least_images": 9}])  # fmt: skip
    counts = {
        "objects[lighting=dim, split=test]": figure(20.0, support=5),
        "images[split=gold]": figure(4.0, support=4),
    }
    _, objects, images = decide(report({"ap50": figure(0.5, 0.4, 0.6), **counts}), spec).checks
    assert (
        objects.note
        == "collect and label 10 more objects of lighting=dim, split=test (about 3 more images, at 4 an image)"
    )
    assert images.note == "collect and label 5 more images of split=gold"
    assert objects.lacking is not None and (objects.lacking.objects, objects.lacking.images) == (10, 3)


def test_a_latency_promised_for_other_hardware_is_no_evidence_until_it_is_measured_there(tmp_path) -> None:
    from boxwright.evaluation import evaluate
    from tests.evaluation.test_reductions import NAMES, world

    found = one_of_each_kind(tmp_path)["predictions"]
    assert isinstance(found, Predictions)
    statuses = {}
    for hardware in ("AMD EPYC 7B13, 2 cores", "Jetson Orin, 8 cores"):
        predictions = replace(found, measured_on={"hardware": hardware, "threads": 1})
        spec = asking("ap50 >= 0", judge_on="value", constraints={"latency_p95_ms": 500, "hardware": "jetson"})
        spec = spec.model_copy(update={"conditions": (), "sets": ()})
        judged = evaluate(
            world(20, 3), title="t", score_thresholds=dict.fromkeys(NAMES, 0.4), spec=spec, predictions=predictions
        )
        verdict = decide(judged, spec)
        check = verdict.checks[1]
        statuses[hardware] = (check.status, check.observed is not None)
        assert hardware in check.note
        for text in (as_markdown(verdict, judged), verdict_page(verdict, report=judged)):
            assert hardware in text  # what was measured, and where, is shown in any case
            assert "p50" in text and "p99" in text
    assert list(statuses.values()) == [("no evidence", False), ("met", True)]


def test_the_verdict_names_what_it_rests_on() -> None:
    spec = asking("ap50 >= 0.1")
    verdict = decide(report({"ap50": figure(0.5, 0.4, 0.6)}), spec)
    assert set(verdict.digests) == {"spec", "report", "bundle", "dataset", "split"}
    other = decide(report({"ap50": figure(0.5, 0.4, 0.6)}), asking("ap50 >= 0.1", monitoring={"window": 50}))
    assert verdict.spec_digest != other.spec_digest and verdict.digest != other.digest
    assert verdict.spec == spec.as_document


def test_everything_new_goes_there_and_back(tmp_path) -> None:
    spec = asking("recall[carton] >= 0.6", "recall[set=gold] >= 0.9")
    gold = on("gold", {"recall": figure(0.95, 0.94, 0.96)}, looks=(digest_of("a"), digest_of("b")))
    verdict = decide(report({"recall[carton]": figure(0.7, 0.5, 0.8)}), spec, sets=[gold])
    verdict.save(tmp_path)
    loaded = Verdict.load(tmp_path)
    assert loaded == verdict and loaded.checks == verdict.checks and loaded.looks == verdict.looks
    assert loaded.spec_digest == verdict.spec_digest


def comparison(before: Report, after: Report, *found: ComparedMetric) -> Comparison:
    """What `compare` would store of two reports."""
    return Comparison(
        title_a="a", title_b="b", class_names=(), metrics=found, objects={}, false_alarms={}, slices=(), error_types={},
        resampling=Resampled(unit="group", groups=20, replicates=1000, confidence=0.95), judged_on=after.measured["judged_on"],
        made_from={"matches_a": before.made_from["matches"], "matches_b": after.made_from["matches"]},
    )  # fmt: skip


def test_comparisons_are_laid_to_the_pictures_they_are_about() -> None:
    spec = asking("recall[carton, lighting=dim] >= baseline - 0.1", "ap50[set=gold] >= baseline")
    dim = ComparedMetric(
        key="recall[carton, lighting=dim]", metric="recall", class_name="carton", conditions={"lighting": "dim"}, a=0.5, b=0.5,
        difference=0.0, low=-0.05, high=0.05, support=9, verdict="no significant difference",
    )  # fmt: skip
    better = replace(dim, key="ap50", metric="ap50", class_name=None, conditions={}, low=0.01)
    main, gold = (
        report({"recall[carton, lighting=dim]": figure(0.5, 0.1, 0.9)}),
        on("gold", {"ap50": figure(0.5, 0.1, 0.9)}),
    )
    found = [comparison(main, main, dim), comparison(gold.report, gold.report, better)]
    pairs = pair(found, main, sets=[gold])
    assert set(pairs.differences) == {"recall[carton, lighting=dim]", "ap50[set=gold]"}
    assert dict(pairs.made_from) == {"comparison": found[0].digest, "comparison[gold]": found[1].digest}
    assert decide(main, spec, sets=[gold], differences=pairs.differences).verdict == "pass"


def test_comparisons_of_other_pictures_or_detections_are_refused() -> None:
    main = report({})
    with pytest.raises(InputError, match="other pictures"):
        pair([comparison(main, report({}, pictures="elsewhere"))], main)
    other = replace(main, made_from={**main.made_from, "matches": digest_of("others")})
    for found, baseline, whose in (
        (comparison(main, other), None, "candidate's"),
        (comparison(other, main), main, "baseline's"),
    ):
        with pytest.raises(InputError, match=f"than the {whose} report"):
            pair([found], main, baseline=baseline)
