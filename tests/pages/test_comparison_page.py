"""The page of a comparison says what got better, what got worse, and shows it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pyarrow as pa
import pytest

from boxwright.artifacts import Comparison
from boxwright.artifacts.comparison import ComparedMetric
from boxwright.pages.comparison import headline
from boxwright.pages.intervals import Balance
from tests.pages.reading import HOSTILE, Reader, assert_sound, row_after, section


def test_the_headline_counts(comparison: Comparison, shown_comparison: Callable[..., str]) -> None:
    said = headline(comparison)
    assert said == (
        "B is in part better than A, in part worse: of 5 figures over everything, 2 better, 2 worse, 1 without a significant difference. "
        "Objects: 8 fixed, 51 broken. False alarms: 11 gone, 9 new."
    )
    assert said in Reader(shown_comparison(comparison)).text


@pytest.mark.parametrize(
    "told, words",
    [
        ("better", "B is better than A"),
        ("worse", "B is worse than A"),
        ("no significant difference", "No significant difference between A and B"),
    ],
)
def test_the_headline_of_one_verdict(told: str, words: str, comparison: Comparison) -> None:
    alike = tuple(replace(record, verdict=told) for record in comparison.metrics)
    assert words in headline(replace(comparison, metrics=alike))


def test_every_section_is_there(comparison: Comparison, shown_comparison: Callable[..., str]) -> None:
    page = shown_comparison(comparison)
    found = re.findall(r'<section id="([^"]+)"', page)
    galleries = ["broken", "new", "fixed", "still-missed"]
    assert found == ["figures", "conditions", "classes", "slices", "error-types", *galleries]
    contents = page.split('<nav class="contents"')[1].split("</nav>")[0]
    assert re.findall(r'href="#([^"]+)"', contents) == found


def test_figures_stand_on_both_sides_with_their_difference(
    comparison: Comparison, shown_comparison: Callable[..., str]
) -> None:
    page = shown_comparison(comparison)
    row = row_after(section(page, "figures"), "AP50")
    assert row == ["0.654", "0.601", "−0.053", "", "−0.071 to −0.033", "worse", "171"]
    assert row_after(section(page, "figures"), "AP, large")[:3] == ["–", "–", "–"]
    assert row_after(section(page, "figures"), "Recall")[2] == "0.000" or "−0.000" not in page
    assert f"recall[lighting={HOSTILE}]" in Reader(section(page, "conditions")).text
    assert row_after(section(page, "classes"), "open")[-4:] == ["8", "51", "11", "9"]
    assert "−0.071 to −0.033" in section(page, "slices") and 'class="sign worse"' in section(page, "slices")
    assert row_after(section(page, "error-types"), "missed Miss")[:2] == ["9.8", "9.3"]


def test_galleries_show_what_changed(comparison: Comparison, shown_comparison: Callable[..., str]) -> None:
    page = shown_comparison(comparison)
    for anchor in ("broken", "new", "fixed", "still-missed"):
        assert section(page, anchor).count("<figure>") == 1
        assert section(page, anchor).count('class="box failure"') == 1
    assert "score A 0.971 · B none" in Reader(section(page, "broken")).text
    assert "Objects that A finds and B does not: 1; 1 shown" in Reader(section(page, "broken")).text
    rows = [row for row in comparison.changed.to_pylist() if row["change"] != "fixed"]
    less = replace(comparison, changed=pa.Table.from_pylist(rows))
    assert "Objects that B finds and A does not: none." in Reader(section(shown_comparison(less), "fixed")).text
    lots = replace(comparison, changed=pa.concat_tables([comparison.changed] * 30))
    assert section(shown_comparison(lots, worst=5), "broken").count("<figure>") == 5


def test_many_classes_fit(comparison: Comparison, shown_comparison: Callable[..., str]) -> None:
    names = tuple(f"class {i}" for i in range(80))
    pattern = [record for record in comparison.metrics if record.class_name == "open"]
    figures = tuple(replace(record, class_name=name) for record in pattern for name in names)
    page = shown_comparison(replace(comparison, class_names=names, metrics=figures))
    assert_sound(page)
    assert len(page) < 1_000_000 and 'class="scroll long"' in section(page, "classes")


def told(difference: float | None, low: float | None = None, high: float | None = None) -> ComparedMetric:
    return ComparedMetric(
        key="ap", metric="ap", class_name=None, conditions={}, a=None, b=None, difference=difference, low=low, high=high,
        support=9, verdict="undefined" if difference is None else "no significant difference",
    )  # fmt: skip


@pytest.mark.parametrize("differences", [[], [None], [0.0]])
def test_scales_of_nothing_still_have_ends(differences: list[float | None]) -> None:
    scale = Balance.over(told(difference) for difference in differences)
    assert scale.reach > 0 and "<svg" in scale.bar(told(None)) and "<svg" in scale.bar(told(0.0))


def test_scales_hold_their_differences_around_zero() -> None:
    scale = Balance.over([told(-0.31, -5.0, 0.1), told(0.02)])
    assert 0.31 <= scale.reach <= 1.0  # an interval far wider than any difference does not flatten the rest
    assert scale.at(-scale.reach) < scale.at(-0.31) < scale.at(0.0) < scale.at(0.02) < scale.at(scale.reach)
    assert scale.at(0.0) == pytest.approx((scale.at(-1) + scale.at(1)) / 2)
