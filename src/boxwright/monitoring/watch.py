"""Events against the reference, window by window, all together and per camera.

A feature rings when its distribution differs (Kolmogorov-Smirnov, corrected by Holm over everything asked in the
window) and its mean moved by at least the spec's least effect: the first guards against chance, the second against
differences that are real and do not matter. Latency percentiles ring only against a limit of the spec. A camera of
which the reference has too few pictures is not compared by itself, and the summary says so.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from boxwright.artifacts import DRIFT_SCHEMA, Drift, Events
from boxwright.monitoring.features import Features
from boxwright.monitoring.statistics import effect, holm, ks_p_value, ks_statistic
from boxwright.spec import Spec

_LEAST = 20  # pictures a slice of a window needs to be compared
_PERCENTS = (50, 95, 99)


def watch(events: Events, features: Features, reference: Features, spec: Spec, *, reference_digest: str = "") -> Drift:
    """How far each window of events is from the reference.

    Args:
        events: in the order of answering.
        features: of the events.
        reference: of the data the bundle was judged on.
        spec: its monitoring clause.
        reference_digest: for lineage.
    """
    at = events.events.column("at").to_numpy()
    size = spec.monitoring.window
    rows: list[dict[str, Any]] = []
    starts = range(0, max(len(events) - size // 2, min(1, len(events))), size)
    for window, start in enumerate(starts):
        last = start + size + size // 2 >= len(events) and len(events) - start < 2 * size
        inside = np.arange(start, len(events) if last and window == len(starts) - 1 else min(start + size, len(events)))
        stamp = {"window": window, "begins": float(at[inside[0]]), "ends": float(at[inside[-1]])}
        rows += [{**stamp, **row} for row in _compare(features.take(inside), reference, spec)]
    drift_rows = pa.Table.from_pylist(rows, schema=DRIFT_SCHEMA)
    made_from = {"events": events.digest, **({"reference": reference_digest} if reference_digest else {})}
    return Drift(rows=drift_rows, summary=_summary(rows, features, reference, spec), made_from=made_from)


def _compare(window: Features, reference: Features, spec: Spec) -> list[dict[str, Any]]:
    """All rows of one window."""
    rows: list[dict[str, Any]] = []
    p_values: list[float] = []
    for name, inside, against in _slices(window, reference, spec):
        for feature, column in window.values.items():
            value, base = _known(column[inside]), _known(reference.values[feature][against])
            if len(value) < _LEAST // 2 or len(base) < _LEAST // 2:
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
    return rows + _latency(window, reference, spec)


def _slices(window: Features, reference: Features, spec: Spec) -> list[tuple[str, NDArray, NDArray]]:
    """(name, rows of the window, rows of the reference to compare with)."""
    everything = np.arange(len(reference))
    found = [("all", np.arange(len(window)), everything)]
    if spec.monitoring.by is None:
        return found
    of_window, of_reference = np.array(window.slices, dtype=object), np.array(reference.slices, dtype=object)
    for value in sorted({v for v in window.slices if v}):
        inside, against = np.flatnonzero(of_window == value), np.flatnonzero(of_reference == value)
        if len(inside) < _LEAST:
            continue
        if len(against) >= _LEAST:
            found.append((f"{spec.monitoring.by}={value}", inside, against))
    return found


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


def _strange(features: Features, reference: Features) -> list[str]:
    """Values of the monitored condition that occur in traffic and hardly in the reference."""
    known = Counter(reference.slices)
    return sorted(value for value in set(features.slices) if value and known[value] < _LEAST)


def _summary(rows: list[dict[str, Any]], features: Features, reference: Features, spec: Spec) -> dict[str, Any]:
    alarms = [row for row in rows if row["alarm"]]
    sentences = [
        f"window {row['window']}: {row['feature']} of {row['slice']} is {row['value']:.3g}, "
        f"the reference {row['reference']:.3g} (effect {row['effect']:+.2f})"
        for row in sorted(alarms, key=lambda r: (r["window"], -abs(r["effect"])))
    ]
    return {
        "events": len(features),
        "reference_pictures": len(reference),
        "windows": len({row["window"] for row in rows}),
        "settings": spec.monitoring.model_dump(mode="json"),
        "not_compared": _strange(features, reference),
        "alarms": sentences,
        "first_alarm_window": min((row["window"] for row in alarms), default=None),
    }
