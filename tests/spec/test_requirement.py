"""The grammar of acceptance: what is written is what is asked, and the figure's key says it again."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxwright.errors import SpecError
from boxwright.spec import Requirement, figure_key, parse_requirement
from boxwright.spec.requirement import METRICS, SLICEABLE
from tests.bounded import run_bounded

word = st.text(string.ascii_letters + string.digits + "_-. ", min_size=1, max_size=12).map(str.strip).filter(bool)
selectors = st.tuples(st.none() | st.just("*") | word, st.dictionaries(word, word, max_size=3))


@given(st.sampled_from(sorted(SLICEABLE)), selectors, st.sampled_from([">=", "<=", ">", "<"]), st.integers(0, 1000))
def test_the_figure_key_parses_back_to_itself(metric: str, chosen: tuple, comparison: str, thousandths: int) -> None:
    class_name, conditions = chosen
    key = figure_key(metric, class_name, tuple(sorted(conditions.items())))
    found = parse_requirement(f"{key} {comparison} {thousandths / 1000}")
    assert found.figure == key
    assert (found.metric, found.class_name, dict(found.conditions)) == (metric, class_name, conditions)
    assert (found.comparison, found.bound, found.against_baseline) == (comparison, thousandths / 1000, False)


@given(st.permutations(["open", "lighting=dim", "camera=a", "size=0-24"]), st.booleans())
def test_order_and_blanks_of_selectors_do_not_matter(parts: list[str], tight: bool) -> None:
    text = f"recall[{','.join(parts)}]>=0.5" if tight else f"  recall [ {' , '.join(parts)} ]  >=  0.5 "
    assert parse_requirement(text).figure == "recall[open, camera=a, lighting=dim, size=0-24]"


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_can_be_asked_for_over_everything(metric: str) -> None:
    assert parse_requirement(f"{metric} >= 1").figure == metric


@pytest.mark.parametrize(
    ("text", "bound", "against_baseline"),
    [
        ("ap50 >= 0.9", 0.9, False), ("ap50 >= -1", -1, False), ("ap50 >= 1e-2", 0.01, False),
        ("ap50 >= baseline", 0, True), ("ap50 >= baseline - 0.01", -0.01, True), ("ap50>=baseline+0.5", 0.5, True),
    ],
)  # fmt: skip
def test_bounds(text: str, bound: float, against_baseline: bool) -> None:
    found = parse_requirement(text)
    assert (found.bound, found.against_baseline) == (bound, against_baseline)


def test_what_is_required_of_a_baseline() -> None:
    relative, plain = parse_requirement("ap50 >= baseline - 0.05"), parse_requirement("ap50 >= 0.7")
    assert relative.required(0.9) == pytest.approx(0.85)
    assert relative.required(None) is None
    assert (plain.required(0.9), plain.required(None)) == (0.7, 0.7)


@pytest.mark.parametrize(
    ("comparison", "below", "at", "above"),
    [(">=", False, True, True), (">", False, False, True), ("<=", True, True, False), ("<", True, False, False)],
)
def test_comparisons(comparison: str, below: bool, at: bool, above: bool) -> None:
    found = parse_requirement(f"recall {comparison} 0.5")
    assert [found.holds(value, 0.5) for value in (0.4, 0.5, 0.6)] == [below, at, above]
    assert found.higher_is_better == above


@pytest.mark.parametrize(
    ("text", "class_name", "conditions"),
    [
        ("recall['open box'] >= 0.5", "open box", ()),
        ('recall["a, b"] >= 0.5', "a, b", ()),
        ('recall["a=b"] >= 0.5', "a=b", ()),
        ('recall["a]"] >= 0.5', "a]", ()),
        ('recall[open, place="hall 3, gate 1"] >= 0.5', "open", (("place", "hall 3, gate 1"),)),
    ],
)
def test_names_with_other_signs_can_be_quoted(text: str, class_name: str, conditions: tuple) -> None:
    found = parse_requirement(text)
    assert (found.class_name, found.conditions) == (class_name, conditions)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "no acceptance clause"),
        ("ap50", "no acceptance clause"),
        ("ap50 = 0.5", "no acceptance clause"),
        ("ap50 >=", "right side must be a number"),
        ("recall[open >= 0.5", "no acceptance clause"),
        ("recal >= 0.5", "unknown metric 'recal'; did you mean 'recall'?"),
        ("ap50 >= much", "right side must be a number"),
        ("ap50 >= baseline * 2", "right side must be a number"),
        ("ap50 >= 0.5 or so", "right side must be a number"),
        ("recall[a, b] >= 0.5", "names two classes"),
        ("latency_p95_ms[a] <= 5", "takes no selector"),
        ("ar100[lighting=dim] >= 0.5", "takes no selector"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_reason(text: str, sentence: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_requirement(text)
    assert sentence in str(caught.value)


@given(st.text(max_size=30))
def test_any_text_is_a_clause_or_a_spec_error(text: str) -> None:
    try:
        found = parse_requirement(text)
    except SpecError:
        return
    assert isinstance(found, Requirement)


def test_a_clause_without_an_end_takes_no_time() -> None:
    code = """
from boxwright.errors import SpecError
from boxwright.spec import parse_requirement
from boxwright.spec.requirement import _LONGEST, _SELECTOR
blank, digits = " " * 120, "1" * 300
clauses = [f"ap50[{blank}a{blank}={blank}b{blank}=] > 1", "ap50 >= " + digits + "x", "ap50 >= baseline + " + digits + "x", "ap50[" + "a" * 400 + "=] > 1"]
clauses += ["ap50 >= " + "1" * 1_000_000 + "x", "ap50[" + " " * 20_000 + "a=b" + " " * 20_000 + "=] >= 0.1"]
for clause in clauses:
    try:
        parse_requirement(clause)
    except SpecError as error:
        assert len(str(error)) < 1200
    else:
        raise AssertionError(clause[:60])
selectors = " " * 3_000 + "a" + " " * 3_000 + "=" + " " * 3_000 + "b" + " " * 3_000 + "="  # far beyond the cap: the pattern alone
assert _SELECTOR.match(selectors) is None
"""
    run_bounded(code)


def test_blanks_around_selectors_mean_nothing_and_an_empty_one_is_refused() -> None:
    told = parse_requirement("recall[  wide open , ' dim ' = 'a, b'  , line =  7 b ] > 0.1")
    assert told.class_name == "wide open" and told.conditions == ((" dim ", "a, b"), ("line", "7 b"))
    for clause in ("recall[ , a] > 0.1", "recall[a=  ] > 0.1"):
        with pytest.raises(SpecError, match="cannot read the selector"):
            parse_requirement(clause)
