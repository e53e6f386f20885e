"""The page of a drift: every feature over the windows, beside the reference, with the windows that ring marked.

The band around the reference is where the effect stays within its limit. The artifact holds limits as effects; what one
unit of effect is on the feature's own axis is read back from its rows where they agree on it, as value = reference +
scale * effect or value = reference * exp(effect). Else no band is drawn. A limit on the axis itself is a line.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from boxwright.artifacts import Drift
from boxwright.artifacts.drift import DriftSummary
from boxwright.pages import svg
from boxwright.pages.axes import Axis, Frame, value_axis, whole_axis
from boxwright.pages.figures import DASH, amount, limit, moment
from boxwright.pages.page import render

_MOST_SLICES = 24
_MOST_ROWS = 300
_MOST_DOTS = 40
_AGREE = 1e-6
_WIDTH, _HEIGHT = 340.0, 190.0
Row = Mapping[str, Any]
Side = Callable[[Row], tuple[float, float]]


@dataclass(frozen=True)
class Chart:
    """One feature of one slice.

    Attributes:
        slice: `all`, or condition=value.
        plot: the drawing.
        alarms: windows that ring.
    """

    slice: str
    plot: Markup
    alarms: int


@dataclass(frozen=True)
class Feature:
    """One feature: its charts, `all` first, and how many slices were left to the table."""

    name: str
    charts: list[Chart]
    left_out: int
    alarms: int


def drift_page(drift: Drift, *, title: str) -> str:
    """The page of a drift.

    Args:
        drift: what to show.
        title: of the page, such as the line or the season that was watched.
    """
    rows: list[dict[str, Any]] = drift.rows.to_pylist()
    names = list(dict.fromkeys(row["feature"] for row in rows))
    features = [_feature(name, [row for row in rows if row["feature"] == name]) for name in names]
    first = sorted(rows, key=lambda row: (not row["alarm"], row["window"], row["slice"], row["feature"]))
    begins, ends = [row["begins"] for row in rows], [row["ends"] for row in rows]
    return render(
        "drift.html",
        drift=drift,
        heading=title,
        features=sorted(features, key=lambda feature: -feature.alarms),
        rows=first[:_MOST_ROWS],
        rows_left=max(0, len(first) - _MOST_ROWS),
        alarms=[_sentence(run) for run in _runs(rows)],
        ringing=sum(row["alarm"] for row in rows),
        windows=len({row["window"] for row in rows}),
        stretch=(min(begins, default=None), max(ends, default=None)),
        outcome=drift.summary.outcome,
        cannot_compare=drift.summary.cannot_compare,
        settings=_settings(drift.summary),
    )


def _runs(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows that ring, those of one feature and slice in windows that follow each other together; oldest first."""
    runs: list[list[Row]] = []
    for row in sorted(rows, key=lambda r: (r["slice"] != "all", r["slice"], r["feature"], r["window"])):
        if not row["alarm"]:
            continue
        before = {**row, "window": row["window"] - 1}
        if runs and all(runs[-1][-1][key] == before[key] for key in ("slice", "feature", "window")):
            runs[-1].append(row)
        else:
            runs.append([row])
    return sorted(runs, key=lambda run: run[0]["window"])


def _sentence(run: Sequence[Row]) -> str:
    """What rang, in one sentence; of several windows the one furthest off."""
    first, last = run[0], run[-1]
    worst = max(run, key=lambda row: (abs(row["effect"]), row["value"]))
    windows = f"window {first['window']}" if len(run) == 1 else f"windows {first['window']} to {last['window']}"
    furthest = "" if len(run) == 1 else f"furthest in window {worst['window']}: "
    where = "" if worst["slice"] == "all" else f", {worst['slice']}"
    effect = f"effect {amount(worst['effect'])}, " if worst["effect"] else ""
    return (
        f"{worst['feature'].replace('_', ' ')}{where}: {windows}, from {moment(first['begins'])}; {furthest}"
        f"{amount(worst['value'])}, reference {amount(worst['reference'])} ({effect}limit {limit(worst['limit'])})."
    )


def _settings(summary: DriftSummary) -> list[tuple[str, str]]:
    """How much was looked at, and by which settings of the spec; one line each."""
    counted = ("events", "reference_pictures", "windows", "comparisons", "first_alarm_window")
    pairs = [*((name, getattr(summary, name)) for name in counted), *summary.settings]
    return [(name.replace("_", " "), DASH if value is None else str(value)) for name, value in pairs]


def _feature(name: str, rows: list[dict[str, Any]]) -> Feature:
    """Charts of a feature on one shared axis, so that slices can be compared."""
    by_slice: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row["window"]):
        by_slice.setdefault(row["slice"], []).append(row)
    order = sorted(by_slice, key=lambda s: (s != "all", -sum(r["alarm"] for r in by_slice[s]), s))
    chosen = order[:_MOST_SLICES]
    plain = {s: _is_plain(by_slice[s]) for s in chosen}
    sides = {s: None if plain[s] else _band(by_slice[s]) for s in chosen}
    values: list[float | None] = [row[key] for s in chosen for row in by_slice[s] for key in ("value", "reference")]
    values += [end for s in chosen for row in by_slice[s] for end in _ends(sides[s], row)]
    values += [row["limit"] for s in chosen if plain[s] for row in by_slice[s]]
    y = value_axis("", values)
    windows = [row["window"] for row in rows]
    x = whole_axis("window", min(windows), max(windows), most=7)
    charts = [_chart(s, by_slice[s], (x, y), sides[s], with_limit=plain[s], feature=name) for s in chosen]
    total = sum(bool(row["alarm"]) for row in rows)
    return Feature(name, charts, len(order) - len(chosen), total)


