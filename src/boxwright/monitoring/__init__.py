"""Monitoring: is traffic still what the bundle was judged on?

Takes events and the reference (the candidate's own predictions on the data that judged it), returns `Drift`. Guarantees
that the chance of a false statistical alarm in a window is at most what the spec says, over all features and slices
together, and that a shift too small to matter does not ring.
"""

from boxwright.monitoring.features import Features, features_of_events, features_of_predictions
from boxwright.monitoring.watch import watch

__all__ = ["Features", "features_of_events", "features_of_predictions", "watch"]
