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

from boxwright.artifacts import DRIFT_SCHEMA, QUEUE_SCHEMA, Check, Drift, Report, ReviewQueue, Verdict
from boxwright.detections import Annotations, Detections
from boxwright.pages import Chapter, Story, drift_page, queue_page, report_page, story_page, verdict_page

HOSTILE = "<script>alert(1)</script>"
QUOTED = "\"'><img src=http://evil.example/x onerror=alert(2)>"
NAMES = ("open", HOSTILE, QUOTED)
DAY = 1_753_900_000.0
EMPTY_REPORT = Report(
    title="nothing", class_names=(), metrics={}, per_class={}, operating={}, confusion={}, slices=(), observed={},
    curves={}, measured={}, support={},
)  # fmt: skip


def figure(
    value: float | None, low: float | None = None, high: float | None = None, support: int = 50
) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "support": support, "note": ""}


def failure(kind: str, **columns: Any) -> dict[str, Any]:
    usual = {
        "kind": kind, "reason": "nothing found here", "severity": 0.9, "image_id": 1, "file_name": f"a/{HOSTILE}.jpg",
        "class_id": 1, "other_class_id": -1, "score": 0.4321, "iou": 0.0,
        "x1": 10.0, "y1": 12.0, "x2": 40.0, "y2": 50.0,
    }  # fmt: skip
    return {**usual, **columns}


def full_report() -> Report:
    """Three classes, one of them without objects; slices, clauses and failures."""
    per_class = {
        name: {"ap": ap, "ap50": ap50, "ap75": 0.4567, "ar100": -1.0, "objects": n}
        for name, ap, ap50, n in zip(NAMES, (0.6123, 0.3, -1.0), (0.8712, 0.5, -1.0), (140, 31, 0), strict=True)
    }
    point = {"precision": 0.9134, "recall": 0.8476, "f1": 0.8793, "false_alarms_per_image": 0.2518}
    counts = {"true": 119, "false": 11, "objects": 140}
    falling = [max(0.0, 1 - i / 80) for i in range(101)]
    return Report(
        title=f"candidate on test {HOSTILE}",
        class_names=NAMES,
        metrics={"ap": 0.5431, "ap50": 0.7654, "ap75": 0.5012, "ap_small": -1.0, "ap_medium": 0.51, "ap_large": 0.62,
                 "ar1": 0.2, "ar10": 0.5, "ar100": 0.6, "ar_small": -1.0, "ar_medium": 0.6, "ar_large": 0.7},
        per_class=per_class,
        operating={
            "all": {**point, **counts},
            "per_class": {name: {**point, **counts, "score_threshold": 0.3725} for name in NAMES},
        },
        confusion={"labels": [*NAMES, "background"], "counts": [[90, 7, 0, 12], [3, 20, 0, 5], [0] * 4, [4, 2, 1, 0]],
                   "rule": "greedy"},
        slices=(
            {"condition": "lighting", "value": "dim", "images": 40, "objects": 80,
             **{m: figure(0.6412, 0.5713, 0.7015) for m in ("ap50", "precision", "recall")}},
            {"condition": "lighting", "value": HOSTILE, "images": 0, "objects": 0,
             **{m: figure(None, support=0) for m in ("ap50", "precision", "recall")}},
        ),
        observed={"ap50": figure(0.7654, 0.7123, 0.8111, 171), f"recall[{HOSTILE}]": figure(0.8996, 0.85, 0.93),
                  "recall[lighting=night]": figure(None, support=0), f"ap50[{QUOTED}]": figure(None, support=0),
                  "recall[open, lighting=night]": figure(None, support=0)},
        curves={"recall": [i / 100 for i in range(101)], "precision": {NAMES[0]: falling, NAMES[1]: falling}},
        measured={"latency_p50_ms": 12.34, "latency_p95_ms": 23.45, "latency_p99_ms": 34.56, "hardware": QUOTED},
        support={"images": 1234, "objects": 171, "detections": 260, "groups": 17},
        failures=pa.Table.from_pylist(
            [failure("miss"), failure("miss", image_id=2), failure("false alarm", class_id=2)]
        ),
        made_from={"bundle": "b" * 64, "matches": "c" * 64},
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
    return Drift(rows=pa.Table.from_pylist(rows, schema=DRIFT_SCHEMA), summary={"windows": 3, HOSTILE: [QUOTED, None]})


def full_queue() -> ReviewQueue:
    proposal = {"boxes_xyxy": [[5, 5, 60, 40]], "score": [0.5123], "class_id": [1]}
    usual = {"item": "e1", "picture": "1" * 64, "file_name": HOSTILE, "camera": QUOTED, "priority": "P1",
             "reason": "uncertain", "value": 0.8713, "selected_at": DAY, "due_at": DAY + 8 * 3600}  # fmt: skip
    rows = [
        {**usual, "proposal": json.dumps(proposal)},
        {**usual, "picture": "2" * 64, "proposal": "no JSON", "reason": HOSTILE},
    ]
    return ReviewQueue(class_names=NAMES, items=pa.Table.from_pylist(rows, schema=QUEUE_SCHEMA), summary={"budget": 50})


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


def page_of_report(report: Report, *, with_pictures: bool = True, worst: int = 24) -> str:
    return report_page(
        report,
        read_picture=lambda image_id: picture() if with_pictures and image_id == 1 else None,
        annotations=lambda _: Annotations(np.array([[10, 12, 40, 50], [60, 10, 90, 30]]), np.array([1, 0])),
        detections=lambda _: Detections(np.array([[12, 12, 44, 50]]), np.array([0.2]), np.array([0])),
        worst=worst,
    )


PAGES: dict[str, Callable[[], str]] = {
    "report": lambda: page_of_report(full_report()),
    "report without pictures": lambda: page_of_report(full_report(), with_pictures=False),
    "verdict": lambda: verdict_page(full_verdict()),
    "verdict with report": lambda: verdict_page(full_verdict(), report=full_report()),
    "drift": lambda: drift_page(full_drift(), title=HOSTILE),
    "queue": lambda: queue_page(full_queue(), read_picture=lambda digest: picture() if digest[0] == "1" else None),
    "story": lambda: story_page(full_story()),
}
EMPTY_PAGES: dict[str, Callable[[], str]] = {
    "report": lambda: page_of_report(EMPTY_REPORT),
    "report, classes without objects": lambda: page_of_report(
        replace(full_report(), per_class={}, operating={}, curves={"recall": [], "precision": {}}, slices=(),
                failures=pa.table({}), observed={}, measured={})
    ),
    "verdict": lambda: verdict_page(Verdict(spec_name="s", bundle="", checks=())),
    "drift": lambda: drift_page(Drift(rows=DRIFT_SCHEMA.empty_table(), summary={}), title="none"),
    "queue": lambda: queue_page(
        ReviewQueue(class_names=(), items=QUEUE_SCHEMA.empty_table(), summary={}), read_picture=lambda _: None
    ),
    "story": lambda: story_page(Story("none", "", ())),
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
def report() -> Report:
    return full_report()


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
