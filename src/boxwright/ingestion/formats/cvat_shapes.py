"""A shape of CVAT's XML as an upright box.

Boxes that are turned, polygons, ellipses and masks become the upright box around them, and that is told; everything else (lines,
points, cuboids, skeletons, tags) holds no box and is counted.
"""

from __future__ import annotations

import math
from collections import Counter
from xml.etree.ElementTree import Element

from boxwright.ingestion.attributes import of_text
from boxwright.ingestion.formats.cvat_frames import whole
from boxwright.ingestion.formats.outline import around, around_ellipse, around_turned
from boxwright.ingestion.reading import BoxRecord, Reading

_SHAPES = ("box", "polygon", "ellipse", "mask")

Kinds = dict[str, dict[str, str]]  # label to attribute to input type


def labels_of(tree: Element) -> Kinds:
    """The labels a task, job or project declares, with the input types of their attributes."""
    return {
        (label.findtext("name") or "").strip(): {
            a.findtext("name") or "": a.findtext("input_type") or "" for a in label.findall("attributes/attribute")
        }
        for label in tree.findall("meta/*/labels/label")
    }


def tell_without_box(reading: Reading, left: Counter[str], where: str) -> None:
    """What was left out of a file because it holds no box: one problem per kind."""
    for kind, count in sorted(left.items()):
        what = "tag (a label of the whole image)" if kind == "tag" else kind[:40]
        reading.problem("no-box", "warning", where, f"{count} of the kind {what} hold no box; left out")


def read_shape(
    reading: Reading, shape: Element, label: str, kinds: Kinds, where: str, left: Counter[str]
) -> BoxRecord | None:
    """One shape as an upright box; None where it holds none, counted in `left` by kind, or cannot be read, which is told."""
    if shape.tag not in _SHAPES:
        left[str(shape.tag)] += 1
        return None
    label = label.strip()
    if not label or (kinds and label not in kinds):
        known = ", ".join(kinds) or "none"
        reading.problem(
            "unknown-class", "error", where, f"its label '{label}' is not declared ({known}); it was left out"
        )
        return None
    try:
        corners = _corners(shape)
    except (TypeError, ValueError, OverflowError):
        corners = (math.nan, math.nan, math.nan, math.nan)
    if not all(math.isfinite(v) for v in corners) or corners[0] >= corners[2] or corners[1] >= corners[3]:
        reading.problem(
            "bad-box", "error", where, "needs finite corners that rise, xtl < xbr and ytl < ybr; it was left out"
        )
        return None
    kind = "rotated box" if shape.tag == "box" else shape.tag
    if shape.tag != "box" or _angle(shape):
        reading.turned[kind] += 1
        if reading.turned[kind] == 1:
            message = f"its outline ({kind}) became the upright box around it, here and for all like it"
            reading.problem("turned-upright", "warning", where, message)
    attributes: dict[str, object] = {"occluded": shape.get("occluded") == "1"}
    for attribute in shape.findall("attribute"):
        name = attribute.get("name") or ""
        if name:
            attributes[name] = of_text(attribute.text or "", kinds.get(label, {}).get(name, ""))
    if (group := shape.get("group_id")) not in (None, "", "0"):
        attributes.setdefault("group_id", whole(group) if whole(group) is not None else group)
    crowd, ignore = (attributes.pop(flag, None) in (True, "true") for flag in ("crowd", "ignore"))
    return BoxRecord(None, label, corners, where, crowd=crowd, ignore=ignore, attributes=attributes)


def _corners(shape: Element) -> tuple[float, float, float, float]:
    def number(name: str) -> float:
        return float(shape.get(name) or "nan")

    if shape.tag == "box":
        corners = (number("xtl"), number("ytl"), number("xbr"), number("ybr"))
        return around_turned(corners, _angle(shape), about="centre") if _angle(shape) else corners
    if shape.tag == "ellipse":
        return around_ellipse(number("cx"), number("cy"), number("rx"), number("ry"), _angle(shape))
    if shape.tag == "mask":
        left, top = number("left"), number("top")
        return (left, top, left + number("width"), top + number("height"))
    points = [tuple(float(v) for v in pair.split(",")) for pair in (shape.get("points") or "").split(";")]
    return around([(x, y) for x, y in points])


def _angle(shape: Element) -> float:
    return float(shape.get("rotation") or 0) % 360
