"""The kind of every error: what each wrong detection and each missed object is.

The kinds, their order and their thresholds are TIDE's; artifacts/report/error_kinds.py says what each is. Here they are found
for columns at once: a detection that is not true is the first of Loc, Cls, Dupe, Bkg, Both that fits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Matches
from boxwright.artifacts.report import ERROR_KINDS
from boxwright.evaluation.operating import operating_bit
from boxwright.evaluation.slices import Slice

KINDS = tuple(kind.code for kind in ERROR_KINDS)
CLS, LOC, BOTH, DUPE, BKG, MISS = range(len(KINDS))
_MATCH, _BACKGROUND = 0.5, 0.1


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
