"""Agreement: what several people drew on the same pictures, held against each other.

Takes `Ratings` (each person's boxes on the pictures all were given), returns their `Agreement`: matched pairs, kappa, alpha over
localisation, per class, size and condition with intervals, and what the differences look like. `consensus` returns the boxes
they hold together, each with the odds that it exists. Guarantees that what is unresolved is said and never decided.
"""

from boxwright.labels.agreement.agree import agree
from boxwright.labels.agreement.consensus import as_coco, consensus
from boxwright.labels.agreement.ratings import Ratings, units_of
from boxwright.labels.agreement.required import Required

__all__ = ["Ratings", "Required", "agree", "as_coco", "consensus", "units_of"]
