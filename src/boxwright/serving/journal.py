"""The journal: one framed record per answer, written before the answer leaves.

A record is its length, a checksum, and JSON; one `write` appends it to the worker's own segment. A process that is
killed loses nothing it acknowledged (the operating system has the bytes), at most a torn record at the end, which the
checksum finds. A power cut can lose what the operating system had not yet put on the disk; `flush_to_disk` waits for
that too. Pictures that are kept lie beside the segments by digest and are written before their record.
"""

from __future__ import annotations

import json
import os
import re
import struct
import threading
import time
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from boxwright.errors import ServingError

SEGMENT_BYTES = 64 << 20
MAX_RECORD_BYTES = 16 << 20
_DIGEST = re.compile(r"[0-9a-f]{64}")
_FRAME = struct.Struct("<II")  # length and CRC-32 of the JSON


class Journal:
    """Where one server process writes.

    Args:
        folder: of all segments; each process opens segments of its own.
        flush_to_disk: wait for the disk at every record.
        segment_bytes: begin a new segment beyond this.
    """

    def __init__(self, folder: Path, *, flush_to_disk: bool = False, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.folder = folder
        self._flush, self._most = flush_to_disk, segment_bytes
        self._lock = threading.Lock()
        self._handle = -1
        self._size = 0
        (folder / "pictures").mkdir(parents=True, exist_ok=True)
        self._open()

    def append(self, record: dict[str, Any]) -> None:
        """Write one record; it will be found again when this returns.

        Raises:
            ServingError: it could not be written, and the answer must not be released as if it were.
        """
        payload = json.dumps(record, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
        frame = _FRAME.pack(len(payload), zlib.crc32(payload)) + payload
        with self._lock:
            try:
                if self._size + len(frame) > self._most:
                    self._open()
                written = os.write(self._handle, frame)
                if written != len(frame):
                    self._open()  # what follows a torn record in a segment would not be read
                    raise OSError(f"only {written} of {len(frame)} bytes were taken")
                self._size += written
                if self._flush:
                    os.fdatasync(self._handle)
            except OSError as error:
                raise ServingError(f"The journal in '{self.folder}' cannot be written: {error}.") from error

    def keep_picture(self, data: bytes, digest: str) -> None:
        """Keep the encoded picture under its digest."""
        path = kept_picture(self.folder, digest)
        if path.exists():
            return
        temporary = path.with_suffix(f".{uuid.uuid4().hex}")
        try:
            temporary.write_bytes(data)
            os.replace(temporary, path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise ServingError(f"A picture cannot be kept in '{path.parent}': {error}.") from error

    def close(self) -> None:
        """Close the segment."""
        with self._lock:
            if self._handle >= 0:
                os.close(self._handle)
                self._handle = -1

    def _open(self) -> None:
        name = f"{time.time_ns():020d}-{os.getpid()}.journal"
        try:
            fresh = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        except OSError as error:
            raise ServingError(f"The journal in '{self.folder}' cannot be opened: {error}.") from error
        if self._handle >= 0:
            os.close(self._handle)
        self._handle, self._size = fresh, 0


def kept_picture(folder: Path, digest: str) -> Path:
    """Where a picture of the journal lies, if it was kept; ServingError for what is no digest."""
    if not _DIGEST.fullmatch(digest):
        raise ServingError(f"'{digest[:80]}' is no picture's digest (64 hexadecimal digits).")
    return folder / "pictures" / digest


def read_records(folder: Path) -> Iterator[dict[str, Any]]:
    """All whole records, segment by segment in the order they were opened; a torn tail is left out."""
    for segment in sorted(folder.glob("*.journal")):
        with segment.open("rb") as file:
            while len(header := file.read(_FRAME.size)) == _FRAME.size:
                length, checksum = _FRAME.unpack(header)
                payload = file.read(length) if length <= MAX_RECORD_BYTES else b""
                if len(payload) != length or zlib.crc32(payload) != checksum:
                    break
                yield json.loads(payload)
