"""Conditions that can be read off a picture itself: light, contrast, sharpness.

Cheap enough for every picture that is ingested or served: taken from a grey copy that is halved until it has at most 256 pixels a
side. Halving is many times faster than reducing to a size of one's choice, and on a served picture this is the largest cost beside
decoding and the network.
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
    grey = cv2.cvtColor(_reduced(picture), cv2.COLOR_RGB2GRAY)
    mean, deviation = cv2.meanStdDev(grey)
    _, edges = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_32F))
    return {"brightness": float(mean[0, 0]), "contrast": float(deviation[0, 0]), "sharpness": float(edges[0, 0])}


def _reduced(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture with every two by two pixels averaged until no side has more than 256; an odd last row or column is left out."""
    while max(picture.shape[:2]) > _SIDE:
        height, width = (max(1, side // 2) for side in picture.shape[:2])
        even = picture[: min(2 * height, len(picture)), : min(2 * width, picture.shape[1])]
        picture = np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return picture


def is_near_black(picture: NDArray[np.uint8]) -> bool:
    """Whether hardly a pixel (one in 1,000) of a (h, w, 3) picture reaches level 16 of 255, in any channel."""
    if np.count_nonzero(picture[::32, ::32] >= _BLACK) > picture[::32, ::32].size // 8:
        return False  # as for nearly every picture
    step = max(1, min(picture.shape[:2]) // _SIDE)
    red, green, blue = (picture[::step, ::step, channel] >= _BLACK for channel in range(3))
    return int(np.count_nonzero(red | green | blue)) <= _BRIGHT_SHARE * red.size
