"""Regions of Label Studio as boxes.

Rectangles, ellipses and polygons become upright boxes, one per label of a region. What is said about a region beside its outline
(choices, texts, ratings) becomes an attribute of its box. Everything else (brushes, key points, relations, what is said about the
whole image) holds no box and is counted by type.
https://labelstud.io/tags/rectanglelabels
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from boxwright.ingestion.attributes import cleaned
from boxwright.ingestion.formats.outline import Corners, around, around_ellipse, around_turned
from boxwright.ingestion.reading import BoxRecord, Reading

_SHAPES = ("rectangle", "ellipse", "polygon")
_SAYS = {
    "choices": "choices", "textarea": "text", "rating": "rating", "number": "number", "datetime": "datetime",
    "taxonomy": "taxonomy",
}  # fmt: skip


def shape_of(region: dict) -> str | None:
    """rectangle, ellipse or polygon; None for regions without a box."""
    kind = str(region.get("type", ""))
    return next((shape for shape in _SHAPES if kind in (shape, f"{shape}labels")), None)


@dataclass
class Regions:
    """The regions of one annotation.

    Attributes:
        reading: its problems grow.
        listed: the regions.
        who: drew them, or None.
        left: grows by what holds no box, by type.
        shapes: those that are read.
        others: those that outline something without being a box, such as brushes.
    """

    reading: Reading
    listed: Sequence[Any]
    who: str | int | None
    left: Counter[str]
    beside: dict[tuple[str, str], list[dict]] = field(default_factory=dict)
    others: list[dict] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Count what holds no box; keep what is said beside a region with its id."""
        regions = [r for r in self.listed if isinstance(r, dict)]
        self.left["not an object"] += len(self.listed) - len(regions)
        self.shapes = [r for r in regions if shape_of(r)]
        ids = {_key(r) for r in self.shapes} - {None}
        for region in regions:
            key = _key(region)
            if key in ids and key is not None and isinstance(region.get("value"), dict):
                self.beside.setdefault(key, []).append(region)
            if shape_of(region) is None and not (key in ids and (region.get("type") in (*_SAYS, "labels"))):
                self.left[str(region.get("type") or "without a type")[:40]] += 1
                self.others += [region] if region.get("type") not in (*_SAYS, "labels", "relation", None) else []
        self.left += Counter()  # without zeros

    def boxes(self, region: dict, size_hw: tuple[int, int] | None, where: str) -> Iterator[BoxRecord]:
        """One box per label of a region; none, and told, where it cannot be read."""
        reading, value, shape = self.reading, region.get("value"), shape_of(region)
        where = f"{where} region {str(region.get('id', ''))[:40]}"
        siblings = [r for r in self.beside.get(_key(region) or ("", ""), []) if r is not region]
        labels = self._labels(region, siblings)
        if not labels:
            if not any(shape_of(r) and self._labels(r, []) for r in siblings):  # else its box is there already
                reading.problem("unknown-class", "error", where, "has no label; it was left out")
            return
        if region.get("image_rotation") not in (None, 0):
            message = f"was drawn on a picture turned by {region['image_rotation']!r:.20} degrees in the tool; it was left out"
            reading.problem("no-box", "error", where, message)
            return
        if size_hw is None:
            message = "per cent need the picture's size, which neither region nor picture tells; it was left out"
            reading.problem("no-size", "error", where, message)
            return
        try:
            corners, angle = _corners(str(shape), value if isinstance(value, dict) else {}, size_hw)
        except (TypeError, ValueError, OverflowError, KeyError, IndexError):
            corners, angle = (math.nan, math.nan, math.nan, math.nan), 0.0
        if not all(math.isfinite(v) for v in corners) or corners[0] >= corners[2] or corners[1] >= corners[3]:
            reading.problem("bad-box", "error", where, "needs finite numbers and a size above 0; it was left out")
            return
        if angle or shape != "rectangle":
            self._turned(str(shape) if shape != "rectangle" else "rotated box", where)
        attributes = self._attributes(region, siblings, where)
        crowd, ignore = (attributes.pop(flag, None) is True for flag in ("crowd", "ignore"))
        for label in labels:
            yield BoxRecord(None, label, corners, where, crowd=crowd, ignore=ignore, attributes=dict(attributes))

    def _labels(self, region: dict, siblings: list[dict]) -> list[str]:
        """Of the region itself, else of the labels given to it separately."""
        own = _texts(region.get("value"), f"{shape_of(region)}labels") or _texts(region.get("value"), "labels")
        given = (label for r in siblings if shape_of(r) is None for label in _texts(r["value"], "labels"))
        return list(dict.fromkeys(own or given))

    def _turned(self, kind: str, where: str) -> None:
        self.reading.turned[kind] += 1
        if self.reading.turned[kind] == 1:
            message = f"its outline ({kind}) became the upright box around it, here and for all like it"
            self.reading.problem("turned-upright", "warning", where, message)

    def _attributes(self, region: dict, siblings: list[dict], where: str) -> dict[str, Any]:
        said: dict[str, Any] = {}
        for other in siblings:
            if (key := _SAYS.get(str(other.get("type")))) and (value := _said(other["value"].get(key))) is not None:
                said[str(other.get("from_name"))[:60]] = value
        attributes = {**cleaned(region.get("meta"), self.reading, where), **cleaned(said, self.reading, where)}
        if self.who is not None:
            attributes.setdefault("annotator", self.who)
        return attributes


def _key(region: dict) -> tuple[str, str] | None:
    """By which parts of one region know each other: its id on its image."""
    number = region.get("id")
    if not isinstance(number, str | int) or number == "":
        return None
    return f"{region.get('to_name')} {region.get('item_index')}", str(number)


def _texts(value: Any, key: str) -> list[str]:
    listed = value.get(key) if isinstance(value, dict) else None
    return [text for text in listed if isinstance(text, str) and text.strip()] if isinstance(listed, list) else []


def _said(value: Any) -> Any:
    """A choice, text, number or path of a taxonomy as a plain value; several as a list; None for nothing."""
    if isinstance(value, list):
        plain = [" / ".join(map(str, v)) if isinstance(v, list) else v for v in value]
        return (plain[0] if len(plain) == 1 else plain) if plain else None
    return value


def _corners(shape: str, value: dict[str, Any], size_hw: tuple[int, int]) -> tuple[Corners, float]:
    sy, sx = size_hw[0] / 100, size_hw[1] / 100
    angle = float(value.get("rotation") or 0) % 360
    if shape == "polygon":
        return around([(float(x) * sx, float(y) * sy) for x, y in value["points"]]), angle
    if shape == "ellipse":
        rx, ry = float(value["radiusX"]) * sx, float(value["radiusY"]) * sy
        return around_ellipse(float(value["x"]) * sx, float(value["y"]) * sy, rx, ry, angle), angle
    x, y, w, h = (float(value[key]) for key in ("x", "y", "width", "height"))
    if w <= 0 or h <= 0:
        raise ValueError("no size")
    corners = (x * sx, y * sy, (x + w) * sx, (y + h) * sy)
    return (around_turned(corners, angle, about="corner") if angle else corners), angle
