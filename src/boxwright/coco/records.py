"""COCO's annotations and results as records: the one place that spells their keys.

`Result`, `Annotation` and their kin are what a plain file holds: numbers of the right kind and nothing odd. They are read by the hundred
thousand, so every number is a float and what a file leaves out is NaN (columns.py checks and turns them). `Entry` is any
annotation or result, whatever its values are: the careful readers look at it, and the writers fill it in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET, Raw, Struct, UnsetType

Quad = tuple[float, float, float, float]
_NONE = float("nan")
_NO_QUAD: Quad = (_NONE, _NONE, _NONE, _NONE)
NO_TEXT = Raw(b"\xc0")  # MessagePack's nil: one byte where packed.py lays a record out


class Result(Struct, gc=False):
    """A detection: COCO results."""

    image_id: float
    category_id: float
    bbox: Quad
    score: float


class NamedResult(Result, gc=False):
    """A detection with the name of its image, as `predict` writes it."""

    file_name: str


class Annotation(Struct, gc=False):
    """An annotation of ground truth, with COCO's keys."""

    image_id: float
    category_id: float
    bbox: Quad
    id: float = _NONE
    area: float = _NONE
    iscrowd: float = _NONE


class Marked(Annotation, gc=False):
    """An annotation with what we, CVAT and Datumaro put beside COCO's keys."""

    ignore: float = _NONE
    xyxy: Quad = _NO_QUAD
    attributes: Raw = NO_TEXT


class Entry(Struct, kw_only=True):
    """An annotation or result as it stands in a file: values of any type, UNSET where the key is missing."""

    id: Any = UNSET
    image_id: Any = UNSET
    file_name: Any = UNSET
    category_id: Any = UNSET
    category_name: Any = UNSET
    bbox: Any = UNSET
    area: Any = UNSET
    iscrowd: Any = UNSET
    score: Any = UNSET
    ignore: Any = UNSET
    xyxy: Any = UNSET
    attributes: Any = UNSET

    def tree(self) -> dict[str, Any]:
        """The keys that are given, with their values."""
        return {key: value for key in _KEYS if (value := getattr(self, key)) is not UNSET}


_KEYS = Entry.__struct_fields__


def entry_of(record: Mapping[str, Any]) -> Entry:
    """What a JSON object says; other keys are left aside."""
    return Entry(**{key: record[key] for key in _KEYS if key in record})


def given(value: Any) -> Any:
    """A value of an `Entry`, None where its key is missing."""
    return None if isinstance(value, UnsetType) else value
