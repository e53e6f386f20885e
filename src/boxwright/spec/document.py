"""One YAML file to one typed document, with the key's path in every complaint.

Safe loading only: no tags, few aliases, a cap on size and depth. Unknown keys are refused, with the nearest known key.
Serves spec.yaml and recipe.yaml alike.
"""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Collection
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from boxwright.errors import SpecError

MAX_BYTES = 1 << 20
MAX_DEPTH = 20
MAX_ALIASES = 100


class Section(BaseModel):
    """A part of a document: frozen, and without room for unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


D = TypeVar("D", bound=Section)


def read_document(path: str | Path, model: type[D]) -> D:
    """The file as a `model`.

    Raises:
        SpecError: the file is missing, is no YAML mapping, or breaks the model; the message names the key's path.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SpecError(f"Cannot read '{path}': {error.strerror or error}. Give the path of a YAML file.") from error
    return parse_document(data, model, name=path.name)


def parse_document(data: bytes, model: type[D], *, name: str) -> D:
    """YAML text as a `model`; `name` is what errors call it."""
    tree = parse_yaml(data, name=name)
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        raise _first_complaint(error, model, name) from error


def parse_yaml(data: bytes, *, name: str, texts: Collection[str] = ()) -> dict[str, Any]:
    """A YAML mapping from an untrusted file: plain values, few aliases, limited size and depth; SpecError otherwise.

    Args:
        data: the file's bytes.
        name: what errors call it.
        texts: top-level keys whose values stay as they are written: YAML takes 02146 for the octal number 1126 and no for False.
            Of a list or a mapping the scalars stay text (the keys of a mapping too); what is nested deeper becomes None.
    """
    if len(data) > MAX_BYTES:
        raise SpecError(f"'{name}' has {len(data)} bytes; at most {MAX_BYTES} are read.")
    try:
        aliases = sum(isinstance(event, yaml.AliasEvent) for event in _events(data, name))
        if aliases > MAX_ALIASES:
            raise SpecError(f"'{name}' uses {aliases} YAML aliases; at most {MAX_ALIASES} are read.")
        tree = yaml.load(data, Loader=_UniqueKeys)
        if texts and isinstance(tree, dict):
            tree |= _as_written(yaml.compose(data, Loader=yaml.SafeLoader), texts)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise SpecError(
            f"'{name}' is not valid YAML{where}: {' '.join(str(getattr(error, 'problem', error)).split())}."
        ) from error
    except (ValueError, TypeError, AttributeError, KeyError, OverflowError, RecursionError) as error:
        raise SpecError(f"'{name}' holds a value that YAML itself cannot read: {error}.") from error
    if not isinstance(tree, dict):
        raise SpecError(f"'{name}' must be a mapping of keys to values; found {type(tree).__name__}.")
    return tree


def _as_written(document: Any, keys: Collection[str]) -> dict[str, Any]:
    """The values of some top-level keys, their scalars as text."""
    return {key.value: _text_of(node) for key, node in document.value if key.value in keys}


def _text_of(node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return {_scalar(key): _scalar(value) for key, value in node.value}
    return [_scalar(item) for item in node.value] if isinstance(node, yaml.SequenceNode) else _scalar(node)


def _scalar(node: yaml.Node) -> str | None:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else None


def _events(data: bytes, name: str) -> typing.Iterator[yaml.Event]:
    depth = 0
    for event in yaml.parse(data, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise SpecError(f"'{name}' is nested deeper than {MAX_DEPTH} levels.")
        yield event


class _UniqueKeys(yaml.SafeLoader):
    """Safe loader that refuses a key given twice instead of keeping the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, list | dict):
                continue
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f"key '{key}' is given twice", problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def _first_complaint(error: ValidationError, model: type[Section], name: str) -> SpecError:
    first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")  # a misspelt key explains a missing one
    key_path = _key_path(first["loc"])
    more = (
        f" ({error.error_count() - 1} more complaints follow when this one is mended.)"
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
    shown = "" if isinstance(found, dict | list) else f", found {found!r}"
    return SpecError(
        f"{name}: '{key_path}': {message}{shown}.{more}".replace("..", ".").replace("?.", "?"), key_path=key_path
    )


def _key_path(loc: tuple[int | str, ...]) -> str:
    path = ""
    for part in loc:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path or "(document)"


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
