"""From which overlap on two people's boxes mean the same object, learnt from the boxes themselves.

D_o: for every box, 1 minus its largest IoU with another annotator's boxes on the same picture. D_e: the same with a random
annotator's boxes on a random other picture, which is what chance gives. How far apart the two distributions are is their
Kolmogorov-Smirnov distance; where the densities (Gaussian kernels of Scott's width) first cross to the right of D_o's mode,
chance becomes as likely as meaning. 1 minus that place is the IoU threshold the data ask for (KaLOS, CVPR 2026).
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from boxwright.boxes import iou_of_two
from boxwright.labels.agreement.ratings import Ratings
from boxwright.statistics import distribution_gaps

_CELLS = 1000
_DEFAULT = 0.5


@dataclass(frozen=True)
class Separation:
    """How well agreement stands out against chance.

    Attributes:
        iou_threshold: where chance becomes as likely as meaning; 0.5 where the two cannot be told apart.
        ks: largest distance of the two distributions, in [0, 1].
        found: whether a threshold was found, or 0.5 stands in.
        observed, expected: (n,) distances.
    """

    iou_threshold: float
    ks: float
    found: bool
    observed: NDArray
    expected: NDArray


def separation(ratings: Ratings, *, seed: int = 0) -> Separation:
    """The threshold the data ask for; see the file's opening."""
    rng = np.random.default_rng(seed)
    pictures, annotators = ratings.saw.shape
    partner_of = np.full(pictures * annotators, -1, np.int64)
    several = np.flatnonzero(ratings.saw.any(axis=1))
    if len(several) > 1:
        own = np.arange(pictures * annotators) // annotators
        place = np.minimum(np.searchsorted(several, own), len(several) - 1)
        drawn = rng.integers(1, len(several), size=pictures * annotators)
        other = several[(place + drawn) % len(several)]
        order = np.argsort(rng.random((pictures * annotators, annotators)) + ~ratings.saw[other] * 2, axis=1)
        partner_of = other * annotators + order[:, 0]
    observed, expected = _distances(
        np.ascontiguousarray(ratings.offsets), np.ascontiguousarray(ratings.boxes_xyxy),
        np.ascontiguousarray(ratings.saw), partner_of,
    )  # fmt: skip
    observed, expected = observed[observed >= 0], expected[expected >= 0]
    if len(observed) < 2 or len(expected) < 2:
        return Separation(_DEFAULT, float("nan"), False, observed, expected)
    at = _crossing(_density(observed), _density(expected))
    return Separation(
        1 - at if at is not None else _DEFAULT,
        float(distribution_gaps(observed, expected).max()),
        at is not None,
        observed,
        expected,
    )


def _density(values: NDArray) -> NDArray | None:
    """(_CELLS,) Gaussian kernel density on [0, 1] from binned values; None where all are the same."""
    spread = values.std(ddof=1)
    if spread < 1e-12:
        return None
    width = spread * len(values) ** (-1 / 5)
    x = np.linspace(0, 1, _CELLS)
    counts = np.bincount(np.rint(values * (_CELLS - 1)).astype(np.int64), minlength=_CELLS)
    held = np.flatnonzero(counts)
    kernel = np.exp(-0.5 * np.square((x[:, None] - x[held][None, :]) / width))
    return kernel @ counts[held] / (len(values) * width * np.sqrt(2 * np.pi))


def _crossing(one: NDArray | None, two: NDArray | None) -> float | None:
    """First x to the right of `one`'s mode where the densities cross, else the valley between the modes."""
    if one is None or two is None:
        return None
    x = np.linspace(0, 1, _CELLS)
    mode, other = int(one.argmax()), int(two.argmax())
    changes = np.flatnonzero(np.diff(np.sign(one - two)) != 0)
    after = changes[changes > mode]
    if len(after):
        return float(x[after[0]])
    low, high = sorted((mode, other))
    return float(x[low + (one + two)[low : high + 1].argmin()]) if low < high else None


@numba.njit(cache=True, nogil=True)
def _distances(offsets, boxes, saw, partner_of):
    """Least distance of each box to each other annotator's boxes, and to those of a chance partner; -1 for none."""
    pictures, annotators = saw.shape
    observed = np.full(len(boxes) * max(annotators - 1, 1), -1.0)
    expected = np.full(len(boxes), -1.0)
    count = 0
    for p in range(pictures):
        for r in range(annotators):
            slot = p * annotators + r
            for i in range(offsets[slot], offsets[slot + 1]):
                for q in range(annotators):
                    if q != r and saw[p, q]:
                        observed[count] = _least(offsets, boxes, i, p * annotators + q)
                        count += 1
                if partner_of[slot] >= 0:
                    expected[i] = _least(offsets, boxes, i, partner_of[slot])
    return observed, expected


@numba.njit(cache=True, nogil=True)
def _least(offsets, boxes, i, slot):
    best = 0.0
    for j in range(offsets[slot], offsets[slot + 1]):
        best = max(best, iou_of_two(boxes[i], boxes[j]))
    return 1.0 - best
