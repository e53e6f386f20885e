"""Values beside the file: they land where they are named, are checked like the file, and leave the file's tree alone."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from boxwright.errors import InputError, SpecError
from boxwright.spec import Spec, by_document, parse_document, parse_overrides
from boxwright.spec.overrides import apply, parse_override
from boxwright.splitting.names import group_from
from boxwright.training import Recipe

SPEC = {"name": "a", "classes": [{"name": "x"}, {"name": "y"}], "acceptance": {"require": ["ap50 >= 0.5"]}}
MODELS = {"spec": Spec, "recipe": Recipe}


def overridden(*texts: str, tree: dict[str, Any] = SPEC, model: type[Any] = Spec) -> Any:
    return parse_document(
        yaml.safe_dump(tree).encode(), model, name=f"{model.__name__.lower()}.yaml", overrides=parse_overrides(texts)
    )


def test_values_land_where_they_are_named() -> None:
    spec = overridden(
        "split.train=0.6", "split.val=0.2", "split.test=0.2", "classes.1.name=z", "classes[0].least_size_px=4",
        "acceptance.require.0=recall[z] >= 0.1", "constraints={input_hw: [64, 96]}", "output.suppression.method=none",
    )  # fmt: skip
    assert (spec.split.train, spec.class_names, spec.classes[0].least_size_px) == (0.6, ("x", "z"), 4)
    assert spec.acceptance.require == ("recall[z] >= 0.1",)
    assert spec.constraints.input_hw == (64, 96)
    assert spec.output.suppression.method == "none"


def test_an_override_is_the_same_as_writing_it_into_the_file() -> None:
    written = copy.deepcopy(SPEC) | {"review": {"budget": 7}}
    assert overridden("review.budget=7") == overridden(tree=written)


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers() | st.lists(st.integers(), max_size=3)))
def test_the_tree_given_stays_as_it_was(tree: dict[str, Any]) -> None:
    before = copy.deepcopy(tree)
    changed = apply(tree, [parse_override("d.e.f=1")], name="x")
    assert tree == before
    assert changed == {**before, "d": {"e": {"f": 1}}}


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("split.trian=0.5", "spec.yaml with --set split.trian=0.5: unknown key 'split.trian'; did you mean 'train'?"),
        ("review.budget=many", "spec.yaml with --set review.budget=many: 'review.budget': input should be a valid integer"),
        ("acceptance.require.0=app50 >= 1", "did you mean 'ap50'?"),
        ("classes.2.name=z", "'classes' is a list of 2 items in spec.yaml, counted from 0; found '2'"),
        ("classes.x.name=z", "found 'x'"),
        ("constraints.input_hw.0=64", "does not list 'constraints.input_hw'; give the whole list"),
        ("name.first=z", "'name' is a single value in spec.yaml"),
        ("classes", "--set takes KEY=VALUE, such as training.steps=20; found 'classes'"),
        ("a..b=1", "names joined by dots"),
        ("=1", "names joined by dots"),
        ("review.budget=", "no value after the '='"),
        ("review.budget=[1", "not valid YAML"),
        ("review.budget=!!python/object:os.system x", "not valid YAML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(text: str, sentence: str) -> None:
    with pytest.raises(SpecError) as error:
        overridden(text)
    assert sentence in str(error.value)


def test_the_same_place_twice_is_refused() -> None:
    with pytest.raises(SpecError, match=r"'classes\[0\].name' twice"):
        parse_overrides(["classes[0].name=a", "classes.0.name=b"])


def test_the_file_is_blamed_for_its_own_faults() -> None:
    with pytest.raises(SpecError) as error:
        overridden("review.budget=5", tree=SPEC | {"reviews": {}})
    assert str(error.value).startswith("spec.yaml: unknown key 'reviews'")
    assert overridden("classes=[{name: q}]", tree={"name": "a"}).class_names == ("q",)


def test_each_value_goes_to_the_document_that_has_its_key() -> None:
    found = by_document(parse_overrides(["training.steps=20", "split.seed=1", "recipe.seed=2", "spec.name=b"]), MODELS)
    assert [one.key_path for one in found["spec"]] == ["split.seed", "name"]
    assert [one.key_path for one in found["recipe"]] == ["training.steps", "seed"]


def test_a_key_of_neither_is_refused_with_the_nearest() -> None:
    for text, meant in (
        ("trainin.steps=2", "training.steps"),
        ("steps=2", "training.steps"),
        ("budget=2", "review.budget"),
    ):
        with pytest.raises(SpecError, match=f"did you mean '{meant}'"):
            by_document(parse_overrides([text]), MODELS)


def test_a_key_of_both_asks_which() -> None:
    class Other(BaseModel):
        seed: int = 0

    with pytest.raises(SpecError, match=r"write other\.seed or recipe\.seed"):
        by_document(parse_overrides(["seed=2"]), {"other": Other, "recipe": Recipe})
    assert by_document(parse_overrides(["other.seed=2"]), {"other": Other, "recipe": Recipe})["other"]


def test_no_key_is_in_both_files() -> None:
    """While this holds, nobody has to write `spec.` or `recipe.`."""
    assert not set(Spec.model_fields) & set(Recipe.model_fields)


@pytest.mark.parametrize("text", ["training: {steps: yes}", "training: {aim: on}", "seed: false"])
def test_yes_and_no_are_not_numbers(text: str) -> None:
    """YAML reads them as true and false, and pydantic would read these as 1 and 0."""
    with pytest.raises(SpecError, match="input should be a number; YAML reads yes, no, on, off"):
        parse_document(text.encode(), Recipe, name="recipe.yaml")
    assert not parse_document(b"training: {overfit_check: no}", Recipe, name="recipe.yaml").training.overfit_check


@pytest.mark.parametrize(
    "text",
    [
        "acceptance.require.²=x", "acceptance.require.٣=x", "acceptance.require[²]=x", "acceptance.require." + "1" * 5000 + "=x",
        "acceptance.require." + "1" * 450 + "=x", ".".join("a" * 20_000) + "=x", "acceptance.require" + "[0]" * 30 + "=x",
    ],
)  # fmt: skip
def test_a_key_that_is_no_place_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(SpecError) as found:
        overridden(text)
    assert "--set" in str(found.value) and len(str(found.value)) < 2000


@pytest.mark.parametrize("value", ["[true, 1.25]", "[0.8, yes]", "[on, off]"])
def test_yes_and_no_are_no_numbers_of_a_list(value: str) -> None:
    with pytest.raises(SpecError, match="scale.*number"):
        overridden(f"augment.scale={value}", tree={}, model=Recipe)


def test_numbers_to_base_60_are_text() -> None:
    with pytest.raises(SpecError, match=r"training\.steps.*found '1:1:1:1'"):
        overridden("training.steps=1:1:1:1", tree={}, model=Recipe)
    with pytest.raises(SpecError, match=r"scale"):
        overridden("augment.scale=[0.5, 1:30.5]", tree={}, model=Recipe)
    clauses = overridden("metadata=[{name: 12:30:00, source: exif_time}]").metadata
    assert clauses[0].name == "12:30:00"


@pytest.mark.parametrize("pattern", ["a{99999999999999}", "a**", "(" * 300])
def test_a_pattern_that_cannot_be_compiled_is_refused(pattern: str) -> None:
    with pytest.raises(SpecError, match="regular expression"):
        overridden(f"metadata=[{{name: clip, source: file_name, pattern: '{pattern}'}}]")
    with pytest.raises(InputError, match="regular expression"):
        group_from(["a.jpg"], pattern)
