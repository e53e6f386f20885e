"""What would settle a check that lacks evidence: how much more of which slice, from what the report counted.

An interval shrinks with the square root of the data. With margin m = |value - required| and reach r = |value - worse
end|, it clears the required value after growing the data by (r / m)^2 - 1. Objects and images grow alike, so both
follow from the counts the figure rests on. Where nothing was seen at all, only a least number can be said: Wilson's
interval of n groups, all of them right, begins at n / (n + z^2).
"""

from __future__ import annotations

import math

from boxwright.artifacts import Report
from boxwright.artifacts.verdict import Lacking
from boxwright.spec import Observed, Requirement
from boxwright.statistics import LEAST_GROUPS, two_sided_z

_SHARES = ("precision", "recall", "f1")  # and the averages: metrics whose value is in [0, 1], more being better
_SAME = 1e-6  # margins below are no margin


def slice_of(requirement: Requirement) -> str:
    """What a requirement looks at, in words: `open, lighting=dim, set=night`."""
    parts = [requirement.class_name] if requirement.class_name else []
    parts += [f"{name}={value}" for name, value in requirement.conditions]
    parts += [f"set={requirement.on_set}"] if requirement.on_set else []
    return ", ".join(parts) or "the test side"


def images_of(requirement: Requirement, report: Report) -> int | None:
    """Pictures of a requirement's slice; None where the report did not count them (a slice of several conditions)."""
    if not requirement.conditions:
        return report.support.get("images")
    wanted, *more = requirement.conditions
    if more:
        return None
    return next((r.get("images") for r in report.slices if (r.get("condition"), r.get("value")) == wanted), None)


def undecided(requirement: Requirement, found: Observed, required: float, images: int | None) -> tuple[str, Lacking]:
    """Note, and figures, for an interval that holds the required value."""
    assert found.value is not None and found.low is not None and found.high is not None
    where = slice_of(requirement)
    worse = found.low if requirement.higher_is_better else found.high
    margin, reach = abs(found.value - required), abs(found.value - worse)
    held = "the interval holds the required value"
    if not requirement.holds(found.value, required) or margin < _SAME:
        return f"{held} and the figure itself does not clear it: more data of {where} alone may not either", Lacking(
            where
        )
    growth = (reach / margin) ** 2 - 1
    objects = math.ceil(found.support * growth) or None
    more_images = math.ceil(images * growth) if images else None
    return f"{held}; {_more(where, objects, more_images)} would settle it", Lacking(where, objects, more_images)


def unseen(requirement: Requirement, required: float, confidence: float) -> tuple[str, Lacking]:
    """What to add to a note, and figures, where there is too little of a slice for any interval."""
    where = slice_of(requirement)
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
