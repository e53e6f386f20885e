"""What the tests of the journal share: records by number, and the bytes that the format of before had."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

from boxwright.serving.journal import Reading, read_records


def answer(number: int, *, at: float | None = None, **other: Any) -> dict[str, Any]:
    """The record of an answer with one box."""
    return {
        "event_id": str(number), "at": 1e9 + number if at is None else at, "bundle": "b" * 64,
        "class_names": ["carton", "pouch"], "picture": "a" * 64, "file_name": "", "camera": "", "width": 64, "height": 48,
        "brightness": 1.0, "contrast": 1.0, "sharpness": 1.0, "latency_ms": 1.0,
        "boxes_xyxy": [[1.5, 2, 3, 4]], "score": [0.5], "class_id": [1], **other,
    }  # fmt: skip


def numbers(folder: Path) -> list[int]:
    """The numbers of the records in a journal, in the order of reading."""
    return [int(record["event_id"]) for record in read_records(folder)]


def account(folder: Path) -> Reading:
    """What a reading of the whole journal says about it."""
    reading = Reading()
    for _ in read_records(folder, reading=reading):
        pass
    return reading


def old_segment(path: Path, records: list[dict[str, Any]]) -> bytes:
    """Write a segment as Boxwright did before frames had numbers: length, CRC-32, JSON."""
    data = b""
    for record in records:
        text = json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode()
        data += struct.pack("<II", len(text), zlib.crc32(text)) + text
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return data


def only_segment(folder: Path) -> Path:
    """The one segment of a journal."""
    (found,) = folder.glob("*.journal")
    return found
