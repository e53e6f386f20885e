"""Splitting: who trains, who chooses, who judges.

Takes a Dataset and the Spec, returns a `Split`. Guarantees that a group is whole on one side, that the same data and
seed give the same split, and that the summary says what was done.
"""

from boxwright.splitting.split import split

__all__ = ["split"]
