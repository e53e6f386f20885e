"""Small artifacts written by hand, with names and figures that a page must survive."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from boxwright.artifacts import DRIFT_SCHEMA, QUEUE_SCHEMA, Check, Comparison, Drift, Report, ReviewQueue, Verdict
from boxwright.artifacts.comparison import (
    AlarmChanges,
    ComparedMetric,
    ComparedSlice,
    CostPair,
    ObjectChanges,
    Standing,
)
from boxwright.artifacts.drift import DriftSummary
from boxwright.artifacts.report import (
    ERROR_KINDS,
    AtThreshold,
    CalibrationError,
    CertifiedPrecision,
    Claim,
    ClassMetrics,
    ClassScores,
    Confusion,
    Crowding,
    Curves,
    ErrorCost,
    ErrorCosts,
    LrpError,
    MissedBy,
    OperatingMetrics,
    OptimalLrp,
    OverlapBin,
    ReliabilityBin,
    ScoreCalibration,
    SliceResult,
    Support,
    Thinned,
    VocClass,
    VocMetrics,
    WeakSlice,
    WeakSlices,
)
from boxwright.artifacts.resampled import Resampled
from boxwright.artifacts.review_queue import Selection
from boxwright.detections import Annotations, Detections
from boxwright.pages import (
    Chapter,
    Story,
    comparison_page,
    drift_page,
    queue_page,
    report_page,
    story_page,
    verdict_page,
)
from boxwright.spec import Observed
from tests.pages import of_data

HOSTILE = "<script>alert(1)</script>"
QUOTED = "\"'><img src=http://evil.example/x onerror=alert(2)>"
NAMES = ("open", HOSTILE, QUOTED)
DAY = 1_753_900_000.0
NOTHING_ANSWERED = OperatingMetrics(
    all=AtThreshold(precision=None, recall=None, f1=None, false_alarms_per_image=None, true=0, false=0, objects=0),
    per_class={},
)  # fmt: skip
EMPTY_COMPARISON = Comparison(
    title_a="", title_b="", class_names=(), metrics=(), objects={}, false_alarms={}, slices=(), error_types={},
    resampling=Resampled(unit="group", groups=0, replicates=0, confidence=0.95), judged_on="",
)  # fmt: skip
EMPTY_REPORT = Report(
    title="nothing", class_names=(), metrics={}, per_class={}, operating=NOTHING_ANSWERED,
    support=Support(images=0, objects=0, detections=0, groups=0),
)  # fmt: skip


def figure(value: float | None, low: float | None = None, high: float | None = None, support: int = 50) -> Observed:
    return Observed(value, low, high, support)


def failure(kind: str, **columns: Any) -> dict[str, Any]:
    usual = {
        "kind": kind, "reason": "nothing found here", "severity": 0.9, "image_id": 1, "file_name": f"a/{HOSTILE}.jpg",
        "class_id": 1, "other_class_id": -1, "score": 0.4321, "iou": 0.0,
        "x1": 10.0, "y1": 12.0, "x2": 40.0, "y2": 50.0,
    }  # fmt: skip
    return {**usual, **columns}


def plain_report() -> Report:
    """Without error types, calibration and the rest: three classes, one of them without objects."""
    per_class = {
        name: ClassMetrics(ap=ap, ap50=ap50, ap75=0.4567, ar100=-1.0, objects=n)
        for name, ap, ap50, n in zip(NAMES, (0.6123, 0.3, -1.0), (0.8712, 0.5, -1.0), (140, 31, 0), strict=True)
    }
    point = AtThreshold(
        precision=0.9134, recall=0.8476, f1=0.8793, false_alarms_per_image=0.2518, true=119, false=11, objects=140
    )
    falling = tuple(max(0.0, 1 - i / 80) for i in range(101))
    dim, nothing = figure(0.6412, 0.5713, 0.7015), figure(None, support=0)
    return Report(
        title=f"candidate on test {HOSTILE}",
        class_names=NAMES,
        metrics={"ap": 0.5431, "ap50": 0.7654, "ap75": 0.5012, "ap_small": -1.0, "ap_medium": 0.51, "ap_large": 0.62,
                 "ar1": 0.2, "ar10": 0.5, "ar100": 0.6, "ar_small": -1.0, "ar_medium": 0.6, "ar_large": 0.7},
        per_class=per_class,
        operating=OperatingMetrics(
            all=point, per_class={name: replace(point, score_threshold=0.3725) for name in NAMES}
        ),
        confusion=Confusion(
            labels=(*NAMES, "background"), counts=((90, 7, 0, 12), (3, 20, 0, 5), (0,) * 4, (4, 2, 1, 0)), rule="greedy"
        ),
        slices=tuple(
            SliceResult(condition="lighting", value=value, images=images, objects=objects, ap50=found, precision=found,
                        recall=found, errors={})
            for value, images, objects, found in (("dim", 40, 80, dim), (HOSTILE, 0, 0, nothing))
        ),
        observed={"ap50": figure(0.7654, 0.7123, 0.8111, 171), f"recall[{HOSTILE}]": figure(0.8996, 0.85, 0.93),
                  "recall[lighting=night]": figure(None, support=0), f"ap50[{QUOTED}]": figure(None, support=0),
                  "recall[open, lighting=night]": figure(None, support=0)},
        curves=Curves(recall=tuple(i / 100 for i in range(101)), precision={NAMES[0]: falling, NAMES[1]: falling}),
        measured={"latency_p50_ms": 12.34, "latency_p95_ms": 23.45, "latency_p99_ms": 34.56, "hardware": QUOTED},
        support=Support(images=1234, objects=171, detections=260, groups=17),
        failures=pa.Table.from_pylist(
            [failure("miss"), failure("miss", image_id=2), failure("false alarm", class_id=2)]
        ),
        made_from={"bundle": "b" * 64, "matches": "c" * 64},
    )  # fmt: skip


def full_report() -> Report:
    """All that a report can hold, on top of a plain one."""
    shares = {kind.code: 2.0 + i for i, kind in enumerate(ERROR_KINDS)}
    bins = [(0.0, 0.1, 2000), (0.4, 0.5, 12), (0.9, 1.0, 340)]
    distance = CalibrationError(value=0.1053, low=0.0758, high=0.1284, null=0.0351, null_high=0.0499)
    nothing = CalibrationError()
    plain = plain_report()
    return replace(
        plain,
        intervals={"ap50": figure(0.7654, 0.7123, 0.8111, 171), "ap": figure(None)},
        resampling=Resampled(unit="group", groups=17, replicates=1000, confidence=0.95),
        slices=tuple(
            replace(of, errors={kind.code: 3 * i for i, kind in enumerate(ERROR_KINDS)}) for of in plain.slices
        ),
        errors=ErrorCosts(
            kinds={
                kind.code: ErrorCost(
                    name=kind.name, dap=9.87, low=7.52, high=12.48, share=shares[kind.code], count=4321, answered=63,
                    recommendation=f"Try {kind.code}.", collect=f"pictures of {HOSTILE}",
                    evidence=f"62% of them where lighting={QUOTED}, which holds 30% of all",
                )
                for kind in ERROR_KINDS
            },
            ap50=73.0, per_class={HOSTILE: shares, "open": dict.fromkeys(shares, 0.0)},
            false_positives=4.32, false_negatives=26.8, rule=f"the rule {HOSTILE}",
        ),
        calibration=ScoreCalibration(
            d_ece=distance, laece0=distance, laace0=nothing,
            per_class={"open": ClassScores(d_ece=distance, laece0=nothing, laace0=nothing, detections=2352),
                       HOSTILE: ClassScores(d_ece=nothing, laece0=nothing, laace0=nothing, detections=0)},
            reliability=tuple(
                ReliabilityBin(class_name=name, low=low, high=high, count=n, mean_score=(low + high) / 2,
                               precision=high / 2, precision_low=high / 4 if n > 20 else None,
                               precision_high=high if n > 20 else None)
                for name in ("open", HOSTILE, None) for low, high, n in bins
            ),
        ),
        olrp=OptimalLrp(
            all=LrpError(olrp=0.5946, localisation=0.1615, false_positive=0.15, false_negative=0.3274),
            per_class={"open": LrpError(olrp=0.6333, localisation=None, false_positive=0.193, false_negative=0.3826,
                                        threshold=0.505), HOSTILE: LrpError()},
        ),
        voc=VocMetrics(
            ap_11_points=0.6573, ap_all_points=0.6712,
            per_class={"open": VocClass(ap_11_points=0.5949, ap_all_points=0.6055), HOSTILE: VocClass()},
        ),
        weak_slices=WeakSlices(
            found=(WeakSlice(what="missed", slice={"lighting": HOSTILE, "class": QUOTED}, support=51, groups=9, rate=0.41,
                             elsewhere=0.11, excess=15.3, p=0.0004),),
            searched=86, rate=0.1,
        ),
        crowding=Crowding(
            by_overlap=(
                OverlapBin(low=0.0, high=0.1, objects=140, found=119, threshold=11, suppression=0, model=10),
                OverlapBin(low=0.7, high=1.0, objects=0, found=0, threshold=0, suppression=0, model=0),
            ),
            missed=MissedBy(threshold=11, suppression=4, model=6), duplicates=8, lost_by_rule=5,
            sweep=(Thinned(iou_threshold=0.3, duplicates_removed=8, other_false_removed=1, true_removed=2),),
            iou_threshold=0.6,
        ),
        certificates=(certificate(None), certificate(HOSTILE), certificate("open")),
        failures=pa.Table.from_pylist(
            [judged_failure("miss", "suspect annotation"), judged_failure("miss", "limit of the model", image_id=2),
             judged_failure("false alarm", "gap in the data", class_id=2, score=0.99)]
        ),
    )  # fmt: skip


def undefined_report() -> Report:
    """The later figures are there and say nothing: no detections, no objects, too few groups."""
    claim = Claim(precision=0.8, certified=False, e_value=1.0, more_units=None, more_images=None, note="")
    record = replace(
        certificate(None), certified_precision=0.0, observed=None, if_independent=0.0, units=0, images=0, detections=0,
        claims=(claim,),
    )  # fmt: skip
    return replace(
        EMPTY_REPORT,
        intervals={"ap": figure(None)},
        resampling=Resampled(unit="picture", groups=2, replicates=0, confidence=0.95),
        errors=ErrorCosts(kinds={"Cls": ErrorCost(name="", dap=0.0, low=None, high=None, share=0.0, count=0)}),
        weak_slices=WeakSlices(found=(), searched=0, rate=0.1),
        certificates=(record,),
    )


def certificate(class_name: str | None) -> CertifiedPrecision:
    claims = [
        (0.8, True, 0, "certified on 17 groups"),
        (0.9, False, 1989, f"about 1989 {HOSTILE}"),
        (0.99, False, None, ""),
    ]
    return CertifiedPrecision(
        class_name=class_name, certified_precision=0.8211, observed=0.9134, confidence=0.95, units=17, images=1234,
        detections=130, cap=100, beyond_cap=3, if_independent=0.8617,
        claims=tuple(Claim(precision=p, certified=c, e_value=1.0, more_units=more, more_images=more, note=note)
                     for p, c, more, note in claims),
    )  # fmt: skip


def judged_failure(kind: str, verdict: str, **columns: Any) -> dict[str, Any]:
    """A failure as it is listed since failures have types and verdicts."""
    side = "detection" if kind == "miss" else "annotation"
    rivals = [{"side": side, "class_id": 1, "score": 0.25 if kind == "miss" else None, "iou": 0.41}]
    return {
        **failure(kind), "type": "Miss" if kind == "miss" else "Bkg", "verdict": verdict, "why": f"why {HOSTILE}",
        "annotation_id": -1, "slices": [f"lighting={QUOTED}", "box_size=0-32"], "rivals": rivals, **columns,
    }  # fmt: skip


def difference(
    metric: str, class_name: str | None = None, verdict: Standing = "worse", **columns: Any
) -> ComparedMetric:
    """A figure of a comparison."""
    found = ComparedMetric(
        key=metric if class_name is None else f"{metric}[{class_name}]", metric=metric, class_name=class_name,
        conditions={}, a=0.6543, b=0.6012, difference=-0.0531, low=-0.0712, high=-0.0334, support=171, verdict=verdict,
    )  # fmt: skip
    return replace(found, **columns)


def full_comparison() -> Comparison:
    """Better, worse, no significant difference and undefined; hostile names on both sides."""
    undefined = dict.fromkeys(("a", "b", "difference", "low", "high"))
    changes = ("broken", "new", "fixed", "gone", "still missed", "still there")
    rows = [
        {"what": "false alarm" if change in ("new", "gone", "still there") else "object", "change": change, "image_id": i % 2,
         "file_name": f"a/{HOSTILE}.jpg", "class_id": 1, "score_a": 0.9713, "score_b": 0.0, "annotation_id": 7,
         "x1": 10.0, "y1": 12.0, "x2": 40.0, "y2": 50.0}
        for i, change in enumerate(changes)
    ]  # fmt: skip
    return Comparison(
        title_a=f"A {HOSTILE}",
        title_b=f"B {QUOTED}",
        class_names=NAMES,
        metrics=(
            difference("ap"), difference("ap50"), difference("precision", None, "better", difference=0.0213, low=0.001, high=0.04),
            difference("recall", None, "no significant difference", difference=-0.0004, low=-0.01, high=0.01),
            difference("false_alarms_per_image", None, "better", a=3.528, b=3.125, difference=-0.403, low=-0.42, high=-0.38),
            difference("ap_large", None, "no significant difference", **undefined),
            difference("recall", None, "no significant difference", key=f"recall[lighting={HOSTILE}]", conditions={"lighting": HOSTILE}),
            *(difference(metric, name) for metric in ("ap50", "precision", "recall") for name in NAMES[:2]),
            difference("ap50", QUOTED, "no significant difference", **undefined),
        ),
        objects={name: ObjectChanges(fixed=8, broken=51, still_missed=236, both_found=410) for name in ("all", *NAMES)},
        false_alarms={name: AlarmChanges(gone=11, new=9, still_there=77) for name in ("all", *NAMES)},
        slices=(
            ComparedSlice(condition=HOSTILE, value=QUOTED, objects=80, ap50=difference("ap50"),
                          precision=difference("precision", **undefined), recall=difference("recall"), fixed=4, broken=16,
                          gone=6, new=4),
        ),
        error_types={kind.code: CostPair(a=9.85, b=9.32) for kind in ERROR_KINDS},
        resampling=Resampled(unit="picture", groups=120, replicates=1000, confidence=0.95),
        judged_on="e" * 64,
        changed=pa.Table.from_pylist(rows),
    )  # fmt: skip


def full_verdict() -> Verdict:
    return Verdict(
        spec_name=HOSTILE,
        bundle="b" * 64,
        checks=(
            Check("ap50 >= 0.7", 0.7, 0.7654, 0.7123, 0.8111, "met"),
            Check(f"recall[{HOSTILE}] >= 0.9", 0.9, 0.8996, 0.85, 0.93, "no evidence", QUOTED),
            Check("latency_p95_ms <= 20", 20.0, 23.45, None, None, "not met"),
            Check("ap50 >= baseline", None, None, None, None, "no evidence", "no baseline"),
        ),
        made_from={"report": "d" * 64},
    )


def drift_rows(feature: str = "brightness", where: str = "all", limit: float = 0.3) -> list[dict[str, Any]]:
    effects = (0.1, -0.2, -0.9)
    return [
        {"window": i, "begins": DAY + 3600 * i, "ends": DAY + 3600 * (i + 1), "slice": where, "feature": feature,
         "events": 100, "reference": 112.0, "value": 112.0 + 18.0 * effect, "effect": effect, "p_value": 0.001,
         "limit": limit, "alarm": abs(effect) > limit}
        for i, effect in enumerate(effects)
    ]  # fmt: skip


def full_drift() -> Drift:
    rows = [*drift_rows(), *drift_rows(f"boxes of {HOSTILE}"), *drift_rows(where=f"camera={QUOTED}")]
    return Drift(
        rows=pa.Table.from_pylist(rows, schema=DRIFT_SCHEMA),
        summary=DriftSummary(outcome="alarm", windows=3, alarms=(HOSTILE,), cannot_compare=(QUOTED,)),
    )


def full_queue() -> ReviewQueue:
    proposal = {"boxes_xyxy": [[5, 5, 60, 40]], "score": [0.5123], "class_id": [1]}
    usual = {"item": "e1", "picture": "1" * 64, "file_name": HOSTILE, "camera": QUOTED, "priority": "P1",
             "reason": "uncertain", "value": 0.8713, "selected_at": DAY, "due_at": DAY + 8 * 3600}  # fmt: skip
    rows = [
        {**usual, "proposal": json.dumps(proposal)},
        {**usual, "picture": "2" * 64, "proposal": "no JSON", "reason": HOSTILE},
    ]
    return ReviewQueue(
        class_names=NAMES,
        items=pa.Table.from_pylist(rows, schema=QUEUE_SCHEMA),
        summary=Selection(left_out={HOSTILE: 50}, seed=0),
    )


def full_story() -> Story:
    return Story(
        HOSTILE,
        QUOTED,
        (
            Chapter(HOSTILE, f"One.\n\n{QUOTED}", ((HOSTILE, "0.921"),), "report.html", (picture(),)),
            Chapter("Then", ""),
        ),
        ((HOSTILE, {"ap50": 0.9213, QUOTED: 0.8}), ("autumn", {"ap50": 0.6612})),
    )


def picture() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)


def views(*, with_pictures: bool = True) -> dict[str, Any]:
    """Picture, annotations and detections by image id; only picture 1 is at hand."""
    return {
        "read_picture": lambda image_id: picture() if with_pictures and image_id == 1 else None,
        "annotations": lambda _: Annotations(np.array([[10, 12, 40, 50], [60, 10, 90, 30]]), np.array([1, 0])),
        "detections": lambda _: Detections(np.array([[12, 12, 44, 50]]), np.array([0.2]), np.array([0])),
    }


def page_of_report(report: Report, *, with_pictures: bool = True, worst: int = 24) -> str:
    return report_page(report, **views(with_pictures=with_pictures), worst=worst)


def page_of_comparison(comparison: Comparison, *, with_pictures: bool = True, worst: int = 24) -> str:
    return comparison_page(comparison, **views(with_pictures=with_pictures), worst=worst)


PAGES: dict[str, Callable[[], str]] = {
    "report": lambda: page_of_report(full_report()),
    "report without pictures": lambda: page_of_report(full_report(), with_pictures=False),
    "report without the rest": lambda: page_of_report(plain_report()),
    "comparison": lambda: page_of_comparison(full_comparison()),
    "comparison without pictures": lambda: page_of_comparison(full_comparison(), with_pictures=False),
    "verdict": lambda: verdict_page(full_verdict()),
    "verdict with report": lambda: verdict_page(full_verdict(), report=full_report()),
    "drift": lambda: drift_page(full_drift(), title=HOSTILE),
    "queue": lambda: queue_page(full_queue(), read_picture=lambda digest: picture() if digest[0] == "1" else None),
    "story": lambda: story_page(full_story()),
    "difference": lambda: of_data.page_of_difference(of_data.full_difference(HOSTILE, QUOTED), (HOSTILE, QUOTED)),
    "difference without pictures": lambda: of_data.page_of_difference(
        of_data.full_difference(HOSTILE, QUOTED), (HOSTILE, QUOTED), with_pictures=False
    ),
    "coverage": lambda: of_data.page_of_coverage(of_data.full_coverage(*NAMES), *NAMES),
    "suspects": lambda: of_data.page_of_suspects(of_data.full_suspects(HOSTILE, QUOTED)),
    "suspects without pictures": lambda: of_data.page_of_suspects(
        of_data.full_suspects(HOSTILE, QUOTED), with_pictures=False
    ),
}
EMPTY_PAGES: dict[str, Callable[[], str]] = {
    "report": lambda: page_of_report(EMPTY_REPORT),
    "report, classes without objects": lambda: page_of_report(
        replace(full_report(), per_class={}, operating=NOTHING_ANSWERED, curves=Curves(), slices=(),
                failures=pa.table({}), observed={}, measured={})
    ),
    "report, new figures undefined": lambda: page_of_report(undefined_report()),
    "comparison": lambda: page_of_comparison(EMPTY_COMPARISON),
    "comparison, nothing defined": lambda: page_of_comparison(
        replace(full_comparison(), metrics=(), slices=(), error_types={}, objects={}, false_alarms={},
                resampling=EMPTY_COMPARISON.resampling, changed=pa.table({}))
    ),
    "verdict": lambda: verdict_page(Verdict(spec_name="s", bundle="", checks=())),
    "drift": lambda: drift_page(Drift(rows=DRIFT_SCHEMA.empty_table()), title="none"),
    "queue": lambda: queue_page(
        ReviewQueue(class_names=(), items=QUEUE_SCHEMA.empty_table()), read_picture=lambda _: None
    ),
    "story": lambda: story_page(Story("none", "", ())),
    "difference": lambda: of_data.page_of_difference(of_data.Difference(), ("a", "b")),
    "coverage": lambda: of_data.page_of_coverage(of_data.EMPTY_COVERAGE, *NAMES),
    "suspects": lambda: of_data.page_of_suspects(of_data.empty_suspects()),
}  # fmt: skip


@pytest.fixture(scope="session", params=list(PAGES))
def page(request: pytest.FixtureRequest) -> str:
    """Every page, of artifacts that hold something."""
    return PAGES[request.param]()


@pytest.fixture(scope="session", params=list(EMPTY_PAGES))
def empty_page(request: pytest.FixtureRequest) -> str:
    """Every page, of artifacts that hold nothing."""
    return EMPTY_PAGES[request.param]()


@pytest.fixture
def pages() -> dict[str, Callable[[], str]]:
    """Every page by name."""
    return PAGES


@pytest.fixture
def report() -> Report:
    return full_report()


@pytest.fixture
def bare() -> Report:
    """A report without error types, calibration and the rest."""
    return plain_report()


@pytest.fixture
def comparison() -> Comparison:
    return full_comparison()


@pytest.fixture
def shown_comparison() -> Callable[..., str]:
    """The page of a comparison with small pictures and boxes at hand."""
    return page_of_comparison


@pytest.fixture
def verdict() -> Verdict:
    return full_verdict()


@pytest.fixture
def drift() -> Drift:
    return full_drift()


@pytest.fixture
def queue() -> ReviewQueue:
    return full_queue()


@pytest.fixture
def story() -> Story:
    return full_story()


@pytest.fixture
def shown_report() -> Callable[..., str]:
    """The page of a report with small pictures and boxes at hand."""
    return page_of_report


@pytest.fixture
def rows_of_drift() -> Callable[..., list[dict[str, Any]]]:
    return drift_rows
