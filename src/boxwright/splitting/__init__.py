"""Splitting: who trains, who chooses, who judges; and whether a split that exists keeps its sides apart.

`split` takes a Dataset and the Spec, returns a `Split`. Guarantees that a group is whole on one side, that the same data and
seed give the same split, and that the summary says what was done. `audit` takes pictures with their sides, returns an `Audit`
with every leak it finds: same bytes, near-duplicates, shared parts, groups, moments. `folds` deals groups to k parts.
"""

from boxwright.splitting.audit import KINDS, Alike, Audit, Leak, Sided, Window, audit
from boxwright.splitting.fingerprint import Fingerprints, fingerprints
from boxwright.splitting.folds import folds
from boxwright.splitting.names import Guess, group_from, guesses
from boxwright.splitting.near import RADIUS, NearPairs, near_pairs
from boxwright.splitting.overlap import Overlaps, overlaps
from boxwright.splitting.pairs import pairs_within
from boxwright.splitting.side_lists import SideLists, in_order, meet, read_side_lists, side_of_path
from boxwright.splitting.split import split
from boxwright.splitting.when import time_from_exif, time_from_text

__all__ = [
    "KINDS",
    "RADIUS",
    "Audit",
    "Fingerprints",
    "Guess",
    "Leak",
    "NearPairs",
    "Overlaps",
    "SideLists",
    "Alike",
    "Sided",
    "Window",
    "audit",
    "fingerprints",
    "folds",
    "group_from",
    "guesses",
    "in_order",
    "meet",
    "near_pairs",
    "overlaps",
    "pairs_within",
    "read_side_lists",
    "side_of_path",
    "split",
    "time_from_exif",
    "time_from_text",
]
