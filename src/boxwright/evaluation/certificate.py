"""A certificate: "of what is answered, at least this share is true", with a chance of being wrong that is kept.

The unit is the group (pictures of one board or clip resemble each other), not the box: boxes counted as if they were
independent give a figure that is wrong far more often than it says. With n answered detections in a unit, f of them false, and
a = 1 - precision, a detector that breaks the promise has a mean of a n - f below 0. Each unit is a bet against that:

    Y = (a n - f) / ((1 - a) M),  E = mean over L of the product of (1 + L Y),  L in BETS

M is the most detections a unit can have, so Y >= -1 and no bet can lose more than it holds. Under a broken promise E is a
non-negative supermartingale that begins at 1: the chance that it ever reaches 1 / (1 - confidence) is at most 1 - confidence
(Ville 1939; betting: Waudby-Smith and Ramdas, JRSS B 86, 2024; for thresholds: Angelopoulos et al., Learn then Test, 2021).

What it rests on, and where it ends:

- Units are drawn independently from where the detector will work; drift voids the certificate.
- The threshold was chosen on other data (val). Choosing among candidates by their certificates on the same test data is
  a choice too, and is not covered.
- M is fixed before the data that certifies is looked at: the contract's most detections a picture, or a smaller cap seen on
  val. Detections of a picture beyond the cap, the lowest scored, are left out and counted: the certificate is about a system
  that answers no more than the cap.
- E falls as the precision asked for rises, so the highest precision certified needs no correction for having tried many; each
  class is certified by itself, and ten classes at 0.95 hold together only with 0.5 in the worst case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Matches
from boxwright.artifacts.operating_point import ALL_CLASSES
from boxwright.artifacts.report import CertifiedPrecision, Claim
from boxwright.errors import InputError
from boxwright.evaluation.operating import operating_bit
from boxwright.statistics import clopper_pearson_lower

BETS = np.array([0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95])
PRECISIONS = (0.8, 0.9, 0.95, 0.98, 0.99)
MOST_A_PICTURE = 100  # where neither contract nor val say
_MOST_UNITS = 1e9
_TRIALS = 40  # of the bisections


@dataclass(frozen=True)
class Certificate:
    """Whether a precision is certified, and what is missing.

    Attributes:
        precision: asked for.
        confidence: that it holds where it is certified.
        certified: whether E reached 1 / (1 - confidence).
        e_value: the largest E on the way through the units.
        observed: precision of the units, None where nothing was answered.
        units, detections: how many there were.
        cap: most detections of a unit, fixed beforehand.
        more_units: about how many more are needed if they are like these: 0 when certified, None when no number would do.
        note: the same in words.
    """

    precision: float
    confidence: float
    certified: bool
    e_value: float
    observed: float | None
    units: int
    detections: int
    cap: int
    more_units: int | None
    note: str


def certify(false: NDArray, kept: NDArray, *, precision: float, confidence: float, cap: int) -> Certificate:
    """The certificate of one precision.

    Args:
        false: (units,) answered detections that are false, in an order that does not depend on them.
        kept: (units,) all answered detections.
        precision: asked for, in (0, 1).
        confidence: in (0, 1).
        cap: the most detections a unit can have; fixed without looking at these units.

    Raises:
        InputError: a unit breaks the cap, or counts do not fit.
    """
    false, kept = np.asarray(false, np.float64), np.asarray(kept, np.float64)
    _check(false, kept, precision, confidence, cap)
    gain = gains(false, kept, precision=precision, cap=cap)
    value = e_value(gain)
    observed = float(1 - false.sum() / kept.sum()) if kept.sum() else None
    certified = value >= 1 / (1 - confidence)
    more = 0 if certified else _more_units(gain, confidence)
    if observed is None or observed <= precision:
        more = 0 if certified else None
    note = _note(precision, observed, certified=certified, more=more, units=len(kept))
    return Certificate(
        precision, confidence, bool(certified), value, observed, len(kept), int(kept.sum()), cap, more, note
    )


def certified_precision(false: NDArray, kept: NDArray, *, confidence: float, cap: int) -> float:
    """The highest precision that is certified, 0 where none is; E falls as precision rises, so bisection finds it."""
    low, high = 0.0, 1.0
    for _ in range(_TRIALS):
        middle = (low + high) / 2
        if e_value(gains(false, kept, precision=middle, cap=cap)) >= 1 / (1 - confidence):
            low = middle
        else:
            high = middle
    return low


def gains(false: NDArray, kept: NDArray, *, precision: float, cap: int) -> NDArray[np.float64]:
    """(units,) Y of each unit, at least -1; see the file's opening."""
    return ((1 - precision) * np.asarray(kept, np.float64) - false) / (precision * max(cap, 1))


def e_value(gain: NDArray) -> float:
    """The largest E on the way through (units,) gains; 1 before the first."""
    wealth = np.cumsum(np.log1p(BETS[:, None] * np.asarray(gain)[None]), axis=1)
    if not wealth.shape[1]:
        return 1.0
    top = wealth.max(axis=0)
    on_the_way = top + np.log(np.exp(wealth - top).mean(axis=0))
    return float(np.exp(min(max(0.0, float(on_the_way.max())), 700.0)))


