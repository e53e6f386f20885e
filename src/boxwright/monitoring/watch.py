"""Events against the reference, window by window, all together and per camera.

An alarm fires where the distribution of a feature differs (Kolmogorov-Smirnov, corrected by Holm over everything asked in the
window) and its mean moved by at least the spec's least effect: the first guards against chance, the second against
differences that are real and do not matter. Latency percentiles fire only against a limit of the spec. What has too few images
on one side is not compared, and the summary says so: no alarm is an answer only where something was compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from boxwright.artifacts import DRIFT_SCHEMA, Drift, Events
from boxwright.artifacts.drift import DriftSummary, NotCompared, OtherBundle
from boxwright.monitoring.effect import effect
from boxwright.monitoring.features import Features, rows_by_value
from boxwright.monitoring.sources import LEAST, declared_values, sources
from boxwright.spec import Spec
from boxwright.statistics import holm, ks_p_value, ks_statistic

_LEAST_VALUES = 10  # of a feature, on either side
_PERCENTS = (50, 95, 99)


@dataclass(frozen=True)
class _TooFew:
    """Something that a window could not compare: a slice, or one feature of it.

    Attributes:
        slice, feature: what; an empty feature stands for all.
        side: `events` or `reference`, where images are missing.
        found, needed: how many images have a value.
    """

    slice: str
    feature: str
    side: Literal["events", "reference"]
    found: int
    needed: int


def watch(
    events: Events,
    features: Features,
    reference: Features,
    spec: Spec,
    *,
    reference_digest: str = "",
    other_bundles: Sequence[OtherBundle] = (),
) -> Drift:
    """How far each window of events is from the reference.

    Args:
        events: in the order of answering.
        features: of the events.
        reference: of the data the bundle was judged on.
        spec: its monitoring clause.
        reference_digest: for lineage.
        other_bundles: whose events of the stretch were left out.
    """
    at = events.events.column("at").to_numpy()
    windows = _windows(len(events), spec.monitoring.window)
    rows: list[dict[str, Any]] = []
    too_few: list[tuple[int, _TooFew]] = []
    of_reference = rows_by_value(reference.slices)
    for window, inside in enumerate(windows):
        stamp = {"window": window, "begins": float(at[inside[0]]), "ends": float(at[inside[-1]])}
        found, lacking = _compare(features.take(inside), reference, of_reference, spec)
        rows += [{**stamp, **row} for row in found]
        too_few += [(window, one) for one in lacking]
    drift_rows = pa.Table.from_pylist(rows, schema=DRIFT_SCHEMA)
    made_from = {"events": events.digest, **({"reference": reference_digest} if reference_digest else {})}
    who = sources(features.slices, at, reference.slices, spec)
    not_compared = _grouped(too_few)
    alarms = [row for row in rows if row["alarm"]]
    compared = sum(row["feature"] in features.values for row in rows)
    urgent = alarms or who.unknown or who.silent
    summary = DriftSummary(
        outcome="alarm" if urgent else "quiet" if compared else "too few to compare",
        events=len(features),
        reference_pictures=len(reference),
        windows=len(windows),
        comparisons=compared,
        settings=spec.monitoring,
        alarms=tuple(_sentences(alarms)),
        first_alarm_window=min((row["window"] for row in alarms), default=None),
        cannot_compare=(
            *who.sentences(spec.monitoring.by or "", len(features)),
            *_of_one_side(features, reference),
            *(_told(one, len(windows)) for one in not_compared),
            *(_told_of_bundle(other) for other in other_bundles),
        ),
        not_compared=tuple(_hardly_known(features, reference)),
        unknown=who.unknown,
        silent=who.silent,
        unnamed=who.unnamed,
        too_few=not_compared,
        other_bundles=tuple(other_bundles),
    )
    return Drift(rows=drift_rows, summary=summary, made_from=made_from)


def _windows(events: int, size: int) -> list[NDArray[np.int64]]:
    """Rows of each window of `size` events; what is left over, less than half a window, goes with the last."""
    starts = range(0, max(events - size // 2, min(1, events)), size)
    return [np.arange(start, events if start == starts[-1] else start + size) for start in starts]


def _compare(
    window: Features, reference: Features, of_reference: Mapping[str, NDArray[np.int64]], spec: Spec
) -> tuple[list[dict[str, Any]], list[_TooFew]]:
    """All rows of one window, and what it could not compare."""
    rows: list[dict[str, Any]] = []
    p_values: list[float] = []
    slices, too_few = _slices(window, reference, of_reference, spec)
    for name, inside, against in slices:
        for feature in (name for name in window.values if name in reference.values):
            value, base = _known(window.values[feature][inside]), _known(reference.values[feature][against])
            if min(len(value), len(base)) < _LEAST_VALUES:
                side, there = ("events", value) if len(value) < _LEAST_VALUES else ("reference", base)
                too_few.append(_TooFew(name, feature, side, len(there), _LEAST_VALUES))
                continue
            p_values.append(ks_p_value(ks_statistic(value, base), len(value), len(base)))
            rows.append(
                {
                    "slice": name, "feature": feature, "events": len(value), "reference": float(base.mean()),
                    "value": float(value.mean()), "effect": effect(value, base), "limit": spec.monitoring.least_effect,
                }
            )  # fmt: skip
    for row, p in zip(rows, holm(np.array(p_values)), strict=True):
        row["p_value"] = float(p)
        row["alarm"] = bool(p < spec.monitoring.false_alarm and abs(row["effect"]) >= spec.monitoring.least_effect)
    return rows + _latency(window, reference, spec), too_few


def _slices(
    window: Features, reference: Features, of_reference: Mapping[str, NDArray[np.int64]], spec: Spec
) -> tuple[list[tuple[str, NDArray, NDArray]], list[_TooFew]]:
    """(name, rows of the window, rows of the reference to compare with), and the slices that are too small.

    All together need 20 events, or a whole window where it is shorter: the spec asked for no more.
    """
    by = spec.monitoring.by
    wanted = [
        ("all", np.arange(len(window)), np.arange(len(reference)), min(LEAST, spec.monitoring.window), _LEAST_VALUES)
    ]
    if by is not None:
        nowhere = np.zeros(0, np.int64)
        wanted += [
            (f"{by}={value}", inside, of_reference.get(value, nowhere), LEAST, LEAST)
            for value, inside in sorted(rows_by_value(window.slices).items())
        ]
    declared = {f"{by}={value}" for value in declared_values(spec)}
    found, too_few = [], []
    for name, inside, against, least_events, least_reference in wanted:
        if len(against) < least_reference:
            if name == "all" or len(against) or name in declared:  # any other value is unknown, and told by `sources`
                too_few.append(_TooFew(name, "", "reference", len(against), least_reference))
        elif len(inside) < least_events:
            too_few.append(_TooFew(name, "", "events", len(inside), least_events))
        else:
            found.append((name, inside, against))
    return found, too_few


def _latency(window: Features, reference: Features, spec: Spec) -> list[dict[str, Any]]:
    rows = []
    limits = {99: spec.monitoring.latency_p99_ms}
    for percent in _PERCENTS:
        value = float(np.percentile(window.latency_ms, percent))
        base = float(np.percentile(reference.latency_ms, percent)) if len(reference) else value
        limit = limits.get(percent)
        rows.append(
            {
                "slice": "all", "feature": f"latency p{percent} (ms)", "events": len(window), "reference": base,
                "value": value, "effect": float(np.log(max(value, 1e-9) / max(base, 1e-9))), "p_value": 1.0,
                "limit": limit if limit is not None else -1.0, "alarm": limit is not None and value > limit,
            }
        )  # fmt: skip
    return rows


def _known(column: NDArray) -> NDArray:
    return column[np.isfinite(column)]


def _of_one_side(features: Features, reference: Features) -> list[str]:
    """Features, such as the boxes of a class, that only one side has."""
    return [
        f"{name}: only {side} has it, so it is not compared."
        for side, mine, other in (("traffic", features, reference), ("the reference", reference, features))
        for name in mine.values
        if name not in other.values
    ]


def _hardly_known(features: Features, reference: Features) -> list[str]:
    """Values of the monitored condition that occur in traffic and hardly in the reference."""
    known = Counter(reference.slices)
    return sorted(value for value in set(features.slices) if value and known[value] < LEAST)


def _grouped(too_few: Sequence[tuple[int, _TooFew]]) -> tuple[NotCompared, ...]:
    """One entry per slice, feature and side, over all windows it concerns; whole slices first."""
    groups: dict[tuple[str, str, Literal["events", "reference"]], list[tuple[int, _TooFew]]] = {}
    for window, one in too_few:
        groups.setdefault((one.slice, one.feature, one.side), []).append((window, one))
    return tuple(
        NotCompared(
            slice=name, feature=feature or None, side=side, windows=tuple(window for window, _ in found),
            most=max(one.found for _, one in found), needed=found[0][1].needed,
        )
        for (name, feature, side), found in sorted(groups.items(), key=lambda g: (g[0][1] != "", g[0][0] != "all", g[0]))
    )  # fmt: skip


def _told(one: NotCompared, windows: int) -> str:
    what = f"{one.feature} of {one.slice}" if one.feature else one.slice
    most, needed = one.most, one.needed
    if one.side == "reference":
        return f"{what}: too few to compare, the reference has {most} image{'' if most == 1 else 's'} with a value and {needed} are needed; judge the bundle on more images."
    where = "" if windows == 1 else f" in {len(one.windows)} of {windows} windows"
    several = "at most " if len(one.windows) > 1 else ""
    return f"{what}: too few to compare{where}, {several}{most} event{'' if most == 1 else 's'} and {needed} are needed; fewer cannot tell a shift from chance."


def _told_of_bundle(other: OtherBundle) -> str:
    classes = "" if other.same_classes else ", which has other classes or another order of them"
    events = "1 event was" if other.events == 1 else f"{other.events} events were"
    return f"{events} answered by bundle {other.bundle[:12]}{classes}; left out here."


def _sentences(alarms: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        f"window {row['window']}: {row['feature']} of {row['slice']} is {row['value']:.3g}, "
        f"the reference {row['reference']:.3g} (effect {row['effect']:+.2f})"
        for row in sorted(alarms, key=lambda r: (r["window"], -abs(r["effect"])))
    ]
