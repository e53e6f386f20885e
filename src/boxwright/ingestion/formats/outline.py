"""The upright box around what is not one: corners, turned rectangles, ellipses. Angles in degrees, clockwise on the screen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

Corners = tuple[float, float, float, float]


def around(points: Sequence[tuple[float, float]]) -> Corners:
    """Left, top, right, bottom of some points; ValueError when there is none."""
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    return (min(xs), min(ys), max(xs), max(ys))


def around_turned(box: Corners, degrees: float, *, about: Literal["centre", "corner"]) -> Corners:
    """Around a rectangle that is turned about its centre (CVAT) or its left top corner (Label Studio)."""
    x1, y1, x2, y2 = box
    ax, ay = ((x1 + x2) / 2, (y1 + y2) / 2) if about == "centre" else (x1, y1)
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turned = [
        (ax + (x - ax) * c - (y - ay) * s, ay + (x - ax) * s + (y - ay) * c)
        for x, y in ((x1, y1), (x2, y1), (x2, y2), (x1, y2))
    ]
    return around(turned)


def around_ellipse(cx: float, cy: float, rx: float, ry: float, degrees: float = 0.0) -> Corners:
    """Around an ellipse that is turned about its centre."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    w, h = math.hypot(rx * c, ry * s), math.hypot(rx * s, ry * c)
    return (cx - w, cy - h, cx + w, cy + h)
