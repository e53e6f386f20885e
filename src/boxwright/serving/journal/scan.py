"""The frames of one segment, also of a damaged one: what is not whole is stepped over, and told.

After a frame that is not whole the next one is searched byte by byte: by its magic, or in a segment of before by the bracket that
every record began with; its checksums decide. So one wrong bit costs one record, wherever it lies.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from boxwright.serving.journal.frame import (
    HEADER_BYTES,
    MAGIC,
    MAX_PAYLOAD_BYTES,
    OLD_HEADER,
    SIGNATURE,
    VERSION,
    Frame,
    Kind,
    decode_header,
)
from boxwright.serving.journal.handles import Handles

_BUFFER = 1 << 20
_BLOCK = 4096  # searched at first, then twice as much, so that many false marks are no work
_WORK = 4  # bytes that may be checked in vain per byte of the segment, so that no file keeps a reader for ever
_LOOK = 128  # what a look at a false frame costs besides its payload; _WORK times the smallest frame pays for one
_OLD_BEGIN = b'{"'


class Damage(NamedTuple):
    """Bytes that are no whole frame.

    Attributes:
        offset, size: where in the segment, and how many.
        unfinished: it is the beginning of a frame at the very end: its writer was stopped, or is writing now.
    """

    offset: int
    size: int
    unfinished: bool


class _Taken(NamedTuple):
    frame: Frame | None
    size: int  # of the frame, or bytes checked in vain
    cut_off: bool = False  # a sound header whose payload the file does not have


def read_frames(path: Path, *, buffer_bytes: int = _BUFFER, handles: Handles | None = None) -> Iterator[Frame | Damage]:
    """All whole frames of a segment in their order, and between them what is damaged.

    Args:
        path: of the segment.
        buffer_bytes: read at once; few where only the first frames are wanted.
        handles: opens the file, where many are read side by side.

    Raises:
        OSError: the file cannot be read.
    """
    with (handles or Handles()).open(path, buffer_bytes=buffer_bytes) as file:
        signed = file.read(len(SIGNATURE))
        size = file.seek(0, 2)
        file.seek(0)
        if signed == SIGNATURE:
            yield from _walk(file, len(SIGNATURE), size, _take, MAGIC, 0)
        elif size and SIGNATURE.startswith(signed):
            yield Damage(0, size, unfinished=True)
        elif _take_old(file, 0).frame is not None or _find(file, MAGIC, 0, size) is None:
            yield from _walk(file, 0, size, _take_old, _OLD_BEGIN, OLD_HEADER.size)
        else:
            yield from _walk(file, 0, size, _take, MAGIC, 0)


def _walk(
    file: BinaryIO, at: int, size: int, take: Callable[[BinaryIO, int], _Taken], mark: bytes, lead: int
) -> Iterator[Frame | Damage]:
    """Frames from an offset on.

    Args:
        file: of the segment.
        at: the first frame's offset.
        size: of the file as it was when reading began; what a writer adds meanwhile is for the next reader.
        take: the frame at an offset.
        mark: what to search for after damage.
        lead: bytes of a frame before its mark.

    Damage to true frames never uses up the work allowed: each is looked at once, and a look costs less than `_WORK` times its size.
    """
    work = _WORK * size
    file.seek(at)
    while at < size:
        taken = take(file, at)
        if taken.frame is not None:
            yield taken.frame
            at += taken.size
            continue
        first, search = taken, at + 1
        work -= _LOOK + taken.size
        while taken.frame is None and work > 0:
            found = _find(file, mark, search + lead, size)
            if found is None:
                break
            search = found - lead + 1
            file.seek(found - lead)
            taken = take(file, found - lead)
            work -= _LOOK + taken.size if taken.frame is None else 0
        if taken.frame is None:
            yield Damage(at, size - at, unfinished=first.cut_off)
            return
        yield Damage(at, taken.frame.offset - at, unfinished=False)
        yield taken.frame
        at = taken.frame.offset + taken.size


def _take(file: BinaryIO, at: int) -> _Taken:
    """The frame here; the file stands at it."""
    head = file.read(HEADER_BYTES)
    if len(head) < HEADER_BYTES:
        return _Taken(None, len(head), cut_off=MAGIC.startswith(head[: len(MAGIC)]) or not head.strip(b"\0"))
    header = decode_header(head)
    if header is None:
        return _Taken(None, len(head), cut_off=not head.strip(b"\0") and _only_zeros(file))
    if header.length > MAX_PAYLOAD_BYTES or header.version != VERSION:
        return _Taken(None, len(head))
    payload = file.read(header.length)
    if len(payload) < header.length:
        return _Taken(None, len(payload), cut_off=True)
    if zlib.crc32(payload) != header.checksum:
        return _Taken(None, len(payload), cut_off=not payload[-1:].strip(b"\0") and not file.read(1))
    frame = Frame(header.kind, header.writer, header.epoch, header.seq, payload, at, header.checksum)
    return _Taken(frame, HEADER_BYTES + header.length)


def _take_old(file: BinaryIO, at: int) -> _Taken:
    """The frame of before here; the file stands at it."""
    head = file.read(OLD_HEADER.size)
    if len(head) < OLD_HEADER.size:
        return _Taken(None, len(head), cut_off=True)
    length, checksum = OLD_HEADER.unpack(head)
    if not len(_OLD_BEGIN) <= length <= MAX_PAYLOAD_BYTES:
        return _Taken(None, len(head), cut_off=not head.strip(b"\0") and _only_zeros(file))
    payload = file.read(length)
    if len(payload) < length:
        return _Taken(None, len(payload), cut_off=True)
    if zlib.crc32(payload) != checksum:
        return _Taken(None, len(payload))
    return _Taken(Frame(Kind.RECORD, 0, 0, -1, payload, at, checksum), OLD_HEADER.size + length)


def _find(file: BinaryIO, mark: bytes, begin: int, size: int) -> int | None:
    """Where the mark next occurs."""
    file.seek(begin)
    carried, step = b"", _BLOCK
    while begin < size and (block := file.read(step)):
        found = (carried + block).find(mark)
        if found >= 0:
            return begin - len(carried) + found
        carried = (carried + block)[1 - len(mark) :]
        begin += len(block)
        step = min(2 * step, _BUFFER)
    return None


def _only_zeros(file: BinaryIO) -> bool:
    """Whether the rest of the file is what a power cut leaves of bytes that were promised and never written."""
    step = _BLOCK
    while block := file.read(step):
        if block.strip(b"\0"):
            return False
        step = min(2 * step, _BUFFER)
    return True
