"""Line plots: precision against recall, and figures from round to round.

Lines are told apart by colour and, from the fifth on, by dash. More than eight would not be told apart: then those
named first are coloured and the others stay grey in the background.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from boxwright.artifacts import Report
from boxwright.pages import svg
from boxwright.pages.axes import CHARACTER, Axis, Frame, share_axis, value_axis
from boxwright.pages.figures import defined, share

COLOURS = 8


@dataclass(frozen=True)
class Line:
    """A line of a plot.

    Attributes:
        name: for legend and pointer.
        points: (x, y); None breaks the line.
        colour: 1 to 8 as in the style sheet; 0 for grey background.
        figure: written beside the name in the legend.
    """

    name: str
    points: Sequence[tuple[float, float | None]]
    colour: int
    figure: str = ""


def precision_recall(report: Report) -> tuple[Markup, list[Line], int]:
    """The plot, the coloured lines for its legend (lowest AP50 first when not all fit), and how many lines are grey."""
    recall, by_class = report.curves.recall, report.curves.precision
    names = [name for name in report.class_names if name in by_class]
    if len(names) > COLOURS:
        names.sort(key=lambda name: report.per_class[name].ap50)
    lines = [
        Line(
            name,
            _until_zero(recall, by_class[name]),
            colour=i + 1 if i < COLOURS else 0,
            figure=share(report.per_class[name].ap50),
        )
        for i, name in enumerate(names)
    ]
    frame = Frame(share_axis("Recall"), share_axis("Precision"), 560, 380)
    grey_first = sorted(lines, key=lambda item: item.colour != 0)
    drawn = [_stroke(frame, item) for item in grey_first]
    plot = svg.picture(frame.drawn(), *drawn, width=560, height=380, label="Precision against recall at IoU 0.50")
    return plot, [item for item in lines if item.colour], sum(item.colour == 0 for item in lines)


def rounds(measure: Sequence[tuple[str, dict[str, float]]]) -> tuple[Markup, list[Line]]:
    """Figures in order of time, one line per name, points marked; and the lines for the legend."""
    names = list(dict.fromkeys(name for _, figures in measure for name in figures))
    slot = 110.0
    width = max(600.0, 90 + slot * len(measure))
    ticks = tuple((float(i), _wrapped(label, slot)) for i, (label, _) in enumerate(measure))
    x = Axis("", -0.4, len(measure) - 0.6, ticks)
    values = [value for _, figures in measure for value in figures.values() if defined(value)]
    within = (0.0, 1.0) if all(value <= 1 for value in values) else (0.0, float("inf"))
    frame = Frame(x, value_axis("Figure (the axis need not begin at 0)", values, within=within), width, 320)
    lines: list[Line] = []
    for i, name in enumerate(names):
        known = [(float(k), _defined(figures.get(name))) for k, (_, figures) in enumerate(measure)]
        latest = next((y for _, y in reversed(known) if y is not None), None)
        lines.append(Line(name, known, i % COLOURS + 1, share(latest)))
    drawn = [svg.join(_stroke(frame, item), _dots(frame, item, measure)) for item in lines]
    parts = (frame.drawn(), *drawn)
    return svg.picture(*parts, width=width, height=320, label="Figures over time", class_="plot wide"), lines


def _stroke(frame: Frame, item: Line) -> Markup:
    title = svg.element("title", f"{item.name} {item.figure}")
    return svg.element("path", title, d=frame.path(item.points), class_=f"line s{item.colour}")


def _dots(frame: Frame, item: Line, measure: Sequence[tuple[str, dict[str, float]]]) -> Markup:
    return svg.join(
        *(
            svg.element(
                "circle",
                svg.element("title", f"{measure[int(x)][0]}: {item.name} {share(y)}"),
                cx=frame.at_x(x),
                cy=frame.at_y(y),
                r=4,
                class_=f"dot s{item.colour}",
            )
            for x, y in item.points
            if y is not None
        )
    )


def _until_zero(recall: Sequence[float], precision: Sequence[float]) -> list[tuple[float, float | None]]:
    """Points of a curve to where it falls to 0 for good."""
    reached = max((i for i, value in enumerate(precision) if value > 0), default=-1)
    points: list[tuple[float, float | None]] = [(recall[i], precision[i]) for i in range(reached + 1)]
    return [*points, (recall[max(reached, 0)], 0.0)] if recall and reached < len(precision) - 1 else points


def _defined(value: float | None) -> float | None:
    return value if defined(value) else None


def _wrapped(label: str, slot: float) -> str:
    """A label in at most three lines of a slot's width."""
    lines = textwrap.wrap(label, max(6, int(slot / CHARACTER) - 1)) or [""]
    if len(lines) > 3:
        lines = [*lines[:2], lines[2].rstrip(" ,") + "…"]
    return "\n".join(lines)
