"""The gate: is the evidence enough?

Takes a report, the spec and a baseline's report, returns a `Verdict`: per requirement met, not met, or no evidence.
Guarantees that a missing figure is never counted as met, and that the verdict names the one bundle it is about.
"""

from boxwright.gate.decide import decide

__all__ = ["decide"]
