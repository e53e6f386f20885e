"""A figure and its interval as a small bar: in a column on a shared scale, beside the figure a clause requires, or as a
difference around 0."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from markupsafe import Markup

from boxwright.artifacts.comparison import ComparedMetric
from boxwright.errors import InputError
from boxwright.pages import svg
from boxwright.pages.figures import DASH, defined, judged, points, share, signed
from boxwright.spec import Observed, parse_requirement

_WIDTH, _NARROW, _HEIGHT, _PAD = 150.0, 118.0, 20.0, 6.0


@dataclass(frozen=True)
class Ruler:
    """The scale shared by a column of bars.

    Attributes:
        low, high: its ends.
        mark: the figure over everything, drawn through every bar; None for none.
    """

    low: float
    high: float
    mark: float | None = None

    @property
    def ends(self) -> str:
        """The ends in words."""
        return f"{self.low:.1f} to {self.high:.1f}"

    def at(self, value: float) -> float:
        """Pixel of a value, kept inside."""
        along = (value - self.low) / (self.high - self.low)
        return _PAD + min(1.0, max(0.0, along)) * (_WIDTH - 2 * _PAD)

    def bar(self, found: Observed) -> Markup:
        """A point for the value and a whisker over its interval; only the scale when undefined or off it."""
        value = found.value
        middle = _HEIGHT / 2
        parts: list[str] = [svg.line(_PAD, middle, _WIDTH - _PAD, middle, class_="grid")]
        if self.mark is not None and defined(self.mark):
            parts.append(svg.line(self.at(self.mark), 1, self.at(self.mark), _HEIGHT - 1, class_="mark"))
        if value is None or not self.low <= value <= self.high:
            return svg.picture(*parts, width=_WIDTH, height=_HEIGHT, label="undefined, or off the scale", class_="bar")
        parts += _whisker(self.at, found.low, found.high, middle)
        parts.append(svg.element("circle", cx=self.at(value), cy=middle, r=3.5, class_="point"))
        label = f"{share(value)}, interval {span(found.low, found.high)}"
        return svg.picture(*parts, width=_WIDTH, height=_HEIGHT, label=label, class_="bar")


def ruler(figures: Iterable[Observed], *, mark: float | None = None) -> Ruler:
    """A scale up to 1 that begins at the tenth under the smallest end of any interval that rests on something."""
    ends = [*(end for f in figures if f.support for end in (f.value, f.low)), mark]
    known = [float(v) for v in ends if v is not None and defined(v)]
    low = math.floor(min(known, default=0.0) * 10 + 1e-9) / 10
    return Ruler(min(low, 0.9), 1.0, mark)


def span(low: float | None, high: float | None, *, precise: bool = False) -> str:
    """An interval in words; a dash when there is none."""
    if not (defined(low) and defined(high)):
        return DASH
    write = judged if precise else share
    return f"{write(low)} to {write(high)}"


def signed_span(low: float | None, high: float | None) -> str:
    """The interval of a difference in words."""
    return DASH if low is None or high is None else f"{signed(low)} to {signed(high)}"


def points_span(low: float | None, high: float | None) -> str:
    """An interval in points of AP50 in words."""
    return DASH if low is None or high is None else f"{points(low)} to {points(high)}"


@dataclass(frozen=True)
class Balance:
    """The scale shared by a column of differences: 0 in the middle, the same distance to both ends.

    Attributes:
        reach: the largest difference it shows; interval ends beyond it are cut there.
    """

    reach: float

    @classmethod
    def over(cls, metrics: Iterable[ComparedMetric]) -> Balance:
        """A scale that holds every difference and, up to three times the largest of those, every interval."""
        metrics = list(metrics)
        values = [abs(m.difference) for m in metrics if m.difference is not None]
        ends = [abs(end) for m in metrics for end in (m.low, m.high) if end is not None]
        largest = max(values, default=0.0)
        wanted = max(largest, min(max(ends, default=0.0), 3 * largest or 1.0)) or 0.1
        return cls(math.ceil(wanted * 20 - 1e-9) / 20)

    @property
    def ends(self) -> str:
        """The ends in words."""
        return f"−{self.reach:g} to {self.reach:g}"

    def at(self, value: float) -> float:
        """Pixel of a difference, kept inside."""
        along = (value + self.reach) / (2 * self.reach)
        return _PAD + min(1.0, max(0.0, along)) * (_NARROW - 2 * _PAD)

    def bar(self, metric: ComparedMetric) -> Markup:
        """A line at 0, a point at the difference, a whisker over its interval; better and worse differ in shape too."""
        difference, low, high = metric.difference, metric.low, metric.high
        middle = _HEIGHT / 2
        parts: list[str] = [svg.line(_PAD, middle, _NARROW - _PAD, middle, class_="grid")]
        parts.append(svg.line(self.at(0.0), 1, self.at(0.0), _HEIGHT - 1, class_="zero-line"))
        if difference is None:
            return svg.picture(*parts, width=_NARROW, height=_HEIGHT, label="undefined", class_="bar")
        kind = metric.verdict.replace(" ", "-")
        if low is not None and high is not None:
            parts += _ends(self.at(low), self.at(high), middle)
        parts.append(svg.element("path", d=_sign(kind, self.at(difference), middle), class_=f"sign {kind}"))
        label = f"{signed(difference)}, interval {signed_span(low, high)}: {metric.verdict}"
        return svg.picture(*parts, width=_NARROW, height=_HEIGHT, label=label, class_="bar")


def pair_bar(a: float | None, b: float | None, *, most: float) -> Markup:
    """Two figures of one kind on a scale from 0 to `most`: A an open circle, B a full one."""
    middle, scale = _HEIGHT / 2, (_NARROW - 2 * _PAD) / (most or 1.0)
    parts: list[str] = [svg.line(_PAD, middle, _NARROW - _PAD, middle, class_="grid")]
    if a is not None and b is not None:
        parts.append(svg.line(_PAD + a * scale, middle, _PAD + b * scale, middle, class_="whisker"))
    for value, class_ in ((a, "point-a"), (b, "point")):
        if value is not None:
            parts.append(svg.element("circle", cx=_PAD + value * scale, cy=middle, r=4, class_=class_))
    return svg.picture(*parts, width=_NARROW, height=_HEIGHT, label=f"A {points(a)}, B {points(b)}", class_="bar")


def required_bar(
    text: str, required: float | None, value: float | None, ends: tuple[float | None, float | None]
) -> Markup:
    """Observed figure and interval beside the figure that is required, on a scale of its own.

    Args:
        text: the clause; says on which side of `required` it is met.
        required, value: the figures; None when undefined.
        ends: low and high of the interval.
    """
    known = [float(v) for v in (required, value, *ends) if v is not None and defined(v)]
    if required is None or len(known) < 2:
        return Markup("")
    width, middle = 190.0, 17.0
    spare = (max(known) - min(known)) * 0.18 or abs(known[0]) * 0.05 or 0.05
    low, high = min(known) - spare, max(known) + spare
    if max(known) <= 1 and (high > 1 or min(known) >= 0.5):
        high = min(high, 1.0) if max(known) < 1 else 1.0 + spare * 0.2

    def at(number: float) -> float:
        return _PAD + (number - low) / (high - low) * (width - 2 * _PAD)

    parts: list[str] = []
    upward = _upward(text)
    if upward is not None:
        begin, end = (at(required), width - _PAD) if upward else (_PAD, at(required))
        parts.append(svg.element("rect", x=begin, y=5, width=max(0.0, end - begin), height=24, class_="met-side"))
    parts.append(svg.line(_PAD, middle, width - _PAD, middle, class_="grid"))
    parts += _whisker(at, ends[0], ends[1], middle)
    parts.append(svg.line(at(required), 2, at(required), 32, class_="required"))
    if value is not None and defined(value):
        parts.append(svg.element("circle", cx=at(value), cy=middle, r=4, class_="point"))
    label = f"required {judged(required)}, observed {judged(value)}, interval {span(*ends, precise=True)}"
    return svg.picture(*parts, width=width, height=34, label=label, class_="bar")


def _whisker(at: Callable[[float], float], low: float | None, high: float | None, middle: float) -> list[str]:
    if low is None or high is None or not (defined(low) and defined(high)):
        return []
    return _ends(at(low), at(high), middle)


def _ends(begin: float, end: float, middle: float) -> list[str]:
    return [
        svg.line(begin, middle, end, middle, class_="whisker"),
        svg.line(begin, middle - 4, begin, middle + 4, class_="whisker"),
        svg.line(end, middle - 4, end, middle + 4, class_="whisker"),
    ]


def _sign(kind: str, x: float, y: float) -> str:
    """Path of a mark: an upward triangle for better, a downward one for worse, else a diamond."""
    if kind == "better":
        return f"M{x - 5:.1f} {y + 4:.1f} L{x + 5:.1f} {y + 4:.1f} L{x:.1f} {y - 5:.1f} Z"
    if kind == "worse":
        return f"M{x - 5:.1f} {y - 4:.1f} L{x + 5:.1f} {y - 4:.1f} L{x:.1f} {y + 5:.1f} Z"
    return f"M{x - 4:.1f} {y:.1f} L{x:.1f} {y - 4:.1f} L{x + 4:.1f} {y:.1f} L{x:.1f} {y + 4:.1f} Z"


def _upward(text: str) -> bool | None:
    """Whether a clause asks for at least; None when it cannot be read."""
    try:
        return parse_requirement(text).higher_is_better
    except InputError:
        return None
