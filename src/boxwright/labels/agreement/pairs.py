"""Two annotators at a time: how many boxes both drew, how many one alone, whether the classes are the same, how far they overlap.

Everything is kept per picture, so that figures can be resampled. F1 is 2 both / (a + b), which is the same whichever of the
two is taken for the truth; where there are more than two annotators, sums run over all pairs that had the picture. Kappa is
Cohen's (Educational and Psychological Measurement 20, 1960) of the classes of boxes that met, and with more than two
annotators the mean over pairs (Light, Psychological Bulletin 76, 1971).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from boxwright.boxes import paired_iou
from boxwright.labels.agreement.ratings import NOT_ASKED, Units
from boxwright.labels.agreement.sureness import Sureness
from boxwright.spec import Observed


@dataclass(frozen=True)
class Pair:
    """Sums over one pair of annotators; each (P,) unless it says otherwise.

    Attributes:
        a, b: positions of the annotators.
        both, same: boxes both drew, and of those with the same class.
        boxes_a, boxes_b: what each drew on pictures both had.
        overlap: sum of the IoUs of boxes both drew.
        classes_a, classes_b: (P, K) classes each gave to boxes both drew.
    """

    a: int
    b: int
    both: NDArray
    same: NDArray
    boxes_a: NDArray
    boxes_b: NDArray
    overlap: NDArray
    classes_a: NDArray
    classes_b: NDArray


def pairs_of(units: Units, *, chosen: NDArray | None = None, of_class: int | None = None) -> list[Pair]:
    """Sums over every pair of annotators.

    Args:
        units: the rated objects.
        chosen: (U,) bool, to look at some of them.
        of_class: a class_id: only boxes of this class count, and both must say it.
    """
    found, pictures, k = [], len(units.ratings.saw), len(units.ratings.class_names)
    for a, b in combinations(range(len(units.ratings.annotators)), 2):
        rows = (units.member[:, a] != NOT_ASKED) & (units.member[:, b] != NOT_ASKED)
        rows = np.flatnonzero(rows if chosen is None else rows & chosen)
        one, two, where = units.label[rows, a], units.label[rows, b], units.picture[rows]
        if of_class is not None:
            one, two = np.where(one == of_class, one, -1), np.where(two == of_class, two, -1)
        met = (one >= 0) & (two >= 0)
        overlap = paired_iou(units.boxes_xyxy[rows[met], a], units.boxes_xyxy[rows[met], b])

        def count(mask: NDArray, where: NDArray = where) -> NDArray:
            return np.bincount(where[mask], minlength=pictures).astype(np.float64)

        def classes(values: NDArray, where: NDArray = where, met: NDArray = met) -> NDArray:
            flat = np.bincount(where[met] * k + values[met], minlength=pictures * k)
            return flat.reshape(pictures, k).astype(np.float64)

        found.append(
            Pair(
                a, b, count(met), count(met & (one == two)), count(one >= 0), count(two >= 0),
                np.bincount(where[met], overlap, pictures), classes(one), classes(two),
            )
        )  # fmt: skip
    return found


def pair_figures(pairs: list[Pair], sure: Sureness, *, kappa: bool = True) -> dict[str, Observed]:
    """F1 of place alone and of place and class, mean IoU and kappa, with intervals.

    Returns:
        `f1`, `f1_class`, `mean_iou` and, where asked for, `kappa`.
    """
    columns = sum(
        (np.column_stack([2 * p.both, 2 * p.same, p.overlap, p.boxes_a + p.boxes_b, p.both]) for p in pairs),
        np.zeros((len(sure.group), 5)),
    )
    total, drawn = columns.sum(axis=0), sure.resampled(columns)
    found = {
        name: sure.figure(
            _over(total[top], total[bottom]), None if drawn is None else _over(drawn[:, top], drawn[:, bottom]),
            columns[:, bottom], share=True,
        )
        for name, top, bottom in (("f1", 0, 3), ("f1_class", 1, 3), ("mean_iou", 2, 4))
    }  # fmt: skip
    if kappa:
        tables = [np.column_stack([p.both, p.same, p.classes_a, p.classes_b]) for p in pairs]
        value = _mean([_kappa(table.sum(axis=0)) for table in tables])
        spreads = [sums for table in tables if (sums := sure.resampled(table)) is not None]
        found["kappa"] = sure.figure(value, _mean([_kappa(s) for s in spreads]) if spreads else None, columns[:, 4])
    return found


def _kappa(sums: NDArray) -> NDArray[np.float64]:
    """(...) kappa from (..., 2 + 2 K) sums: both, same, classes of a, classes of b."""
    k = (sums.shape[-1] - 2) // 2
    n, same, a, b = sums[..., 0], sums[..., 1], sums[..., 2 : 2 + k], sums[..., 2 + k :]
    agreed, chance = _over(same, n), _over((a * b).sum(axis=-1), np.square(n))
    return np.where(chance < 1 - 1e-12, _over(agreed - chance, 1 - chance), np.nan)


def _mean(values: list[NDArray]) -> NDArray[np.float64]:
    stacked = np.stack(values)
    defined = np.isfinite(stacked)
    return _over(np.where(defined, stacked, 0).sum(axis=0), defined.sum(axis=0).astype(np.float64))


def _over(top: NDArray, bottom: NDArray) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(np.abs(bottom) > 0, np.asarray(top, np.float64) / bottom, np.nan)
