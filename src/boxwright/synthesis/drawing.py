"""Sprites laid into a picture, with an id map beside it: the pixels that each thing shows, known exactly.

Whatever paints over the picture paints over the id map in the same call, so that boxes read off the map are true by
construction. A pixel belongs to the thing that covers at least half of it. Shadows, light and lens come on top and own
no pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from boxwright.detections import Annotations
from boxwright.synthesis.cameras import zoom_of
from boxwright.synthesis.sprite import PX_PER_UNIT, Colour, Picture, Sprite

NOTHING = -1
LEAST_VISIBLE_SHARE = 0.25
LEAST_SIDE_PX = 6
LEAST_VISIBLE_PX = 12
_HALF = 128


@dataclass(frozen=True)
class Stance:
    """How a sprite stands in the picture.

    Args:
        affine: (2, 3) from world units about the sprite's centre, at its foot, to picture pixels.
        lift_xy: picture pixels from foot to top.
        shadow_xy: picture pixels from foot to the end of its shadow.
        shade: share of light its shadow takes away.
    """

    affine: NDArray[np.float64]
    lift_xy: tuple[int, int]
    shadow_xy: tuple[int, int]
    shade: float


@dataclass
class Drawing:
    """A picture being drawn, and who owns each pixel.

    Args:
        picture: (h, w, 3) uint8 RGB.
        id_map: (h, w) int16, the number of the thing seen there, or NOTHING.
        area_px: what each thing would show if nothing hid it and the picture had no edge; by number.
    """

    picture: Picture
    id_map: NDArray[np.int16]
    area_px: dict[int, int]

    def lay(self, sprite: Sprite, stance: Stance, *, number: int = NOTHING) -> None:
        """Lays a sprite on top of what is there; NOTHING as its number makes it a thing without annotation."""
        matrix, factor = _from_sprite(sprite, stance)
        left_top, size_wh = _extent(sprite, matrix, stance, factor)
        window = self._window(left_top, size_wh)
        if window is None:
            return
        matrix[:, 2] -= left_top
        alpha = _shrunk(sprite.alpha, factor)
        foot = _warped(alpha, matrix, size_wh)
        matrix[:, 2] += stance.lift_xy
        x1, y1, x2, y2 = window
        inside = (slice(y1 - left_top[1], y2 - left_top[1]), slice(x1 - left_top[0], x2 - left_top[0]))
        outside = (slice(y1, y2), slice(x1, x2))
        whole_body = _swept(foot, stance.lift_xy)
        body = np.ascontiguousarray(whole_body[inside])
        top = _warped(alpha, matrix, size_wh)[inside]
        skin = _warped(_shrunk(sprite.rgb, factor), matrix, size_wh)[inside]
        seen = _shaded(self.picture[outside], _swept(foot, stance.shadow_xy)[inside], stance.shade)
        self.picture[outside] = _blend(seen, _clad(skin, top, body, sprite.side_rgb), body)
        self.id_map[outside][body >= _HALF] = number
        if number != NOTHING:
            self.area_px[number] = int(np.count_nonzero(whole_body >= _HALF))

    def cover(self, corners: NDArray[np.float64], colour: Colour) -> None:
        """Fills a polygon of picture pixels in front of everything; nobody is annotated there."""
        mask = np.zeros(self.id_map.shape, np.uint8)
        cv2.fillPoly(mask, [np.round(corners * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        left, top, width, height = cv2.boundingRect(mask)
        window = (slice(top, top + height), slice(left, left + width))
        if width and height:
            paint = np.empty((height, width, 3), np.uint8)
            paint[:] = colour
            self.picture[window] = _blend(self.picture[window], paint, mask[window])
            self.id_map[window][mask[window] >= _HALF] = NOTHING

    def _window(self, left_top: NDArray[np.int64], size_wh: tuple[int, int]) -> tuple[int, int, int, int] | None:
        height, width = self.id_map.shape
        x1, y1 = max(0, int(left_top[0])), max(0, int(left_top[1]))
        x2, y2 = min(width, int(left_top[0]) + size_wh[0]), min(height, int(left_top[1]) + size_wh[1])
        return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None


def _from_sprite(sprite: Sprite, stance: Stance) -> tuple[NDArray[np.float64], float]:
    """(2, 3) from the pixel indices of the shrunk sprite to those of the picture, and the shrinking factor.

    A sprite much finer than the picture is first shrunk by averaging areas, or its print would alias.
    """
    zoom = zoom_of(stance.affine) / PX_PER_UNIT
    height, width = sprite.alpha.shape
    factor = 1.0 if zoom > 0.7 else min(1.0, 1.2 * zoom)
    size_wh = np.array([max(1, round(width * factor)), max(1, round(height * factor))])
    steps = np.array([width, height]) / size_wh
    linear = stance.affine[:, :2] / PX_PER_UNIT * steps
    shift = stance.affine[:, 2] - linear @ (size_wh / 2 - 0.5) - 0.5
    return np.concatenate([linear, shift[:, None]], axis=1), factor


def _shrunk(layer: Picture, factor: float) -> Picture:
    if factor == 1.0:
        return layer
    size_wh = (max(1, round(layer.shape[1] * factor)), max(1, round(layer.shape[0] * factor)))
    return np.asarray(cv2.resize(layer, size_wh, interpolation=cv2.INTER_AREA), np.uint8)


def _extent(
    sprite: Sprite, matrix: NDArray[np.float64], stance: Stance, factor: float
) -> tuple[NDArray[np.int64], tuple[int, int]]:
    """Left top corner and (width, height) of a window that holds the sprite, its sides and its shadow."""
    height, width = sprite.alpha.shape[0] * factor, sprite.alpha.shape[1] * factor
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)]) @ matrix[:, :2].T + matrix[:, 2]
    moves = np.array([(0, 0), stance.lift_xy, stance.shadow_xy])
    reach = (corners[:, None] + moves).reshape(-1, 2)
    low, high = np.floor(reach.min(axis=0)).astype(int) - 4, np.ceil(reach.max(axis=0)).astype(int) + 4
    return low, (int(high[0] - low[0]), int(high[1] - low[1]))


def _swept(mask: Picture, move_xy: tuple[int, int]) -> Picture:
    """The mask smeared along a move: what an upright body covers, or its shadow."""
    steps = max(abs(move_xy[0]), abs(move_xy[1]))
    if steps == 0:
        return mask
    out = mask.copy()
    height, width = mask.shape
    strides = 1 + steps // 3
    for stride in range(1, strides + 1):
        dx, dy = round(move_xy[0] * stride / strides), round(move_xy[1] * stride / strides)
        to = out[max(0, dy) : height + min(0, dy), max(0, dx) : width + min(0, dx)]
        source = mask[max(0, -dy) : height + min(0, -dy), max(0, -dx) : width + min(0, -dx)]
        cv2.max(to, np.ascontiguousarray(source), dst=to)
    return out


def _warped(layer: Picture, matrix: NDArray[np.float64], size_wh: tuple[int, int]) -> Picture:
    """The layer in a window of the picture: 0 around a mask, the edge's colour around a print."""
    border = cv2.BORDER_CONSTANT if layer.ndim == 2 else cv2.BORDER_REPLICATE
    return np.asarray(cv2.warpAffine(layer, matrix, size_wh, flags=cv2.INTER_LINEAR, borderMode=border), np.uint8)


