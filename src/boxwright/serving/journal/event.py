"""What a journaled answer must look like before anything is computed from it.

A frame's checksum says that the bytes are those that were written, not that they make sense. What does not is counted by kind and
left out, so that one strange record never stops the reading of a year.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from operator import gt
from typing import Any

_LATEST = 1e11  # seconds since 1970; beyond the calendar
_MOST_PIXELS = 1_000_000  # a side
_FARTHEST = 1e7  # of a box's corner, in pixels
_MOST = 1e12  # of any other number
_INFINITE = float("inf")
_SURROGATES = b"\\u"


class Wrong(ValueError):
    """A record that is not as it should be.

    Attributes:
        kind: a few words, always the same for the same kind.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def read_event(payload: bytes) -> dict[str, Any]:
    """The record in a payload.

    Raises:
        Wrong: it is no record of an answer.
    """
    record = read_object(payload)
    _check(record)
    if _SURROGATES in payload:
        _check_texts(record)
    return record


def read_object(payload: bytes) -> dict[str, Any]:
    """The JSON object in a payload; Wrong where there is none."""
    try:
        found = _JSON.decode(payload.decode())
    except Wrong:
        raise
    except (ValueError, RecursionError) as error:
        raise Wrong("not JSON") from error
    if not isinstance(found, dict):
        raise Wrong("not an object")
    return found


def _check(record: Mapping[str, Any]) -> None:
    for key, check in _KEYS.items():
        if key not in record:
            raise Wrong("missing key")
        check(record[key])
    boxes, score, class_id = record["boxes_xyxy"], record["score"], record["class_id"]
    if not len(boxes) == len(score) == len(class_id):
        raise Wrong("lengths differ")
    if not score:
        return
    if not (set(map(type, boxes)) == {list} and set(map(len, boxes)) == {4} and set(map(type, class_id)) == {int}):
        raise Wrong("wrong type")
    corners = list(chain.from_iterable(boxes))
    _within(corners, -_FARTHEST, _FARTHEST)
    _within(score, 0, 1)
    if any(map(gt, corners[0::4], corners[2::4])) or any(map(gt, corners[1::4], corners[3::4])):
        raise Wrong("absurd number")
    if min(class_id) < 0 or max(class_id) >= len(record["class_names"]):
        raise Wrong("unknown class")


def _within(values: Sequence[Any], least: float, most: float) -> None:
    """Wrong unless these are numbers in a range, both ends included. JSON's own NaN never gets here; 1e999 is infinite."""
    if not set(map(type, values)) <= {int, float}:
        raise Wrong("wrong type")
    lowest, highest = min(values), max(values)
    if not (least <= lowest and highest <= most):
        raise Wrong("not finite" if _INFINITE in (-lowest, highest) else "absurd number")


def _text(value: Any) -> None:
    if type(value) is not str:
        raise Wrong("wrong type")


def _list(value: Any) -> None:
    if type(value) is not list:
        raise Wrong("wrong type")


def _names(value: Any) -> None:
    _list(value)
    for name in value:
        _text(name)


def _number(least: float, most: float) -> Callable[[Any], None]:
    def check(value: Any) -> None:
        if not (type(value) is float and least <= value <= most):  # almost always it is
            _within((value,), least, most)

    return check


def _whole_number(least: int, most: int) -> Callable[[Any], None]:
    def check(value: Any) -> None:
        if type(value) is not int:
            raise Wrong("wrong type")
        if not least <= value <= most:
            raise Wrong("absurd number")

    return check


_KEYS: dict[str, Callable[[Any], None]] = {
    "event_id": _text,
    "at": _number(0, _LATEST),
    "bundle": _text,
    "class_names": _names,
    "picture": _text,
    "file_name": _text,
    "camera": _text,
    "width": _whole_number(1, _MOST_PIXELS),
    "height": _whole_number(1, _MOST_PIXELS),
    "brightness": _number(-_MOST, _MOST),
    "contrast": _number(-_MOST, _MOST),
    "sharpness": _number(-_MOST, _MOST),
    "latency_ms": _number(0, _MOST),
    "boxes_xyxy": _list,
    "score": _list,
    "class_id": _list,
}


def _check_texts(record: Mapping[str, Any]) -> None:
    """Half of a surrogate pair is text to JSON and to nothing else."""
    for value in record.values():
        for text in value if type(value) is list else (value,):
            if type(text) is str:
                try:
                    text.encode()
                except UnicodeEncodeError as error:
                    raise Wrong("not text") from error


def _not_finite(_: str) -> float:
    raise Wrong("not finite")


_JSON = json.JSONDecoder(parse_constant=_not_finite)
