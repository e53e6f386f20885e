"""One record as bytes: a frame that can be found again in a damaged file, and says which record is missing.

    4 bytes   magic; its first byte occurs in no UTF-8 text, so nothing that a record says can look like a frame
    1         version of the frame, 2
    1         kind (`Kind`)
    2         0
    4         length of the payload
    4         epoch of the writer: a new one after a write whose fate is not known
    8         writer: a random number, one per process and journal
    8         sequence number within writer and epoch, from 0
    4         CRC-32 of the payload
    4         CRC-32 of the 36 bytes before
    ...       payload, JSON in UTF-8

Integers are unsigned and little-endian. A segment begins with `SIGNATURE`, and then with a frame of kind OPENING whose sequence
number is that of the segment's first record. Segments of before had no signature, and frames of 8 bytes (length and CRC-32).
"""

from __future__ import annotations

import struct
import zlib
from enum import IntEnum
from typing import NamedTuple

SIGNATURE = b"BWJRNL2\n"
MAGIC = b"\xffBWJ"
VERSION = 2
MAX_PAYLOAD_BYTES = 16 << 20
_HEADER = struct.Struct("<4sBBHIIQQI")
_CHECK = struct.Struct("<I")
HEADER_BYTES = _HEADER.size + _CHECK.size
OLD_HEADER = struct.Struct("<II")


class Kind(IntEnum):
    """What a frame says. All but OPENING and CLOSING take a sequence number."""

    OPENING = 0  # of a segment: when, by which process
    RECORD = 1  # an answer
    GAP = 2  # answers that were given without a record
    PROBE = 3  # nothing: whether the disk takes it
    RETENTION = 4  # what was deleted, and why
    CLOSING = 5  # the writer ended; its next sequence number


NUMBERED = frozenset({Kind.RECORD, Kind.GAP, Kind.PROBE, Kind.RETENTION})


class Header(NamedTuple):
    """The fields of a frame before its payload."""

    version: int
    kind: int
    length: int
    epoch: int
    writer: int
    seq: int
    checksum: int


class Frame(NamedTuple):
    """A whole frame and where it lies.

    Attributes:
        kind: a `Kind`, or the number of one that this version does not know.
        writer, epoch, seq: see the file's opening; an old frame has the seq -1.
        payload: its bytes.
        offset: in its segment.
        checksum: CRC-32 of the payload.
    """

    kind: int
    writer: int
    epoch: int
    seq: int
    payload: bytes
    offset: int
    checksum: int


def encode(kind: Kind, payload: bytes, *, writer: int, epoch: int, seq: int) -> bytes:
    """The bytes of a frame."""
    header = _HEADER.pack(MAGIC, VERSION, kind, 0, len(payload), epoch, writer, seq, zlib.crc32(payload))
    return b"".join((header, _CHECK.pack(zlib.crc32(header)), payload))


def decode_header(data: bytes) -> Header | None:
    """The header that these bytes begin with; None where it is damaged or there are too few."""
    if len(data) < HEADER_BYTES or not data.startswith(MAGIC):
        return None
    if zlib.crc32(data[: _HEADER.size]) != _CHECK.unpack_from(data, _HEADER.size)[0]:
        return None
    _, version, kind, _, length, epoch, writer, seq, checksum = _HEADER.unpack_from(data)
    return Header(version, kind, length, epoch, writer, seq, checksum)
