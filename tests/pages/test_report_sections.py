"""What a report holds is on its page under the question it answers; what it does not hold is left out."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from boxwright.artifacts import Report
from boxwright.artifacts.report import Crowding, ErrorCosts, ScoreCalibration, WeakSlices
from boxwright.pages.attention import attention
from boxwright.pages.failures import _shared_out, verdicts
from boxwright.pages.next_steps import next_steps
from boxwright.pages.slices import MOST_WEAK
from tests.pages.reading import HOSTILE, Reader, assert_sound, row_after, section

ALWAYS = ("coco", "curves", "classes", "measured", "observed", "confusion", "slices", "misses", "false-alarms")
LATER = {
    "certificates": "certificates",
    "calibration": "calibration",
    "errors": "error-types",
    "weak_slices": "weak-slices",
    "crowding": "crowding",
}
NOTHING: dict[str, Any] = {
    "certificates": (),
    "calibration": ScoreCalibration(),
    "errors": ErrorCosts(),
    "weak_slices": WeakSlices(),
    "crowding": Crowding(),
}
QUESTIONS = (
    "Is it good enough?",
    "How sure is that?",
    "What goes wrong?",
    "Where?",
    "Why?",
    "Which pictures?",
    "What next?",
)


def anchors(page: str) -> list[str]:
    return re.findall(r'<section id="([^"]+)"', page)


def test_sections_stand_under_their_questions_and_in_the_contents(
    report: Report, shown_report: Callable[..., str]
) -> None:
    page = shown_report(report)
    assert set(anchors(page)) == {*ALWAYS, *LATER.values(), "verdicts", "next-steps"}
    assert [Reader(text).text for text in re.findall(r'<h2 class="part">(.*?)</h2>', page)] == list(QUESTIONS)
    contents = page.split('<nav class="contents"')[1].split("</nav>")[0]
    assert re.findall(r'href="#([^"]+)"', contents) == anchors(page)


def test_a_bare_report_leaves_out_what_it_does_not_hold(bare: Report, shown_report: Callable[..., str]) -> None:
    page = shown_report(bare)
    assert anchors(page) == list(ALWAYS) + ["next-steps"]  # for want of objects of a class
    assert "oLRP" not in Reader(page).text and "to be confirmed" not in page and "resamplings" not in page
    assert_sound(page)


@pytest.mark.parametrize("name", LATER)
def test_each_section_is_left_out_by_itself(name: str, report: Report, shown_report: Callable[..., str]) -> None:
    page = shown_report(replace(report, **{name: NOTHING[name]}))
    assert_sound(page)
    assert set(LATER.values()) - set(anchors(page)) == {LATER[name]}
    assert f'href="#{LATER[name]}"' not in page


def test_the_top_says_how_good_and_what_that_rests_on(report: Report, shown_report: Callable[..., str]) -> None:
    text = Reader(shown_report(report)).text
    assert "AP50 0.765 0.712 to 0.811" in text and "oLRP 0.595" in text
    assert "Intervals: 95 %, from 1,000 resamplings of the 17 groups." in text
    assert report.resampling is not None
    alone = replace(report, resampling=replace(report.resampling, unit="picture"))
    assert "each taken for a group of its own" in Reader(shown_report(alone)).text
    none = replace(report, resampling=replace(report.resampling, replicates=0))
    assert "No intervals: 17 groups are too few" in Reader(shown_report(none)).text


def test_what_to_look_at_first_is_taken_from_every_section(report: Report) -> None:
    said = " ".join(attention(report))
    for words in (
        "The costliest kind of error is “missed”: 7.0 of the 100 points that AP50 could reach. Try Miss.",
        "objects missed: 0.410, elsewhere 0.110 (1 found of 86 searched)",
        "D-ECE 0.105; exactly calibrated scores would show at most 0.050 by chance",
        "Of 21 missed objects, 4 are put down to suppression at IoU 0.6",
        "Of 3 failures, 1 may be wrong annotations",
    ):
        assert words in said
    assert "Recall is lowest" not in said  # the search says it better
    exact = replace(report.calibration, d_ece=replace(report.calibration.d_ece, null_high=0.2))
    assert "Scores do not mean" not in " ".join(attention(replace(report, calibration=exact)))


def test_error_types_are_shown_costliest_first(report: Report, shown_report: Callable[..., str]) -> None:
    body = section(shown_report(report), "error-types")
    kinds = re.findall(r'<span class="under">(Cls|Loc|Both|Dupe|Bkg|Miss)</span></th>', body)
    assert kinds == ["Miss", "Bkg", "Dupe", "Both", "Loc", "Cls"]
    assert body.count('class="stack"') == 2
    widths = [float(w) for w in re.findall(r'width="([\d.]+)" height="20"', body.split('class="stack"')[0] + body)]
    assert sum(widths[:7]) == pytest.approx(1000, abs=1)
    text = Reader(body).text
    for words in (
        "Try Cls.",
        f"Collect: pictures of {HOSTILE}.",
        "Seen here: 62% of them",
        "7.5 to 12.5",
        "4,321",
        "the rule",
    ):
        assert words in text
    assert row_after(body, HOSTILE) == ["7.0", "6.0", "5.0", "4.0", "3.0", "2.0"]
    assert row_after(body, "dim") == ["15", "12", "9", "6", "3", "0"]


def test_kinds_without_figures_are_dashes(report: Report, shown_report: Callable[..., str]) -> None:
    nothing = replace(report, errors=replace(report.errors, ap50=None))
    page = shown_report(nothing)
    assert_sound(page)
    assert 'class="stack"' not in section(page, "error-types")


def test_calibration_shows_figures_chance_and_counts(report: Report, shown_report: Callable[..., str]) -> None:
    body = section(shown_report(report), "calibration")
    row = row_after(body, "D-ECE score against share that is true")
    assert row == ["0.105", "0.076 to 0.128", "0.035", "0.050"]
    assert (
        body.count('class="plot"') == 3 and body.count('class="point-a"') == 3 + 1
    )  # one a diagram, one in the legend
    assert ">2,000</text>" in body and ">340</text>" in body
    assert "2,352 detections · D-ECE 0.105" in Reader(body).text


def test_many_classes_have_no_small_diagrams(report: Report, shown_report: Callable[..., str]) -> None:
    many = replace(report, class_names=tuple(f"class {i}" for i in range(13)))
    assert section(shown_report(many), "calibration").count('class="plot"') == 1


def test_certificates_are_told_in_words(report: Report, shown_report: Callable[..., str]) -> None:
    body = section(shown_report(report), "certificates")
    assert row_after(body, "All classes") == [
        "130", "0.913", "0.862", "0.821", "✓ certified", "+ 2,000", "out of reach"
    ]  # fmt: skip
    assert "3 detections beyond 100 a group are left out" in Reader(body).text


def test_weak_slices_say_how_often_they_are_chance(report: Report, shown_report: Callable[..., str]) -> None:
    body = section(shown_report(report), "weak-slices")
    assert "86 slices and pairs" in Reader(body).text and "at most 10 % of those listed" in Reader(body).text
    assert "0.410" in body and "0.110" in body
    nothing = replace(report, weak_slices=replace(report.weak_slices, found=()))
    assert "none is worse beyond chance" in Reader(section(shown_report(nothing), "weak-slices")).text
    lots = replace(report, weak_slices=replace(report.weak_slices, found=report.weak_slices.found * (MOST_WEAK + 7)))
    assert "7 more" in section(shown_report(lots), "weak-slices")


def test_crowding_names_what_missed_the_objects(report: Report, shown_report: Callable[..., str]) -> None:
    body = section(shown_report(report), "crowding")
    row = row_after(body, "IoU 0 to 0.1")
    assert row[:1] + row[2:] == ["140", "119", "11", "0", "10"] and row[1].startswith("found: 119")
    assert "suppression at IoU 0.600. 5 objects overlap" in Reader(body).text
    assert row_after(body, "0.300") == ["8", "1", "2"]
    unknown = replace(report, crowding=replace(report.crowding, iou_threshold=None))
    assert "is not known" in Reader(section(shown_report(unknown), "crowding")).text


def test_classes_have_olrp_and_voc(report: Report, shown_report: Callable[..., str]) -> None:
    body = section(shown_report(report), "classes").split("<details>")[1]
    assert row_after(body, "open") == ["0.633", "–", "0.193", "0.383", "0.505", "0.606", "0.595"]


def test_failures_are_grouped_by_verdict(report: Report, shown_report: Callable[..., str]) -> None:
    page = shown_report(report)
    misses = Reader(section(page, "misses")).text
    assert misses.index("Perhaps: suspect annotation to be confirmed 1 of 1") < misses.index(
        "Perhaps: limit of the model"
    )
    assert f"why {HOSTILE}" in misses and f"detections near: {HOSTILE} 0.25 at IoU 0.41" in misses
    assert "lighting=" in misses and "box_size=0-32" in misses
    assert row_after(section(page, "verdicts"), "suspect annotation")[:2] == ["1", "0"]
    assert row_after(section(page, "verdicts"), "gap in the data")[:2] == ["0", "1"]


def test_an_unknown_verdict_is_shown_too(report: Report, shown_report: Callable[..., str]) -> None:
    rows = [{**row, "verdict": HOSTILE} for row in report.failures.to_pylist()]
    other = replace(report, failures=type(report.failures).from_pylist(rows, schema=report.failures.schema))
    assert (HOSTILE, "", {"miss": 2, "false alarm": 1}) in verdicts(other)
    assert_sound(shown_report(other))


@pytest.mark.parametrize(
    "counts, most, slots",
    [
        ([100, 5, 100], 24, [10, 5, 9]),
        ([3], 24, [3]),
        ([], 24, []),
        ([9, 9], 1, [1, 0]),
        ([0, 2], 24, [0, 2]),
        ([9], 0, [0]),
    ],
)
def test_pictures_are_shared_out_evenly(counts: list[int], most: int, slots: list[int]) -> None:
    assert _shared_out(counts, most) == slots


def test_next_steps_begin_with_doubtful_annotations(report: Report) -> None:
    steps = next_steps(report)
    assert steps[0].startswith("Look at the 1 suspect annotation first")
    assert "Against “missed” (7.0 of 100 points): Try Miss." in steps[1]
    assert any("To certify a precision of 90\u00a0%, about 2,000 more pictures" in step for step in steps)
    assert any("Calibrate the scores on val" in step for step in steps)
    calm = {name: of for name, of in NOTHING.items() if name != "crowding"}
    assert len(next_steps(replace(report, **calm))) == 2  # the annotation, and objects of the rare class


def test_eighty_classes_stay_small(report: Report, shown_report: Callable[..., str]) -> None:
    names = tuple(f"class {i}" for i in range(80))
    shares = dict.fromkeys(report.errors.kinds, 1.5)
    many = replace(
        report,
        class_names=names,
        errors=replace(report.errors, per_class=dict.fromkeys(names, shares)),
        certificates=tuple(replace(report.certificates[0], class_name=name) for name in (None, *names)),
        olrp=replace(report.olrp, per_class=dict.fromkeys(names, report.olrp.per_class["open"])),
    )
    page = shown_report(many)
    assert_sound(page)
    assert len(page) < 1_000_000
    assert "Share per class (80 classes)" in page and 'class="scroll long"' in section(page, "certificates")
