"""A sprite: one thing seen from straight above, painted once and laid into many pictures.

Painters work on a `Canvas` in world units (about a centimetre) with the origin at the thing's centre, x along its
length. The silhouette (`outline`) and the print (`paint`, `stroke`, `glow`) are kept apart: the print never changes
what counts as the thing's pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

PX_PER_UNIT = 4
_MARGIN_PX = 3
_FIXED_BITS = 4

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]
Points = NDArray[np.float64] | Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Sprite:
    """One painted thing.

    Args:
        rgb: (h, w, 3) uint8, at PX_PER_UNIT pixels per world unit.
        alpha: (h, w) uint8, 255 where the thing is.
        side_rgb: colour of its upright sides.
        height: how far it stands above the belt, world units.
    """

    rgb: Picture
    alpha: Picture
    side_rgb: Colour
    height: float


class Canvas:
    """A sheet in world units on which one thing is painted.

    Args:
        length: extent along x, world units.
        width: extent along y, world units.
        ground: the colour under all paint, also of the silhouette's soft edge.
    """

    def __init__(self, length: float, width: float, ground: Colour) -> None:
        size_hw = (
            int(np.ceil(width * PX_PER_UNIT)) + 2 * _MARGIN_PX,
            int(np.ceil(length * PX_PER_UNIT)) + 2 * _MARGIN_PX,
        )
        self.rgb = np.empty((*size_hw, 3), np.uint8)
        self.rgb[:] = ground
        self.alpha = np.zeros(size_hw, np.uint8)

    def _fixed(self, points: Points) -> NDArray[np.int32]:
        half_wh = np.array(self.alpha.shape[::-1]) / 2
        px = np.asarray(points, np.float64) * PX_PER_UNIT + half_wh - 0.5
        return np.round(px * (1 << _FIXED_BITS)).astype(np.int32)

    def outline(self, points: Points) -> None:
        """Adds a filled polygon to the silhouette."""
        cv2.fillPoly(self.alpha, [self._fixed(points)], 255, cv2.LINE_AA, _FIXED_BITS)

    def paint(self, points: Points, colour: Colour) -> None:
        """Fills a polygon with a colour."""
        cv2.fillPoly(self.rgb, [self._fixed(points)], colour, cv2.LINE_AA, _FIXED_BITS)

    def stroke(self, points: Points, colour: Colour, *, thick: float, closed: bool = False) -> None:
        """Draws a line through the points; `thick` in world units."""
        thick_px = max(1, round(thick * PX_PER_UNIT))
        cv2.polylines(self.rgb, [self._fixed(points)], closed, colour, thick_px, cv2.LINE_AA, _FIXED_BITS)

    def glow(self, points: Points, colour: Colour, *, strength: float, blur: float) -> None:
        """Blends a soft-edged polygon into the print: highlights and shading."""
        mask = np.zeros(self.alpha.shape, np.uint8)
        cv2.fillPoly(mask, [self._fixed(points)], round(255 * strength), cv2.LINE_AA, _FIXED_BITS)
        side_px = 2 * max(1, round(blur * PX_PER_UNIT)) + 1
        weight = cv2.blur(mask, (side_px, side_px)).astype(np.float32)[..., None] / 255
        self.rgb[:] = self.rgb + (np.array(colour, np.float32) - self.rgb) * weight

    def speckle(self, rng: np.random.Generator, *, amount: float) -> None:
        """Adds grain to the print, `amount` grey levels strong."""
        grain = rng.standard_normal(self.alpha.shape, np.float32)[..., None] * amount
        self.rgb[:] = np.clip(self.rgb + grain, 0, 255)

    def sprite(self, *, height: float, side_rgb: Colour) -> Sprite:
        """The finished sprite."""
        return Sprite(self.rgb, self.alpha, side_rgb, height)


def rectangle(length: float, width: float, *, x: float = 0.0, y: float = 0.0) -> NDArray[np.float64]:
    """(4, 2) corners of an upright rectangle centred on (x, y)."""
    return np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (length / 2, width / 2) + (x, y)


def ellipse(length: float, width: float, *, x: float = 0.0, y: float = 0.0, corners: int = 28) -> NDArray[np.float64]:
    """(corners, 2) points on an ellipse centred on (x, y)."""
    turn = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.stack([np.cos(turn) * length / 2 + x, np.sin(turn) * width / 2 + y], axis=1)


def rounded(length: float, width: float, *, power: float, x: float = 0.0, y: float = 0.0) -> NDArray[np.float64]:
    """(36, 2) points on a superellipse: power 2 is an ellipse, a high power a rectangle with soft corners."""
    turn = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    cos, sin = np.cos(turn), np.sin(turn)
    along = np.sign(cos) * np.abs(cos) ** (2 / power) * length / 2 + x
    across = np.sign(sin) * np.abs(sin) ** (2 / power) * width / 2 + y
    return np.stack([along, across], axis=1)


def darker(colour: Colour, share: float) -> Colour:
    """The colour times `share`."""
    return (int(colour[0] * share), int(colour[1] * share), int(colour[2] * share))


def jittered(colour: Colour, rng: np.random.Generator, *, spread: float = 10.0) -> Colour:
    """The colour shifted a little, the same way in all channels and a little in each."""
    shift = rng.normal(0, spread) + rng.normal(0, spread / 3, 3)
    red, green, blue = np.clip(np.array(colour) + shift, 0, 255).astype(int).tolist()
    return (red, green, blue)
