"""The gate: is the evidence enough?

Takes a report, the spec and a baseline's report, and what is known on golden and challenge sets; returns a `Verdict`:
per requirement met, not met, or no evidence. `as_markdown` and `as_junit` write it for people and for continuous
integration, `card` describes a bundle by measured figures alone. Guarantees that a missing figure is never counted as
met, that the verdict names the one bundle it is about, and that nothing is written that was not measured.
"""

from boxwright.gate.card import Origins, card
from boxwright.gate.decide import decide
from boxwright.gate.junit import as_junit
from boxwright.gate.markdown import as_markdown
from boxwright.gate.on_set import OnSet
from boxwright.gate.pairs import Pairs, pair

__all__ = ["OnSet", "Origins", "Pairs", "as_junit", "as_markdown", "card", "decide", "pair"]
