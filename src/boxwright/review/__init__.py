"""Review: people look at what the detector should not decide alone.

Takes events and the reference, returns a `ReviewQueue` with due times; takes answers, returns `Corrections`. Guarantees
that part of every queue is drawn at random (so that figures may rest on it), that no camera starves the others, and
that an answer belongs to an item of the queue.
"""

from boxwright.review.accept import Answer, accept
from boxwright.review.select import select

__all__ = ["Answer", "accept", "select"]
