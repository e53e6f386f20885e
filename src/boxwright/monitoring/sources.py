"""Where the events come from: values of the monitored condition (cameras) that are new, and those that stopped.

A comparison asks whether images of a camera changed. It cannot see a camera that sends nothing, and has nothing to hold an
unknown camera against; both would vanish in the figures of all together, so both are told by themselves.

Whether a camera is silent is a question of chance. Its share of the traffic is taken from the reference, counted as 20 events,
and from its own events (a beta prior); the chance that it is absent from the m events after its last one is then
B(a, b + m) / B(a, b). It is silent where this is below `monitoring.false_alarm` divided by the cameras known, m is at least 20,
and m is more than twice its longest gap before, because many lines send in bursts.
"""

from __future__ import annotations

import difflib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts.drift import SilentSource, UnknownSource
from boxwright.spec import Spec

LEAST = 20  # images that a slice needs on both sides, and events without a camera before it is called silent
_MOST_NEAR = 50  # unknown values, those with most events, for which a known one of a like spelling is looked for
_PRIOR = 20.0  # events that the reference's share counts for


@dataclass(frozen=True)
class Sources:
    """What is to be told of the monitored condition's values.

    Attributes:
        unknown: of traffic and neither in the reference nor in the spec.
        silent: of the reference and no more in traffic.
        unnamed: events that name no value although the reference does.
        named_in_vain: values in traffic while the reference names none at all.
    """

    unknown: tuple[UnknownSource, ...] = ()
    silent: tuple[SilentSource, ...] = ()
    unnamed: int = 0
    named_in_vain: int = 0

    def sentences(self, by: str, events: int) -> list[str]:
        """All of it in words, the urgent first."""
        found = [
            f"{one.slice} is unknown: {one.events} of {events} events, the first at {_moment(one.first_at)}, and no "
            "reference image to compare them with; they count in 'all' only."
            + (f" Did you mean '{one.near}'?" if one.near else "")
            for one in self.unknown
        ]
        for one in self.silent:
            since = (
                f"no event since {_moment(one.last_at)}, and {one.events_since} from others"
                if one.last_at is not None
                else f"none of {one.events_since} events is from it, although the reference has images of it"
            )
            found.append(f"{one.slice} is silent: {since}; there is nothing to compare.")
        if self.unnamed:
            found.append(
                f"{self.unnamed} of {events} events name no {by}; they count in 'all' only (header X-{by.capitalize()})."
            )
        if self.named_in_vain:
            found.append(
                f"The reference names no {by}, so the {self.named_in_vain} in traffic cannot be compared one by one; they count in 'all' only."
            )
        return found


def sources(values: Sequence[str], at: NDArray, reference: Sequence[str], spec: Spec) -> Sources:
    """What is to be told of the values of the monitored condition.

    Args:
        values: (n,) of the events in the order of answering, empty where none was named.
        at: (n,) seconds since 1970.
        reference: (m,) of the reference images.
        spec: its monitoring clause, and the values it declares.
    """
    by = spec.monitoring.by
    known = Counter(value for value in reference if value)
    if by is None:
        return Sources()
    named = np.flatnonzero(np.array([bool(value) for value in values], np.bool_))
    if not known:
        return Sources(named_in_vain=len({values[int(i)] for i in named}))
    rows: dict[str, list[int]] = {}
    for place, i in enumerate(named):
        rows.setdefault(values[int(i)], []).append(place)
    declared = declared_values(spec)
    strange = {value: places for value, places in sorted(rows.items()) if value not in known and value not in declared}
    near = {
        value: _near(value, known) for value in sorted(strange, key=lambda value: -len(strange[value]))[:_MOST_NEAR]
    }
    unknown = tuple(
        UnknownSource(
            f"{by}={value}", len(places), float(at[named[places[0]]]), float(at[named[places[-1]]]), near.get(value, "")
        )
        for value, places in strange.items()
    )
    level = spec.monitoring.false_alarm / len(known)
    silent = []
    for value, images in sorted(known.items()):
        places = np.array(rows.get(value, []), np.int64)
        since = len(named) - (int(places[-1]) + 1 if len(places) else 0)
        if _is_silent(places, since, share=images / known.total(), level=level):
            last = float(at[named[places[-1]]]) if len(places) else None
            silent.append(SilentSource(f"{by}={value}", len(places), last, since))
    return Sources(unknown, tuple(silent), len(values) - len(named))


def declared_values(spec: Spec) -> set[str]:
    """Values that the spec itself names for the monitored condition."""
    return {label for clause in spec.conditions if clause.name == spec.monitoring.by for label in clause.labels}


def _is_silent(places: NDArray[np.int64], since: int, *, share: float, level: float) -> bool:
    """Whether a camera with events at these places of the traffic is absent from the `since` that followed by more than chance."""
    before = int(places[-1]) + 1 if len(places) else 0
    gaps = np.diff(places, prepend=-1) - 1
    if since < max(LEAST, 2 * int(gaps.max(initial=0)) + 1):
        return False
    a = _PRIOR * share + len(places)
    b = _PRIOR * (1 - share) + before - len(places)
    if b <= 0:  # the only camera there is
        return True
    chance = math.lgamma(b + since) - math.lgamma(a + b + since) - math.lgamma(b) + math.lgamma(a + b)
    return chance < math.log(level)


def _near(value: str, known: Counter[str]) -> str:
    """The known value that this one may be a slip of, or empty."""
    alike = {other.casefold(): other for other in known}
    found = difflib.get_close_matches(value.casefold(), alike, n=1, cutoff=0.75)
    return alike[found[0]] if found else ""


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
