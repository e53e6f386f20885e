"""Changes to training pictures that leave their annotations true.

Every function takes a picture and its boxes in that picture's frame and returns both, new. What a cut leaves of an
object decides: mostly visible, it keeps its (cut) box; mostly gone, it loses the box and its pixels are painted grey,
so that no picture shows an object that is not annotated. Flips and turns come only from what the spec allows.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from boxwright.boxes import area, clip
from boxwright.images.resize import PAD_VALUE

LEAST_SIDE_PX = 3.0


@dataclass(frozen=True)
class Scene:
    """A training picture and what is annotated in it.

    Attributes:
        picture: (h, w, 3) uint8 RGB.
        boxes_xyxy: (n, 4) float32 in the picture's frame.
        class_id: (n,) int32.
        ignore: (n,) bool.
    """

    picture: NDArray[np.uint8]
    boxes_xyxy: NDArray
    class_id: NDArray
    ignore: NDArray


def cut(
    scene: Scene, *, corner_xy: tuple[float, float], scale: float, size_hw: tuple[int, int], least_visible: float
) -> Scene:
    """The part of the scene that starts at `corner_xy`, scaled, as a picture of `size_hw`.

    Args:
        scene: where to cut from.
        corner_xy: left upper corner of the part, in scene pixels; may lie outside.
        scale: output pixels per scene pixel.
        size_hw: (height, width) of the output.
        least_visible: share of an object's area, in [0, 1], that must remain for its box to remain.
    """
    picture = _cut_pixels(scene.picture, corner_xy, scale, size_hw)
    whole = (scene.boxes_xyxy - np.array(corner_xy * 2, np.float32)) * scale
    seen = clip(whole, size_hw=size_hw)
    visible = area(seen) / np.maximum(area(whole), 1e-6)
    sides = (seen[:, 2:] - seen[:, :2]).min(axis=1, initial=np.inf)
    stays = (visible >= least_visible) & (sides >= LEAST_SIDE_PX)
    for x1, y1, x2, y2 in seen[(visible > 0) & ~stays & ~scene.ignore]:
        picture[int(y1) : int(np.ceil(y2)), int(x1) : int(np.ceil(x2))] = PAD_VALUE
    stays |= scene.ignore & (visible > 0)
    return Scene(picture, seen[stays].astype(np.float32), scene.class_id[stays], scene.ignore[stays])


def _cut_pixels(
    picture: NDArray, corner_xy: tuple[float, float], scale: float, size_hw: tuple[int, int]
) -> NDArray[np.uint8]:
    height, width = size_hw
    x, y = corner_xy
    if scale == 1.0 and x == int(x) and y == int(y):
        return _copy_pixels(picture, int(x), int(y), size_hw)
    half = 0.5 / scale - 0.5  # pixel centres, not corners, are what warpAffine maps
    matrix = np.array([[1 / scale, 0, x + half], [0, 1 / scale, y + half]], np.float64)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    border = (PAD_VALUE,) * 3
    return np.asarray(cv2.warpAffine(picture, matrix, (width, height), flags=flags, borderValue=border), np.uint8)


def _copy_pixels(picture: NDArray, x: int, y: int, size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    height, width = size_hw
    out = np.full((height, width, 3), PAD_VALUE, np.uint8)
    top, left = max(0, y), max(0, x)
    part = picture[top : max(top, y + height), left : max(left, x + width)]
    out[top - y : top - y + part.shape[0], left - x : left - x + part.shape[1]] = part
    return out


def flip(scene: Scene, *, horizontal: bool = False, vertical: bool = False, transpose: bool = False) -> Scene:
    """The scene mirrored left-right, top-bottom, and along its diagonal, in this order."""
    picture, boxes = scene.picture, scene.boxes_xyxy
    height, width = picture.shape[:2]
    if horizontal:
        picture, boxes = (
            picture[:, ::-1],
            np.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], 1),
        )
    if vertical:
        picture, boxes = (
            picture[::-1],
            np.stack([boxes[:, 0], height - boxes[:, 3], boxes[:, 2], height - boxes[:, 1]], 1),
        )
    if transpose:
        picture, boxes = picture.transpose(1, 0, 2), boxes[:, [1, 0, 3, 2]]
    return Scene(np.ascontiguousarray(picture), boxes, scene.class_id, scene.ignore)


def mosaic(scenes: list[Scene], *, meeting_xy: tuple[int, int], size_hw: tuple[int, int]) -> Scene:
    """Four scenes side by side: left upper, right upper, left lower, right lower of the meeting point.

    Each scene must already have the size of its quarter.
    """
    height, width = size_hw
    x, y = meeting_xy
    out = np.empty((height, width, 3), np.uint8)
    boxes = []
    for scene, (left, top) in zip(scenes, [(0, 0), (x, 0), (0, y), (x, y)], strict=True):
        h, w = scene.picture.shape[:2]
        out[top : top + h, left : left + w] = scene.picture
        boxes.append(scene.boxes_xyxy + np.array([left, top, left, top], np.float32))
    return Scene(
        out,
        np.concatenate(boxes),
        np.concatenate([s.class_id for s in scenes]),
        np.concatenate([s.ignore for s in scenes]),
    )


def recolour(scene: Scene, *, brightness: float, contrast: float, saturation: float) -> Scene:
    """Other light: contrast about mid grey and brightness through one table, saturation towards the pixel's grey.

    Args:
        scene: the scene.
        brightness: added, as a share of full scale, in [-1, 1].
        contrast: factor, 1 leaves it.
        saturation: factor, 1 leaves it, 0 is grey.
    """
    picture = scene.picture
    if saturation != 1.0:
        grey = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        picture = cv2.addWeighted(picture, saturation, grey, 1 - saturation, 0)
    if brightness != 0.0 or contrast != 1.0:
        levels = (np.arange(256) - 128) * contrast + 128 + brightness * 255
        picture = cv2.LUT(picture, np.clip(levels, 0, 255).astype(np.uint8))
    return Scene(np.asarray(picture, np.uint8), scene.boxes_xyxy, scene.class_id, scene.ignore)
