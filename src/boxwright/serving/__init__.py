"""Serving: the promoted bundle answers over HTTP, and every answer is in the journal first.

Takes a bundle with a passing verdict and traffic, returns answers and `Events`. Guarantees that no answer leaves before
its record is written, that work is bounded (429, not a growing queue), and that a release can be taken back at once.
"""

from boxwright.serving.events.kept import kept_digests
from boxwright.serving.events.stretch import Stretch, read_events, read_stretch
from boxwright.serving.journal import Journal, Reading, kept_picture, read_records
from boxwright.serving.primary.rollout import promote, rollback
from boxwright.serving.primary.wanted import Wanted

__all__ = [
    "Journal",
    "Reading",
    "Stretch",
    "Wanted",
    "kept_digests",
    "kept_picture",
    "promote",
    "read_events",
    "read_records",
    "read_stretch",
    "rollback",
]
