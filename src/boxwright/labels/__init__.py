"""Labels: what people drew, compared and corrected.

Takes a Dataset and Corrections, returns the next Dataset; takes two versions, returns what changed, to the box.
Guarantees that a correction replaces a picture's annotations as a whole and that everything else is carried over.
"""

from boxwright.labels.correct import correct
from boxwright.labels.diff import Difference, diff

__all__ = ["Difference", "correct", "diff"]
