"""SVG as escaped text: one function for every element, so that no attribute or text escapes escaping."""

from __future__ import annotations

from markupsafe import Markup, escape


def element(name: str, *children: str, **attributes: object) -> Markup:
    """An element as markup.

    Args:
        name: of the element; trusted.
        children: markup is kept, other text is escaped.
        attributes: `class_` becomes class, `stroke_width` stroke-width; numbers are cut to two decimals, None left out.
    """
    written = Markup("").join(
        Markup(' {}="{}"').format(_attribute(key), _text(value))
        for key, value in attributes.items()
        if value is not None
    )
    inside = Markup("").join(escape(child) for child in children)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), written, inside)


def picture(*children: str, width: float, height: float, label: str, class_: str = "plot") -> Markup:
    """The outer element of a plot: scales with its place, never above its natural size.

    Args:
        children: drawn inside.
        width, height: natural size, px.
        label: what it shows, in words, for those who do not see it.
        class_: for the style sheet.
    """
    return element(
        "svg", *children, viewBox=f"0 0 {width:g} {height:g}", width=width, height=height, class_=class_, role="img",
        aria_label=label,
    )  # fmt: skip


def text(x: float, y: float, content: str, *, anchor: str = "start", class_: str | None = None) -> Markup:
    """A line of text whose baseline starts, ends or has its middle at (x, y)."""
    return element("text", content, x=x, y=y, text_anchor=anchor, class_=class_)


def line(x1: float, y1: float, x2: float, y2: float, *, class_: str) -> Markup:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def join(*parts: str) -> Markup:
    """Markup one after the other."""
    return Markup("").join(parts)


def _attribute(key: str) -> str:
    return key.rstrip("_") if key == "viewBox" else key.rstrip("_").replace("_", "-")


def _text(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
