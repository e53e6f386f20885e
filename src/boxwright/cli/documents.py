"""The one door through which verbs read spec.yaml and recipe.yaml, with the values that `--set` gives for one command.

What a verb makes keeps the document with these values in it (so its digest and the key of its step are others), and the
store's history says which they were.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from boxwright.errors import InputError, SpecError
from boxwright.spec import Override, Spec, by_document, load_spec, parse_overrides
from boxwright.training import Recipe, load_recipe

SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A value of spec or recipe for this command; repeatable."),
]
RecipeOption = Annotated[Path, typer.Option("--recipe", help="recipe.yaml, the method.")]
_MODELS = {"spec": Spec, "recipe": Recipe}


def read_spec(path: Path, values: Sequence[str] | None = None) -> Spec:
    """The spec in a file, with `--set KEY=VALUE` in it.

    Raises:
        SpecError: as `load_spec`; or a value is for the recipe, which the verb does not read.
    """
    found = by_document(parse_overrides(values or ()), _MODELS)
    _refuse(found["recipe"], "recipe.yaml, which this command does not read")
    return load_spec(path, found["spec"])


def read_spec_if_given(path: Path | None, values: Sequence[str] | None = None) -> Spec | None:
    """The same where `--spec` may be left out; InputError where `--set` is given without it."""
    if path is None and values:
        raise InputError(f"--set {values[0]}: there is no document to set it in; give the file with --spec.")
    return None if path is None else read_spec(path, values)


def read_both(spec: Path, recipe: Path, values: Sequence[str] | None = None) -> tuple[Spec, Recipe]:
    """Spec and recipe in their files, with `--set KEY=VALUE` in the one that has the key."""
    found = by_document(parse_overrides(values or ()), _MODELS)
    return load_spec(spec, found["spec"]), load_recipe(recipe, found["recipe"])


def read_those_given(
    spec: Path | None, recipe: Path | None, values: Sequence[str] | None = None
) -> tuple[Spec | None, Recipe | None]:
    """The same where either file may be left out; SpecError where a value is for the one that is."""
    found = by_document(parse_overrides(values or ()), _MODELS)
    for name, path in (("spec", spec), ("recipe", recipe)):
        if path is None:
            _refuse(found[name], f"{name}.yaml, which is not given; name it with --{name}")
    return (
        None if spec is None else load_spec(spec, found["spec"]),
        None if recipe is None else load_recipe(recipe, found["recipe"]),
    )


@dataclass(frozen=True)
class SetValues:
    """What `--set` gave a verb that takes both files of sets by name and values of the spec.

    Attributes:
        of_sets: NAME=... of sets that the spec declares.
        of_spec: KEY=VALUE.
    """

    of_sets: list[str]
    of_spec: list[str]


def parted(path: Path, values: Sequence[str] | None) -> SetValues:
    """`--set NAME=FILE`, where the spec declares a set of that name, and `--set KEY=VALUE`.

    Raises:
        SpecError: a plain name is neither a set that the spec declares nor a key.
    """
    if not values:
        return SetValues([], [])
    spec = load_spec(path)
    declared = [clause.name for clause in spec.sets]
    keys = [key for model in _MODELS.values() for key in model.model_fields]
    found = SetValues([], [])
    for one in values:
        name = one.partition("=")[0].strip()
        if name in declared:
            found.of_sets.append(one)
        elif name in keys or "." in name or "[" in name:
            found.of_spec.append(one)
        else:
            near = difflib.get_close_matches(name, [*declared, *keys], n=1)
            advice = f"did you mean '{near[0]}'?" if near else "declare it under `sets` in spec.yaml."
            raise SpecError(
                f"--set {one}: spec '{spec.name}' declares no set '{name}', and no key is called so; {advice}"
            )
    return found


def because(verb: str, values: Sequence[str] | None) -> str:
    """Why a name was moved, for the store's history: the verb, with the values it was given."""
    return " ".join([verb, *(f"--set {value}" for value in values or ())])


def _refuse(overrides: Sequence[Override], why: str) -> None:
    if overrides:
        raise SpecError(
            f"--set {overrides[0].text}: '{overrides[0].path[0]}' is a key of {why}.", key_path=overrides[0].key_path
        )
