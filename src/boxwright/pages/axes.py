"""The frame of a plot: two scales, round ticks, a quiet grid.

Margins grow with the texts they hold, so that no label is cut. The title of the vertical axis lies above it, where it
can be read without turning one's head.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from boxwright.pages import svg

CHARACTER = 6.4  # px, a wide guess for the 11 px plot font
LINE = 13.0


@dataclass(frozen=True)
class Axis:
    """What an axis says.

    Attributes:
        title: quantity and unit.
        low, high: its ends; low < high.
        ticks: (value, text); a text may have several lines.
    """

    title: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Frame:
    """Where a plot lies: data to pixels.

    Attributes:
        x, y: the axes.
        width, height: of the whole plot, px.
    """

    x: Axis
    y: Axis
    width: float
    height: float

    @property
    def left(self) -> float:
        first = len(self.x.ticks[0][1].split("\n")[0]) * CHARACTER / 2 - 8 if self.x.ticks else 0.0
        return max(16 + CHARACTER * max((len(text) for _, text in self.y.ticks), default=1), first)

    @property
    def right(self) -> float:
        last = max((len(part) for part in self.x.ticks[-1][1].split("\n")), default=1) if self.x.ticks else 1
        return self.width - max(12.0, last * CHARACTER / 2 + 2)

    @property
    def top(self) -> float:
        return 30.0 if self.y.title else 12.0

    @property
    def bottom(self) -> float:
        lines = max((text.count("\n") + 1 for _, text in self.x.ticks), default=1)
        return self.height - (10 + LINE * lines + (LINE + 4 if self.x.title else 0))

    def at_x(self, value: float) -> float:
        """Pixel of a value along x."""
        return self.left + (value - self.x.low) / (self.x.high - self.x.low) * (self.right - self.left)

    def at_y(self, value: float) -> float:
        """Pixel of a value along y."""
        return self.bottom - (value - self.y.low) / (self.y.high - self.y.low) * (self.bottom - self.top)

    def path(self, points: Sequence[tuple[float, float | None]]) -> str:
        """The `d` of a path through the points; it is broken where y is None or not finite."""
        steps, pen_down = [], False
        for x, y in points:
            if y is None or not math.isfinite(y):
                pen_down = False
                continue
            steps.append(f"{'L' if pen_down else 'M'}{self.at_x(x):.1f} {self.at_y(y):.1f}")
            pen_down = True
        return " ".join(steps)

    def drawn(self) -> Markup:
        """Grid, ticks and titles."""
        parts: list[str] = []
        for value, label in self.y.ticks:
            y = self.at_y(value)
            parts += [svg.line(self.left, y, self.right, y, class_="grid")]
            parts += [svg.text(self.left - 7, y + 4, label, anchor="end", class_="tick")]
        for value, label in self.x.ticks:
            x = self.at_x(value)
            parts += [svg.line(x, self.bottom, x, self.bottom + 4, class_="axis")]
            for row, part in enumerate(label.split("\n")):
                parts += [svg.text(x, self.bottom + 16 + row * LINE, part, anchor="middle", class_="tick")]
        parts += [svg.line(self.left, self.bottom, self.right, self.bottom, class_="axis")]
        if self.y.title:
            parts += [svg.text(4, 14, self.y.title, class_="axis-title")]
        if self.x.title:
            middle = (self.left + self.right) / 2
            parts += [svg.text(middle, self.height - 5, self.x.title, anchor="middle", class_="axis-title")]
        return svg.join(*parts)


def value_axis(title: str, values: Sequence[float | None], *, within: tuple[float, float] | None = None) -> Axis:
    """An axis with round ticks around some values.

    Args:
        title: quantity and unit.
        values: to be covered; None and not finite ones are left out.
        within: ends never to be passed, such as (0, 1) for shares.
    """
    known = [v for v in values if v is not None and math.isfinite(v)] or [0.0, 1.0]
    low, high = min(known), max(known)
    if high - low < 1e-9 * max(1.0, abs(high)):
        spare = abs(high) * 0.1 or 0.5
        low, high = low - spare, high + spare
    step = _round_step((high - low) / 4)
    low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    if within:
        low, high = max(low, within[0]), min(high, within[1])
    if high - low < step / 2:
        low, high = (low - step, high) if within and high >= within[1] else (low, high + step)
    return Axis(title, low, high, _ticks(low, high, step))


def share_axis(title: str) -> Axis:
    """0 to 1."""
    return Axis(title, 0.0, 1.0, _ticks(0.0, 1.0, 0.2))


def whole_axis(title: str, low: int, high: int, *, most: int = 8) -> Axis:
    """Whole numbers from low to high, both ends with half a step to spare."""
    step = max(1, int(_round_step((high - low) / most))) if high - low > most else 1
    first = math.ceil(low / step) * step
    ticks = tuple((float(v), f"{v:,}") for v in range(first, high + 1, step))
    return Axis(title, low - 0.5, high + 0.5, ticks)


def _round_step(rough: float) -> float:
    """The least of 1, 2, 2.5, 5 times a power of ten that is not under `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next((f * power for f in (1.0, 2.0, 2.5, 5.0) if f * power >= rough * (1 - 1e-9)), 10.0 * power)


def _ticks(low: float, high: float, step: float) -> tuple[tuple[float, str], ...]:
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    if places and abs(step * 10**places - round(step * 10**places)) > 1e-6:  # 2.5, 0.25, ...
        places += 1
    elif not places and step % 1:
        places = 1
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    texts = ((i * step, _tick_text(i * step, places)) for i in range(first, last + 1))
    return tuple(texts)


def _tick_text(value: float, places: int) -> str:
    if places > 5 or abs(value) >= 1e7:
        return f"{value:.1e}".replace("-", "−", 1) if value < 0 else f"{value:.1e}"
    text = f"{abs(value):,.{places}f}"
    return f"−{text}" if value < -0.5 * 10**-places else text
