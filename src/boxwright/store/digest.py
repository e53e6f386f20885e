"""Content digests: the identity of everything saved.

SHA-256 in hexadecimal over content that has one spelling: JSON with sorted keys and no blanks, columns as their type
and little-endian values. Where a thing lies, when it was written, and by which library version never enters.

There are two laws for tables. The first spells lists and text as JSON; it is readable and slow. The second hashes the
values as they lie in memory, lengths first: fifty times faster on a million boxes, and the law of datasets since
decision 0005. What was saved under the first keeps its digest.
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


def digest_of_table(table: pa.Table) -> str:
    """SHA-256 of a table's column names, types and values, independent of how it is chunked or stored."""
    hasher = hashlib.sha256()
    for name in sorted(table.column_names):
        column = table.column(name)
        hasher.update(_head(name, column))
        if pa.types.is_primitive(column.type) and not column.null_count and not pa.types.is_boolean(column.type):
            hasher.update(np.ascontiguousarray(column.to_numpy()).tobytes())
        else:
            hasher.update(canonical_json(column.to_pylist()).encode())
    return hasher.hexdigest()


def digest_of_columns(table: pa.Table) -> str:
    """SHA-256 of a table's column names, types and values under the second law; independent of chunks and storage.

    Per column: name, type and length; then the values of each level, outermost first. A list or a text is its lengths as
    int64 and then what it holds; a truth value is one byte; a number is its little-endian bytes. A level with missing
    values is preceded by one byte per value, and its number stands before the column's length: these bytes could else be read
    as the first lengths of a column that lacks nothing.

    Raises:
        StoreError: a column is of a type that has no spelling here.
    """
    hasher = hashlib.sha256()
    for name in sorted(table.column_names):
        column = table.column(name)
        chunks = [chunk for chunk in column.chunks if len(chunk)]
        hasher.update(_head(name, column, lacking=_levels_that_lack(chunks)))
        while chunks:
            chunks = _hash_level(hasher, name, chunks)
    return hasher.hexdigest()


def _head(name: str, column: pa.ChunkedArray, *, lacking: str = "") -> bytes:
    """What stands before a column's values: name, type, length. A name that contains its end could stand for other columns."""
    spelled = str(column.type).replace("<element:", "<item:")  # what Parquet renames
    if ";" in name or ";" in spelled:
        raise StoreError(
            f"The column {name[:40]!r} of type {spelled[:40]!r} has no digest: ';' stands in its name; rename it."
        )
    return f"{name}:{spelled}:{lacking}{len(column)};".encode()


def _levels_that_lack(chunks: list[pa.Array]) -> str:
    """The levels of a column in which values are missing, such as `0?2?`; empty where none is."""
    found, level = "", 0
    while chunks:
        if any(chunk.null_count for chunk in chunks):
            found += f"{level}?"
        listed = pa.types.is_list(chunks[0].type) or pa.types.is_large_list(chunks[0].type)
        chunks = [flat for chunk in chunks if len(flat := chunk.flatten())] if listed else []
        level += 1
    return found


def _hash_level(hasher: hashlib._Hash, name: str, chunks: list[pa.Array]) -> list[pa.Array]:
    """Hash one level of a nested column; the chunks of the next level, none when this was the last."""
    kind = chunks[0].type
    if any(chunk.null_count for chunk in chunks):
        hasher.update(b"?")
        for chunk in chunks:
            hasher.update(_bytes_of(chunk.is_valid()))
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
