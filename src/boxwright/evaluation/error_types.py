"""What kind of error each wrong detection and each missed object is, and what AP would be without that kind.

The kinds and their order are TIDE's (Bolya et al., ECCV 2020; dbolya/tide), at IoU 0.5 and background 0.1. A detection
that is not true is, the first that fits,

    Loc   of the right class and badly placed: IoU with its class from 0.1 to 0.5
    Cls   well placed on an object of another class
    Dupe  well placed on an object that a better scored detection has taken
    Bkg   on nothing: IoU at most 0.1 with everything
    Both  badly placed, and of another class

and Miss is an object that nothing took and that no Loc or Cls error lies on. `dap` of a kind is the AP50, in points, that
mending this kind alone would give (among equal scores, errors before true detections, as tidecv has them): a Loc or Cls error becomes true if its object is free and it is the best scored that
claims it, and goes otherwise; Dupe, Bkg and Both go; missed objects are no longer asked for. Where tidecv averages in
classes without objects, we do as COCO does and leave them out.

Such gains do not add up. `share` does: the Shapley value of each kind over all 64 sets of kinds that could be mended, so
that the six shares and AP50 make 100. There the claimant of an object is the best scored among the kinds mended.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import factorial
from typing import Any, Literal

import numba
import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Matches
from boxwright.boxes import falling, grouped
from boxwright.evaluation.average_precision import RECALL_POINTS
from boxwright.evaluation.bootstrap import plain_intervals
from boxwright.evaluation.operating import operating_bit
from boxwright.evaluation.slices import Slice

KINDS = ("Cls", "Loc", "Both", "Dupe", "Bkg", "Miss")
CLS, LOC, BOTH, DUPE, BKG, MISS = range(6)
WORDS = {
    "Cls": "wrong class",
    "Loc": "badly placed",
    "Both": "wrong class and badly placed",
    "Dupe": "second box on one object",
    "Bkg": "on background",
    "Miss": "missed",
}
_MATCH, _BACKGROUND = 0.5, 0.1
_EPS = float(np.spacing(1))
_AT_ONCE = 16
_THREADS = 2
_MOST_REPLICATES = 400


@dataclass(frozen=True)
class Diagnosis:
    """The kind of every error.

    Attributes:
        kind: (detections,) int8 index into KINDS; -1 for true detections and those not answered.
        counts: (detections,) bool, of those with a kind: held against the model (not on an ignored annotation).
        true: (detections,) bool.
        claims: (detections,) row of the free object a Loc or Cls error lies on, else -1.
        state: (objects,) int8: 0 found, 1 free and claimed by a Loc or Cls error, 2 missed, -1 not asked for.
    """

    kind: NDArray
    counts: NDArray
    true: NDArray
    claims: NDArray
    state: NDArray

    def within(self, part: Slice | None) -> Diagnosis:
        """The same where claims count only if detection and object both lie in the slice."""
        if part is None or part.objects is None or part.detections is None:
            return self
        both = (self.claims >= 0) & part.detections
        if len(part.objects):
            both &= part.objects[np.maximum(self.claims, 0)]
        claims = np.where(both, self.claims, -1)
        state = np.where(self.state == 1, 2, self.state).astype(np.int8)
        state[claims[both]] = 1
        return replace(self, claims=claims, state=state)


def diagnose(matches: Matches, passes: NDArray | None = None) -> Diagnosis:
    """The kind of every error, of all detections, or only of those answered.

    Args:
        matches: the match tables.
        passes: (detections,) bool, those answered; all when None.
    """
    detections, objects = matches.detections, matches.objects
    bit = operating_bit(matches)
    same, other = detections.column("nearest_iou").to_numpy(), detections.column("other_iou").to_numpy()
    ignored = detections.column("ignored").to_numpy() & bit != 0
    hit = (detections.column("hit").to_numpy() & bit != 0) & ~ignored
    here = np.ones(len(hit), np.bool_) if passes is None else passes
    kind = np.full(len(hit), BOTH, np.int8)
    kind[np.maximum(same, other) <= _BACKGROUND] = BKG
    kind[same >= _MATCH] = DUPE
    kind[other >= _MATCH] = CLS
    kind[(same >= _BACKGROUND) & (same <= _MATCH)] = LOC
    kind[hit | ~here] = -1
    taker = objects.column("detection").to_numpy()
    asked = objects.column("left_out").to_numpy() & np.uint64(1) == 0
    found = taker >= 0
    if len(here):
        found = found & here[np.maximum(taker, 0)]
    at = np.where(kind == LOC, detections.column("nearest").to_numpy(), -1)
    at = np.where(kind == CLS, detections.column("other").to_numpy(), at)
    free = (at >= 0) & ~found[np.maximum(at, 0)] if len(found) else np.zeros(len(at), np.bool_)
    claims = np.where(free, at, -1)
    state = np.where(found, 0, 2).astype(np.int8)
    state[claims[claims >= 0]] = 1
    state[~asked] = -1
    return Diagnosis(kind, ~ignored, hit & here, claims, state)


def tally(diagnosis: Diagnosis, matches: Matches, part: Slice | None = None) -> dict[str, int]:
    """How many errors of each kind, in all or in one slice."""
    kind = np.where(diagnosis.counts, diagnosis.kind, -1)
    missed = diagnosis.state == 2
    if part is not None:
        inside = part.pictures[matches.detections.column("image").to_numpy()]
        kind = np.where(inside if part.detections is None else inside & part.detections, kind, -1)
        missed = missed & part.pictures[matches.objects.column("image").to_numpy()]
        missed = missed if part.objects is None else missed & part.objects
    counted = np.bincount(kind[kind >= 0], minlength=len(KINDS))
    return {name: int(missed.sum()) if i == MISS else int(counted[i]) for i, name in enumerate(KINDS)}


def error_types(
    matches: Matches,
    *,
    diagnosis: Diagnosis | None = None,
    part: Slice | None = None,
    weights: NDArray | None = None,
    confidence: float = 0.95,
    groups: float = 0,
) -> dict[str, Any]:
    """What each kind of error costs.

    Args:
        matches: the match tables.
        diagnosis: of all detections; made here when None.
        part: a slice; everything when None.
        weights: (r, images) bootstrap weightings for intervals of `dap`; none when None.
        confidence: of the intervals.
        groups: how many groups of one size were resampled, see `effective_groups`.

    Returns:
        `types`: kind to dap (points of AP50), low and high of it, share (points), count; `ap50` in points; `per_class`:
        class name to shares; `false_positives` and `false_negatives`: dap of mending all of them.
    """
    diagnosis = diagnosis or diagnose(matches)
    as_found = _Entries.of(matches, diagnosis.within(part), part, mended="sets")
    everything = np.ones((1, len(matches.images)), np.float32)
    sets = as_found.walk(everything * _inside(matches, part), _SETS)[0]  # (64, K)
    judged = np.isfinite(sets[0])
    if not judged.any():
        return {"types": {}, "ap50": None, "per_class": {}, "false_positives": None, "false_negatives": None}
    counted = tally(diagnosis, matches, part)
    shares = 100 * _shapley(sets)  # (6, K)
    alone = gains(matches, everything, diagnosis=diagnosis, part=part)[0]
    low = high = np.full(len(alone), np.nan)
    if weights is not None:
        spread = gains(matches, weights[:_MOST_REPLICATES], diagnosis=diagnosis, part=part)
        low, high = plain_intervals(alone, spread, groups=np.full(len(alone), groups), confidence=confidence)
        low = np.maximum(low, 0.0)
    types = {
        name: {
            "dap": float(alone[i]),
            "low": _plain(low[i]),
            "high": _plain(high[i]),
            "share": float(shares[i, judged].mean()),
            "count": counted[name],
        }
        for i, name in enumerate(KINDS)
    }
    per_class = {
        name: {kind: float(shares[i, c]) for i, kind in enumerate(KINDS)}
        for c, name in enumerate(matches.class_names)
        if judged[c]
    }
    return {
        "types": types,
        "ap50": float(100 * sets[0, judged].mean()),
        "per_class": per_class,
        "false_positives": float(alone[6]),
        "false_negatives": float(alone[7]),
    }


def gains(
    matches: Matches, weights: NDArray, *, diagnosis: Diagnosis | None = None, part: Slice | None = None
) -> NDArray[np.float64]:
    """(r, 8) points of AP50 that mending each kind alone, every false detection, or every unfound object would give.

    Args:
        matches, diagnosis, part: as for `error_types`.
        weights: (r, images).
    """
    diagnosis = (diagnosis or diagnose(matches)).within(part)
    drawn = weights * _inside(matches, part)
    before = _Entries.of(matches, diagnosis, part, mended="sets").walk(drawn, _SETS.only(0))
    after = _Entries.of(matches, diagnosis, part, mended="alone").walk(drawn, _ALONE)
    return 100 * _gains(before, after)


def _inside(matches: Matches, part: Slice | None) -> NDArray[np.float32]:
    return np.ones(len(matches.images), np.float32) if part is None else part.pictures.astype(np.float32)


def _gains(before: NDArray, after: NDArray) -> NDArray[np.float64]:
    """(r, variants) what each variant (r, variants, K) adds to the mean AP50 of doing nothing (r, 1, K); not negative."""
    judged = np.isfinite(before)
    classes = np.maximum(judged.sum(axis=2), 1)
    mean = np.where(judged, after, 0).sum(axis=2) / classes - np.where(judged, before, 0).sum(axis=2) / classes
    return np.where(judged.any(axis=2), np.maximum(mean, 0.0), np.nan)


def _shapley(sets: NDArray) -> NDArray[np.float64]:
    """(6, K) Shapley values from the (64, K) worth of every set of kinds; bit e of the row says kind e is mended."""
    kinds = len(KINDS)
    value = np.zeros((kinds, sets.shape[1]))
    for before in range(1 << kinds):
        size = before.bit_count()
        for kind in range(kinds):
            if not before >> kind & 1:
                weight = factorial(size) * factorial(kinds - 1 - size) / factorial(kinds)
                value[kind] += weight * (sets[before | 1 << kind] - sets[before])
    return value


@dataclass(frozen=True)
class _Variants:
    """Ways of mending errors, side by side.

    Attributes:
        mended: (v,) bit k: kind k no longer counts as false.
        forgives: (v,) objects of this state and above are no longer asked for; see Diagnosis.state.
    """

    mended: NDArray
    forgives: NDArray

    def only(self, variant: int) -> _Variants:
        """One of them."""
        return _Variants(self.mended[[variant]], self.forgives[[variant]])


_NOBODY, _MISSED, _UNFOUND = 9, 2, 1
_SETS = _Variants(np.arange(64), np.where(np.arange(64) >> MISS & 1, _MISSED, _NOBODY))
_ALONE = _Variants(  # each kind; every false detection; every object not found
    np.array([*(1 << kind for kind in range(6)), 0b11111, 0]), np.array([_NOBODY] * 5 + [_MISSED, _NOBODY, _UNFOUND])
)


@dataclass(frozen=True)
class _Entries:
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
    ) -> _Entries:
        """The entries of everything, or of a slice.

        Args:
            matches, diagnosis, part: as in `error_types`.
            mended: which variants `true` tells of, _SETS or _ALONE. In the latter errors come before true detections
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

    def walk(self, weights: NDArray, variants: _Variants) -> NDArray[np.float64]:
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
    """(detections,) bits of the variants _ALONE, and of the 64 sets of kinds, in which a detection is true."""
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


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


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
