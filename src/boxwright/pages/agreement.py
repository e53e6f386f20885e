"""The page of an agreement: how far people agree, how sure that is, what the guideline lacks, and the boxes they differ about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, cast

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from boxwright.artifacts import Agreement
from boxwright.artifacts.agreement import EdgeHabit
from boxwright.pages import svg
from boxwright.pages.axes import Frame, share_axis, value_axis
from boxwright.pages.contents import Part, parts
from boxwright.pages.curves import Line
from boxwright.pages.figures import count, percent, share
from boxwright.pages.intervals import ruler, span
from boxwright.pages.page import render
from boxwright.pages.views import Box, Kind, around, view

FIGURES = {
    "alpha": ("Krippendorff's alpha", "place, class and existence, beyond chance"),
    "f1": ("F1 of place", "boxes that met, whatever their class"),
    "f1_class": ("F1 of place and class", "boxes that met and are called the same"),
    "kappa": ("Cohen's kappa", "classes of boxes that met, beyond chance"),
    "mean_iou": ("Mean IoU", "of boxes that met"),
}
KINDS = {
    "rule": "A rule is missing",
    "class-rule": "Two classes are not parted",
    "edges": "Tight or loose",
    "fatigue": "Grows along the session",
    "learning": "Shrinks along the session",
    "person": "One person's habit",
    "hard": "Hard, without sides",
}
GALLERIES = {
    "class": (
        "Called differently",
        "All who drew it drew the same object and called it differently, the largest first",
    ),
    "existence": ("Drawn by some", "Some drew it and some did not, the largest first"),
    "place": ("Drawn elsewhere", "Boxes of one object that lie far apart, those that did not meet first"),
}
_STYLES: tuple[Kind, ...] = ("annotation", "detection", "failure", "faint")
_GROWN = 8  # how many times edges are drawn further off than they are
_SAME = 8.0  # px; the same object on the next frame is not shown again


@dataclass(frozen=True)
class Card:
    """One object people differ about, as the page shows it."""

    classes: list[tuple[str, str]]
    drawing: Markup
    file_name: str
    iou: float | None
    has_picture: bool


def agreement_page(
    agreement: Agreement, *, read_picture: Callable[[int], NDArray[np.uint8] | None], most: int = 12
) -> str:
    """The page of an agreement.

    Args:
        agreement: what to show.
        read_picture: position of a picture to RGB uint8, or None when it is not at hand: then boxes lie on grey ground.
        most: how many objects of each kind of difference are pictured.
    """
    galleries = {kind: _gallery(agreement, kind, most, read_picture) for kind in GALLERIES}
    over_iou, lines = _over_iou(agreement)
    return render(
        "agreement.html",
        agreement=agreement,
        headline=headline(agreement),
        parts=_parts(agreement, galleries),
        figures=[(*FIGURES[name], agreement.figures[name]) for name in FIGURES if name in agreement.figures],
        scale=ruler([*agreement.figures.values()], mark=agreement.required.least if agreement.required else None),
        class_scale=ruler([r.f1 for r in agreement.per_class.values()]),
        slice_scale=ruler([r.f1 for r in agreement.slices]),
        slices=[(name, list(records)) for name, records in groupby(agreement.slices, key=lambda r: r.condition)],
        kinds=KINDS,
        findings=sorted(agreement.findings, key=lambda f: list(KINDS).index(f.kind) if f.kind in KINDS else 99),
        over_iou=over_iou,
        lines=lines,
        distances=_distances(agreement),
        heat=_heat(agreement),
        habits=[(name, _habit(record.edges)) for name, record in agreement.people.items() if record.edges],
        grown=_GROWN,
        galleries=galleries,
        gallery_words=GALLERIES,
        styles=[(name, _style(i)) for i, name in enumerate(agreement.annotators)],
    )


def headline(agreement: Agreement) -> str:
    """How far people agree, and whether that is what is required."""
    alpha, f1 = agreement.figures["alpha"], agreement.figures["f1"]
    text = (
        f"Alpha is {share(alpha.value)} ({span(alpha.low, alpha.high)}), F1 of place {share(f1.value)}, "
        f"on {count(agreement.tally.objects)} objects of {count(agreement.tally.pictures_of_several)} pictures."
    )
    if agreement.required:
        r = agreement.required
        name = "alpha" if r.figure == "alpha" else "F1"
        text += f" Required: {name} of {r.least:g}, {r.status}."
    return text


def _parts(agreement: Agreement, galleries: Mapping[str, Sequence[Card]]) -> list[Part]:
    several = len(agreement.annotators) > 2
    return parts(
        "agreement",
        (
            ("How far?", (
                ("figures", "Figures over everything", "Figures", True),
                ("over-iou", "At which overlap are two boxes one object?", "Overlap", agreement.over_iou),
            )),
            ("Why?", (("findings", "Probable causes of the differences", "Findings", True),)),
            ("Where?", (
                ("classes", "Per class", "Classes", agreement.class_names),
                ("slices", "Per size, surroundings and condition", "Slices", agreement.slices),
            )),
            ("Who?", (
                ("people", "Per annotator", "Annotators", True),
                ("edges", "Whose boxes are tight, whose are loose", "Edges", any(p.edges for p in agreement.people.values())),
                ("pairs", "Every pair", "Pairs", several),
            )),
            ("Which boxes?", tuple((kind, GALLERIES[kind][0], GALLERIES[kind][0], galleries[kind]) for kind in GALLERIES)),
        ),
    )  # fmt: skip


def _over_iou(agreement: Agreement) -> tuple[Markup, list[Line]]:
    """Alpha and F1 over the IoU threshold; where people were matched and where the data would part them as upright lines."""
    records = agreement.over_iou
    lines = [
        Line(words, [(r.iou_threshold, getattr(r, name).value) for r in records], colour)
        for name, words, colour in (
            ("alpha", "alpha", 1),
            ("f1", "F1 of place", 2),
            ("f1_class", "F1 of place and class", 3),
        )
    ]
    values = [y for line in lines for _, y in line.points]
    frame = Frame(share_axis("IoU threshold"), value_axis("Figure", values, within=(-1.0, 1.0)), 560, 320)
    band = [(r.iou_threshold, r.alpha.low, r.alpha.high) for r in records if r.alpha.low is not None]
    drawn = [frame.drawn()]
    if band:
        there = frame.path([(x, low) for x, low, _ in band])
        back = frame.path([(x, high) for x, _, high in reversed(band)]).replace("M", "L", 1)
        drawn.append(svg.element("path", d=f"{there} {back} Z", class_="band"))
    drawn.append(_upright(frame, agreement.iou_threshold, "matched here", "reference"))
    if agreement.separation.found:
        drawn.append(_upright(frame, agreement.separation.iou_threshold, "the data's own threshold", "limit"))
    drawn += [
        svg.element("path", svg.element("title", line.name), d=frame.path(line.points), class_=f"line s{line.colour}")
        for line in lines
    ]
    return svg.picture(*drawn, width=560, height=320, label="Agreement over the IoU threshold"), lines


def _upright(frame: Frame, x: float, words: str, class_: str) -> Markup:
    at = frame.at_x(x)
    return svg.element(
        "path", svg.element("title", words), d=f"M{at:.1f} {frame.top} L{at:.1f} {frame.bottom}", class_=class_
    )


def _distances(agreement: Agreement) -> tuple[Markup, list[Line]]:
    """How far boxes lie from the nearest of somebody else: on the same picture, and on a random other one."""
    lines = []
    apart = agreement.separation
    for shares, words, colour in (
        (apart.observed, "same picture", 1),
        (apart.expected, "another picture, by chance", 2),
    ):
        lines.append(Line(words, [((i + 0.5) / max(len(shares), 1), v) for i, v in enumerate(shares)], colour))
    values = [y for line in lines for _, y in line.points]
    frame = Frame(share_axis("Distance to the nearest box of somebody else, 1 minus IoU"), value_axis("Share of boxes", [0.0, *values], within=(0.0, 1.0)), 560, 260)  # fmt: skip
    drawn = [
        frame.drawn(),
        *(svg.element("path", d=frame.path(line.points), class_=f"line s{line.colour}") for line in lines),
    ]
    return svg.picture(*drawn, width=560, height=260, label="Distances observed and by chance"), lines


def _heat(agreement: Agreement) -> list[tuple[str, list[tuple[str, float]]]]:
    """Per annotator a row of alpha with every other: the figure in words, and how dark."""
    of = {frozenset((p.a, p.b)): p.alpha.value for p in agreement.pairs}
    known = [v for v in of.values() if v is not None]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)

    def cell(a: str, b: str) -> tuple[str, float]:
        value = of.get(frozenset((a, b))) if a != b else None
        return share(value), 0.0 if value is None else (high - value) / max(high - low, 0.05)

    return [(a, [cell(a, b) for b in agreement.annotators]) for a in agreement.annotators]


def _habit(edges: Mapping[str, EdgeHabit]) -> Markup:
    """The others' box dashed, the annotator's around or inside it, deviations grown so that they are seen."""
    width, height, middle_x, middle_y = 110.0, 80.0, 110.0, 75.0
    off = {name: max(-0.4, min(0.3, _GROWN * edges[name].share)) for name in edges}
    left, right = middle_x - width * (0.5 + off["left"]), middle_x + width * (0.5 + off["right"])
    top, bottom = middle_y - height * (0.5 + off["top"]), middle_y + height * (0.5 + off["bottom"])
    reference = svg.element(
        "rect", x=middle_x - width / 2, y=middle_y - height / 2, width=width, height=height, class_="reference"
    )
    own = svg.element("rect", x=left, y=top, width=right - left, height=bottom - top, class_="line s1")
    texts = [
        svg.text(left - 4, middle_y + 4, _signed(edges["left"].share), anchor="end"),
        svg.text(right + 4, middle_y + 4, _signed(edges["right"].share)),
        svg.text(middle_x, top - 5, _signed(edges["top"].share), anchor="middle"),
        svg.text(middle_x, bottom + 14, _signed(edges["bottom"].share), anchor="middle"),
    ]
    return svg.picture(reference, own, *texts, width=220, height=150, label="Edges beside those of the others")


def _signed(value: float) -> str:
    return ("+" if value >= 0 else "−") + percent(abs(round(value, 4)))


def _style(i: int) -> Kind:
    return _STYLES[min(i, len(_STYLES) - 1)]


def _gallery(
    agreement: Agreement, kind: str, most: int, read_picture: Callable[[int], NDArray[np.uint8] | None]
) -> list[Card]:
    """The first differences of a kind, the same object on neighbouring frames once."""
    table = agreement.differences
    if "kind" not in table.column_names:
        return []
    rows = np.flatnonzero(np.array(table.column("kind").to_pylist(), dtype=object) == kind)
    shown: list[dict[str, Any]] = []
    for row in (table.slice(int(i), 1).to_pylist()[0] for i in rows[:2000]):
        if len(shown) == most:
            break
        if not any(_alike(row, other) for other in shown):
            shown.append(row)
    return [_card(agreement, row, read_picture(row["image"])) for row in shown]


def _alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    corners = ("x1", "y1", "x2", "y2")
    return one["classes"] == other["classes"] and all(abs(one[c] - other[c]) < _SAME for c in corners)


def _card(agreement: Agreement, row: Mapping[str, Any], picture: NDArray[np.uint8] | None) -> Card:
    size = None if picture is None else (int(picture.shape[0]), int(picture.shape[1]))
    window = around((row["x1"], row["y1"], row["x2"], row["y2"]), size)
    boxes = []
    for r, (name, said) in enumerate(zip(agreement.annotators, row["classes"], strict=True)):
        corners = row["boxes"][4 * r : 4 * r + 4]
        if corners[0] is not None:
            boxes.append(Box(_style(r), cast("list[float]", corners), f"{name}: {said}"))
    said = [
        (name, said or "nothing")
        for name, said in zip(agreement.annotators, row["classes"], strict=True)
        if said != "–"
    ]
    label = "; ".join(f"{name}: {what}" for name, what in said)
    return Card(said, view(picture, window, boxes, label=label), row["file_name"], row["iou"], picture is not None)
