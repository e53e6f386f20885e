"""The lines of the store's two logs, `ledger.jsonl` and `reviews.jsonl`: what a line must say for its readers to use it.

Who reads a log and who checks a store ask the same here, so that no line passes as whole and stops a verb.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

_Check = Callable[[Any], bool]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e15 and math.isfinite(value)


_LEDGER: Mapping[str, _Check] = {"key": _is_text, "step": _is_text, "output": _is_text}
_LEDGER_MAY: Mapping[str, _Check] = {"seconds": _is_number, "at": _is_number}
_REVIEWS: Mapping[str, _Check] = {"what": _is_text}
_REVIEWS_MAY: Mapping[str, _Check] = {
    "at": _is_number, "queue": _is_text, "corrections": _is_text, "reason": _is_text, "pictures": _are_texts, "least_score": _is_number,
}  # fmt: skip
_NEEDED = {"skipped": ("pictures",)}  # what a line of the log of reviews must say besides
_LOGS = {"ledger.jsonl": (_LEDGER, _LEDGER_MAY), "reviews.jsonl": (_REVIEWS, _REVIEWS_MAY)}
LOGS = tuple(_LOGS)


def read_line(log: str, line: str) -> dict[str, Any]:
    """What a line says.

    Args:
        log: one of `LOGS`.
        line: without its line break.

    Raises:
        ValueError: it says something else than a line of this log.
    """
    try:
        entry = json.loads(line)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(entry, dict):
        raise ValueError("it is no object")
    needed, may = _LOGS[log]
    for key, check in needed.items():
        if not check(entry.get(key)):
            raise ValueError(f"it says no '{key}'")
    for key in _NEEDED.get(entry["what"], ()) if "what" in needed else ():
        if key not in entry:
            raise ValueError(f"it says no '{key}'")
    for key, check in may.items():
        if entry.get(key) is not None and not check(entry[key]):
            raise ValueError(f"its '{key}' is not what it should be")
    return entry
