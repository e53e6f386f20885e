"""Whether people agree as far as the spec asks: met, not met, or no evidence.

Asked of Krippendorff's alpha. With a single class alpha is no measure: "nothing here" then only occurs where somebody
disagrees, so nearly all agreement is what chance would give, and alpha lies near 0 however well people agree. There F1 is
judged instead, and the record says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from boxwright.artifacts.agreement import RequiredAgreement
from boxwright.artifacts.verdict import Status
from boxwright.labels.agreement.ratings import Ratings
from boxwright.spec import Observed


@dataclass(frozen=True)
class Required:
    """The agreement asked for.

    Attributes:
        least: of the figure, in [0, 1].
        judge_on: the interval's lower end, or the figure itself.
    """

    least: float
    judge_on: Literal["bound", "value"] = "bound"


def judged(required: Required, figures: Mapping[str, Observed], ratings: Ratings) -> RequiredAgreement:
    """The answer."""
    one_class = len(np.unique(ratings.class_id)) < 2
    name: Literal["alpha", "f1"] = "f1" if one_class else "alpha"
    found = figures[name]
    notes = ["one class only: F1 is judged, alpha is near 0 there however well people agree"] if one_class else []
    status, why = _status(required, found)
    return RequiredAgreement(
        name, required.least, required.judge_on, found, status, "; ".join([*notes, *([why] if why else [])])
    )


def _status(required: Required, found: Observed) -> tuple[Status, str]:
    if found.value is None:
        return "no evidence", "the figure is undefined"
    if required.judge_on == "value":
        return "met" if found.value >= required.least else "not met", ""
    if found.low is None or found.high is None:
        return "no evidence", "no interval: too few groups of pictures"
    if found.low >= required.least:
        return "met", ""
    if found.high < required.least:
        return "not met", ""
    return "no evidence", "the interval holds the required figure; rate more pictures twice"
