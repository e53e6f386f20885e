"""Whether people agree as far as the spec asks: met, not met, or no evidence.

Asked of Krippendorff's alpha. With a single class alpha is no measure: "nothing here" then only occurs where somebody
disagrees, so nearly all agreement is what chance would give, and alpha lies near 0 however well people agree. There F1 is
judged instead, and the record says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from boxwright.labels.agreement.ratings import Ratings


@dataclass(frozen=True)
class Required:
    """The agreement asked for.

    Attributes:
        least: of the figure, in [0, 1].
        judge_on: the interval's lower end, or the figure itself.
    """

    least: float
    judge_on: Literal["bound", "value"] = "bound"


def judged(required: Required, figures: Mapping[str, Mapping[str, Any]], ratings: Ratings) -> dict[str, Any]:
    """The answer: figure, least, judged_on, value, low, high, status and a note."""
    one_class = len(np.unique(ratings.class_id)) < 2
    name = "f1" if one_class else "alpha"
    found = figures[name]
    record = {"figure": name, "least": required.least, "judged_on": required.judge_on}
    record |= {key: found[key] for key in ("value", "low", "high")}
    notes = ["one class only: F1 is judged, alpha is near 0 there however well people agree"] if one_class else []
    if found["value"] is None:
        return {**record, "status": "no evidence", "note": "; ".join([*notes, "the figure is undefined"])}
    if required.judge_on == "value":
        return {**record, "status": "met" if found["value"] >= required.least else "not met", "note": "; ".join(notes)}
    if found["low"] is None:
        return {
            **record,
            "status": "no evidence",
            "note": "; ".join([*notes, "no interval: too few groups of pictures"]),
        }
    if found["low"] >= required.least:
        return {**record, "status": "met", "note": "; ".join(notes)}
    if found["high"] < required.least:
        return {**record, "status": "not met", "note": "; ".join(notes)}
    more = "the interval holds the required figure; rate more pictures twice"
    return {**record, "status": "no evidence", "note": "; ".join([*notes, more])}
