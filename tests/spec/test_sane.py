"""No number without an end, none absurdly large, no control character: every field of spec.yaml and recipe.yaml has a range."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from boxwright.cli.main import run
from boxwright.errors import SpecError
from boxwright.spec import DataSheet, Section, Spec, parse_document, parse_overrides, parse_spec
from boxwright.training.recipe import Recipe
from tests.test_plain_text import CONTROLS

SPEC: dict[str, Any] = {"name": "line", "classes": [{"name": "carton"}], "conditions": [{"name": "camera"}]}
NEEDED: dict[str, dict[str, Any]] = {
    "coverage": {"least_images": 1}, "sets": {"name": "hard", "kind": "challenge"}, "metadata": {"name": "clip", "source": "exif_time"},
    "classes": {"name": "carton"}, "conditions": {"name": "camera"},
}  # fmt: skip
ODD = (
    ".nan",
    ".inf",
    "-.inf",
    "1.0e+400",
    "1" + "0" * 400,
    "-1" + "0" * 400,
    "9223372036854775808",
    "0x" + "f" * 400,
    "1.0e+300",
)


def numeric(model: type[Section], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Path and annotation of every field that takes a number, through sections and lists of sections."""
    for name, field in model.model_fields.items():
        inner = next(
            (part for part in parts(field.annotation) if isinstance(part, type) and issubclass(part, Section)), None
        )
        if inner is not None:
            yield from numeric(inner, (*path, name))
        elif {int, float} & set(parts(field.annotation)):
            yield (*path, name), field


