"""Rules as drawings: an object, what hides or cuts it, and the box that is drawn around it, or the cross that says it is not.

The object is an ellipse, so that a tight box and a loose one differ; boxes are drawn as everywhere in this room.
"""

from __future__ import annotations

from markupsafe import Markup

from boxwright.pages import svg
from boxwright.spec import Spec

_WIDTH, _HEIGHT = 220.0, 130.0
_SMALL_GROWN = 4.0  # least sizes are drawn so many times as large
_MOST_SIZES = 6


def schematics(spec: Spec) -> dict[str, Markup]:
    """Topic of a rule to its drawing."""
    labels = spec.labels
    amodal = labels.box == "amodal"
    least = max((c.least_visible for c in spec.classes), default=0.0)
    return {
        "box": _tight(grown=6.0 if labels.margin_px else 0.0),
        "occluded": _hidden(drawn=labels.occluded == "draw", amodal=amodal, least=least),
        "truncated": _cut(drawn=labels.truncated == "draw"),
        "size": _sizes([(c.name, c.least_size_px) for c in spec.classes if c.least_size_px][:_MOST_SIZES]),
        "crowd": _crowd(),
        "difficult": _doubtful(kind="annotation"),
        "doubt": _doubtful(kind="annotation" if labels.doubt == "mark" else "none"),
    }


def _picture(*parts: str, label: str, height: float = _HEIGHT) -> Markup:
    return svg.picture(*parts, width=_WIDTH, height=height, label=label, class_="plot schematic")


def _object(x: float, y: float, rx: float, ry: float) -> Markup:
    return svg.element("ellipse", cx=x, cy=y, rx=rx, ry=ry, class_="fill f1")


def _box(x1: float, y1: float, x2: float, y2: float, *, kind: str = "annotation") -> Markup:
    place = {"x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1}
    return svg.element(
        "g",
        svg.element("rect", class_="halo", **place),
        svg.element("rect", class_="stroke", **place),
        class_=f"box {kind}",
    )


def _cross(x: float, y: float, r: float = 16.0) -> Markup:
    return svg.join(
        svg.line(x - r, y - r, x + r, y + r, class_="alarm-cross"),
        svg.line(x - r, y + r, x + r, y - r, class_="alarm-cross"),
    )


def _tight(*, grown: float) -> Markup:
    """Right, too loose, too tight."""
    parts = []
    for i, (more, word) in enumerate(((grown, "right"), (12.0 + grown, "loose"), (grown - 9.0, "tight"))):
        x, y, rx, ry = 37.0 + 73 * i, 50.0, 19.0, 27.0
        parts += [_object(x, y, rx, ry), _box(x - rx - more, y - ry - more, x + rx + more, y + ry + more)]
        parts.append(svg.text(x, 118, word, anchor="middle"))
        if i:
            parts.append(_cross(x, y, 9.0))
    return _picture(*parts, label="A box that is right, one too loose, one too tight")


def _hidden(*, drawn: bool, amodal: bool, least: float) -> Markup:
    """An object behind a block: the box around what is seen, or around all of it."""
    x, y, rx, ry, edge = 105.0, 55.0, 55.0, 34.0, 125.0
    blob = _object(x, y, rx, ry)
    block = svg.element("rect", x=edge, y=8, width=60, height=94, class_="fill f0")
    ghost = svg.element("ellipse", cx=x, cy=y, rx=rx, ry=ry, class_="reference")
    parts = [blob, block, ghost if amodal else Markup("")]
    parts.append(_box(x - rx, y - ry, x + rx if amodal else edge, y + ry) if drawn else _cross(90, y))
    words = (
        "not drawn" if not drawn else f"from {100 * least:g} % visible on" if least else "as long as it is recognised"
    )
    return _picture(*parts, svg.text(105, 122, words, anchor="middle"), label=f"A hidden object: {words}")


def _cut(*, drawn: bool) -> Markup:
    """An object that leaves the picture."""
    frame = svg.element("rect", x=20, y=8, width=130, height=94, class_="ground")
    whole = svg.element("ellipse", cx=142, cy=55, rx=42, ry=28, class_="reference")
    inside = svg.element("path", d="M150 27.5 A42 28 0 1 0 150 82.5 Z", class_="fill f1")
    mark = _box(100, 27, 150, 83) if drawn else _cross(122, 55)
    words = "up to the border" if drawn else "not drawn"
    return _picture(
        frame, inside, whole, mark, svg.text(95, 122, words, anchor="middle"), label=f"Cut by the border: {words}"
    )


def _sizes(sizes: list[tuple[str, float]]) -> Markup:
    """The least size of each class, grown, so that it can be compared by eye."""
    if not sizes:
        parts = [_object(110, 55, r, r) for r in (4.0,)]
        return _picture(
            *parts, _box(104, 49, 116, 61), svg.text(110, 122, "every object", anchor="middle"), label="No least size"
        )
    grown = min(_SMALL_GROWN, 80.0 / max(size for _, size in sizes))
    slot, parts = _WIDTH / len(sizes), []
    for i, (name, size) in enumerate(sizes):
        x, half = slot * (i + 0.5), size * grown / 2
        parts += [_object(x, 50, half, half), _box(x - half, 50 - half, x + half, 50 + half)]
        parts += [
            svg.text(x, 106, f"{size:g} px", anchor="middle"),
            svg.text(x, 121, _short(name, slot), anchor="middle"),
        ]
    words = ", ".join(f"{name} {size:g} px" for name, size in sizes)
    return _picture(*parts, label=f"Least sizes, drawn {grown:g} times as large: {words}")


def _short(name: str, slot: float) -> str:
    most = max(4, int(slot / 6.4))
    return name if len(name) <= most else name[: most - 1] + "…"


def _crowd() -> Markup:
    """Many that cannot be told apart: one box."""
    places = [(60 + 17 * i + (j % 2) * 8, 30 + 15 * j) for i in range(6) for j in range(4)]
    return _picture(
        *(_object(x, y, 9, 8) for x, y in places), _box(50, 20, 165, 85, kind="detection"),
        svg.text(108, 122, "one box, marked as a crowd", anchor="middle"), label="A crowd: one box",
    )  # fmt: skip


def _doubtful(*, kind: str) -> Markup:
    blob = svg.element("ellipse", cx=110, cy=55, rx=40, ry=30, class_="fill f0")
    mark = _box(70, 25, 150, 85) if kind != "none" else Markup("")
    words = "drawn and marked" if kind != "none" else "not drawn on one's own"
    return _picture(
        blob, mark, svg.element("text", "?", x=110, y=64, text_anchor="middle", class_="big"),
        svg.text(110, 122, words, anchor="middle"), label=f"Hardly recognised: {words}",
    )  # fmt: skip
