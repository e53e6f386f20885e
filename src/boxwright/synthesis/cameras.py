"""Three cameras over one line: where each stands, what its floor and belt look like, how good its lens is.

The belt is the plane y in [-BELT_HALF, BELT_HALF] of a world measured in units of about a centimetre, x along the
belt. A camera is the homography from that plane to its picture, and the direction in which tall things lean.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from boxwright.synthesis.sprite import Colour, Picture, darker

BELT_HALF = 32.0
BELT_PERIOD = 128.0
_REFERENCE_HW = (288, 384)
_RAIL = 4.0
_BELT_TILES = 4


@dataclass(frozen=True)
class Camera:
    """One fixed camera.

    Args:
        name: "cam-01" and so on.
        corners_px: (4, 2) where the plane's corners (-50, -32), (50, -32), (50, 32), (-50, 32) fall in a picture of
            288 by 384 pixels.
        reach: greatest |x| on the belt that the picture can show, world units.
        lean_xy: picture pixels by which a point moves per pixel of its height.
        tint: (3,) gain of red, green and blue.
        vignette: share of light lost in the corners.
        blur_px: sigma of the lens's blur; 0 for a sharp lens.
        noise: sigma of the sensor's noise in ordinary light, grey levels.
        dirt_chance: how often a clip is taken through a dirty lens.
        belt_rgb: the belt's colour.
        floor_rgb: the floor's colour.
    """

    name: str
    corners_px: tuple[tuple[float, float], ...]
    reach: float
    lean_xy: tuple[float, float]
    tint: tuple[float, float, float]
    vignette: float
    blur_px: float
    noise: float
    dirt_chance: float
    belt_rgb: Colour
    floor_rgb: Colour

    def plane_to_picture(self, size_hw: tuple[int, int]) -> NDArray[np.float64]:
        """(3, 3) homography from the belt's plane to a picture of that size, which the reference picture covers."""
        plane = np.array([(-50, -32), (50, -32), (50, 32), (-50, 32)], np.float32)
        ratio = max(size_hw[0] / _REFERENCE_HW[0], size_hw[1] / _REFERENCE_HW[1])
        centre_xy = np.array(_REFERENCE_HW[::-1]) / 2
        corners = (np.array(self.corners_px) - centre_xy) * ratio + np.array(size_hw[::-1]) / 2
        return cv2.getPerspectiveTransform(plane, corners.astype(np.float32)).astype(np.float64)


CAMERAS: tuple[Camera, ...] = (
    Camera(
        "cam-01", ((40, 50), (344, 46), (350, 240), (34, 240)), 72.0, (0.0, -0.28), (1.0, 1.0, 0.98),
        vignette=0.22, blur_px=0.0, noise=2.5, dirt_chance=0.1, belt_rgb=(74, 78, 82), floor_rgb=(150, 146, 138),
    ),
    Camera(
        "cam-02", ((93, 72), (291, 72), (364, 252), (20, 252)), 110.0, (0.0, -0.62), (1.05, 1.0, 0.9),
        vignette=0.34, blur_px=0.6, noise=4.0, dirt_chance=0.2, belt_rgb=(62, 100, 84), floor_rgb=(122, 124, 128),
    ),
    Camera(
        "cam-03", ((127, 74), (275, 120), (258, 216), (110, 168)), 142.0, (-0.1, -0.45), (0.93, 1.0, 1.06),
        vignette=0.28, blur_px=0.45, noise=3.5, dirt_chance=0.4, belt_rgb=(84, 98, 124), floor_rgb=(168, 160, 150),
    ),
)  # fmt: skip


