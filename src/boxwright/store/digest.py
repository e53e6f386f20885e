"""Content digests: the identity of everything saved.

SHA-256 in hexadecimal over content that has one spelling: JSON with sorted keys and no blanks, columns as their type
and little-endian values. Where a thing lies, when it was written, and by which library version never enters.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

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
        spelled = str(column.type).replace("<element:", "<item:")  # what Parquet renames
        hasher.update(f"{name}:{spelled}:{len(column)};".encode())
        if pa.types.is_primitive(column.type) and not column.null_count and not pa.types.is_boolean(column.type):
            hasher.update(np.ascontiguousarray(column.to_numpy()).tobytes())
        else:
            hasher.update(canonical_json(column.to_pylist()).encode())
    return hasher.hexdigest()
