"""Labels: what people drew, compared and corrected.

Takes a Dataset and Corrections, returns the next Dataset; takes two versions, returns what changed, to the box.
Two doors more: `agreement` (several people on the same pictures) and `audit` (labels that are probably wrong).
Guarantees that a correction replaces a picture's annotations as a whole and that everything else is carried over.
"""

from boxwright.labels.changes import KINDS, Difference, in_words
from boxwright.labels.correct import correct
from boxwright.labels.diff import diff
from boxwright.labels.newest import Corrected, correct_newest
from boxwright.labels.without import Without, has_corrections, without

__all__ = [
    "KINDS",
    "Corrected",
    "Difference",
    "Without",
    "correct",
    "correct_newest",
    "diff",
    "has_corrections",
    "in_words",
    "without",
]
