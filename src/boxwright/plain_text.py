"""Text from outside: what no name may contain, and how any text is shown.

File names, class names, headers and messages of other programs may contain control characters: an escape sequence that clears the
terminal, a line end that forges a second line, a bidirectional override that turns a name around, a blank of no width that makes
two names look alike. Names that people write into a spec or a dataset are refused with them (`control_in`). What is only shown
gets them written out (`printable`), so that two names stay two names.
"""

from __future__ import annotations

import re
import unicodedata

_CONTROL = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # controls, formats, half surrogates, line and paragraph separators
_JOINERS = "\u200c\u200d"  # part of the spelling in Persian and Indic scripts and in emoji
_ASCII = re.compile(r"[ -~]*")


def control_in(text: str, *, lines: bool = False) -> str | None:
    """The first control character of a text as `U+001B`, or None.

    A zero-width joiner or non-joiner counts only where it joins nothing: at an end, or beside ASCII or a blank.

    Args:
        text: of any length.
        lines: line ends and tabs are meant, as in prose.
    """
    if _ASCII.fullmatch(text):
        return None
    for place, char in enumerate(text):
        if unicodedata.category(char) not in _CONTROL or (lines and char in "\n\r\t"):
            continue
        if char not in _JOINERS or not (_joined(text[place - 1 : place]) and _joined(text[place + 1 : place + 2])):
            return f"U+{ord(char):04X}"
    return None


def printable(text: str, *, lines: bool = False) -> str:
    """The text with control characters written out, such as `\\x1b`; see `control_in`."""
    if control_in(text, lines=lines) is None:
        return text
    return "".join(_escaped(char) if control_in(char, lines=lines) and char not in _JOINERS else char for char in text)


def printable_json(text: str) -> str:
    """JSON with control characters inside its strings as `\\u` escapes: another spelling of the same values."""
    if control_in(text, lines=True) is None:
        return text
    return "".join(_in_json(char) if control_in(char, lines=True) and char not in _JOINERS else char for char in text)


def _joined(neighbour: str) -> bool:
    return bool(neighbour) and not neighbour.isascii() and not neighbour.isspace()


def _escaped(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def _in_json(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[k]:02x}{units[k + 1]:02x}" for k in range(0, len(units), 2))