def certificates(
    matches: Matches,
    passes: NDArray,
    groups: Sequence[str],
    *,
    confidence: float,
    precisions: Sequence[float] = PRECISIONS,
    caps: Mapping[str, int] | None = None,
    seed: int = 0,
) -> list[CertifiedPrecision]:
    """Certificates of the whole, and then of each class, at an operating point.

    Args:
        matches: on the data that judges, not on val.
        passes: (detections,) bool, answered at the thresholds.
        groups: (images,) what resembles each other; the units.
        confidence: of each certificate.
        precisions: asked for, rising.
        caps: class name, and ALL_CLASSES, to the most answered detections of a picture, fixed without looking at these
            matches: the contract's `most_answered`; where it says nothing, MOST_A_PICTURE.
        seed: of the order of the units.
    """
    names, unit = np.unique(np.array(list(groups), object), return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(names))
    pictures = np.bincount(unit, minlength=len(names))
    counted = passes & (matches.detections.column("ignored").to_numpy() & operating_bit(matches) == 0)
    class_id = matches.detections.column("class_id").to_numpy()
    records = []
    for row, name in enumerate((None, *matches.class_names)):
        mine = counted if name is None else counted & (class_id == row - 1)
        most = (caps or {}).get(ALL_CLASSES if name is None else name, MOST_A_PICTURE)
        within = mine & _best_of_picture(matches, mine, most)
        false, kept = (part[order] for part in _by_unit(matches, within, unit, len(names)))
        cap = most * int(pictures.max(initial=0))
        claims = [certify(false, kept, precision=p, confidence=confidence, cap=cap) for p in precisions]
        records.append(
            CertifiedPrecision(
                class_name=name,
                certified_precision=certified_precision(false, kept, confidence=confidence, cap=cap),
                observed=claims[0].observed if claims else None,
                confidence=confidence,
                units=len(names),
                images=len(unit),
                detections=int(kept.sum()),
                cap=cap,
                beyond_cap=int(mine.sum() - within.sum()),
                if_independent=clopper_pearson_lower(
                    int(kept.sum() - false.sum()), int(kept.sum()), confidence=confidence
                ),
                claims=tuple(_claim(c, len(unit) / max(len(names), 1)) for c in claims),
            )
        )
    return records


def most_answered(matches: Matches, passes: NDArray) -> dict[str, int]:
    """Class name, and ALL_CLASSES, to the most answered detections of one picture, 1 or more; of val, to cap elsewhere."""
    image, class_id = (matches.detections.column(name).to_numpy() for name in ("image", "class_id"))
    passes = passes & (matches.detections.column("ignored").to_numpy() & operating_bit(matches) == 0)
    of_class = {
        name: int(np.bincount(image[passes & (class_id == i)]).max(initial=1))
        for i, name in enumerate(matches.class_names)
    }
    return {ALL_CLASSES: int(np.bincount(image[passes]).max(initial=1)), **of_class}


def _best_of_picture(matches: Matches, mine: NDArray, most: int) -> NDArray[np.bool_]:
    """(detections,) whether a detection is among the `most` best scored of its picture, of those in `mine`."""
    image, score = (matches.detections.column(name).to_numpy()[mine] for name in ("image", "score"))
    order = np.lexsort((np.arange(len(score)), -score, image))
    place = np.empty(len(score), np.int64)
    place[order] = np.arange(len(score)) - np.searchsorted(image[order], image[order])
    within = np.zeros(len(mine), np.bool_)
    within[np.flatnonzero(mine)] = place < most
    return within


def _by_unit(matches: Matches, counted: NDArray, unit: NDArray, units: int) -> tuple[NDArray, NDArray]:
    """(units,) false, and (units,) all, of the detections that count."""
    detections = matches.detections
    of = unit[detections.column("image").to_numpy()[counted]]
    false = (detections.column("hit").to_numpy() & operating_bit(matches) == 0)[counted]
    return np.bincount(of[false], minlength=units), np.bincount(of, minlength=units)


def _more_units(gain: NDArray, confidence: float) -> int | None:
    """About how many more units like these E needs; None when it would never grow."""
    if not len(gain):
        return None
    growth = np.log1p(BETS[:, None] * gain[None]).mean(axis=1)
    if growth.max() <= 0:
        return None
    wanted = np.log(len(BETS) / (1 - confidence))
    low, high = float(len(gain)), wanted / growth.max()
    if high <= low:  # E was there on average; the order of these units was unlucky
        return 1
    for _ in range(_TRIALS):
        middle = (low + high) / 2
        enough = np.exp(np.minimum(middle * growth, 700)).mean() >= 1 / (1 - confidence)
        low, high = (low, middle) if enough else (middle, high)
    return None if high > _MOST_UNITS else max(1, int(np.ceil(high - len(gain))))


def _claim(certificate: Certificate, pictures_of_unit: float) -> Claim:
    more = certificate.more_units
    images = None if more is None else int(np.ceil(more * pictures_of_unit))
    return Claim(certificate.precision, certificate.certified, certificate.e_value, more, images, certificate.note)


def _note(precision: float, observed: float | None, *, certified: bool, more: int | None, units: int) -> str:
    if certified:
        return f"certified on {units} groups"
    if observed is None:
        return "nothing was answered, so nothing can be certified"
    if observed <= precision:
        return f"not certifiable: the observed precision {observed:.4f} is not above {precision:g}; more data like this will not change it"
    if more is None:
        return f"not certifiable: the observed precision {observed:.4f} is above {precision:g}, but too little for any number of groups like these"
    return f"not certified on {units} groups: about {more} more like these are needed"


def _check(false: NDArray, kept: NDArray, precision: float, confidence: float, cap: int) -> None:
    if not 0 < precision < 1 or not 0 < confidence < 1:
        raise InputError(f"Precision and confidence must lie between 0 and 1; found {precision} and {confidence}.")
    if false.shape != kept.shape or (false < 0).any() or (false > kept).any():
        raise InputError("Of each unit's detections, between none and all can be false.")
    if len(kept) and kept.max() > cap:
        raise InputError(
            f"A unit has {int(kept.max())} detections, the cap is {cap}. A cap that units break certifies nothing; it "
            f"must be fixed beforehand and be kept."
        )
