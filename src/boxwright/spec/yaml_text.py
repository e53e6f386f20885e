"""YAML of untrusted files to plain values: safe loading only, no tags, few aliases, a cap on size and depth."""

from __future__ import annotations

import typing
from typing import Any

import yaml

from boxwright.errors import SpecError

MAX_BYTES = 1 << 20
MAX_DEPTH = 20
MAX_ALIASES = 100


def parse_yaml(data: bytes, *, name: str) -> dict[str, Any]:
    """A YAML mapping from an untrusted file: plain values, few aliases, limited size and depth; SpecError otherwise."""
    tree = _load(data, name)
    if not isinstance(tree, dict):
        raise SpecError(f"'{name}' must be a mapping of keys to values; found {type(tree).__name__}.")
    return tree


def parse_value(text: str, *, name: str) -> Any:
    """One YAML value of any kind, under the same limits; `name` is what errors call it."""
    return _load(text.encode(errors="replace"), name)


def _load(data: bytes, name: str) -> Any:
    if len(data) > MAX_BYTES:
        raise SpecError(f"'{name}' has {len(data)} bytes; at most {MAX_BYTES} are read.")
    try:
        aliases = sum(isinstance(event, yaml.AliasEvent) for event in _events(data, name))
        if aliases > MAX_ALIASES:
            raise SpecError(f"'{name}' uses {aliases} YAML aliases; at most {MAX_ALIASES} are read.")
        return yaml.load(data, Loader=_UniqueKeys)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise SpecError(f"'{name}' is not valid YAML{where}: {getattr(error, 'problem', error)}.") from error
    except (ValueError, TypeError, AttributeError, KeyError, OverflowError, RecursionError) as error:
        raise SpecError(f"'{name}' holds a value that YAML itself cannot read: {error}.") from error


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
