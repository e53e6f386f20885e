"""Where artifacts live, and how they are found again.

Takes artifacts, returns their digests; takes a digest, a unique beginning of one, or a name, returns the artifact.
Guarantees that nothing stored is ever changed, that a write happens wholly or not at all, that names keep their whole
history, and that lineage can be followed both ways.
"""

from boxwright.store.atomic import append_line, write_bytes, write_json
from boxwright.store.clock import Clock
from boxwright.store.digest import canonical_json, digest_of_bytes, digest_of_file
from boxwright.store.fs import Fs, using
from boxwright.store.ledger import Steps, Waiting, identity_of, quietly
from boxwright.store.place import Folder, Place
from boxwright.store.plain_file import read_plain_file
from boxwright.store.rows import differing, flat_rows, pair_rows
from boxwright.store.store import NEW_NAME, NameEvent, Store, actor, check_name, moved

__all__ = [
    "NEW_NAME",
    "Clock",
    "Folder",
    "Fs",
    "NameEvent",
    "Place",
    "Steps",
    "Store",
    "Waiting",
    "actor",
    "append_line",
    "canonical_json",
    "check_name",
    "differing",
    "digest_of_bytes",
    "digest_of_file",
    "flat_rows",
    "identity_of",
    "moved",
    "pair_rows",
    "quietly",
    "read_plain_file",
    "using",
    "write_bytes",
    "write_json",
]
