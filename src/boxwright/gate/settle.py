"""What would settle a check that lacks evidence: how much more of which slice, from what the report counted.

An interval shrinks with the square root of the data. With margin m = |value - required| and reach r = |value - worse
end|, it clears the required value after growing the data by (r / m)^2 - 1. Objects and images grow alike, so both
follow from the counts the figure rests on. Where the interval for new groups is wide because groups differ, more images of
the same groups do not narrow it: what is missing is counted in groups. Where nothing was seen at all, only a least number can be said: Wilson's
interval of n groups, all of them right, begins at n / (n + z^2).
"""

from __future__ import annotations

import math

import numpy as np

from boxwright.artifacts import Report
from boxwright.artifacts.verdict import Lacking
from boxwright.spec import Observed, Requirement
from boxwright.spec.requirement import UNBOUNDED, JudgeFor
from boxwright.statistics import LEAST_GROUPS, logit, t_quantile, two_sided_z

_SHARES = ("precision", "recall", "f1")  # and the averages: metrics whose value is in [0, 1], more being better
_SAME = 1e-6  # margins below are no margin
_MOSTLY = 0.5  # of the interval's square that images within groups may make before they are what is missing
_MOST_GROUPS = 1e6


def slice_of(requirement: Requirement) -> str:
    """What a requirement looks at, in words: `open, lighting=dim, set=night`."""
    parts = [requirement.class_name] if requirement.class_name else []
    parts += [f"{name}={value}" for name, value in requirement.conditions]
    parts += [f"set={requirement.on_set}"] if requirement.on_set else []
    return ", ".join(parts) or "the test side"


def images_of(requirement: Requirement, report: Report) -> int | None:
    """Pictures of a requirement's slice; None where the report did not count them (a slice of several conditions)."""
    if not requirement.conditions:
        return report.support.images
    wanted, *more = requirement.conditions
    if more:
        return None
    return next((r.images for r in report.slices if (r.condition, r.value) == wanted), None)


def groups_limit(found: Observed) -> bool:
    """Whether more groups are what narrows the interval for new groups: most of its square is not the images within groups."""
    if not found.groups_differ or found.low is None or found.high is None:
        return False
    if found.these_low is None or found.these_high is None:
        return True
    return (found.these_high - found.these_low) ** 2 < _MOSTLY * (found.high - found.low) ** 2


def undecided(
    requirement: Requirement,
    found: Observed,
    required: float,
    *,
    images: int | None,
    confidence: float,
    groups_limit: bool,
) -> tuple[str, Lacking]:
    """Note, and figures, for an interval that contains the required value.

    Args:
        requirement: the clause.
        found: the figure with the interval it is judged on.
        required: the number to reach.
        images: of the slice, None where unknown.
        confidence: of the interval.
        groups_limit: more groups are needed, more images of the same groups would not do; see `groups_limit`.
    """
    assert found.value is not None and found.low is not None and found.high is not None
    where = slice_of(requirement)
    worse = found.low if requirement.higher_is_better else found.high
    margin, reach = abs(found.value - required), abs(found.value - worse)
    held = "the interval contains the required value"
    if not requirement.holds(found.value, required) or margin < _SAME:
        return f"{held} and the figure itself does not clear it: more data of {where} alone may not either", Lacking(
            where
        )
    if groups_limit:
        return _groups_wanted(requirement, found, required, images=images, confidence=confidence, held=held)
    growth = (reach / margin) ** 2 - 1
    objects = math.ceil(found.support * growth) or None
    more_images = math.ceil(images * growth) if images else None
    return f"{held}; {_more(where, objects, more_images)} would settle it", Lacking(where, objects, more_images)


def _groups_wanted(
    requirement: Requirement, found: Observed, required: float, *, images: int | None, confidence: float, held: str
) -> tuple[str, Lacking]:
    """The same where groups are what is missing."""
    where = slice_of(requirement)
    centre = found.value if found.centre is None or requirement.against_baseline else found.centre
    worse = found.low if requirement.higher_is_better else found.high
    assert centre is not None and worse is not None
    scale = float if requirement.against_baseline or requirement.metric in UNBOUNDED else _log_odds
    margin, reach = abs(scale(centre) - scale(required)), abs(scale(centre) - scale(worse))
    if not requirement.holds(centre, required) or margin < _SAME:
        return f"{held} and the figure with groups weighed alike, {centre:.4f}, does not clear it", Lacking(where)
    more = more_groups(reach / margin, found.effective_groups, confidence)
    if more is None:
        return f"{held}, and no number of groups like these would settle it", Lacking(where)
    about = math.ceil(more * images / found.groups) if images and found.groups else None
    of_images = f" (about {about} images, at {images / found.groups:.3g} a group)" if about and images else ""
    groups = "1 more group" if more == 1 else f"{more} more groups"
    return (
        f"{held}; about {groups} of {where}{of_images} would settle it, more images of the same groups would not",
        Lacking(where, images=about, more_groups=more),
    )


def _log_odds(share: float) -> float:
    return float(logit(np.array(share)))


def more_groups(shrink: float, effective: float, confidence: float) -> int | None:
    """How many more groups make an interval `shrink` times narrower; None for more than a million.

    Half its width is in proportion to t / sqrt(G - 1), t Student's quantile of G - 1 degrees of freedom.
    """

    def width(groups: float) -> float:
        return float(t_quantile(0.5 + confidence / 2, groups - 1)) / math.sqrt(groups - 1)

    goal, low = width(max(effective, 1.1)) / shrink, max(effective, 1.1)
    high = low
    while width(high) > goal:
        low, high = high, 2 * high
        if high > _MOST_GROUPS:
            return None
    while high - low > 1e-3:
        middle = (low + high) / 2
        low, high = (middle, high) if width(middle) > goal else (low, middle)
    return max(1, math.ceil(high - effective))


def unseen(
    requirement: Requirement, required: float, confidence: float, *, whom: JudgeFor = "new_groups"
) -> tuple[str, Lacking]:
    """What to add to a note, and figures, where there is too little of a slice for any interval."""
    where = slice_of(requirement)
    if whom == "these_groups":
        return f"add images of {where} from the same groups", Lacking(where)
    z = two_sided_z(confidence)
    share = requirement.metric in _SHARES or requirement.metric.startswith(("ap", "ar"))
    if not share or not requirement.higher_is_better or not 0 < required < 1:
        return f"add pictures of {where} from other groups", Lacking(where)
    groups = max(LEAST_GROUPS, math.ceil(z * z * required / (1 - required) - 1e-9))
    return (
        f"add pictures of {where}: at the least {groups} groups of it, all of them right, are needed",
        Lacking(where, groups=groups),
    )


def _more(where: str, objects: int | None, images: int | None) -> str:
    if objects is None:
        return f"about {images} more images of {where}" if images else f"more of {where}"
    if not images:
        return f"about {objects} more objects of {where}"
    return f"about {objects} more objects of {where} (about {images} more images, at {objects / images:.2g} an image)"
