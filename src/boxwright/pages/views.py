"""Part of a picture with boxes drawn over it, as one SVG element with the pixels inside.

The picture is embedded as JPEG; boxes are lines above it, so that they stay sharp at any size. Three kinds of box are
told apart by colour and by dash: annotation (solid), detection (dashed), failure (thick). Without a picture the boxes
lie on grey ground.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from boxwright.images import write_jpeg
from boxwright.pages import svg

Kind = Literal["annotation", "detection", "faint", "failure"]
_CONTEXT = 3.0
_LEAST_SIDE_PX = 96.0
_SHARP_SIDE_PX = 320
_QUALITY = 82


@dataclass(frozen=True)
class Box:
    """A box to be drawn.

    Attributes:
        kind: how; `faint` is a detection under its score threshold.
        box_xyxy: pixels of the original picture.
        title: shown when pointed at.
    """

    kind: Kind
    box_xyxy: Sequence[float]
    title: str


@dataclass(frozen=True)
class Window:
    """Part of a picture that is shown, in its pixels; may reach beyond the picture."""

    x: float
    y: float
    width: float
    height: float

    def touches(self, box_xyxy: Sequence[float]) -> bool:
        """Whether any of the box is inside."""
        x1, y1, x2, y2 = box_xyxy
        return x1 < self.x + self.width and x2 > self.x and y1 < self.y + self.height and y2 > self.y


def around(box_xyxy: Sequence[float], size_hw: tuple[int, int] | None) -> Window:
    """A square three times the box and at least 96 px, moved into the picture where it fits."""
    x1, y1, x2, y2 = (float(v) for v in box_xyxy)
    side = max(_CONTEXT * max(x2 - x1, y2 - y1), _LEAST_SIDE_PX)
    if size_hw is not None:
        side = min(side, max(float(max(size_hw)), x2 - x1, y2 - y1))
    x, y = (x1 + x2 - side) / 2, (y1 + y2 - side) / 2
    if size_hw is None:
        return Window(x, y, side, side)
    return Window(_moved(x, side, size_hw[1]), _moved(y, side, size_hw[0]), side, side)


def whole(size_hw: tuple[int, int] | None, boxes_xyxy: NDArray) -> Window:
    """All of a picture; where there is none, all of its boxes with a little air."""
    if size_hw is not None:
        return Window(0.0, 0.0, float(size_hw[1]), float(size_hw[0]))
    if not len(boxes_xyxy):
        return Window(0.0, 0.0, 400.0, 300.0)
    x1, y1 = (float(v) for v in boxes_xyxy[:, :2].min(axis=0))
    x2, y2 = (float(v) for v in boxes_xyxy[:, 2:].max(axis=0))
    air = max(0.05 * max(x2 - x1, y2 - y1), 8.0)
    return Window(x1 - air, y1 - air, x2 - x1 + 2 * air, y2 - y1 + 2 * air)


def view(
    picture: NDArray[np.uint8] | None,
    window: Window,
    boxes: Iterable[Box],
    *,
    label: str,
    sharp_px: int = _SHARP_SIDE_PX,
) -> Markup:
    """The window of the picture with the boxes that touch it.

    Args:
        picture: (h, w, 3) uint8 RGB, or None for grey ground.
        window: which part.
        boxes: drawn in this order.
        label: what is to be seen, in words.
        sharp_px: pixels to embed along the longer side; smaller windows are enlarged smoothly to it.
    """
    ground = svg.element("rect", x=window.x, y=window.y, width=window.width, height=window.height, class_="ground")
    pixels = Markup("") if picture is None else _pixels(picture, window, sharp_px)
    drawn = [_rectangle(box) for box in boxes if window.touches(box.box_xyxy)]
    return svg.element(
        "svg", ground, pixels, *drawn, class_="view", role="img", aria_label=label,
        viewBox=f"{window.x:.2f} {window.y:.2f} {max(window.width, 1):.2f} {max(window.height, 1):.2f}",
    )  # fmt: skip


def thumbnail(picture: NDArray[np.uint8], *, label: str, sharp_px: int = 360) -> Markup:
    """A whole picture, small."""
    return view(picture, whole(_size_hw(picture), np.zeros((0, 4))), (), label=label, sharp_px=sharp_px)


def _size_hw(picture: NDArray[np.uint8]) -> tuple[int, int]:
    return int(picture.shape[0]), int(picture.shape[1])


def _moved(start: float, side: float, length: int) -> float:
    """Start of a window of one axis, inside the picture when it fits, centred when it does not."""
    if side >= length:
        return (length - side) / 2
    return min(max(start, 0.0), length - side)


def _pixels(picture: NDArray[np.uint8], window: Window, sharp_px: int) -> Markup:
    """The part of the picture inside the window as an embedded JPEG; nothing when they do not meet."""
    height, width = _size_hw(picture)
    x1, y1 = max(0, int(np.floor(window.x))), max(0, int(np.floor(window.y)))
    x2 = min(width, int(np.ceil(window.x + window.width)))
    y2 = min(height, int(np.ceil(window.y + window.height)))
    if x2 <= x1 or y2 <= y1:
        return Markup("")
    part = np.ascontiguousarray(picture[y1:y2, x1:x2])
    ratio = sharp_px / max(part.shape[:2])
    if abs(ratio - 1) > 0.05:
        size = (max(1, round(part.shape[1] * ratio)), max(1, round(part.shape[0] * ratio)))
        part = cv2.resize(part, size, interpolation=cv2.INTER_AREA if ratio < 1 else cv2.INTER_CUBIC)
    encoded = base64.b64encode(write_jpeg(np.asarray(part, np.uint8), quality=_QUALITY)).decode()
    return svg.element(
        "image", x=x1, y=y1, width=x2 - x1, height=y2 - y1, preserveAspectRatio="none",
        href=f"data:image/jpeg;base64,{encoded}",
    )  # fmt: skip


def _rectangle(box: Box) -> Markup:
    """A dark halo under a coloured line, so that it is seen on any ground."""
    x1, y1, x2, y2 = (float(v) for v in box.box_xyxy)
    place = {"x": x1, "y": y1, "width": max(x2 - x1, 0.01), "height": max(y2 - y1, 0.01)}
    return svg.element(
        "g",
        svg.element("title", box.title),
        svg.element("rect", class_="halo", **place),
        svg.element("rect", class_="stroke", **place),
        class_=f"box {box.kind}",
    )
