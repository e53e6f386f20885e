"""What several people drew on the same pictures, as parallel columns, and which of their boxes mean the same object.

A unit is one object as far as people agree about it: at most one box of each annotator. Annotators are added one after the
other; the boxes of the next are paired with the units there are so that the sum of gains is the largest, a gain being the
overlap, plus 1 where both say the same class (sequential Hungarian matching with the lenient cost of KaLOS, CVPR 2026). Only
pairs at or above the IoU threshold count. So boxes of different classes can meet, but only where no box of the same class
would do: a quarrel about the class is seen as one, and a pan under its lid is not taken for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from boxwright.boxes import iou_of_two, pair_up

NOTHING, NOT_ASKED = -1, -2  # saw the picture and drew nothing there; never had the picture


@dataclass(frozen=True)
class Ratings:
    """Boxes of R annotators on P pictures, ordered by picture, then by annotator.

    Attributes:
        annotators: (R,) names, all different.
        class_names: by class_id, for all annotators.
        file_names: (P,) of the pictures, in the order of the session.
        sizes_hw: (P, 2) height and width, NaN where they are not known.
        saw: (P, R) bool: whether the annotator had the picture.
        offsets: (P * R + 1,) annotator r on picture p owns the rows from offsets[p * R + r] to the next.
        boxes_xyxy: (n, 4) float64, pixels.
        class_id: (n,) int32.
        marks: name to (n,) bool, such as truncated or occluded, where an annotator's file says so.
        conditions: (P,) condition name to value.
    """

    annotators: tuple[str, ...]
    class_names: tuple[str, ...]
    file_names: Sequence[str]
    sizes_hw: NDArray
    saw: NDArray
    offsets: NDArray
    boxes_xyxy: NDArray
    class_id: NDArray
    marks: Mapping[str, NDArray] = field(default_factory=dict)
    conditions: Sequence[Mapping[str, Any]] = ()

    @cached_property
    def slot(self) -> NDArray[np.int64]:
        """(n,) picture times R plus annotator of each box."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    @property
    def annotator(self) -> NDArray[np.int64]:
        """(n,) who drew each box."""
        return self.slot % len(self.annotators)

    @property
    def picture(self) -> NDArray[np.int64]:
        """(n,) on which picture."""
        return self.slot // len(self.annotators)

    def boxes_of(self, annotator: int) -> int:
        """How many boxes an annotator drew."""
        return int((self.annotator == annotator).sum())


@dataclass(frozen=True)
class Units:
    """Objects as far as people agree about them.

    Attributes:
        ratings: what they were made of.
        member: (U, R) row of the annotator's box; NOTHING or NOT_ASKED where there is none.
        picture: (U,) in rising order.
        iou_threshold: overlap from which on two boxes can mean the same object.
    """

    ratings: Ratings
    member: NDArray
    picture: NDArray
    iou_threshold: float

    @cached_property
    def label(self) -> NDArray[np.int64]:
        """(U, R) class_id, NOTHING or NOT_ASKED."""
        drawn = self.member >= 0
        found = np.where(drawn, 0, self.member).astype(np.int64)
        found[drawn] = self.ratings.class_id[self.member[drawn]]
        return found

    @cached_property
    def boxes_xyxy(self) -> NDArray[np.float64]:
        """(U, R, 4) the annotators' boxes, NaN where there is none."""
        found = np.full((*self.member.shape, 4), np.nan)
        found[self.member >= 0] = self.ratings.boxes_xyxy[self.member[self.member >= 0]]
        return found

    @cached_property
    def middle_xyxy(self) -> NDArray[np.float64]:
        """(U, 4) mean of the boxes of a unit."""
        drawn = self.member >= 0
        sums = np.where(drawn[..., None], np.nan_to_num(self.boxes_xyxy), 0).sum(axis=1)
        return sums / np.maximum(drawn.sum(axis=1), 1)[:, None]

    @cached_property
    def side_px(self) -> NDArray[np.float64]:
        """(U,) square root of the mean box's area."""
        box = self.middle_xyxy
        return np.sqrt(np.maximum((box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]), 0))

    @cached_property
    def majority(self) -> NDArray[np.int64]:
        """(U,) class_id most annotators gave; the lowest of several."""
        votes = np.stack([(self.label == k).sum(axis=1) for k in range(len(self.ratings.class_names))], axis=1)
        return votes.argmax(axis=1) if votes.size else np.zeros(len(self.picture), np.int64)

    @cached_property
    def asked(self) -> NDArray[np.int64]:
        """(U,) annotators who had the picture."""
        return (self.member != NOT_ASKED).sum(axis=1)

    @cached_property
    def drew(self) -> NDArray[np.int64]:
        """(U,) annotators who drew it."""
        return (self.member >= 0).sum(axis=1)

    @cached_property
    def one_class(self) -> NDArray[np.bool_]:
        """(U,) whether all who drew it gave the same class."""
        drawn = self.label >= 0
        high = np.where(drawn, self.label, -1).max(axis=1)
        low = np.where(drawn, self.label, np.iinfo(np.int64).max).min(axis=1)
        return high == low


def units_of(ratings: Ratings, *, iou_threshold: float) -> Units:
    """The objects in the ratings.

    Args:
        ratings: what was drawn.
        iou_threshold: least overlap of boxes of one object, inclusive, in (0, 1].
    """
    count_r = len(ratings.annotators)
    unit, picture = _gather(
        np.ascontiguousarray(ratings.offsets), np.ascontiguousarray(ratings.boxes_xyxy),
        np.ascontiguousarray(ratings.class_id), count_r, float(iou_threshold),
    )  # fmt: skip
    member = np.where(ratings.saw[picture], NOTHING, NOT_ASKED).astype(np.int64)
    member[unit, ratings.annotator] = np.arange(len(unit))
    return Units(ratings, member, picture, iou_threshold)


@numba.njit(cache=True, nogil=True)
def _gather(offsets, boxes, class_id, annotators, threshold):
    """(n,) unit of each box and (U,) picture of each unit."""
    n = len(boxes)
    unit, last = np.full(n, -1, np.int64), np.full(n, -1, np.int64)
    picture = np.empty(n, np.int64)
    slots, free = np.empty(n, np.int64), np.empty(n, np.int64)
    count = 0
    for p in range((len(offsets) - 1) // annotators):
        for r in range(annotators):
            begin, end = offsets[p * annotators + r], offsets[p * annotators + r + 1]
            for q in range(r):
                a = b = 0
                for i in range(offsets[p * annotators + q], offsets[p * annotators + q + 1]):
                    if last[unit[i]] != r:
                        slots[a] = i
                        a += 1
                for i in range(begin, end):
                    if unit[i] < 0:
                        free[b] = i
                        b += 1
                if a == 0 or b == 0:
                    continue
                gain = np.zeros((a, b))
                for i in range(a):
                    for j in range(b):
                        overlap = iou_of_two(boxes[slots[i]], boxes[free[j]])
                        if overlap >= threshold and overlap > 0:
                            gain[i, j] = overlap + (1.0 if class_id[slots[i]] == class_id[free[j]] else 0.0)
                taken = pair_up(gain)
                for i in range(a):
                    if taken[i] >= 0:
                        unit[free[taken[i]]] = unit[slots[i]]
                        last[unit[slots[i]]] = r
            for i in range(begin, end):
                if unit[i] < 0:
                    unit[i] = count
                    last[count] = r
                    picture[count] = p
                    count += 1
    return unit, picture[:count]
