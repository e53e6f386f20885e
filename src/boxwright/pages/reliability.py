"""Reliability diagrams: of detections scored about so, how many are true?

A point per bin of score at mean score and precision, with its interval; on the diagonal scores mean what they say. A hollow
point rests on few detections.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from boxwright.artifacts import Report
from boxwright.artifacts.report import ClassScores, ReliabilityBin
from boxwright.pages import svg
from boxwright.pages.axes import Axis, Frame, share_axis
from boxwright.pages.figures import count, share
from boxwright.pages.intervals import span

MOST_SMALL = 12
FEW_IN_BIN = 30
_STRIP = 78.0
_TICKS = ((0.0, "0"), (0.5, "0.5"), (1.0, "1"))


@dataclass(frozen=True)
class Diagram:
    """The diagram of one class.

    Attributes:
        name: of the class.
        plot: the drawing.
        record: the class's calibration figures.
    """

    name: str
    plot: Markup
    record: ClassScores


def pooled(report: Report) -> Markup:
    """The diagram of all classes together, over a strip of how many detections lie in each bin; empty without bins."""
    bins = _bins(report, None)
    if not bins:
        return Markup("")
    width, height = 560.0, 360.0
    frame = Frame(share_axis("Mean score of the bin"), share_axis("Share of the bin that is true"), width, height)
    drawn = (frame.drawn(), _diagonal(frame), *(_point(frame, record) for record in bins), _strip(frame, bins))
    return svg.picture(*drawn, width=width, height=height + _STRIP, label="Reliability diagram of all classes")


def by_class(report: Report) -> list[Diagram]:
    """A small diagram per class that has detections; none when there are too many classes to look at."""
    if len(report.class_names) > MOST_SMALL:
        return []
    return [
        Diagram(name, _small(name, bins), report.calibration.per_class[name])
        for name in report.class_names
        if (bins := _bins(report, name))
    ]


def _bins(report: Report, class_name: str | None) -> list[ReliabilityBin]:
    return [found for found in report.calibration.reliability if found.class_name == class_name]


def _small(name: str, bins: Sequence[ReliabilityBin]) -> Markup:
    frame = Frame(Axis("", 0.0, 1.0, _TICKS), Axis("", 0.0, 1.0, _TICKS), 230.0, 200.0)
    drawn = (frame.drawn(), _diagonal(frame), *(_point(frame, record) for record in bins))
    return svg.picture(*drawn, width=230.0, height=200.0, label=f"Reliability diagram of {name}")


def _diagonal(frame: Frame) -> Markup:
    return svg.line(frame.at_x(0), frame.at_y(0), frame.at_x(1), frame.at_y(1), class_="reference")


def _point(frame: Frame, found: ReliabilityBin) -> Markup:
    x, y = frame.at_x(found.mean_score), frame.at_y(found.precision)
    low, high = found.precision_low, found.precision_high
    words = f"{count(found.count)} detections, mean score {share(found.mean_score)}, true {share(found.precision)}"
    parts = [svg.element("title", f"{words}, interval {span(low, high)}")]
    if low is not None and high is not None:
        parts.append(svg.line(x, frame.at_y(low), x, frame.at_y(high), class_="whisker"))
    kind = "point" if found.count >= FEW_IN_BIN else "point-a"
    parts.append(svg.element("circle", cx=x, cy=y, r=4, class_=kind))
    return svg.element("g", *parts)


def _strip(frame: Frame, bins: Sequence[ReliabilityBin]) -> Markup:
    """How many detections lie in each bin, as bars under the plot with the numbers on top."""
    base, most = frame.height + _STRIP - 6, max(found.count for found in bins)
    parts = [svg.text(4, frame.height + 12, "Detections in the bin", class_="axis-title")]
    parts.append(svg.line(frame.left, base, frame.right, base, class_="axis"))
    for found in bins:
        left, right = frame.at_x(found.low), frame.at_x(found.high)
        tall = max(1.0, (_STRIP - 42) * found.count / most)
        parts.append(
            svg.element("rect", x=left + 1, y=base - tall, width=right - left - 2, height=tall, class_="fill f0")
        )
        parts.append(svg.text((left + right) / 2, base - tall - 4, count(found.count), anchor="middle", class_="tick"))
    return svg.join(*parts)
