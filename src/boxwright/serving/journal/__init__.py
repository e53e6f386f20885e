"""The journal: what a server answered, one framed record per answer, written before the answer leaves.

A process that is killed loses nothing it acknowledged: the operating system has the bytes, and at most one torn frame lies at the end.
A power cut can lose what was not yet on the disk; `flush_to_disk` waits for that too. What is damaged costs the damaged record only,
and a reader is told how many are missing.
"""

from boxwright.serving.journal.journal import MAX_RECORD_BYTES, SEGMENT_BYTES, Journal
from boxwright.serving.journal.pictures import kept_picture
from boxwright.serving.journal.reading import Gap, Place, Reading, read_records
from boxwright.serving.journal.retention import Trimmed

__all__ = [
    "MAX_RECORD_BYTES",
    "SEGMENT_BYTES",
    "Gap",
    "Journal",
    "Place",
    "Reading",
    "Trimmed",
    "kept_picture",
    "read_records",
]
