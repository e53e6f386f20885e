"""Protobuf's wire format, read strictly: what is read here is what every reader sees.

A protobuf file may say one thing twice, and readers then merge or let the last win; it may hold fields that its schema does
not know, which readers skip. A check that reads such a file differently from the runtime protects nothing. So both
are refused, as are wrong wire types, groups, and lengths that do not fit. What remains has one reading.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from boxwright.errors import ModelError
from boxwright.graphs.messages import BY_TAG, FIXED32, FIXED64, LENGTH, VARINT, Field

Message = dict[str, list[Any]]  # field name to its values: int, memoryview (text, packed or fixed numbers) or Message
MAX_DEPTH = 64  # messages inside one another; a graph in a node's attribute takes three
_FIXED_BYTES = {FIXED32: 4, FIXED64: 8}


def read_message(data: memoryview, kind: str, *, depth: int = 0) -> Message:
    """The fields of a message, in a dictionary of lists; a field that does not occur is not in it.

    Raises:
        ModelError: the bytes are no such message, or could be read in two ways.
    """
    if depth > MAX_DEPTH:
        raise ModelError(f"it has messages {depth} deep inside one another; at most {MAX_DEPTH}", reason="nesting")
    known, found, at, end = BY_TAG[kind], {}, 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        field = known.get(tag)
        if field is None:
            raise ModelError(
                f"it is damaged, or not ONNX: {kind} has a field {tag >> 3} of wire type {tag & 7}, which ONNX does not have",
                reason="format",
            )
        wire = tag & 7
        if wire == VARINT:
            value, at = _varint(data, at)
        else:
            size = _FIXED_BYTES.get(wire, -1)
            if wire == LENGTH:
                size, at = _varint(data, at)
            if size > end - at:
                raise ModelError(f"it ends in the middle of {kind}.{field.name}: a part is missing", reason="format")
            value, at = data[at : at + size], at + size
            if wire == LENGTH and field.kind in BY_TAG:
                value = read_message(value, field.kind, depth=depth + 1)
        _keep(found, field, value, kind)
    return found


def _keep(found: Message, field: Field, value: object, kind: str) -> None:
    values = found.setdefault(field.name, [])
    if values and not field.repeated:
        raise ModelError(
            f"it is damaged, or not ONNX: {kind} has two of the field {field.name}, which may occur once",
            reason="format",
        )
    values.append(value)


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """An unsigned number of up to 64 bits, and where the next field begins."""
    value = 0
    for k in range(10):
        if at + k >= len(data):
            raise ModelError("it ends in the middle of a number: a part is missing", reason="format")
        byte = data[at + k]
        value |= (byte & 0x7F) << 7 * k
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at + k + 1
    raise ModelError("a number in it has no end", reason="format")


def text(message: Message, field: str) -> str:
    """A text field as `shown`, empty where it is absent."""
    return shown(message[field][0]) if field in message else ""


def shown(text: memoryview) -> str:
    """Bytes as text; those that are no UTF-8 become half surrogates, so that two names of the file stay two names."""
    return str(bytes(text), "utf-8", "surrogateescape")


def integers(values: list[Any]) -> list[int]:
    """The values of a repeated `int` field, packed or not, as signed numbers of 64 bits."""
    unsigned: list[int] = []
    for value in values:
        if isinstance(value, int):
            unsigned.append(value)
            continue
        at = 0
        while at < len(value):
            number, at = _varint(value, at)
            unsigned.append(number)
    return [number - (1 << 64) if number >> 63 else number for number in unsigned]


def count(values: list[Any], kind: str) -> int:
    """How many numbers a repeated `int`, `float` or `double` field has, without reading them one by one."""
    if kind != "int":
        width = {"float": 4, "double": 8}[kind]
        if any(len(value) % width for value in values):
            raise ModelError(f"it has a list of numbers whose bytes are no multiple of {width}", reason="format")
        return sum(len(value) // width for value in values)
    packed = (value for value in values if not isinstance(value, int))
    ends = sum(int(np.count_nonzero(np.frombuffer(value, np.uint8) < 0x80)) for value in packed if len(value))
    return ends + sum(isinstance(value, int) for value in values)
