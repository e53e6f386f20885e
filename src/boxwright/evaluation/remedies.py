"""What to try against each kind of error, and what data to collect, with the evidence of this evaluation beside it.

The advice is the field's common experience; it is a place to begin, not a finding. The evidence is counted: where errors of
the kind are more frequent than elsewhere among the answered detections or the objects.
"""

from __future__ import annotations

from collections.abc import Sequence

from boxwright.evaluation.diagnose import KINDS, MISS, Diagnosis
from boxwright.evaluation.slices import Axis

TRY = {
    "Cls": "Audit the annotations of the confused pair first; then sample hard pairs more often, or raise the resolution.",
    "Loc": "Look at the annotated edges first; then a stronger box loss, or a finer stride for small objects.",
    "Both": "The classes may be too fine for what can be seen: merge them, or raise the resolution.",
    "Dupe": "Lower the suppression's IoU threshold (see what it would cost below), or look at seams of tiles.",
    "Bkg": "Look for missing annotations first; then add the false alarms as negatives, or raise the threshold.",
    "Miss": "Small: tiles or a larger input. Crowded: the suppression's IoU threshold. Dim or rare: sampling.",
}
COLLECT = {
    "Cls": "pictures of the confused classes side by side",
    "Loc": "the same objects, annotated twice, to learn how far people agree on edges",
    "Both": "pictures in which the two classes can be told apart",
    "Dupe": "crowded pictures, and objects cut by tiles or borders",
    "Bkg": "pictures without objects that look like the false alarms",
    "Miss": "objects of the slices named in the evidence",
}
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


def advice(point: Diagnosis, axes: Sequence[Axis]) -> dict[str, dict[str, str]]:
    """Per kind what to `try`, what to `collect`, and the `evidence`."""
    seen = evidence(point, axes)
    return {kind: {"try": TRY[kind], "collect": COLLECT[kind], "evidence": seen[kind]} for kind in KINDS}