def project(homography: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 2) points of the plane in picture pixels."""
    out = np.concatenate([points, np.ones((len(points), 1))], axis=1) @ homography.T
    return out[:, :2] / out[:, 2:]


def affine_at(homography: NDArray[np.float64], x: float, y: float) -> NDArray[np.float64]:
    """(2, 3) affine map that agrees with the homography at one point of the plane, to first order."""
    u, v, w = homography @ (x, y, 1.0)
    at = np.array([u, v]) / w
    slope = (homography[:2, :2] - at[:, None] * homography[2, :2]) / w
    return np.concatenate([slope, (at - slope @ (x, y))[:, None]], axis=1)


def zoom_of(affine: NDArray[np.float64]) -> float:
    """Picture pixels per unit of an affine map, the geometric mean over directions."""
    (a, b), (c, d) = affine[:, :2].tolist()
    return abs(a * d - b * c) ** 0.5


@lru_cache(maxsize=16)
def _still(camera: Camera, size_hw: tuple[int, int]) -> tuple[Picture, Picture]:
    """The floor and rails that never move, and the (h, w) mask of the belt between them."""
    rng = np.random.default_rng([7, *camera.name.encode()])
    height, width = size_hw
    cloud = rng.standard_normal((height // 16 + 2, width // 16 + 2)).astype(np.float32) * 9
    floor = cv2.resize(cloud, (width, height), interpolation=cv2.INTER_CUBIC)
    floor = floor + rng.standard_normal(size_hw).astype(np.float32) * 4
    picture = np.clip(np.array(camera.floor_rgb) + floor[..., None], 0, 255).astype(np.uint8)
    homography = camera.plane_to_picture(size_hw)
    _strip(picture, homography, -BELT_HALF - 22, -BELT_HALF - 20, (206, 180, 60))
    _strip(picture, homography, BELT_HALF + 18, BELT_HALF + 20, (206, 180, 60))
    for side in (-1, 1):
        inner, outer = side * BELT_HALF, side * (BELT_HALF + _RAIL)
        _strip(picture, homography, outer, side * (BELT_HALF + 2.2 * _RAIL), darker(camera.floor_rgb, 0.55))
        _strip(picture, homography, inner, outer, (128, 132, 138))
        _strip(picture, homography, inner + side * 1.2, inner + side * 2.2, (198, 202, 206))
        for x in np.arange(-140, 140, 16.0):
            spot = project(homography, np.array([[x, side * (BELT_HALF + 3)]]))[0]
            cv2.circle(picture, (round(spot[0]), round(spot[1])), 1, (60, 62, 66), -1, cv2.LINE_AA)
    mask = np.zeros((*size_hw, 3), np.uint8)
    _strip(mask, homography, -BELT_HALF, BELT_HALF, (255, 255, 255))
    return picture, np.ascontiguousarray(mask[..., 0])


def _strip(picture: Picture, homography: NDArray[np.float64], low: float, high: float, colour: Colour) -> None:
    """Fills the plane between two values of y, far beyond the picture's edges."""
    corners = project(homography, np.array([(-150.0, low), (150.0, low), (150.0, high), (-150.0, high)]))
    cv2.fillPoly(picture, [np.round(corners * 16).astype(np.int32)], colour, cv2.LINE_AA, 4)


@lru_cache(maxsize=16)
def _belt_texture(camera: Camera, px_per_unit: float) -> Picture:
    """The belt, flat: (64, 512) units at that resolution, one period laid side by side."""
    rng = np.random.default_rng([11, *camera.name.encode()])
    height, width = round(2 * BELT_HALF * px_per_unit), round(BELT_PERIOD * px_per_unit)
    grain = rng.standard_normal((height, width)).astype(np.float32) * 4
    wear = np.tile(rng.standard_normal((height, 1)).astype(np.float32) * 2.5, (1, width))
    texture = np.clip(np.array(camera.belt_rgb) + (grain + wear)[..., None], 0, 255).astype(np.uint8)

    def at(x: float, y: float) -> tuple[int, int]:
        return round(x * px_per_unit), round((y + BELT_HALF) * px_per_unit)

    line = max(1, round(0.5 * px_per_unit))
    for x in np.arange(0, BELT_PERIOD, 16.0 if camera.name == "cam-03" else 32.0):
        cv2.line(texture, at(x, -BELT_HALF), at(x, BELT_HALF), tuple(c * 3 // 5 for c in camera.belt_rgb), line)
    for y in (-BELT_HALF + 3, BELT_HALF - 3):
        for x in np.arange(4, BELT_PERIOD, 16.0):
            cv2.line(texture, at(x, y), at(x + 7, y), (196, 178, 80), line, cv2.LINE_AA)
    for _ in range(26):
        x, y = rng.uniform(0, BELT_PERIOD - 14), rng.uniform(-BELT_HALF, BELT_HALF)
        shade = tuple(int(np.clip(c + rng.choice([-22, 20]), 0, 255)) for c in camera.belt_rgb)
        cv2.line(texture, at(x, y), at(x + rng.uniform(3, 14), y + rng.uniform(-2, 2)), shade, 1, cv2.LINE_AA)
    chevron = np.array([at(60, -5), at(68, 0), at(60, 5), at(63, 5), at(71, 0), at(63, -5)], np.int32)
    cv2.fillPoly(texture, [chevron], (200, 200, 196), cv2.LINE_AA)
    return np.tile(texture, (1, _BELT_TILES, 1))


def background(camera: Camera, *, travel: float, size_hw: tuple[int, int]) -> Picture:
    """The empty line, its belt moved on by `travel` units: (h, w, 3) uint8."""
    still, mask = _still(camera, size_hw)
    homography = camera.plane_to_picture(size_hw)
    px_per_unit = round(zoom_of(affine_at(homography, 0.0, 0.0)), 3)
    texture = _belt_texture(camera, px_per_unit)
    start = travel % BELT_PERIOD - _BELT_TILES * BELT_PERIOD * 5 / 8  # the tiles then reach 192 units either way
    from_texture = np.array([[1 / px_per_unit, 0, start], [0, 1 / px_per_unit, -BELT_HALF], [0, 0, 1]])
    belt = cv2.warpPerspective(texture, homography @ from_texture, size_hw[::-1], flags=cv2.INTER_LINEAR)
    return np.asarray(cv2.copyTo(belt, mask, still.copy()), np.uint8)
