"""Sets in spec.yaml: declared once, picked by conditions of pictures, named by clauses only where they are declared."""

from __future__ import annotations

import pytest

from boxwright.errors import SpecError
from boxwright.spec import parse_requirement, parse_spec

LEAST = """
name: line
classes: [{name: open}, {name: shut}]
conditions: [{name: lighting, bins: [bright, dim]}, {name: brightness, source: measured, bins: [0, 50, 255]}]
split: {group_by: [clip]}
"""


def test_sets_are_declared_and_named() -> None:
    found = parse_spec(LEAST + """
sets:
  - {name: golden, kind: golden, where: {lighting: dim, clip: c7}}
  - {name: night-2, kind: challenge}
coverage: [{split: golden, least_objects: 5}]
acceptance: {require: ['recall[set=golden] >= 0.9', 'ap50[open, set=night-2, lighting=dim] >= baseline - 0.1', 'ar100[set=golden] > 0']}
""")  # fmt: skip
    assert [r.on_set for r in found.requirements] == ["golden", "night-2", "golden"]
    assert found.requirements[1].figure == "ap50[open, lighting=dim]"
    assert found.requirements[1].key == "ap50[open, lighting=dim, set=night-2]"
    assert found.coverage[0].figures[0].key == "objects[split=golden]"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("sets: [{name: a, kind: golden}, {name: a, kind: challenge}]", "'a' is listed twice"),
        ("sets: [{name: test, kind: golden}]", "cannot be called 'test'"),
        ("sets: [{name: Gold, kind: golden}]", "sets[0].name"),
        ("sets: [{name: a, kind: silver}]", "sets[0].kind"),
        ("sets: [{name: a}]", "sets[0].kind"),
        ("sets: [{name: a, kind: golden, where: {lightning: dim}}]", "names 'lightning', which is neither"),
        ("sets: [{name: a, kind: golden, where: {lighting: dark}}]", "has no slice 'dark' (it has bright, dim)"),
        ("sets: [{name: a, kind: golden, where: {brightness: 0-50}}]", "'brightness' is measured"),
        ("sets: [{name: a, kind: golden, wher: {}}]", "did you mean 'where'?"),
        ("acceptance: {require: ['recall[set=a] >= 1']}", "unknown set 'a' (it declares none, see `sets`)"),
        ("sets: [{name: b, kind: golden}]\nacceptance: {require: ['recall[set=a] >= 1']}", "(it declares b)"),
        ("sets: [{name: b, kind: golden}]\nacceptance: {require: ['recall[set=b, set=b] >= 1']}", "names two sets"),
        ("coverage: [{split: dev, least_objects: 1}]", "train, val, test, any or a set, found 'dev'"),
    ],
)
def test_what_cannot_be_declared_is_told(text: str, sentence: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(LEAST + text)
    assert sentence in str(caught.value)


def test_a_condition_cannot_be_called_set() -> None:
    with pytest.raises(SpecError, match="a condition cannot be called 'set'"):
        parse_spec("name: line\nclasses: [{name: open}]\nconditions: [{name: set}]")


def test_latency_can_be_asked_for_on_a_set_but_on_no_slice() -> None:
    assert parse_requirement("latency_p95_ms[set=golden] <= 5").on_set == "golden"
    with pytest.raises(SpecError, match="takes no selector but `set=name`"):
        parse_requirement("latency_p95_ms[open, set=golden] <= 5")
