"""AP50 with errors mended: every kind by itself, and every set of kinds, walked side by side.

In a variant some kinds no longer count as false, some claims on free objects have become true, and some objects are no longer
asked for; bit v of a detection's number says that it is true in variant v. One walk down the scores serves all variants: false
detections only raise a counter of their kind, and precision is looked at where something true is met.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numba
import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Matches
from boxwright.boxes import falling, grouped
from boxwright.evaluation.average_precision import RECALL_POINTS
from boxwright.evaluation.diagnose import CLS, KINDS, LOC, MISS, Diagnosis
from boxwright.evaluation.slices import Slice

_EPS = float(np.spacing(1))
_AT_ONCE = 16
_THREADS = 2


@dataclass(frozen=True)
class Variants:
    """Ways of mending errors, side by side.

    Attributes:
        mended: (v,) bit k: kind k no longer counts as false.
        forgives: (v,) objects of this state and above are no longer asked for; see Diagnosis.state.
    """

    mended: NDArray
    forgives: NDArray

    def only(self, variant: int) -> Variants:
        """One of them."""
        return Variants(self.mended[[variant]], self.forgives[[variant]])


_NOBODY, _MISSED, _UNFOUND = 9, 2, 1
SETS = Variants(np.arange(64), np.where(np.arange(64) >> MISS & 1, _MISSED, _NOBODY))
ALONE = Variants(  # each kind; every false detection; every object not found
    np.array([*(1 << kind for kind in range(6)), 0b11111, 0]), np.array([_NOBODY] * 5 + [_MISSED, _NOBODY, _UNFOUND])
)


@dataclass(frozen=True)
class Entries:
    """Everything that is or could become a detection of a class, class by class in falling score.

    Attributes:
        starts: (K + 1,) where each class begins.
        image: (n,) row of the picture.
        false: (n,) int8 kind under which it counts as false, or -1.
        true: (n,) bit v: it is true in variant v.
        object_image, object_class, object_state: of the objects asked for; see Diagnosis.state.
    """

    starts: NDArray
    image: NDArray
    false: NDArray
    true: NDArray
    object_image: NDArray
    object_class: NDArray
    object_state: NDArray

    @classmethod
    def of(
        cls, matches: Matches, diagnosis: Diagnosis, part: Slice | None, *, mended: Literal["sets", "alone"]
    ) -> Entries:
        """The entries of everything, or of a slice.

        Args:
            matches, diagnosis, part: as in `error_types`.
            mended: which variants `true` tells of, SETS or ALONE. In the latter errors come before true detections
                among equal scores, as in tidecv's mended curves.
        """
        alone, sets = _when_true(diagnosis)
        true = sets if mended == "sets" else alone  # in its own class or, for a Cls error, in its object's
        detections, objects = matches.detections, matches.objects
        inside = np.ones(len(true), np.bool_) if part is None or part.detections is None else part.detections
        stays = np.flatnonzero(((diagnosis.kind >= 0) | diagnosis.true) & inside)
        moved = np.flatnonzero((diagnosis.kind == CLS) & (diagnosis.claims >= 0) & (true != 0) & inside)
        rows = np.concatenate([stays, moved])
        begin = np.argsort(rows, kind="stable").astype(np.int32)
        if mended == "alone":
            begin = begin[np.argsort(diagnosis.true[rows[begin]], kind="stable")]
        class_id = np.concatenate(
            [
                detections.column("class_id").to_numpy()[stays],
                objects.column("class_id").to_numpy()[diagnosis.claims[moved]],
            ]
        )
        score = detections.column("score").to_numpy()[rows]
        order, starts = grouped(class_id, len(matches.class_names), order=falling(score, order=begin))
        false = np.where(diagnosis.counts, diagnosis.kind, -1)[rows].astype(np.int8)
        false[len(stays) :] = -1
        at_home = np.where(
            diagnosis.kind[stays] == CLS, np.uint64(0), true[stays]
        )  # a Cls error is true elsewhere only
        asked = diagnosis.state >= 0
        if part is not None and part.objects is not None:
            asked = asked & part.objects
        return cls(
            starts=starts,
            image=detections.column("image").to_numpy()[rows][order],
            false=false[order],
            true=np.concatenate([at_home, true[moved]])[order],
            object_image=objects.column("image").to_numpy()[asked],
            object_class=objects.column("class_id").to_numpy()[asked],
            object_state=diagnosis.state[asked],
        )

    def walk(self, weights: NDArray, variants: Variants) -> NDArray[np.float64]:
        """(r, variants, K) AP50 of every variant under each row of (r, images) weights; NaN for classes without objects."""
        weights = np.ascontiguousarray(weights, np.float32)
        count = len(variants.mended)

        def some(job: tuple[NDArray, int]) -> NDArray:
            rows, first = job
            few = slice(first, first + _AT_ONCE)
            return _fixed(
                self.starts, self.image, self.false, self.true >> np.uint64(first), np.ascontiguousarray(rows),
                self.object_image, self.object_class, self.object_state, variants.mended[few].astype(np.int64),
                variants.forgives[few].astype(np.int64), RECALL_POINTS, _EPS,
            )  # fmt: skip

        parts = [part for part in np.array_split(weights, _THREADS) if len(part)]
        firsts = range(0, count, _AT_ONCE)
        with ThreadPoolExecutor(_THREADS) as threads:
            found = list(threads.map(some, [(part, first) for part in parts for first in firsts]))
        per_part = [np.concatenate(found[i : i + len(firsts)], axis=1) for i in range(0, len(found), len(firsts))]
        return np.concatenate(per_part)


def _when_true(diagnosis: Diagnosis) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """(detections,) bits of the variants ALONE, and of the 64 sets of kinds, in which a detection is true."""
    everywhere = ~np.uint64(0)
    single = np.where(diagnosis.true, everywhere, np.uint64(0))
    sets = single.copy()
    best = _first_claims(diagnosis, (CLS, LOC))
    masks = np.arange(1 << len(KINDS))
    has = {kind: masks >> kind & 1 == 1 for kind in (CLS, LOC)}
    for kind, rival in ((LOC, CLS), (CLS, LOC)):
        mine = best[diagnosis.kind[best] == kind]
        single[mine] |= np.uint64(1) << np.uint64(kind)
        sets[mine] |= _packed(has[kind] & has[rival])
        sets[_first_claims(diagnosis, (kind,))] |= _packed(has[kind] & ~has[rival])
    return single, sets


def _first_claims(diagnosis: Diagnosis, kinds: Sequence[int]) -> NDArray[np.int64]:
    """Rows of the best scored detections of some kinds that claim an object; rows fall in score within a picture."""
    rows = np.flatnonzero((diagnosis.claims >= 0) & np.isin(diagnosis.kind, kinds))
    return rows[np.unique(diagnosis.claims[rows], return_index=True)[1]]


def _packed(flags: NDArray) -> np.uint64:
    return np.uint64(sum(1 << int(i) for i in np.flatnonzero(flags)))


@numba.njit(cache=True, nogil=True)
def _fixed(
    starts, image, false, true, weights, object_image, object_class, object_state, mended, forgives, points, eps
):
    """AP of every variant, see `_Entries.walk`; a class whose objects are all forgiven has nothing left to find: 1."""
    classes, variants, kinds = len(starts) - 1, len(mended), 5
    mine = (np.uint64(1) << np.uint64(variants)) - np.uint64(1) if variants < 64 else ~np.uint64(0)
    found = np.full((len(weights), variants, classes), np.nan)
    most, lasts = 1, starts[1:].copy()
    for c in range(classes):
        n, last = 0, starts[c]
        for i in range(starts[c], starts[c + 1]):
            if true[i] & mine != np.uint64(0):
                n, last = n + 1, i + 1
        most, lasts[c] = max(most, n), last
    at_recall, at_precision = np.empty((variants, most)), np.empty((variants, most))
    ends = np.zeros(variants, np.int64)
    counted = np.zeros(variants)
    of_kind = np.zeros(kinds)
    by_state = np.zeros((classes, 3))
    for row in range(len(weights)):
        drawn = weights[row]
        by_state[:] = 0
        for o in range(len(object_image)):
            by_state[object_class[o], object_state[o]] += drawn[object_image[o]]
        for c in range(classes):
            if by_state[c].sum() <= 0:
                continue
            of_kind[:], counted[:], ends[:] = 0, 0, 0
            for i in range(starts[c], lasts[c]):
                weight = np.float64(drawn[image[i]])
                if weight == 0.0:
                    continue
                if false[i] >= 0:
                    of_kind[false[i]] += weight
                if true[i] & mine == np.uint64(0):
                    continue
                every = of_kind.sum()
                for v in range(variants):
                    if not (true[i] >> np.uint64(v)) & np.uint64(1):
                        # a claim that is mended, but not the best, is gone: it is in of_kind, which the set takes out
                        continue
                    wrong = every
                    for k in range(kinds):
                        if mended[v] >> k & 1:
                            wrong -= of_kind[k]
                    counted[v] += weight
                    at_recall[v, ends[v]] = counted[v]
                    at_precision[v, ends[v]] = counted[v] / (wrong + counted[v] + eps)
                    ends[v] += 1
            for v in range(variants):
                positives = 0.0
                for state in range(3):
                    if state < forgives[v]:
                        positives += by_state[c, state]
                if positives <= 0:
                    found[row, v, c] = 1.0
                    continue
                n = ends[v]
                for i in range(n - 2, -1, -1):
                    at_precision[v, i] = max(at_precision[v, i], at_precision[v, i + 1])
                i, total = 0, 0.0
                for r in range(len(points)):
                    while i < n and at_recall[v, i] / positives < points[r]:
                        i += 1
                    if i == n:
                        break
                    total += at_precision[v, i]
                found[row, v, c] = total / len(points)
    return found
