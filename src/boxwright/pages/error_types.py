"""The kinds of error: what each costs, drawn as one bar in which AP50 and the six shares make 100.

A kind has one colour and one place in the order on every page, so that it is found again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from boxwright.artifacts import Report
from boxwright.artifacts.report import ERROR_KINDS, ErrorCost
from boxwright.pages import svg
from boxwright.pages.figures import points

COLOURS = {kind.code: i + 1 for i, kind in enumerate(ERROR_KINDS)}


@dataclass(frozen=True)
class Kind:
    """A kind of error as the page shows it.

    Attributes:
        key: TIDE's name.
        words: the same in words.
        colour: as in the style sheet, 0 for a kind that is not known.
        record: the report's.
    """

    key: str
    words: str
    colour: int
    record: ErrorCost


@dataclass(frozen=True)
class HeatRow:
    """A row of a heat table.

    Attributes:
        name: of the class or slice.
        cells: (figure, depth from 0 to 1) in the order of the columns.
    """

    name: str
    cells: tuple[tuple[float, float], ...]


def kinds(report: Report) -> list[Kind]:
    """The kinds the report knows, the costliest first."""
    found = [Kind(code, cost.name, COLOURS.get(code, 0), cost) for code, cost in report.errors.kinds.items()]
    return sorted(found, key=lambda kind: -kind.record.share)


def stack(segments: Sequence[tuple[float, str, int]], *, whole: float, label: str) -> Markup:
    """One bar of segments side by side; it is as wide as its place and holds no text.

    Args:
        segments: (length, title, colour); lengths at or below 0 are not drawn.
        whole: the length of the full bar.
        label: what it shows, in words.
    """
    drawn, begin = [], 0.0
    for length, title, colour in segments:
        if length <= 0 or whole <= 0:
            continue
        x, width = 1000 * begin / whole, max(1000 * length / whole, 1.0)
        part = svg.element("title", title)
        drawn.append(svg.element("rect", part, x=x, y=0, width=width, height=20, class_=f"fill f{colour}"))
        begin += length
    return svg.element(
        "svg", *drawn, viewBox="0 0 1000 20", preserveAspectRatio="none", class_="stack", role="img", aria_label=label
    )


def share_bar(report: Report) -> Markup:
    """AP50 in grey, then what each kind keeps from 100, the costliest first; empty when the report has no AP50."""
    ap50 = report.errors.ap50
    if ap50 is None:
        return Markup("")
    return _bar([(ap50, f"AP50 {points(ap50)}", 0), *_shares(report)], least=100.0)


def lost_bar(report: Report) -> Markup:
    """The kinds' shares alone, for where AP50 leaves them too little room; empty when nothing is lost."""
    shares = _shares(report)
    return _bar(shares, least=0.0) if any(length > 0 for length, _, _ in shares) else Markup("")


def _shares(report: Report) -> list[tuple[float, str, int]]:
    return [(kind.record.share, f"{kind.words} {points(kind.record.share)}", kind.colour) for kind in kinds(report)]


def _bar(segments: list[tuple[float, str, int]], *, least: float) -> Markup:
    whole = max(least, sum(max(length, 0.0) for length, _, _ in segments))
    return stack(segments, whole=whole, label="; ".join(title for _, title, _ in segments))


def shares_by_class(report: Report) -> list[HeatRow]:
    """Share of each kind (columns in the order of `kinds`) per class, deep where it is large among all."""
    columns = [kind.key for kind in kinds(report)]
    per_class = report.errors.per_class
    largest = max((shares.get(key, 0.0) for shares in per_class.values() for key in columns), default=0.0)
    return [_row(name, [shares.get(key, 0.0) for key in columns], largest) for name, shares in per_class.items()]


def counts_by_slice(report: Report) -> list[tuple[str, list[HeatRow]]]:
    """Condition to its slices' errors by kind (columns in the order of `kinds`), deep where frequent in the slice."""
    columns = [kind.key for kind in kinds(report)]
    found: dict[str, list[HeatRow]] = {}
    for record in report.slices:
        if record.errors:
            counts = [record.errors.get(key, 0) for key in columns]
            found.setdefault(record.condition, []).append(_row(record.value, counts, sum(counts)))
    return list(found.items())


def _row(name: str, figures: Sequence[float], whole: float) -> HeatRow:
    return HeatRow(name, tuple((figure, max(figure, 0.0) / whole if whole > 0 else 0.0) for figure in figures))
