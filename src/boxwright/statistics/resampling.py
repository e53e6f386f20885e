"""Bootstrap weightings of images, for two questions about a figure.

*New groups*: what would the figure be on other boards, cameras or clips like these? A replicate draws as many groups as there
are, with replacement; an image's weight is how often its group was drawn. Images of one group resemble each other: treating
them as independent makes intervals too narrow.

*These groups*: what would it be on other images of the same groups? A replicate draws images within each group, one fewer than
there are, and weighs them up to the group's size, so that its variance is right also for small groups (Rao and Wu, JASA 83,
1988). Groups of a single image are drawn among themselves. Where every image is a group of its own, the two questions are one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from boxwright.statistics.votes import effective_groups, vote_weights

REPLICATES = 1000
LEAST_REPLICATES = 200
LEAST_GROUPS = 4  # fewer give no interval
_MOST_WEIGHTS = 50_000_000  # replicates times images kept in memory
_MOST_STEPS = 200_000_000  # replicates times detections walked, for one figure of a report


def group_numbers(groups: Sequence[str]) -> NDArray[np.int64]:
    """(n,) number of each entry's group, from 0, in the order of their names."""
    return np.unique(np.array(groups, dtype=object).astype(str), return_inverse=True)[1].astype(np.int64)


def draws(groups: int, *, replicates: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """(replicates, groups) how often each group is drawn when as many are drawn, with replacement, as there are."""
    return rng.multinomial(groups, np.full(groups, 1 / max(groups, 1)), size=replicates)


def group_weights(groups: Sequence[str], *, replicates: int = REPLICATES, seed: int = 0) -> NDArray[np.float32] | None:
    """(replicates, images) how often each image's group was drawn; None for too few groups."""
    index = group_numbers(groups)
    count = int(index.max(initial=-1)) + 1
    if count < LEAST_GROUPS:
        return None
    replicates = min(replicates, max(LEAST_REPLICATES, _MOST_WEIGHTS // len(groups)))
    drawn = draws(count, replicates=replicates, rng=np.random.default_rng(seed))
    return drawn.astype(np.float32)[:, index]


def within_group_weights(groups: Sequence[str], *, replicates: int, seed: int = 0) -> NDArray[np.float32]:
    """(replicates, images) weight of each image where images are drawn within their groups; none, (0, images), where every
    image is a group of its own."""
    index = group_numbers(groups)
    sizes = np.bincount(index)
    if (sizes == 1).all():
        return np.zeros((0, len(index)), np.float32)
    stratum = np.where(sizes[index] > 1, index, -1)  # single images are drawn among themselves
    weights = np.ones((replicates, len(index)), np.float32)
    rng = np.random.default_rng([seed, 1])
    order = np.argsort(stratum, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(stratum[order])) + 1):
        n = len(rows)
        if n > 1:
            weights[:, rows] = rng.multinomial(n - 1, np.full(n, 1 / n), size=replicates) * (n / (n - 1))
    return weights


def replicates_for(detections: int) -> int:
    """How many replicates a report draws: fewer for very many detections, where each is dear and intervals are narrow."""
    return max(LEAST_REPLICATES, min(REPLICATES, _MOST_STEPS // max(detections, 1)))


@dataclass(frozen=True)
class Resampling:
    """Weightings of the images of one evaluation.

    Attributes:
        group: (images,) number of each image's group, from 0.
        new: (r, images) for new groups; (0, images) for too few groups.
        these: (s, images) for these groups; (0, images) where every image is a group of its own.
    """

    group: NDArray[np.int64]
    new: NDArray[np.float32]
    these: NDArray[np.float32]

    @classmethod
    def of(cls, groups: Sequence[str], *, replicates: int = REPLICATES, seed: int = 0) -> Resampling:
        """Weightings for images of some groups.

        Args:
            groups: (images,) name of each image's group.
            replicates: how many, see `replicates_for`; LEAST_REPLICATES are enough for these groups.
            seed: of the draws.
        """
        new = group_weights(groups, replicates=replicates, seed=seed)
        return cls(
            group_numbers(groups),
            np.zeros((0, len(groups)), np.float32) if new is None else new,
            within_group_weights(groups, replicates=min(replicates, LEAST_REPLICATES), seed=seed),
        )

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return int(self.group.max(initial=-1)) + 1

    @property
    def single(self) -> bool:
        """Whether every image is a group of its own: then new and these groups are one question."""
        return self.groups == len(self.group)

    def largest_share(self, objects: NDArray) -> float:
        """Share of the objects that one group contains, of (images,) objects in each image; 0 where there are none."""
        sizes = np.bincount(self.group, objects, self.groups)
        return float(sizes.max(initial=0.0) / max(sizes.sum(), 1.0))

    def votes(self, objects: NDArray) -> NDArray[np.float64]:
        """(images,) weight of each image that has so many objects, (images,); see `vote_weights`."""
        return vote_weights(self.group, objects)

    def weightings(self, inside: NDArray, votes: NDArray) -> NDArray[np.float32]:
        """(1 + r + s, images) votes alone, then new groups drawn with these votes, then these groups.

        Args:
            inside: (images,) 1 for the images of a slice, else 0.
            votes: (images,) weight of each, see `votes`.
        """
        of_votes = (inside * votes).astype(np.float32)
        return np.concatenate([of_votes[None], self.new * of_votes, self.these * inside.astype(np.float32)])

    def parted(self, replicates: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """What (1 + r + s, n) replicates of n figures under `weightings` are: (n,) by votes, (r, n) new, (s, n) these."""
        return replicates[0], replicates[1 : 1 + len(self.new)], replicates[1 + len(self.new) :]

    def freedom_within(self, objects: NDArray) -> NDArray[np.float64]:
        """(n,) degrees of freedom of the images within groups, for (images, n) objects each image has of n figures."""
        sizes = np.bincount(self.group)
        stratum = np.where(sizes[self.group] > 1, self.group, self.groups)
        held = np.zeros((self.groups + 1, objects.shape[1]), np.bool_)
        image, column = np.nonzero(objects)
        held[stratum[image], column] = True
        return np.maximum(effective_groups(objects) - held.sum(axis=0), 0.0)
