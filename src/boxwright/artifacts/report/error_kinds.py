"""The kinds of error a detector makes, and what each is: TIDE's six (Bolya et al., ECCV 2020; dbolya/tide).

At IoU 0.5 and background 0.1 a detection that is not true is the first of Loc, Cls, Dupe, Bkg, Both that fits; a Miss is an object
that nothing took. The recommendation is the field's common experience: a place to begin, not a finding.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ErrorKind:
    """A kind of error.

    Attributes:
        code: TIDE's short name, the key in documents.
        name: in words.
        description: when an error is of this kind.
        fix: what becomes of such an error when AP50 without it is computed.
        recommendation: what to try against it.
        collect: what data to collect against it.
    """

    code: str
    name: str
    description: str
    fix: str
    recommendation: str
    collect: str


_OF_ITS_OBJECT = "true, if its object is free and it has the best score of those that claim it; else it goes"

CLS = ErrorKind(
    "Cls", "wrong class", "well placed (IoU 0.5 or more) on an object of another class", _OF_ITS_OBJECT,
    "Audit the annotations of the confused pair first; then sample hard pairs more often, or raise the resolution.",
    "pictures of the confused classes side by side",
)  # fmt: skip
LOC = ErrorKind(
    "Loc", "badly placed", "of the right class, with an IoU of 0.1 to 0.5", _OF_ITS_OBJECT,
    "Look at the annotated edges first; then a stronger box loss, or a finer stride for small objects.",
    "the same objects, annotated twice, to learn how far people agree on edges",
)  # fmt: skip
BOTH = ErrorKind(
    "Both", "wrong class and badly placed", "of another class, with an IoU of 0.1 to 0.5", "it goes",
    "The classes may be too fine for what can be seen: merge them, or raise the resolution.",
    "pictures in which the two classes can be told apart",
)  # fmt: skip
DUPE = ErrorKind(
    "Dupe", "second box on one object", "well placed on an object that a detection with a better score has taken", "it goes",
    "Lower the suppression's IoU threshold (see what it would cost below), or look at seams of tiles.",
    "crowded pictures, and objects cut by tiles or borders",
)  # fmt: skip
BKG = ErrorKind(
    "Bkg", "on background", "an IoU of at most 0.1 with every object", "it goes",
    "Look for missing annotations first; then add the false alarms as negatives, or raise the threshold.",
    "pictures without objects that look like the false alarms",
)  # fmt: skip
MISS = ErrorKind(
    "Miss", "missed", "an object that no detection matches and that no Loc or Cls error explains", "the object is not counted",
    "Small: tiles or a larger input. Crowded: the suppression's IoU threshold. Dim or rare: sampling.",
    "objects of the slices named in the evidence",
)  # fmt: skip

ERROR_KINDS = (CLS, LOC, BOTH, DUPE, BKG, MISS)
"""In TIDE's order, which is the order of every table and page."""
