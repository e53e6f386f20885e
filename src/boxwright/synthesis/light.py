"""Light, lens and sensor: what lies between the line and the picture. No geometry, so labels stay true.

A clip has one light: a gain per pixel (lamps, tint, vignette, winter's sun streaks) and perhaps dirt on the lens. Noise
is drawn per frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from boxwright.synthesis.cameras import Camera
from boxwright.synthesis.sprite import Picture


@dataclass(frozen=True)
class Lamp:
    """One lighting of the hall in one season.

    Args:
        gain_rgb: (3,) how bright each channel is.
        shade: share of light a shadow takes away.
        shadow_xy: world units of shadow per unit of height, along x and y of the belt.
        noise: factor on the camera's noise: less light, more noise.
        streaks: greatest number of sun streaks.
    """

    gain_rgb: tuple[float, float, float]
    shade: float
    shadow_xy: tuple[float, float]
    noise: float
    streaks: int


LIGHTINGS: tuple[str, ...] = ("bright", "warm", "dim")
_LAMPS: dict[tuple[str, str], Lamp] = {
    ("summer", "bright"): Lamp((1.18, 1.18, 1.18), 0.45, (0.35, 0.3), 0.8, 0),
    ("summer", "warm"): Lamp((1.12, 0.98, 0.80), 0.40, (0.7, 0.2), 1.0, 0),
    ("summer", "dim"): Lamp((0.66, 0.68, 0.72), 0.25, (0.2, 0.2), 1.6, 0),
    ("winter", "bright"): Lamp((0.86, 0.93, 1.06), 0.50, (1.1, 0.4), 1.8, 2),
    ("winter", "warm"): Lamp((0.86, 0.72, 0.60), 0.55, (1.5, 0.3), 2.2, 3),
    ("winter", "dim"): Lamp((0.43, 0.48, 0.58), 0.30, (0.3, 0.3), 2.6, 1),
}


def lamp(season: str, lighting: str) -> Lamp:
    """The hall's light in one season."""
    return _LAMPS[season, lighting]


@dataclass(frozen=True)
class Light:
    """What one clip's pictures go through.

    Args:
        gain: (h, w, 3) float32 factor per pixel.
        dirt: (h, w) float32 share of each pixel lost to dirt on the lens, or None for a clean lens.
        blur_px: sigma of the lens's blur.
        noise: sigma of the sensor's noise, grey levels.
    """

    gain: NDArray[np.float32]
    dirt: NDArray[np.float32] | None
    blur_px: float
    noise: float

    def expose(self, picture: Picture, rng: np.random.Generator) -> Picture:
        """The picture as the camera gives it: (h, w, 3) uint8."""
        if self.blur_px:
            picture = np.asarray(cv2.GaussianBlur(picture, (5, 5), self.blur_px), np.uint8)
        if self.dirt is not None:
            haze = np.full_like(picture, 118)
            picture = np.asarray(cv2.blendLinear(picture, haze, 1 - self.dirt, self.dirt), np.uint8)
        lit = cv2.multiply(picture, self.gain, dtype=cv2.CV_8U)
        height, width = picture.shape[:2]
        grain = _grain(round(self.noise, 2), (height + 64, width + 64))
        top, left = rng.integers(64, size=2)
        return np.asarray(cv2.add(lit, grain[top : top + height, left : left + width], dtype=cv2.CV_8U), np.uint8)


def clip_light(
    camera: Camera, *, season: str, lighting: str, size_hw: tuple[int, int], rng: np.random.Generator
) -> Light:
    """The light of one clip: the camera's and the hall's, with the day's own exposure, streaks and dirt."""
    shining = lamp(season, lighting)
    gain = _steady_gain(camera, season, lighting, size_hw) * np.float32(rng.uniform(0.92, 1.08))
    streaks = _streaks(int(rng.integers(shining.streaks + 1)), size_hw, rng)
    if streaks is not None:
        gain = gain * (1 + streaks[..., None] * np.array([0.75, 0.62, 0.42], np.float32))
    dirt = _dirt(size_hw, rng) if rng.random() < camera.dirt_chance else None
    return Light(gain, dirt, camera.blur_px, camera.noise * shining.noise)


@lru_cache(maxsize=32)
def _steady_gain(camera: Camera, season: str, lighting: str, size_hw: tuple[int, int]) -> NDArray[np.float32]:
    height, width = size_hw
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    far = np.hypot((x - width / 2) / (width / 2), (y - height / 2) / (height / 2)) ** 2 / 2
    fall = 1 - camera.vignette * far
    if lighting == "warm":
        fall = fall * (1.1 - 0.25 * x / width)
    tint = np.array(camera.tint) * lamp(season, lighting).gain_rgb
    return (fall[..., None] * tint).astype(np.float32)


@lru_cache(maxsize=32)
def _grain(sigma: float, size_hw: tuple[int, int]) -> NDArray[np.int8]:
    """(h, w, 3) int8 noise, mostly alike in the three channels; frames take windows of it at random."""
    rng = np.random.default_rng(23)
    shared = rng.standard_normal((*size_hw, 1), np.float32)
    own = rng.standard_normal((*size_hw, 3), np.float32)
    return np.clip(np.round((0.85 * shared + 0.5 * own) * sigma), -127, 127).astype(np.int8)


def _streaks(count: int, size_hw: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32] | None:
    """(h, w) in [0, 1]: slanting bands of low sun."""
    if count == 0:
        return None
    small = np.zeros((size_hw[0] // 4, size_hw[1] // 4), np.float32)
    height, width = small.shape
    for _ in range(count):
        at, thick, slant = rng.uniform(0, width), rng.uniform(0.06, 0.2) * width, rng.uniform(-0.5, 0.9) * width
        band = np.array([(at, 0), (at + thick, 0), (at + thick + slant, height), (at + slant, height)])
        cv2.fillPoly(small, [np.round(band).astype(np.int32)], float(rng.uniform(0.6, 1.0)))
    soft = cv2.GaussianBlur(small, (9, 9), 2)
    return np.asarray(cv2.resize(soft, size_hw[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def _dirt(size_hw: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """(h, w) in [0, 0.5]: a few smudges out of focus."""
    small = np.zeros((size_hw[0] // 4, size_hw[1] // 4), np.float32)
    height, width = small.shape
    for _ in range(int(rng.integers(2, 5))):
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        axes = (int(rng.integers(4, 14)), int(rng.integers(3, 9)))
        cv2.ellipse(small, centre, axes, float(rng.uniform(0, 180)), 0, 360, float(rng.uniform(0.25, 0.5)), -1)
    soft = cv2.GaussianBlur(small, (0, 0), 2.5)
    return np.asarray(cv2.resize(soft, size_hw[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
