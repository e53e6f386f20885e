"""One YAML file to one typed document, with the key's path in every complaint.

Unknown keys are refused, with the nearest known key; values given beside the file (`overrides.py`) are checked with it.
Serves spec.yaml and recipe.yaml alike.
"""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from boxwright.errors import SpecError
from boxwright.plain_text import printable
from boxwright.spec.overrides import Override, apply
from boxwright.spec.sane import MOST_ENTRIES, refuse_odd, shown
from boxwright.spec.yaml_text import parse_yaml


class Section(BaseModel):
    """A part of a document: frozen, and without room for unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    @field_validator("*", mode="before")
    @classmethod
    def _plain_values(cls, value: Any, info: ValidationInfo) -> Any:
        """YAML reads yes, no, on and off as true and false, and pydantic would read these as 1 and 0; see also `sane.py`."""
        annotation = cls.model_fields[str(info.field_name)].annotation
        if (isinstance(value, bool) and _is_number(annotation)) or (
            isinstance(value, list | tuple) and _of_numbers(annotation) and any(isinstance(one, bool) for one in value)
        ):
            raise ValueError("input should be a number; YAML reads yes, no, on, off, true and false as yes or no")
        if isinstance(value, dict | list | tuple) and len(value) > MOST_ENTRIES:
            raise ValueError(f"input should have at most {MOST_ENTRIES} entries, found {len(value)}")
        if not _holds_sections(annotation):  # their own fields are looked at with their own paths
            refuse_odd(value)
        return value


def _holds_sections(annotation: Any) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return True
    return any(_holds_sections(one) for one in typing.get_args(annotation))


def _is_number(annotation: Any) -> bool:
    kinds = _kinds(annotation)
    return bool(kinds & {int, float}) and not kinds - {int, float, type(None)}


def _of_numbers(annotation: Any) -> bool:
    """Whether an annotation is a tuple or list of numbers, or allows one."""
    parts = [one for one in (annotation, *typing.get_args(annotation)) if typing.get_origin(one) in (tuple, list)]
    return any(_is_number(one) for part in parts for one in typing.get_args(part) if one is not Ellipsis)


def _kinds(annotation: Any) -> set[Any]:
    """The plain types that an annotation allows."""
    options = (
        typing.get_args(annotation)
        if typing.get_origin(annotation) in (typing.Union, types.UnionType)
        else [annotation]
    )
    return {typing.get_args(one)[0] if typing.get_origin(one) is typing.Annotated else one for one in options}


_LONGEST_PATH = 300  # characters of a key path in a sentence
D = TypeVar("D", bound=Section)


def read_document(path: str | Path, model: type[D], overrides: Sequence[Override] = ()) -> D:
    """The file as a `model`, with the overrides in it.

    Raises:
        SpecError: the file is missing, is no YAML mapping, or breaks the model; the message names the key's path.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SpecError(f"Cannot read '{path}': {error.strerror or error}. Give the path of a YAML file.") from error
    return parse_document(data, model, name=path.name, overrides=overrides)


def parse_document(data: bytes, model: type[D], *, name: str, overrides: Sequence[Override] = ()) -> D:
    """YAML text as a `model`, with the overrides in it; `name` is what errors call it."""
    tree = parse_yaml(data, name=name)
    try:
        return model.model_validate(apply(tree, overrides, name=name))
    except ValidationError as error:
        raise _first_complaint(error, model, _blamed(error, tree, model, name, overrides)) from error


def _blamed(
    error: ValidationError, tree: dict[str, Any], model: type[Section], name: str, overrides: Sequence[Override]
) -> str:
    """What a complaint is about: the file, or the file with the override that broke it."""
    place = tuple(str(part) for part in _first(error)["loc"])
    near = [one for one in overrides if all(a == b for a, b in zip(place, one.path, strict=False))]
    try:
        model.model_validate(tree)
    except ValidationError as alone:
        if _first(alone)["loc"] == _first(error)["loc"]:
            return name
    return f"{name} with --set {near[-1].text}" if near else name


def _first(error: ValidationError) -> Any:
    return min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")  # a misspelt key explains a missing one


def _first_complaint(error: ValidationError, model: type[Section], name: str) -> SpecError:
    first = _first(error)
    key_path = _key_path(first["loc"])
    more = (
        f" ({error.error_count() - 1} more problem{'' if error.error_count() == 2 else 's'} in the file.)"
        if error.error_count() > 1
        else ""
    )
    if first["type"] == "extra_forbidden":
        known = _known_keys(model, first["loc"][:-1])
        near = difflib.get_close_matches(str(first["loc"][-1]), known, n=1, cutoff=0.5)
        advice = f"did you mean '{near[0]}'?" if near else f"known keys here: {', '.join(known)}."
        return SpecError(f"{name}: unknown key '{key_path}'; {advice}{more}", key_path=key_path)
    message = first["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    found = first.get("input")
    what = "" if isinstance(found, dict | list | tuple | Section) else f", found {shown(found)}"
    return SpecError(
        f"{name}: '{key_path}': {message}{what}.{more}".replace("..", ".").replace("?.", "?"), key_path=key_path
    )


def _key_path(loc: tuple[int | str, ...]) -> str:
    path = ""
    for part in loc:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return printable(path[:_LONGEST_PATH]) or "(document)"


def _known_keys(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    current: Any = model
    for part in loc:
        if isinstance(part, int):
            current = _element(current)
        elif isinstance(current, type) and issubclass(current, BaseModel) and part in current.model_fields:
            current = current.model_fields[part].annotation
        else:
            current = _element(current)
        current = _model_in(current)
        if current is None:
            return []
    return list(current.model_fields) if isinstance(current, type) and issubclass(current, BaseModel) else []


def _element(annotation: Any) -> Any:
    arguments = typing.get_args(annotation)
    return arguments[-1] if arguments and arguments[-1] is not Ellipsis else (arguments[0] if arguments else annotation)


def _model_in(annotation: Any) -> Any:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        for option in typing.get_args(annotation):
            if option is not type(None):
                return option
    return annotation
