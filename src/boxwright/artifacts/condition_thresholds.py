"""Which score threshold applies to an image: that of its condition's value, else that of the class.

One rule for whoever answers and whoever evaluates. Thresholds depend on one condition at most: with two, the order in which they
are written down would decide, and that order is in no digest. A value is known by its spelling (`spelled`), as a caller may
write it in another way than the images that were evaluated.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from boxwright.errors import InputError
from boxwright.spec.spec import NOT_CONDITIONS

ByCondition = Mapping[str, Mapping[str, Mapping[str, float]]]  # condition, value, class name to least score


def spelled(value: str) -> str:
    """The one spelling of a condition's value: composed Unicode (NFC), without blanks around it."""
    return unicodedata.normalize("NFC", value).strip()


def only_condition(by_condition: ByCondition) -> str | None:
    """The condition that thresholds depend on; None where they depend on none.

    Raises:
        InputError: there are several, or it is one that no caller can send with an image, or has two spellings of one value.
    """
    if len(by_condition) > 1:
        raise InputError(
            f"Score thresholds depend on {len(by_condition)} conditions ({', '.join(sorted(by_condition))}); expected one at most. "
            "Choose again: `boxwright choose`."
        )
    for condition, by_value in by_condition.items():
        values = [spelled(value) for value in by_value]
        if condition in NOT_CONDITIONS or not condition or "" in values or len(set(values)) < len(values):
            raise InputError(
                f"Score thresholds depend on '{condition}' with the values {', '.join(map(repr, by_value))}; expected a condition and "
                "values that a caller can send with an image, each spelled once. Choose again: `boxwright choose`."
            )
    return next(iter(by_condition), None)


def threshold_rows(
    class_names: Sequence[str], score_thresholds: Mapping[str, float], by_condition: ByCondition
) -> tuple[NDArray[np.float64], str | None, dict[str, NDArray[np.float64]]]:
    """Thresholds by class_id, the condition that changes them, and its values (`spelled`) with their thresholds by class_id.

    Args:
        class_names: by class_id.
        score_thresholds: class name to least score; 0 for a class that has none.
        by_condition: what replaces them.

    Raises:
        InputError: see `only_condition`.
    """
    of_class = [score_thresholds.get(name, 0.0) for name in class_names]
    condition = only_condition(by_condition)
    by_value = by_condition[condition] if condition else {}
    rows = {
        spelled(value): np.array(
            [special.get(name, least) for name, least in zip(class_names, of_class, strict=True)], np.float64
        )
        for value, special in by_value.items()
    }
    return np.array(of_class, np.float64), condition, rows
