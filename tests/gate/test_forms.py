"""JUnit that any parser reads, Markdown that no name can break, and files that are written whole."""

from __future__ import annotations

from typing import Any

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st

from boxwright.artifacts import Check, Verdict
from boxwright.gate import as_junit, as_markdown
from boxwright.gate.markdown import code, number, plain, table

HOSTILE = "<b>&\"'|`]]> a\nb\x00\x1b\ufffe | x"
statuses = st.sampled_from(["met", "not met", "no evidence"])
checks = st.lists(
    st.builds(
        Check, st.text(max_size=20), st.none() | st.floats(-1, 1e6), st.none() | st.floats(-1, 1e6), st.none(), st.none(),
        statuses, st.text(max_size=30),
    ),
    max_size=6,
)  # fmt: skip


def verdict_of(*found: Check, **more: Any) -> Verdict:
    return Verdict(spec_name="line", bundle="b" * 64, checks=found, made_from={"report": "d" * 64}, **more)


@given(checks)
def test_junit_is_xml_with_a_case_for_each_check(found: list[Check]) -> None:
    tree = fromstring(as_junit(verdict_of(*found)))
    cases = tree.findall("testsuite/testcase")
    failures = [failure.get("type") for case in cases for failure in case.findall("failure")]
    assert len(cases) == len(found) == int(tree.get("tests"))
    assert failures == [check.status for check in found if check.status != "met"]  # no evidence fails a build too
    assert int(tree.get("failures")) == len(failures)
    assert tree.find(".//skipped") is None and tree.find(".//error") is None


def test_junit_keeps_what_xml_can_hold_and_names_the_digests() -> None:
    verdict = verdict_of(
        Check(HOSTILE, 0.9, 0.8, 0.7, 0.85, "not met", HOSTILE), Check("ap50 >= 0.1", 0.1, 0.5, 0.4, 0.6, "met")
    )
    tree = fromstring(as_junit(verdict))
    first, second = tree.findall("testsuite/testcase")
    assert first.get("name").startswith("<b>&\"'|`]]> a\nb")
    assert "required 0.9000, observed 0.8000, interval 0.7000 to 0.8500" in first.find("failure").get("message")
    assert "required 0.1000" in second.find("system-out").text
    properties = {p.get("name"): p.get("value") for p in tree.iter("property")}
    assert properties["verdict"] == verdict.digest and properties["bundle"] == "b" * 64


def test_the_same_verdict_gives_the_same_files() -> None:
    verdict = verdict_of(Check("ap50 >= 0.1", 0.1, 0.5, 0.4, 0.6, "met"))
    assert as_junit(verdict) == as_junit(verdict)
    assert as_markdown(verdict) == as_markdown(verdict)


@given(checks)
def test_no_text_breaks_a_row(found: list[Check]) -> None:
    lines = as_markdown(verdict_of(*found)).split("\n")
    begin = lines.index("## Requirements") + 2
    rows = lines[begin + 2 : begin + 2 + len(found)]
    for row in rows:
        assert row.startswith("| ") and row.endswith(" |")
        assert len([k for k, sign in enumerate(row) if sign == "|" and row[k - 1] != "\\"]) == 8  # seven cells
    assert lines[begin + 2 + len(found)] == ""


def test_markdown_shows_the_worst_first_and_the_whole_digest() -> None:
    text = as_markdown(
        verdict_of(Check("a >= 1", 1, 2, None, None, "met"), Check("b >= 1", 1, 0.5, None, None, "not met"))
    )
    assert text.startswith("# FAIL: line\n")
    assert text.index("b >= 1") < text.index("a >= 1")
    assert "b" * 64 in text and "d" * 64 in text


@given(st.text())
def test_code_holds_any_text_on_one_line(text: str) -> None:
    shown = code(text)
    assert "\n" not in shown
    assert "|" not in shown.replace("\\|", "")


@pytest.mark.parametrize("text", ["<script>", "[x](http://evil.example)", "*a*", "a | b", "`x`"])
def test_plain_text_is_no_markup(text: str) -> None:
    shown = plain(text)
    assert "<" not in shown and "](" not in shown.replace("\\]", "")
    assert len(table(("a",), [(shown,)])) == 3


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "–"), (float("nan"), "–"), (0.8996, "0.8996"), (1276, "1,276"), (29.058, "29.06"), (1e-6, "1.0e-06")],
)
def test_numbers(value: float | None, said: str) -> None:
    assert number(value) == said
