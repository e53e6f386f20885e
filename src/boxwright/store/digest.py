"""Content digests: the identity of everything saved.

SHA-256 in hexadecimal over content that has one spelling: JSON with sorted keys and no blanks, columns as their type
and little-endian values. Where a thing lies, when it was written, and by which library version never enters.

Tables are hashed as their values lie in memory, lengths first: fifty times faster on a million boxes than a spelling in JSON
(decision 0005).
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from boxwright.errors import StoreError

CHUNK_BYTES = 1 << 20


def digest_of_bytes(data: bytes) -> str:
    """SHA-256 of the bytes, 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def digest_of_file(path: Path) -> str:
    """SHA-256 of a file's bytes, read in pieces."""
    hasher = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(CHUNK_BYTES):
            hasher.update(piece)
    return hasher.hexdigest()


def canonical_json(value: Any) -> str:
    """The one spelling of a JSON value; NaN and infinities are refused."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_of_columns(table: pa.Table) -> str:
    """SHA-256 of a table's column names, types and values; independent of chunks and storage.

    Per column: name, type and length; then the values of each level, outermost first. A list or a text is its lengths as
    int64 and then what it holds; a struct is its fields, one after the other; a truth value is one byte; a number is its
    little-endian bytes. A level begins with one byte that says whether values are missing; where they are, one byte per value
    says which. So the bytes can be read back, and no two columns have the same.

    Raises:
        StoreError: a column is of a type that has no spelling here.
    """
    hasher = hashlib.sha256()
    for name in sorted(table.column_names):
        column = table.column(name)
        hasher.update(_head(name, column))
        _hash_levels(hasher, name, [chunk for chunk in column.chunks if len(chunk)])
    return hasher.hexdigest()


def _head(name: str, column: pa.ChunkedArray) -> bytes:
    """What stands before a column's values: name, type, length. A name that contains its end could stand for other columns."""
    spelled = str(column.type).replace("<element:", "<item:")  # what Parquet renames
    if ";" in name or ";" in spelled:
        raise StoreError(
            f"The column {name[:40]!r} of type {spelled[:40]!r} has no digest: ';' stands in its name; rename it."
        )
    return f"{name}:{spelled}:{len(column)};".encode()


def _hash_levels(hasher: hashlib._Hash, name: str, chunks: list[pa.Array]) -> None:
    while chunks:
        chunks = _hash_level(hasher, name, chunks)


def _hash_level(hasher: hashlib._Hash, name: str, chunks: list[pa.Array]) -> list[pa.Array]:
    """Hash one level of a nested column, or all of a struct; the chunks of the next level, none when this was the last."""
    kind = chunks[0].type
    lacking = any(chunk.null_count for chunk in chunks)
    hasher.update(b"\x01" if lacking else b"\x00")
    for chunk in chunks if lacking else ():
        hasher.update(_bytes_of(chunk.is_valid()))
    if pa.types.is_struct(kind):
        for of_field in zip(*(chunk.flatten() for chunk in chunks), strict=True):
            _hash_levels(hasher, name, list(of_field))
        return []
    if pa.types.is_null(kind):
        return []
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        for chunk in chunks:
            hasher.update(_bytes_of(pc.list_value_length(chunk).fill_null(0).cast(pa.int64())))  # pyright: ignore
        return [flat for chunk in chunks if len(flat := chunk.flatten())]
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        for chunk in chunks:
            hasher.update(_bytes_of(pc.binary_length(chunk).fill_null(0).cast(pa.int64())))  # pyright: ignore
        for chunk in chunks:
            hasher.update(_text_bytes(chunk))
        return []
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        raise StoreError(f"Column '{name}' is of type {kind}, which has no digest; use numbers, text or lists of them.")
    for chunk in chunks:
        hasher.update(_bytes_of(chunk.fill_null(False if pa.types.is_boolean(kind) else 0)))
    return []


def _bytes_of(values: pa.Array) -> memoryview:
    """Numbers or truth values as little-endian bytes."""
    array: NDArray = np.ascontiguousarray(values.to_numpy(zero_copy_only=False))
    return memoryview(array.astype(array.dtype.newbyteorder("<"), copy=False).view(np.uint8))  # pyright: ignore


def _text_bytes(texts: pa.Array) -> memoryview:
    """All characters of the texts, one after the other, as UTF-8."""
    texts = texts.fill_null("")
    width = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    _, offsets, characters = texts.buffers()
    if characters is None:
        return memoryview(b"")
    ends = np.frombuffer(offsets, width)[texts.offset : texts.offset + len(texts) + 1]
    return memoryview(characters)[int(ends[0]) : int(ends[-1])]
