"""How sure a figure of agreement is: groups of pictures are resampled, since frames of one clip quarrel alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts.resampled import Resampled
from boxwright.spec import Observed
from boxwright.statistics import effective_groups, plain_intervals, share_intervals, wilson

_FEW = 400  # groups


@dataclass(frozen=True)
class Sureness:
    """The groups of the pictures, and how often a replicate draws each.

    Attributes:
        group: (P,) number of each picture's group, from 0.
        unit: what a group is: picture, group or block.
        drawn: (r, groups) float32, how often each group was drawn in a replicate; None for too few groups.
        confidence: of the intervals.
    """

    group: NDArray
    unit: str
    drawn: NDArray | None
    confidence: float

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return int(self.group.max(initial=-1)) + 1

    @property
    def resampling(self) -> Resampled:
        """What the intervals rest on."""
        return Resampled(self.unit, self.groups, 0 if self.drawn is None else len(self.drawn), self.confidence)

    def resampled(self, columns: NDArray) -> NDArray[np.float64] | None:
        """(r, c) sums of (P, c) columns in every replicate; None for too few groups. Whole numbers below 2^24 stay exact."""
        if self.drawn is None:
            return None
        of_group = np.empty((self.groups, columns.shape[1]), np.float32)
        for c, column in enumerate(columns.T):
            of_group[:, c] = np.bincount(self.group, column, self.groups)
        if self.groups <= _FEW:  # threads cost more than they save
            return np.einsum("rg,gc->rc", self.drawn, of_group).astype(np.float64)
        return (self.drawn @ of_group).astype(np.float64)

    def figure(
        self, value: float | NDArray, spread: NDArray | None, sizes: NDArray, *, share: bool = False
    ) -> Observed:
        """One figure with its interval; None where it is undefined.

        Args:
            value: the figure; NaN where undefined.
            spread: (r,) its replicates, or None.
            sizes: (P,) what it rests on, per picture.
            share: the figure lies in [0, 1].
        """
        value, support = float(value), float(np.sum(sizes))
        if not np.isfinite(value):
            return Observed(None, support=round(support))
        if spread is None:
            return Observed(value, support=round(support))
        held = effective_groups(np.bincount(self.group, sizes, self.groups)[:, None])
        values, spreads = np.array([value]), np.asarray(spread, np.float64)[:, None]
        if share:
            low, high = share_intervals(
                values, spreads, objects=np.array([support]), groups=held, confidence=self.confidence
            )
        else:
            low, high = plain_intervals(values, spreads, groups=held, confidence=self.confidence, within=(-1.0, 1.0))
        if low[0] == high[0] and 0 <= value <= 1:  # the same in every replicate: what as many groups could hide
            low, high = ([end] for end in wilson(value, max(round(held[0]), 1), confidence=self.confidence))
        if not (np.isfinite(low[0]) and np.isfinite(high[0])):
            return Observed(value, support=round(support))
        return Observed(value, min(float(low[0]), value), max(float(high[0]), value), round(support))

    def mean_over_error(self, values: NDArray, group: NDArray) -> tuple[float, float, int]:
        """Mean of (n,) values, the mean over its standard error from the groups' sums, and how many groups hold any."""
        if not len(values):
            return 0.0, 0.0, 0
        sums = np.bincount(group, values - values.mean(), self.groups)
        holding = int((np.bincount(group, minlength=self.groups) > 0).sum())
        error = np.sqrt(holding / max(holding - 1, 1) * np.square(sums).sum()) / len(values)
        floor = 0.5 / max(holding, 1) if error == 0 else 0.0  # all alike: what as many groups could hide
        return float(values.mean()), float(values.mean() / max(error, floor, 1e-12)), holding
