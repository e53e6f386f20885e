"""Conditions that can be read off a picture itself: light, contrast, sharpness.

Cheap enough for every picture that is ingested or served: taken from a grey copy of at most 256 pixels a side.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

MEASURES = ("brightness", "contrast", "sharpness")
_SIDE = 256


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
