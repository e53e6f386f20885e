"""A proposal as commented YAML. Law: what is written reads as exactly the spec and recipe of the proposal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from boxwright.errors import InputError
from boxwright.lifecycle.proposal.proposed import Guessed, Proposal
from boxwright.spec import parse_document, parse_spec
from boxwright.training import Recipe

_WIDTH = 110
_TITLES = {
    "metadata": "read off each file at ingestion",
    "conditions": "axes along which data is sliced",
    "split": "who trains, who chooses, who judges",
    "output": "the contract of every answer",
    "acceptance": "what the gate asks: metric[class, condition=value] comparison number-or-baseline",
}


def render_spec(proposal: Proposal) -> str:
    """spec.yaml with counts beside its lines and reasons above them.

    Raises:
        InputError: a name of the data cannot be written in YAML.
    """
    document = proposal.spec.model_dump(mode="json", exclude_unset=True)
    lines = [
        "# spec.yaml: the promise. What must hold, before anyone says how. Proposed from the data by `boxwright init --from`;",
        "# every reason is a guess: read it, then change what you know better. All keys: docs/spec.md, or `boxwright init`.",
        "# yaml-language-server: $schema=spec.schema.json",
        "",
        f"name: {_scalar(document['name'])}",
        "",
        "classes:                            # in the order of class_id",
        *_items(document["classes"], "classes", proposal.beside),
    ]
    for key in ("metadata", "conditions", "split", "output", "acceptance"):
        value = document.get(key)
        remarks = [_line(f"# {text}") for text in proposal.remarks.get(key, ())]
        if not value and not remarks:
            continue
        lines += ["", *(part for one in remarks for part in one)]
        if not value:
            lines.append(f"# {key}: {_TITLES[key]}; none was found")
        elif isinstance(value, list):
            lines += [f"{key}:{' ' * max(1, 35 - len(key))}# {_TITLES[key]}", *_items(value, key, proposal.beside)]
        else:
            lines += [f"{key}:{' ' * max(1, 35 - len(key))}# {_TITLES[key]}", *_section(value, key, proposal.guessed)]
    text = "\n".join(lines) + "\n"
    if parse_spec(_encoded(text)) != proposal.spec:
        raise InputError(
            "The proposed spec does not read as it was meant; please report this with the names of your classes."
        )
    return text


def render_recipe(proposal: Proposal) -> str:
    """recipe.yaml with a reason beside what was guessed."""
    document = proposal.recipe.model_dump(mode="json", exclude_unset=True)
    lines = [
        "# recipe.yaml: the method. How we try to keep the promise; nothing here is promised. Proposed by `boxwright init --from`.",
        "# yaml-language-server: $schema=recipe.schema.json",
    ]
    for text in proposal.remarks.get("recipe", ()):
        lines += ["", *_line(f"# {text}")]
    for key, value in document.items():
        lines += ["", f"{key}:", *_section(value, key, proposal.guessed)]
    text = "\n".join(lines) + "\n"
    if parse_document(text.encode(), Recipe, name="recipe.yaml") != proposal.recipe:
        raise InputError("The proposed recipe does not read as it was meant; please report this.")
    return text


def _items(items: Iterable[Mapping[str, Any]], key: str, beside: Mapping[str, str]) -> list[str]:
    lines = []
    for number, item in enumerate(items):
        told = beside.get(f"{key}[{number}]")
        lines.append(f"  - {_flow(item)}" + (f"  # {_printable(told)}" if told else ""))
    return lines


def _section(value: Mapping[str, Any], key: str, guessed: Iterable[Guessed]) -> list[str]:
    why = {one.key: one.why for one in guessed}
    lines = []
    for name, part in value.items():
        reason = why.get(f"{key}.{name}")
        lines += [f"  {text}" for text in (_line(f"# {reason}") if reason else [])]
        if isinstance(part, list) and part and isinstance(part[0], str) and name == "require":
            lines += [f"  {name}:", *(f"    - {_scalar(one)}" for one in part)]
        else:
            lines.append(f"  {_scalar(name)}: {_flow(part) if isinstance(part, dict | list) else _scalar(part)}")
    return lines


def _line(comment: str) -> list[str]:
    """A comment in lines that fit a screen."""
    words, lines = _printable(comment).split(" "), [""]
    for word in words:
        if lines[-1] and len(lines[-1]) + len(word) >= _WIDTH:
            lines.append("#")
        lines[-1] += (" " if lines[-1] else "") + word
    return lines


def _flow(value: Any) -> str:
    return yaml.safe_dump(
        _whole(value), default_flow_style=True, width=1 << 30, allow_unicode=True, sort_keys=False
    ).strip()


def _whole(value: Any) -> Any:
    """Numbers without an empty fraction, in lists and mappings too."""
    if isinstance(value, dict):
        return {key: _whole(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_whole(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _scalar(value: Any) -> str:
    return _flow([value])[1:-1]


def _printable(text: str) -> str:
    """Text that can stand in a comment: names of the data may hold line ends and other signs."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _encoded(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"A name of the data holds a character that no file can hold: {error}.") from error
    return text
