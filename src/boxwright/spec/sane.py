"""What no value of a document may be: a number without an end, an absurdly large one, a control character.

YAML writes them easily (`.nan`, `.inf`, `1e400`, `0xfff...`, "\\x1b[2J") and every later figure, page and terminal would carry them on.
Ranges that have a meaning stand beside each field; this is what holds for all of them.
"""

from __future__ import annotations

import math
from typing import Any

from boxwright.plain_text import control_in, printable

MOST = 1e9  # of any number: a billion pixels, objects, milliseconds
MOST_ENTRIES = 10_000  # of one list or mapping
MOST_CHARACTERS = 500  # of a condition's value
SEED_MOST = (1 << 63) - 1
_SHOWN = 80  # characters of a value in a sentence


def refuse_odd(value: Any) -> None:
    """ValueError where a value, or anything in its lists and mappings, is not finite, beyond 64 bits, or holds control characters."""
    waiting, seen = [value], set()
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict | list | tuple):
            if id(one) not in seen:  # YAML aliases let a list of lists have billions of paths
                seen.add(id(one))
                waiting += [*one.keys(), *one.values()] if isinstance(one, dict) else one
        elif isinstance(one, float) and not math.isfinite(one):
            raise ValueError("input should be a finite number")
        elif isinstance(one, int) and one.bit_length() > 63:
            raise ValueError("input should be a number of at most 18 digits")
        elif isinstance(one, str) and (control := control_in(one, lines=True)):
            raise ValueError(f"text must not contain the control character {control}")


def one_line(text: str) -> str:
    """The text, if it can be a name; ValueError where it holds a line end, a tab or another control character."""
    if control := control_in(text):
        raise ValueError(f"a name must not contain the control character {control}")
    return text


def shown(value: Any) -> str:
    """A value as a sentence shows it: short, and without control characters."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 256:
        return f"a number of about {int(value.bit_length() * math.log10(2)) + 1} digits"
    text = printable(repr(value))
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