def parts(annotation: Any) -> list[Any]:
    """The plain types in an annotation."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, typing.Annotated, tuple, dict, list):
        return [inner for part in typing.get_args(annotation) for inner in parts(part)]
    return [annotation]


def document(base: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """A document that says `value` at the path, in a list with one entry where the section is listed."""
    tree = dict(base)
    if len(path) == 1:
        return {**tree, path[0]: value}
    here = {**NEEDED.get(path[0], {})}
    inner = here
    for key in path[1:-1]:
        inner[key] = {}
        inner = inner[key]
    inner[path[-1]] = value
    return {**tree, path[0]: [here] if path[0] in NEEDED else here}


FIELDS = [(Spec, SPEC, path) for path, _ in numeric(Spec)] + [(Recipe, {}, path) for path, _ in numeric(Recipe)]


@pytest.mark.parametrize(("model", "base", "path"), FIELDS, ids=lambda v: ".".join(v) if isinstance(v, tuple) else "")
def test_every_number_has_a_range(model: type[Section], base: dict[str, Any], path: tuple[str, ...]) -> None:
    listed = path[-1] in ("bins", "input_hw", "scale", "strides")
    for odd in ODD:
        text = yaml.safe_dump(document(base, path, "@")).replace("'@'", f"[{odd}, 32]" if listed else odd)
        if path[-1] == "bins":
            text = text.replace("camera", "brightness, source: measured") if "{" in text else text.replace(
                "name: camera", "name: brightness\n  source: measured"
            )  # fmt: skip
        with pytest.raises(SpecError) as found:
            parse_document(text.encode(), model, name="doc.yaml")
        said = str(found.value)
        assert path[-1] in said or path[0] in said
        assert len(said) < 400 and "\n" not in said


def test_the_command_line_says_it_in_one_sentence_and_ends_with_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "spec.yaml").write_text(
        json.dumps({**SPEC, "monitoring": {"least_effect": 1}}).replace(": 1", ": .inf")
    )
    assert run(["coverage", str(tmp_path / "data"), "--spec", str(tmp_path / "spec.yaml")]) == 2
    said = capsys.readouterr().err.splitlines(keepends=True)[-1]
    assert said == "boxwright: spec.yaml: 'monitoring.least_effect': input should be a finite number, found inf.\n"


@pytest.mark.parametrize("value", [".nan", "1" + "0" * 400, "-3", "1e300"])
def test_a_value_beside_the_file_is_held_to_the_same(value: str) -> None:
    with pytest.raises(SpecError, match=r"training\.steps"):
        parse_document(b"seed: 1", Recipe, name="recipe.yaml", overrides=parse_overrides([f"training.steps={value}"]))


@pytest.mark.parametrize(
    "text", ["1e300d", "9" * 400 + "d", "1d\n", "-1d", "\u0663d", "99999d", ".inf", "1" + "0" * 30 + "s"]
)
def test_a_duration_ends(text: str) -> None:
    for tree in ({"retraining": {"every": text}}, {"split": {"time": "camera", "time_gap": text}},
                 {"review": {"due": {"P0": text, "P1": "8h", "P2": "3d", "P3": "14d"}}}):  # fmt: skip
        with pytest.raises(SpecError, match="no duration|longer than 100 years|finite number|valid string"):
            parse_spec(yaml.safe_dump({**SPEC, **tree}))


@pytest.mark.parametrize(
    "clause",
    [
        "ap50 >= baseline - 1e400",
        "ap50 >= 1e400",
        "ap50 >= 90",
        "recall >= -0.1",
        "latency_p95_ms <= -1",
        "memory_mb <= 2e9",
    ],
)
def test_a_bound_can_be_reached_and_missed(clause: str) -> None:
    with pytest.raises(SpecError, match=r"acceptance\.require"):
        parse_spec(yaml.safe_dump({**SPEC, "acceptance": {"require": [clause]}}))


@pytest.mark.parametrize("control", CONTROLS.values(), ids=CONTROLS)
@pytest.mark.parametrize(
    "tree",
    [
        {"classes": [{"name": "@"}]}, {"conditions": [{"name": "@"}]}, {"conditions": [{"name": "camera", "bins": ["a", "@"]}]},
        {"name": "@"}, {"coverage": [{"where": {"camera": "@"}}]}, {"coverage": [{"where": {"@": "a"}}]},
        {"sets": [{"name": "hard", "kind": "challenge", "where": {"camera": "@"}}]}, {"split": {"group_by": ["@"]}},
        {"constraints": {"hardware": "@"}}, {"acceptance": {"require": ["recall['@'] >= 0.5"]}},
    ],
    ids=lambda tree: json.dumps(tree)[:40],
)  # fmt: skip
def test_a_name_with_a_control_character_is_refused(tree: dict[str, Any], control: str) -> None:
    text = json.dumps({**SPEC, **tree}).replace("@", json.dumps(f"x{control}")[1:-1])
    with pytest.raises(SpecError) as found:
        parse_spec(text)
    assert str(found.value).isprintable()


def test_prose_may_have_lines_and_nothing_else() -> None:
    rule = {"classes": [{"name": "carton", "includes": ["closed\nor open"]}]}
    assert parse_spec(json.dumps({**SPEC, **rule})).classes[0].includes == ("closed\nor open",)
    with pytest.raises(SpecError, match=r"U\+001B"):
        parse_spec(json.dumps({**SPEC, "classes": [{"name": "carton", "includes": ["closed\x1b[2J"]}]}))
    with pytest.raises(SpecError, match=r"U\+202E"):
        parse_document(json.dumps({"sources": [{"name": "a", "notes": "b\u202e"}]}).encode(), DataSheet, name="sheet")


TRAPS = {
    "a megabyte of commas": "acceptance: {require: [" + "1," * 400_000 + "]}",
    "a list of forty thousand": "acceptance: {require: [" + "1," * 40_000 + "]}",
    "a number to base 60": "monitoring: {window: " + ":".join(["1"] * 200_000) + "}",
    "a fraction to base 60": "monitoring: {least_effect: " + ":".join(["1"] * 20_000) + ".5}",
    "merges that multiply": "a0: &a0 {x: 1}\n"
    + "".join(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 11)),
    "a merge of itself": "q: &q {<<: *q}",
    "lists that multiply": "a0: &a0 [x, x]\n"
    + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 11))
    + "conditions: [{name: camera, bins: *a10}]",
    "bins that multiply": "conditions: [{name: camera, bins: &b [*b, *b]}]",
    "a list of itself": "coverage: &q [*q]",
    "a key given twice": "monitoring: {window: 20, window: 30}",
    "a list as a key": "? [a, b]\n: 1",
    "a tag": "monitoring: !!python/object/apply:os.system ['true']",
    "deep": "a: " + "[" * 5_000,
    "deep blocks": "".join("  " * i + "a:\n" for i in range(30)),
}  # fmt: skip


@pytest.mark.parametrize("trap", TRAPS.values(), ids=TRAPS)
def test_yaml_that_grows_is_refused_before_it_does(trap: str) -> None:
    with pytest.raises(SpecError) as found:
        parse_spec(f"name: line\nclasses: [{{name: carton}}]\n{trap}\n")
    assert len(str(found.value)) < 500
