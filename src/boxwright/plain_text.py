"""Text from outside: what no name may contain, and how any text is shown.

File names, class names, headers and messages of other programs may contain control characters: an escape sequence that clears the
terminal, a line end that forges a second line, a bidirectional override that turns a name around, a blank of no width that makes
two names look alike. Names that people write into a spec or a dataset are refused with them (`control_in`). What is only shown
gets them written out (`printable`), so that two names stay two names.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

_CONTROL = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # controls, formats, half surrogates, line and paragraph separators
_JOINERS = "\u200c\u200d"  # part of the spelling in Persian and Indic scripts and in emoji
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ASCII = re.compile(r"[ -~]*")
# What nothing is drawn for (Unicode: default ignorable code points), where its category does not say so: combining grapheme joiner,
# fillers of Hangul, vowels of Khmer, selectors; and the empty braille cell.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
_EMOJI_SELECTORS, _MONGOLIAN_SELECTORS = "\ufe0e\ufe0f", "\u180b\u180c\u180d"
_EMOJI = {"So", "Sk", "Sm", "Po"}  # categories that have emoji among them
_KEYCAP = "\u20e3"


def control_in(text: str, *, lines: bool = False) -> str | None:
    """The first control character of a text as `U+001B`, or None.

    A zero-width joiner or non-joiner counts only where it joins nothing: at an end, or beside ASCII or a blank. A variation selector
    does not count behind an emoji, nor a Mongolian one behind a Mongolian letter.

    Args:
        text: of any length.
        lines: line ends and tabs are meant, as in prose.
    """
    if _ASCII.fullmatch(text):
        return None
    return next((f"U+{ord(char):04X}" for place, char in enumerate(text) if _is_control(text, place, lines)), None)


def printable(text: str, *, lines: bool = False) -> str:
    """The text with control characters written out, such as `\\x1b`; see `control_in`."""
    return _written_out(text, _escaped, lines)


def printable_json(text: str) -> str:
    """JSON with control characters inside its strings as `\\u` escapes: another spelling of the same values."""
    return _written_out(text, _in_json, True)


def _written_out(text: str, write: Callable[[str], str], lines: bool) -> str:
    if _ASCII.fullmatch(text):
        return text
    return "".join(write(char) if _is_control(text, place, lines) else char for place, char in enumerate(text))


def _is_control(text: str, place: int, lines: bool) -> bool:
    char = text[place]
    if char in _JOINERS:
        return not (_is_joined(text, place - 1) and _is_joined(text, place + 1))
    if _UNSEEN.match(char):
        return not _is_selector(text, place)
    return unicodedata.category(char) in _CONTROL and not (lines and char in "\n\r\t")


def _is_joined(text: str, place: int) -> bool:
    """Whether there is something at a place that can be joined: seen, and neither ASCII nor a blank."""
    if not 0 <= place < len(text) or text[place].isascii() or text[place].isspace():
        return False
    return text[place] not in _JOINERS and not _is_control(text, place, False)


def _is_selector(text: str, place: int) -> bool:
    """Whether the character at a place says how the one before it is drawn, and that one can be drawn in several ways."""
    before = text[place - 1] if place else ""
    if not before:
        return False
    if text[place] in _MONGOLIAN_SELECTORS:
        return "\u1820" <= before <= "\u18aa"
    if text[place] not in _EMOJI_SELECTORS or _UNSEEN.match(before):
        return False
    if before.isascii():
        return before in "0123456789#*" and text[place + 1 : place + 2] == _KEYCAP
    return before in "\u2139\u3030" or unicodedata.category(before) in _EMOJI


def _escaped(char: str) -> str:
    """As Python writes it; no codec, which a process that may open no file could not load."""
    code = ord(char)
    if char in _SHORT:
        return _SHORT[char]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _in_json(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[k]:02x}{units[k + 1]:02x}" for k in range(0, len(units), 2))