def _shaded(seen: Picture, shadow: Picture, shade: float) -> Picture:
    """What is seen with a soft shadow on it."""
    taken = cv2.convertScaleAbs(cv2.blur(shadow, (5, 5)), alpha=shade, beta=0)
    left = cv2.cvtColor(cv2.bitwise_not(taken), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.multiply(seen, left, scale=1 / 255), np.uint8)


def _clad(skin: Picture, top: Picture, body: Picture, side_rgb: Colour) -> Picture:
    """The print where the body shows its top, the plain side elsewhere; along the body's edge neither counts twice."""
    side = np.empty_like(skin)
    side[:] = side_rgb
    return _blend(side, skin, np.asarray(cv2.divide(np.ascontiguousarray(top), body, scale=255), np.uint8))


def _blend(under: Picture, over: Picture, alpha: Picture) -> Picture:
    weight = alpha.astype(np.float32) * (1 / 255)
    return np.asarray(cv2.blendLinear(over, np.ascontiguousarray(under), weight, 1 - weight), np.uint8)


def annotate(drawing: Drawing, class_of: dict[int, int]) -> Annotations:
    """The tight boxes of what each numbered thing shows, in the order of the numbers.

    Too little left of a thing (LEAST_VISIBLE_SHARE of it, LEAST_SIDE_PX) is kept but ignored; below LEAST_VISIBLE_PX
    pixels it is not there at all.

    Args:
        drawing: the finished drawing.
        class_of: class_id by number.
    """
    boxes: list[tuple[int, int, int, int]] = []
    classes: list[int] = []
    ignore: list[bool] = []
    visible_by_number = np.bincount(drawing.id_map.ravel() + 1)[1:]  # NOTHING is -1, so it counts at 0
    for number in np.flatnonzero(visible_by_number >= LEAST_VISIBLE_PX).tolist():
        left, top, width, height = cv2.boundingRect((drawing.id_map == number).view(np.uint8))
        boxes.append((left, top, left + width, top + height))
        classes.append(class_of[number])
        hidden = visible_by_number[number] < LEAST_VISIBLE_SHARE * drawing.area_px[number]
        ignore.append(bool(hidden or min(width, height) < LEAST_SIDE_PX))
    return Annotations(
        np.array(boxes, np.float32).reshape(-1, 4), np.array(classes, np.int32), np.array(ignore, np.bool_)
    )
