"""Values of a document given beside its file, for one command: `training.steps=20`, `acceptance.require.0='ap50 >= 0.5'`.

An override names a place in spec.yaml or recipe.yaml and a value in YAML. It is put into the document before anything is
checked, so a key or value that the file may not contain is refused with the same sentence. The document that results is the
one that is kept with what is made; the file itself is not written.
"""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel

from boxwright.errors import SpecError
from boxwright.spec.yaml_text import parse_value

_EXAMPLE = "training.steps=20"
_INDEX = re.compile(r"\[([0-9]+)\]")
_PLAIN = re.compile(r"^[^.\[\]]+$")
_MOST_DIGITS = 9  # of a position in a list
_DEEPEST, _LONGEST_KEY = 20, 500  # parts and characters of a key


@dataclass(frozen=True)
class Override:
    """One value for one place.

    Attributes:
        text: as it was given.
        path: keys, and positions in lists as digits.
        value: as YAML reads it.
    """

    text: str
    path: tuple[str, ...]
    value: Any

    @property
    def key_path(self) -> str:
        """The place as errors name it, such as `classes[2].least_size_px`."""
        return _shown(self.path)


def parse_override(text: str) -> Override:
    """`KEY=VALUE` as an override.

    Raises:
        SpecError: there is no `=`, the key is not dotted names, or the value is not YAML.
    """
    key, sign, value = text.partition("=")
    if not sign:
        raise SpecError(f"--set takes KEY=VALUE, such as {_EXAMPLE}; found '{text}'.")
    if len(key) > _LONGEST_KEY or key.count(".") + key.count("[") >= _DEEPEST:
        raise SpecError(
            f"--set takes a key of at most {_DEEPEST} names and {_LONGEST_KEY} characters, such as {_EXAMPLE}; "
            f"found '{key[:40]}...' of {len(key)} characters."
        )
    path = tuple(_INDEX.sub(r".\1", key.strip()).split("."))
    if not all(_PLAIN.match(part) for part in path):
        raise SpecError(f"--set takes names joined by dots before the '=', such as {_EXAMPLE}; found '{key}'.")
    if not value.strip():
        raise SpecError(f"--set {key}: no value after the '='; write null for nothing, \"''\" for an empty text.")
    return Override(text, path, parse_value(value, name=f"--set {key}"))


def parse_overrides(texts: Sequence[str]) -> list[Override]:
    """All of them; SpecError where one place is given twice."""
    found = [parse_override(text) for text in texts]
    for later, one in enumerate(found):
        if any(other.path == one.path for other in found[:later]):
            raise SpecError(f"--set gives '{one.key_path}' twice; give it once.", key_path=one.key_path)
    return found


def by_document(overrides: Sequence[Override], documents: Mapping[str, type[BaseModel]]) -> dict[str, list[Override]]:
    """Which document each override is for, by its first key; `spec.` or `recipe.` in front says it outright.

    Raises:
        SpecError: no document has the key, or several have it.
    """
    found: dict[str, list[Override]] = {name: [] for name in documents}
    for one in overrides:
        first = one.path[0]
        if first in documents and len(one.path) > 1:
            found[first].append(replace(one, path=one.path[1:]))
            continue
        owners = [name for name, model in documents.items() if first in model.model_fields]
        if len(owners) > 1:
            told = " or ".join(f"{name}.{one.key_path}" for name in owners)
            raise SpecError(f"--set {one.text}: {' and '.join(owners)} both have the key '{first}'; write {told}.")
        if not owners:
            raise _unknown(one, documents)
        found[owners[0]].append(one)
    return found


def apply(tree: dict[str, Any], overrides: Sequence[Override], *, name: str) -> dict[str, Any]:
    """The document with the overrides in it; the one given is left as it was.

    Raises:
        SpecError: an override goes through something that is neither a mapping nor a list, or beyond a list's end.
    """
    changed = copy.deepcopy(tree)
    for one in overrides:
        here: Any = changed
        for depth, part in enumerate(one.path):
            last = depth + 1 == len(one.path)
            at = _place(here, part, one, depth, name)
            if last:
                here[at] = one.value
            elif isinstance(here, dict) and here.get(at) is None:
                here[at] = {}
            here = here[at]
    return changed


def _place(here: Any, part: str, one: Override, depth: int, name: str) -> Any:
    """The key or the position that a part of the path means in a mapping or a list."""
    where = _shown(one.path[:depth])
    if isinstance(here, dict):
        if _is_index(part) and not here:
            raise SpecError(
                f"--set {one.text}: {name} does not list '{where}'; give the whole list: --set '{where}=[...]'.",
                key_path=one.key_path,
            )
        return part
    if not isinstance(here, list):
        raise SpecError(
            f"--set {one.text}: '{where}' is a single value in {name}, without keys of its own.", key_path=one.key_path
        )
    if _is_index(part) and int(part) < len(here):
        return int(part)
    count = f"{len(here)} item{'' if len(here) == 1 else 's'}"
    raise SpecError(
        f"--set {one.text}: '{where}' is a list of {count} in {name}, counted from 0; found '{part}'.",
        key_path=one.key_path,
    )


def _unknown(one: Override, documents: Mapping[str, type[BaseModel]]) -> SpecError:
    known = [key for model in documents.values() for key in model.model_fields]
    near = difflib.get_close_matches(one.path[0], known, n=1, cutoff=0.6)
    holder = next((f"{key}.{one.path[0]}" for key in known if one.path[0] in _keys_of(documents, key)), None)
    meant = holder if holder and len(one.path) == 1 else _shown((near[0], *one.path[1:])) if near else None
    advice = f"did you mean '{meant}'?" if meant else f"known keys: {', '.join(known)}."
    return SpecError(f"--set {one.text}: unknown key '{one.key_path}'; {advice}", key_path=one.key_path)


def _keys_of(documents: Mapping[str, type[BaseModel]], section: str) -> list[str]:
    """Keys of a section of a document; none where it is no section."""
    for model in documents.values():
        annotation = model.model_fields[section].annotation if section in model.model_fields else None
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return list(annotation.model_fields)
    return []


def _is_index(part: str) -> bool:
    """Whether a part of a key is a position: `²` is a digit to Python and no number, and 5000 digits are no position."""
    return part.isascii() and part.isdigit() and len(part) <= _MOST_DIGITS


def _shown(path: Sequence[str]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if _is_index(part) and text else f".{part}" if text else part
    return text