def _chart(
    slice_name: str, rows: list[Row], axes: tuple[Axis, Axis], side: Side | None, *, with_limit: bool, feature: str
) -> Chart:
    frame = Frame(axes[0], axes[1], _WIDTH, _HEIGHT)
    parts: list[str] = []
    if side is not None:
        parts.append(_band_drawn(frame, rows, side))
    parts.append(frame.drawn())
    parts.append(svg.element("path", d=frame.path(_steps(rows, "reference")), class_="reference"))
    if with_limit:
        parts.append(svg.element("path", d=frame.path(_steps(rows, "limit")), class_="limit"))
    points = [(float(row["window"]), _finite(row["value"])) for row in rows]
    ringing = [row for row in rows if row["alarm"] and _finite(row["value"]) is not None]
    parts += [svg.line(frame.at_x(r["window"]), frame.top, frame.at_x(r["window"]), frame.bottom, class_="alarm-line")
              for r in ringing]  # fmt: skip
    parts.append(svg.element("path", d=frame.path(points), class_="line s1"))
    radius = 3.0 if len(rows) <= _MOST_DOTS else 1.0
    parts += [_dot(frame, row, radius) for row in rows if _finite(row["value"]) is not None]
    label = f"{feature}, {slice_name}: value and reference over windows; {len(ringing)} alarms"
    return Chart(slice_name, svg.picture(*parts, width=_WIDTH, height=_HEIGHT, label=label), len(ringing))


def _dot(frame: Frame, row: Row, radius: float) -> Markup:
    """A small disc, or a triangle where it rings; both say their figures when pointed at."""
    x, y = frame.at_x(row["window"]), frame.at_y(row["value"])
    said = (
        f"window {row['window']}, {moment(row['begins'])}: {amount(row['value'])}, "
        f"reference {amount(row['reference'])}, effect {amount(row['effect'])}, limit {limit(row['limit'])}, "
        f"{row['events']} events"
    )
    title = svg.element("title", said)
    if row["alarm"]:
        shape = f"M{x:.1f} {y - 6:.1f} L{x + 6:.1f} {y + 5:.1f} L{x - 6:.1f} {y + 5:.1f} Z"
        return svg.element("path", title, d=shape, class_="alarm")
    return svg.element("circle", title, cx=x, cy=y, r=radius, class_="dot s1")


def _band_drawn(frame: Frame, rows: Sequence[Row], side: Side) -> Markup:
    """The band as steps, one window wide each."""
    drawn: list[str] = []
    for row in rows:
        low, high = _ends(side, row)
        if low is None or high is None:
            continue
        left, right = frame.at_x(row["window"] - 0.5), frame.at_x(row["window"] + 0.5)
        top, bottom = frame.at_y(min(high, frame.y.high)), frame.at_y(max(low, frame.y.low))
        drawn.append(
            svg.element("rect", x=left, y=top, width=right - left, height=max(0.0, bottom - top), class_="band")
        )
    return svg.join(*drawn)


def _steps(rows: Sequence[Row], key: str) -> list[tuple[float, float | None]]:
    return [(row["window"] + half, _finite(row[key])) for row in rows for half in (-0.5, 0.5)]


def _band(rows: Sequence[Row]) -> Side | None:
    """How far from the reference the limit lies, as (low, high) of a row; None where the rows do not agree on it."""
    moved = _moved(rows)
    if not moved or any(row["limit"] < 0 for row in moved):
        return None
    if _is_log_ratio(moved):
        return lambda row: (row["reference"] * math.exp(-row["limit"]), row["reference"] * math.exp(row["limit"]))
    scales = [(row["value"] - row["reference"]) / row["effect"] for row in moved]
    scale = max(scales)
    if min(scales) <= 0 or min(scales) < (1 - _AGREE) * scale:
        return None
    return lambda row: (row["reference"] - row["limit"] * scale, row["reference"] + row["limit"] * scale)


def _is_plain(rows: Sequence[Row]) -> bool:
    """Whether the limit lies on the feature's own axis: nothing was tested, the effect is no count of spreads."""
    if any(row["p_value"] != 1 or row["limit"] < 0 for row in rows):
        return False
    moved = _moved(rows)
    return _is_log_ratio(moved) if moved else any(row["value"] != row["reference"] for row in rows)


def _moved(rows: Sequence[Row]) -> list[Row]:
    """Rows whose effect says something about the axis."""
    known = [row for row in rows if all(_finite(row[key]) is not None for key in ("value", "reference", "effect"))]
    return [row for row in known if abs(row["effect"]) > _AGREE and _finite(row["limit"]) is not None]


def _is_log_ratio(moved: Sequence[Row]) -> bool:
    return all(
        row["value"] > 0
        and row["reference"] > 0
        and abs(math.log(row["value"] / row["reference"]) - row["effect"]) < _AGREE
        for row in moved
    )


def _ends(side: Side | None, row: Row) -> tuple[float | None, float | None]:
    if side is None or _finite(row["reference"]) is None or _finite(row["limit"]) is None:
        return None, None
    low, high = side(row)
    return _finite(low), _finite(high)


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
