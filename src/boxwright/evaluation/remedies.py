"""Where errors of each kind are more frequent than elsewhere, among the answered detections or the objects: counted evidence."""

from __future__ import annotations

from collections.abc import Sequence

from boxwright.evaluation.diagnose import KINDS, MISS, Diagnosis
from boxwright.evaluation.slices import Axis

_LEAST = 10
_LIFT = 1.25


def evidence(point: Diagnosis, axes: Sequence[Axis]) -> dict[str, str]:
    """Per kind the slice in which it is most over-represented at the operating point, in words; empty for none."""
    shown = (point.true | (point.kind >= 0)) & point.counts
    asked = point.state >= 0
    found: dict[str, str] = {}
    for k, kind in enumerate(KINDS):
        if k == MISS:
            codes, base, mine = [a.objects[asked] for a in axes], asked.sum(), (point.state > 0)[asked]
        else:
            codes, base, mine = [a.detections[shown] for a in axes], shown.sum(), (point.kind == k)[shown]
        best, text = _LIFT, ""
        for axis, of_axis in zip(axes, codes, strict=True):
            for code, label in enumerate(axis.labels):
                inside = of_axis == code
                hits = int((mine & inside).sum())
                if hits < _LEAST or not mine.any():
                    continue
                share, of_all = hits / mine.sum(), inside.sum() / base
                lift = share / of_all
                if lift > best:
                    best = lift
                    text = f"{share:.0%} of them where {axis.name}={label}, which holds {of_all:.0%} of all"
        found[kind] = text
    return found
