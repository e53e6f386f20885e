"""What a word that the command line does not know was probably meant to be.

Typer's complaints are kept where they say enough; an unknown option or verb gets the one nearest name, and a value of spec or
recipe that was given as an option or a bare word gets the form that `--set` takes. Typer's exception classes have moved
before, so they are known by their attributes.
"""

from __future__ import annotations

import difflib
import re
from typing import Any

_CUTOFF = 0.6
_LONGEST = 2000  # characters of a complaint in which a value is looked for
_DOTTED = re.compile(r"^-*([a-z_]+(?:\.[a-z0-9_]+)+)(?:=(.*))?$", re.DOTALL)
_VALUE = re.compile(r"([a-z_]+(?:\.[a-z0-9_]+)*=\S[^)]*)")
_ARGUMENT = re.compile(r"\{(\w+)\}")


def told(error: Any) -> str:
    """The complaint as one sentence with the nearest right word."""
    name = getattr(error, "option_name", None)
    sentence = error.format_message()
    context = getattr(error, "ctx", None)
    command = getattr(context, "command", None)
    if command is None:
        return sentence
    options = [option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)]
    options = [option for option in options if option.startswith("--")]
    path = getattr(context, "command_path", "boxwright")
    if name and not getattr(error, "message", "").startswith("Option"):
        return _option(str(name), [*options, "--help"], path)
    if "extra argument" in sentence and "--set" in options and (value := _VALUE.search(sentence[:_LONGEST])):
        return f"{sentence.rstrip('.')}. Did you mean --set {value[1]}?"
    if sentence.startswith("No such command") and "Did you mean" not in sentence:
        return f"{sentence.rstrip('.')}. See `{path} --help`."
    if sentence.startswith("Missing argument"):
        return f"{sentence.rstrip('.')}. {_ARGUMENT.sub(_upper, ' '.join(command.get_usage(context).split()))}"
    return sentence


def _option(name: str, options: list[str], path: str) -> str:
    dotted = _DOTTED.match(name)
    if dotted and "--set" in options:
        return f"No such option: {name}. Did you mean --set {dotted[1]}={dotted[2] or 'VALUE'}?"
    by_word = {option.lstrip("-"): option for option in options}
    near = difflib.get_close_matches(name.lstrip("-"), list(by_word), n=1, cutoff=_CUTOFF)
    longer = [option for option in options if option.startswith(name)]
    meant = by_word[near[0]] if near else longer[0] if len(longer) == 1 else None
    if meant:
        return f"No such option: {name}. Did you mean {meant}?"
    return f"No such option: {name}. `{path}` has {', '.join(sorted(set(options)))}."


def _upper(argument: re.Match[str]) -> str:
    return argument[1].upper()
