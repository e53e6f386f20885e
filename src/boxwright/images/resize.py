"""The one letterbox: a picture scaled as a whole into the model's input, centred on grey.

Shrinking averages areas (no aliasing), growing is bilinear. The same function prepares training pictures, evaluation
and serving, so none of them can differ.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from boxwright.images.placement import Placement

PAD_VALUE = 114


def letterbox(picture: NDArray[np.uint8], *, input_hw: tuple[int, int]) -> tuple[NDArray[np.uint8], Placement]:
    """The picture in the model's input, and where it lies there.

    Args:
        picture: (height, width, 3) uint8 RGB.
        input_hw: (height, width) of the model's input.

    Returns:
        (input height, input width, 3) uint8 RGB, and its Placement.
    """
    original_hw = picture.shape[:2]
    ratio = min(input_hw[0] / original_hw[0], input_hw[1] / original_hw[1])
    height, width = (max(1, round(side * ratio)) for side in original_hw)
    top, left = (input_hw[0] - height) // 2, (input_hw[1] - width) // 2
    placement = Placement(
        scale_xy=(width / original_hw[1], height / original_hw[0]),
        shift_xy=(float(left), float(top)),
        original_hw=original_hw,
        input_hw=input_hw,
    )
    if (height, width) == input_hw == original_hw:
        return picture, placement
    if (height, width) != original_hw:
        kernel = cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR
        picture = np.asarray(cv2.resize(picture, (width, height), interpolation=kernel), np.uint8)
    canvas = np.full((*input_hw, 3), PAD_VALUE, np.uint8)
    canvas[top : top + height, left : left + width] = picture
    return canvas, placement
