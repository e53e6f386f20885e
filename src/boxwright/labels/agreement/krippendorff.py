"""Krippendorff's alpha for nominal values, as sums over pictures, so that pictures can be resampled without matching again.

Every unit is rated by the annotators who had its picture: with a class, or with "nothing here". Of a unit with m ratings,
n_c of value c, the observed agreement is sum_c n_c (n_c - 1) / (m - 1); with n all ratings of units with two or more, and N_c
those of value c,

    alpha = ((n - 1) o - sum_c N_c (N_c - 1)) / (n (n - 1) - sum_c N_c (N_c - 1))

(Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011; Hayes and Krippendorff, Communication Methods and Measures 1,
2007). A picture that several had and nobody drew on is one unit on which all say "nothing here". Where only one value ever
occurs alpha is undefined, not 1: nothing varied, so nothing shows that people can tell things apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from boxwright.labels.agreement.ratings import NOT_ASKED, NOTHING, Units
from boxwright.labels.agreement.sureness import Sureness


@dataclass(frozen=True)
class Coincidences:
    """What alpha is made of, per picture.

    Attributes:
        observed: (P,) agreement o.
        values: (P, K + 1) ratings of each class, and of "nothing here" last; of units with two or more ratings.
    """

    observed: NDArray
    values: NDArray

    def alpha(self) -> NDArray[np.float64]:
        """Alpha of all pictures; NaN where it is undefined."""
        return alpha_of(self.observed.sum(), self.values.sum(axis=0))

    def resampled(self, sure: Sureness) -> NDArray[np.float64] | None:
        """(r,) alpha in every replicate; None for too few groups."""
        sums = sure.resampled(np.column_stack([self.observed, self.values]))
        return None if sums is None else alpha_of(sums[:, 0], sums[:, 1:])


def alpha_of(observed: NDArray, values: NDArray) -> NDArray[np.float64]:
    """(...) alpha from (...) observed agreement and (..., values) counts; see the file's opening."""
    observed, values = np.asarray(observed, np.float64), np.asarray(values, np.float64)
    n = values.sum(axis=-1)
    chance = (values * (values - 1)).sum(axis=-1)
    below = n * (n - 1) - chance
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((n > 1) & (below > 1e-9), ((n - 1) * observed - chance) / below, np.nan)


def coincidences(
    units: Units, *, chosen: NDArray | None = None, without: int | None = None, only: int | None = None
) -> Coincidences:
    """What alpha is made of.

    Args:
        units: the rated objects.
        chosen: (U,) bool, to look at some of them; pictures without any unit then do not count.
        without: an annotator to leave out, and the objects nobody else drew with them.
        only: a class_id: every rating is then "this class" or "not this class" (alpha of one class against the rest).
    """
    label, asked = units.label, units.ratings.saw.astype(np.int64)
    if without is not None:
        keep = np.arange(label.shape[1]) != without
        label, asked = label[:, keep], asked[:, keep]
    drawn = (label >= 0).any(axis=1)
    rows = np.flatnonzero((drawn if chosen is None else drawn & chosen) & ((label != NOT_ASKED).sum(axis=1) > 1))
    pictures, classes = len(asked), len(units.ratings.class_names)
    value = np.where(label[rows] == NOTHING, classes, label[rows])  # "nothing here" is the last value
    if only is not None:
        classes, value = 1, np.where(value == NOT_ASKED, NOT_ASKED, (value != only).astype(np.int64))
    rated, where = value != NOT_ASKED, units.picture[rows]
    agreed = np.zeros(len(rows))
    for a, b in combinations(range(value.shape[1]), 2):
        agreed += 2 * (rated[:, a] & (value[:, a] == value[:, b]))
    observed = np.bincount(where, agreed / np.maximum(rated.sum(axis=1) - 1, 1), pictures)
    flat = (where[:, None] * (classes + 1) + value)[rated]
    values = np.bincount(flat, minlength=pictures * (classes + 1)).reshape(pictures, classes + 1).astype(np.float64)
    if chosen is None:
        seen = asked.sum(axis=1)
        empty = (np.bincount(units.picture[drawn], minlength=pictures) == 0) & (seen > 1)
        observed[empty] += seen[empty]
        values[empty, -1] += seen[empty]
    return Coincidences(observed, values)
