"""Conditions that can be read off a picture itself: light, contrast, sharpness.

Cheap enough for every picture that is ingested or served: taken from a grey copy of at most 256 pixels a side.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

MEASURES = ("brightness", "contrast", "sharpness")
_SIDE = 256
_BLACK = 16  # 12 bits read as 16 end here
_BRIGHT_SHARE = 0.001


def measure(picture: NDArray[np.uint8]) -> dict[str, float]:
    """Figures of a (h, w, 3) uint8 RGB picture.

    Returns:
        brightness: mean grey level, 0 to 255; contrast: standard deviation of grey levels, 0 to 127.5;
        sharpness: standard deviation of the Laplacian of the reduced picture (the higher, the sharper).
    """
    height, width = picture.shape[:2]
    ratio = min(1.0, _SIDE / max(height, width))
    size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if ratio < 1 else picture
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    mean, deviation = cv2.meanStdDev(grey)
    _, edges = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_32F))
    return {"brightness": float(mean[0, 0]), "contrast": float(deviation[0, 0]), "sharpness": float(edges[0, 0])}


def is_near_black(picture: NDArray[np.uint8]) -> bool:
    """Whether hardly a pixel (one in 1,000) of a (h, w, 3) picture reaches level 16 of 255, in any channel."""
    if np.count_nonzero(picture[::32, ::32] >= _BLACK) > picture[::32, ::32].size // 8:
        return False  # as for nearly every picture
    step = max(1, min(picture.shape[:2]) // _SIDE)
    red, green, blue = (picture[::step, ::step, channel] >= _BLACK for channel in range(3))
    return int(np.count_nonzero(red | green | blue)) <= _BRIGHT_SHARE * red.size
