"""The promise as types: the example holds, clauses know classes and conditions, durations and shares are checked."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import boxwright
from boxwright.errors import SpecError
from boxwright.spec import Spec, load_spec, parse_spec
from boxwright.spec.spec import seconds_from
from boxwright.training.recipe import Recipe, load_recipe

SOURCE = Path(boxwright.__file__).parent
LEAST = "name: line\nclasses: [{name: open}, {name: shut}]\n"


def refused(text: str) -> SpecError:
    with pytest.raises(SpecError) as caught:
        parse_spec(LEAST + text)
    return caught.value


def test_the_example_spec_loads_and_says_what_it_says() -> None:
    found = load_spec(SOURCE / "spec" / "spec.example.yaml")
    assert found.name == "packing-line"
    assert found.class_names == ("carton", "pouch", "bottle", "can")
    assert found.split.group_by == ("clip",)
    assert "latency_p95_ms <= 500" in [r.text for r in found.requirements]
    assert found.conditions[2].labels == ("0-24", "24-48", "48-1000")


def test_the_example_recipe_loads() -> None:
    found = load_recipe(SOURCE / "training" / "recipe.example.yaml")
    assert isinstance(found, Recipe)
    assert found.model.input_hw == load_spec(SOURCE / "spec" / "spec.example.yaml").constraints.input_hw


def test_the_least_spec_is_enough_and_there_and_back_is_the_same() -> None:
    for found in (parse_spec(LEAST), load_spec(SOURCE / "spec" / "spec.example.yaml")):
        assert Spec.model_validate(found.as_document) == found


@pytest.mark.parametrize(
    "text", ["name: a", "classes: [{name: x}]", "name: a\nclasses: []", "name: ''\nclasses: [{name: x}]"]
)
def test_name_and_classes_are_asked_for(text: str) -> None:
    with pytest.raises(SpecError):
        parse_spec(text)


@pytest.mark.parametrize(
    ("text", "key_path", "near"),
    [
        ("clases: []", "clases", "classes"),
        ("split: {grop_by: [a]}", "split.grop_by", "group_by"),
        ("output: {suppression: {iou_treshold: 0.5}}", "output.suppression.iou_treshold", "iou_threshold"),
        ("conditions: [{name: a}, {name: b, bin: []}]", "conditions[1].bin", "bins"),
        ("coverage: [{least_object: 3}]", "coverage[0].least_object", "least_objects"),
    ],
)
def test_an_unknown_key_names_the_nearest(text: str, key_path: str, near: str) -> None:
    error = refused(text)
    assert error.key_path == key_path
    assert f"did you mean '{near}'?" in str(error)


@pytest.mark.parametrize(
    ("text", "key_path"),
    [
        ("split: {train: 0.5, val: 0.2, test: 0.2}", "split"),
        ("split: {seed: -1}", "split.seed"),
        ("output: {score_floor: 1.5}", "output.score_floor"),
        ("output: {max_detections: 0}", "output.max_detections"),
        ("constraints: {latency_p95_ms: 0}", "constraints.latency_p95_ms"),
        ("constraints: {input_hw: [640]}", "constraints.input_hw[1]"),
        ("monitoring: {false_alarm: 0}", "monitoring.false_alarm"),
        ("monitoring: {window: 9}", "monitoring.window"),
        ("review: {due: {P0: 1h}}", "review.due"),
        ("review: {due: {P0: 1h, P1: 1h, P2: 1h, P3: soon}}", "review.due"),
        ("retraining: {every: monthly}", "retraining.every"),
        ("acceptance: {judge_on: luck}", "acceptance.judge_on"),
        ("acceptance: {require: [ap50 >= lots]}", "acceptance.require"),
        ("conditions: [{name: l, source: measured, bins: [1, 2]}]", "conditions[0]"),
        ("conditions: [{name: brightness, source: measured, bins: [3, 2]}]", "conditions[0]"),
        ("conditions: [{name: brightness, source: measured, bins: [3]}]", "conditions[0]"),
        ("conditions: [{name: brightness, source: measured, bins: [a, b]}]", "conditions[0]"),
    ],
)
def test_a_wrong_value_is_told_with_the_path_of_its_key(text: str, key_path: str) -> None:
    assert refused(text).key_path == key_path


@pytest.mark.parametrize(
    ("clause", "sentence"),
    [
        ("recall[closed] >= 0.5", "names the class 'closed', which is not in classes (open, shut)"),
        ("recall[weather=rain] >= 0.5", "names the unknown condition 'weather'"),
        ("recall[lighting=dusk] >= 0.5", "'lighting' has no slice 'dusk' (it has dim, bright)"),
        ("recall[box_size=0-99] >= 0.5", "'box_size' has no slice '0-99' (it has 0-24, 24-48)"),
    ],
)
def test_clauses_know_the_classes_and_conditions(clause: str, sentence: str) -> None:
    conditions = "conditions: [{name: lighting, bins: [dim, bright]}, {name: camera}, " + (
        "{name: box_size, source: measured, bins: [0, 24, 48]}]\n"
    )
    parse_spec(LEAST + conditions + "acceptance: {require: ['recall[open, lighting=dim, box_size=0-24] >= 0.5']}")
    parse_spec(LEAST + conditions + "acceptance: {require: ['recall[*, camera=any at all] >= 0.5']}")
    assert sentence in str(refused(conditions + f"acceptance: {{require: ['{clause}']}}"))


@pytest.mark.parametrize(
    "what", ["classes: [{name: a}, {name: a}]", "classes: [{name: b}]\nconditions: [{name: a}, {name: a}]"]
)
def test_names_are_listed_once(what: str) -> None:
    with pytest.raises(SpecError, match="'a' is listed twice"):
        parse_spec(f"name: line\n{what}")


def test_constraints_become_requirements() -> None:
    found = parse_spec(
        LEAST + "constraints: {latency_p95_ms: 33.5, memory_mb: 600}\nacceptance: {require: [ap >= 0.1]}"
    )
    assert [r.figure for r in found.requirements] == ["ap", "latency_p95_ms", "memory_mb"]
    assert [r.bound for r in found.requirements] == [0.1, 33.5, 600]


@pytest.mark.parametrize("limit", [0.1234567, 1048576.0])
def test_a_constraint_is_required_to_its_last_digit(limit: float) -> None:
    assert parse_spec(LEAST + f"constraints: {{memory_mb: {limit!r}}}").requirements[0].bound == limit


@given(st.integers(0, 36_000), st.sampled_from([("s", 1), ("min", 60), ("h", 3600), ("d", 86400)]), st.booleans())
def test_durations_are_seconds(number: int, unit: tuple[str, int], blank: bool) -> None:
    assert seconds_from(f"{number}{' ' if blank else ''}{unit[0]}") == number * unit[1]


@pytest.mark.parametrize("text", ["", "h", "3", "-3h", "3 weeks", "3hours", "3H", "1h30min", "1e3s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        seconds_from(text)


def test_a_spec_cannot_be_changed() -> None:
    found = parse_spec(LEAST)
    with pytest.raises(ValueError):
        found.name = "other"  # type: ignore[misc]
