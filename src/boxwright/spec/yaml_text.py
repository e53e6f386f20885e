"""YAML of untrusted files to plain values: safe loading only, no tags, few aliases, a cap on size, depth and number of values.

libyaml is used where PyYAML was built with it: the parser in Python takes 20 seconds for a megabyte of commas.
"""

from __future__ import annotations

import typing
from collections.abc import Collection
from typing import Any

import yaml

from boxwright.errors import SpecError

MAX_BYTES = 1 << 20
MAX_DEPTH = 20
MAX_ALIASES = 100
MAX_EVENTS = 100_000  # keys, values, and beginnings and ends of lists and mappings
MAX_NUMBER = 500  # characters of a number

_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_MERGE = "tag:yaml.org,2002:merge"
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse_yaml(data: bytes, *, name: str, texts: Collection[str] = ()) -> dict[str, Any]:
    """A YAML mapping from an untrusted file: plain values, few aliases, limited size and depth; SpecError otherwise.

    Args:
        data: the file's bytes.
        name: what errors call it.
        texts: top-level keys whose values stay as they are written: YAML takes 02146 for the octal number 1126 and no for False.
            Of a list or a mapping the scalars stay text (the keys of a mapping too); what is nested deeper becomes None.
    """
    tree = _load(data, name)
    if not isinstance(tree, dict):
        raise SpecError(f"'{name}' must be a mapping of keys to values; found {type(tree).__name__}.")
    return tree | _as_written(yaml.compose(data, Loader=_Loader), texts) if texts else tree


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
        if "nesting depth" in str(error):  # libyaml's own limit lies far beyond ours
            raise SpecError(f"'{name}' is nested deeper than {MAX_DEPTH} levels.") from error
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise SpecError(
            f"'{name}' is not valid YAML{where}: {' '.join(str(getattr(error, 'problem', error)).split())}."
        ) from error
    except (ValueError, TypeError, AttributeError, KeyError, OverflowError, RecursionError) as error:
        raise SpecError(f"'{name}' holds a value that YAML itself cannot read: {error}.") from error


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
    for number, event in enumerate(yaml.parse(data, Loader=_Loader)):
        if number > MAX_EVENTS:
            raise SpecError(f"'{name}' holds more than {MAX_EVENTS} keys and values; at most that many are read.")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise SpecError(f"'{name}' is nested deeper than {MAX_DEPTH} levels.")
        yield event


class _UniqueKeys(_Loader):
    """Safe loader that refuses a key given twice instead of keeping the last, merge keys, and numbers without an end.

    `1:30:00` stays text, as in YAML 1.2: to YAML 1.1 it is the number 5400, to base 60, which nobody means.
    """

    def construct_scalar(self, node: yaml.Node) -> Any:
        if node.tag in _NUMBERS and len(str(node.value)) > MAX_NUMBER:
            raise yaml.MarkedYAMLError(
                problem=f"a number has more than {MAX_NUMBER} characters", problem_mark=node.start_mark
            )
        return super().construct_scalar(node)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag == _MERGE:
                problem = "merge keys (<<) are not read; write the keys out"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key_node.start_mark)
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, list | dict):
                continue
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f"key '{key}' is given twice", problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def _number(loader: Any, node: yaml.ScalarNode) -> Any:
    if ":" in node.value:
        return str(node.value)
    is_whole = node.tag == _NUMBERS[0]
    return loader.construct_yaml_int(node) if is_whole else loader.construct_yaml_float(node)


for _tag in _NUMBERS:
    _UniqueKeys.add_constructor(_tag, _number)
