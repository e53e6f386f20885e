"""What an artifact consists of follows from the types of its fields; nothing is spelled a second time.

    pa.Table            a table of the field's name (`table(schema)` casts it to a schema first)
    Path                a file (`file("weights.safetensors")` says how it is called)
    Mapping[str, Path]  files by their own names
    anything else       a key of the JSON document: numbers, text, tuples, mappings, frozen dataclasses of these

A document is read back into the same types; a key that is missing, unknown or of another type is an error. Numbers are written as
their field's type has them (1 in a float field is 1.0), so that what was loaded has the digest of what was saved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, field, fields
from enum import Enum, auto
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import msgspec
import numpy as np
import pyarrow as pa
from pydantic import BaseModel

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Document = dict[str, Any]
"""A JSON object."""

Fact = str | int | float | bool | None
"""What was measured or done, where the keys are open: a value of a flat JSON object."""


class Place(Enum):
    """Where a field is kept."""

    DOCUMENT = auto()
    TABLE = auto()
    FILE = auto()
    FILES = auto()


def table(schema: pa.Schema | None = None) -> Any:
    """A field that is a table; without a value it has no columns, and with a schema no rows."""
    empty = pa.table({}) if schema is None else schema.empty_table()
    return field(default_factory=lambda: empty, metadata={"schema": schema})


def file(name: str) -> Any:
    """A field that is a file of this name."""
    return field(metadata={"file": name})


def to_document(artifact: DataclassInstance) -> Document:
    """The JSON document of a dataclass: every field that is neither table nor file."""
    kinds = types_of(type(artifact))
    return {name: plain(getattr(artifact, name), kinds[name]) for name in document_keys(type(artifact))}


def from_document(document: Mapping[str, object], cls: type[DataclassInstance]) -> dict[str, object]:
    """Field name to value, of the fields that `to_document` writes.

    Raises:
        ValueError: a key is missing, unknown, or not of its field's type.
    """
    wanted = document_keys(cls)
    odd = sorted(set(document).symmetric_difference(wanted))
    if odd:
        raise ValueError(
            f"expected the keys {', '.join(wanted)}; '{odd[0]}' is {'unknown' if odd[0] in document else 'missing'}"
        )
    return {name: typed(document[name], types_of(cls)[name]) for name in wanted}


def plain(value: object, wanted: object = Any) -> Any:
    """A value as JSON has it: dicts, lists, text, numbers; what is of another type than wanted is a ValueError."""
    return msgspec.to_builtins(typed(msgspec.to_builtins(value, enc_hook=_plain), wanted), enc_hook=_plain)


def typed(value: object, wanted: object) -> Any:
    """The value of the wanted type that JSON values stand for; ValueError where they stand for none."""
    return msgspec.convert(value, type=wanted, dec_hook=_typed)


@cache
def places(cls: type[DataclassInstance]) -> tuple[tuple[Field[Any], Place], ...]:
    """Each field of an artifact and where it is kept; `made_from` stands in the manifest."""
    return tuple((of, _place(of, types_of(cls)[of.name])) for of in fields(cls) if of.name != "made_from")


@cache
def document_keys(cls: type[DataclassInstance]) -> tuple[str, ...]:
    """The keys of an artifact's document."""
    return tuple(of.name for of, place in places(cls) if place is Place.DOCUMENT)


@cache
def types_of(cls: type) -> dict[str, object]:
    """Field name to its type."""
    return get_type_hints(cls)


def _place(of: Field[Any], kind: object) -> Place:
    if kind is pa.Table:
        return Place.TABLE
    if kind is Path:
        return Place.FILE
    return Place.FILES if kind == Mapping[str, Path] else Place.DOCUMENT


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise NotImplementedError(f"a {type(value).__name__} has no place in a JSON document")


def _typed(kind: type, value: object) -> object:
    if kind is object:
        return value
    if issubclass(kind, BaseModel):
        return kind.model_validate(value)
    raise NotImplementedError(f"a {kind.__name__} cannot be read from a JSON document")
