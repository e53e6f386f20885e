"""What holds for every page, and that the figures shown are the artifact's."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from boxwright.artifacts import DRIFT_SCHEMA, Check, Drift, Report, ReviewQueue, Verdict
from boxwright.artifacts.drift import DriftSummary
from boxwright.artifacts.report import ClassMetrics, Confusion, Curves
from boxwright.errors import InputError
from boxwright.pages import Chapter, Story, drift_page, queue_page, story_page, verdict_page
from boxwright.pages.figures import DASH
from tests.pages.reading import HOSTILE, Reader, assert_sound, row_after, section


def test_pages_are_whole_documents(page: str) -> None:
    assert_sound(page)


def test_empty_artifacts_have_pages(empty_page: str) -> None:
    assert_sound(empty_page)


def test_nothing_is_asked_of_the_network(page: str) -> None:
    policies = [a for tag, a in Reader(page).tags if tag == "meta" and a.get("http-equiv")]
    assert policies[0]["content"] is not None and policies[0]["content"].startswith("default-src 'none'; img-src data:")
    for tag, attributes in Reader(page).tags:
        assert tag not in ("link", "img", "iframe", "object", "base", "form")
        for name in ("src", "srcset", "action", "xlink:href"):
            assert name not in attributes
        target = attributes.get("href")
        if target is not None:
            allowed = (
                target.startswith("data:image/jpeg;base64,") if tag == "image" else tag == "a" and ":" not in target
            )
            assert allowed, (tag, target)
    style = "".join(re.findall(r"<style>(.*?)</style>", page, re.DOTALL))
    assert "url(" not in style and "@import" not in style


def test_names_are_escaped(page: str) -> None:
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(1)" in page
    assert not any(name.startswith("on") for _, attributes in Reader(page).tags for name in attributes)


def test_pages_are_the_same_each_time(verdict: Verdict, shown_report: Callable[..., str], report: Report) -> None:
    assert verdict_page(verdict) == verdict_page(verdict)
    assert shown_report(report) == shown_report(report)


def test_report_shows_the_figures_of_the_report(report: Report, shown_report: Callable[..., str]) -> None:
    page = shown_report(report)
    text = Reader(page).text
    for name, figure in (
        ("AP", "0.543"),
        ("AP50", "0.765"),
        ("Precision", "0.913"),
        ("Recall", "0.848"),
        ("F1", "0.879"),
    ):
        assert f"{name} {figure}" in text
    assert "AP50 0.765 0.712 to 0.811" in text  # the interval stands under the figure
    for words in ("1,234 images", "171 objects", "17 groups", "p95 23.45 ms", "p99 34.56 ms", "b" * 64, report.digest):
        assert words in text
    classes = section(page, "classes")
    assert row_after(classes, "open")[:6] == ["140", "0.612", "0.871", "0.457", DASH, "0.372"]
    assert row_after(section(page, "coco"), "Average precision") == ["0.543", "0.765", "0.501", DASH, "0.510", "0.620"]
    assert "0.571 to 0.702" in section(page, "slices") and "0.8996" in section(page, "observed")
    assert row_after(section(page, "confusion"), "open") == ["90", "7", "0", "12"]


def test_undefined_figures_are_dashes(report: Report, shown_report: Callable[..., str]) -> None:
    text = Reader(shown_report(report)).text
    assert "-1" not in text and "−1" not in text
    assert DASH in text
    check = Check("ap >= 0.5", None, None, None, None, "no evidence")
    row = row_after(verdict_page(Verdict(spec_name="s", bundle="", checks=(check,))), "? no evidence")
    assert row[1:3] == [DASH, DASH]


def test_few_objects_are_flagged(report: Report, shown_report: Callable[..., str]) -> None:
    page = shown_report(report)
    assert section(page, "classes").count("badge") == 1  # only the class without objects
    assert "1 of 3 classes has fewer than 30 objects" in Reader(page).text


def test_what_to_look_at_first(report: Report, shown_report: Callable[..., str]) -> None:
    text = Reader(shown_report(report)).text
    assert f"The weakest class is “{HOSTILE}”: AP50 0.500 on 31 objects; all classes 0.765." in text
    assert f"The most frequent confusion: “open” answered as “{HOSTILE}”, 7 times." in text
    assert "Of 2 misses, 2 have the reason “nothing found here”." in text
    assert "for want of objects or of a measurement: recall[lighting=night]." in text  # not those of single classes


def test_gallery_shows_the_worst_only(report: Report, shown_report: Callable[..., str]) -> None:
    page = shown_report(report, worst=1)
    assert page.count("<figure>") == 2
    assert page.count("data:image/jpeg;base64,") == 2
    assert "picture not at hand" not in page
    page = shown_report(report)
    assert page.count("<figure>") == 3 and page.count("data:image/jpeg;base64,") == 2
    assert page.count("(picture not at hand)") == 1


def test_gallery_marks_the_failure_once(report: Report, shown_report: Callable[..., str]) -> None:
    card = shown_report(report, worst=1).split("<figure>")[1]
    assert card.count('class="box failure"') == 1
    assert card.count('class="box annotation"') == 1  # the annotation that is the failure is not drawn twice
    assert card.count('class="box faint"') == 1  # 0.2 is under the threshold 0.3725, and touches


def test_many_classes_fit(report: Report, shown_report: Callable[..., str]) -> None:
    names = tuple(f"class {i}" for i in range(80))
    figures = ClassMetrics(ap=0.5, ap50=0.6, ap75=0.5, ar100=0.5, objects=100)
    many = replace(
        report,
        class_names=names,
        per_class=dict.fromkeys(names, figures),
        confusion=Confusion(labels=(*names, "background"), counts=tuple(map(tuple, np.eye(81, dtype=int).tolist()))),
        curves=Curves(recall=(0.0, 0.5, 1.0), precision=dict.fromkeys(names, (1.0, 0.8, 0.0))),
    )
    page = shown_report(many)
    assert_sound(page)
    assert "72 further classes in grey" in page and page.count('class="heat right depth-') == 80


def test_verdict_shows_every_check(verdict: Verdict, report: Report) -> None:
    page = verdict_page(verdict)
    text = Reader(page).text
    assert "FAIL" in text and "PASS" not in text
    assert "1 met, 1 not met, 2 without evidence" in text
    assert row_after(page, "✓ met")[:3] == ["ap50 >= 0.7", "0.7000", "0.7654 0.7123 to 0.8111"]
    assert row_after(page, "✕ not met")[:3] == ["latency_p95_ms <= 20", "20.00", "23.45"]
    assert "0.8996" in text and "0.9000" not in text.replace("0.9000 0.8996", "")
    assert row_after(verdict_page(verdict, report=report), "✓ met")[4] == "171"  # what the figure rests on
    passed = replace(verdict, checks=verdict.checks[:1])
    assert "PASS" in Reader(verdict_page(passed)).text


def test_drift_tells_what_rang(drift: Drift) -> None:
    page = drift_page(drift, title="line 3")
    text = Reader(page).text
    assert (
        "brightness: window 2, from 2025-07-30 20:26 UTC; 95.80, reference 112.0 (effect −0.900, limit 0.300)" in text
    )
    assert page.count('class="alarm-line"') == 3
    assert page.count('class="band"') == 9 + 1  # one a window and chart, one in the legend
    assert "No alarm fired" not in text


def test_drift_without_a_limit_shows_a_dash(rows_of_drift: Callable[..., list]) -> None:
    rows = [{**row, "limit": -1.0, "alarm": False, "p_value": 1.0} for row in rows_of_drift()]
    quiet = DriftSummary(outcome="quiet")
    page = drift_page(Drift(rows=pa.Table.from_pylist(rows, schema=DRIFT_SCHEMA), summary=quiet), title="t")
    assert "−1.000" not in Reader(page).text and "No alarm fired" in page
    assert page.count('class="band"') == 1 and page.count('class="limit"') == 1  # the legend's


def test_queue_shows_why_and_by_when(queue: ReviewQueue) -> None:
    page = queue_page(queue, read_picture=lambda _: None)
    text = Reader(page).text
    assert "1. P1 · uncertain 0.871 : a detection near its score threshold" in text.replace("0.871:", "0.871 :")
    assert "due 2025-07-31 02:26 UTC , 8 h after it was chosen" in text
    assert f"proposed: {HOSTILE} 0.51" in text and "the proposal cannot be read" in text
    assert page.count('class="box detection"') == 1


def test_story_shows_rounds_and_chapters(story: Story) -> None:
    page = story_page(story)
    assert row_after(page, "autumn") == ["0.661", DASH]
    assert page.count('class="dot s1"') == 2 and page.count('class="dot s2"') == 1
    assert 'href="report.html"' in page and page.count("data:image/jpeg;base64,") == 1


@pytest.mark.parametrize(
    "link", ["https://example.org", "//example.org/a", "javascript:alert(1)", "/etc/passwd", " report.html", "a\\b", ""]
)
def test_chapters_link_beside_themselves_only(link: str) -> None:
    with pytest.raises(InputError, match="relative path"):
        Chapter("t", "", link=link)
    assert Chapter("t", "", link="../runs/report.html#misses").link
