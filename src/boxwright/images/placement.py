"""How original pixels became model input, and the way back for boxes.

A `Placement` is the only thing that converts between the two frames. It is a scale and a shift per axis, so going
there and back is exact to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from boxwright.boxes import clip


@dataclass(frozen=True)
class Placement:
    """Where a picture lies in the model's input: input = original * scale + shift.

    Attributes:
        scale_xy: pixels of input per pixel of original, (x, y).
        shift_xy: input position of the original's left upper corner, (x, y).
        original_hw: (height, width) of the upright original.
        input_hw: (height, width) of the model's input.
    """

    scale_xy: tuple[float, float]
    shift_xy: tuple[float, float]
    original_hw: tuple[int, int]
    input_hw: tuple[int, int]

    def to_input(self, boxes_xyxy: NDArray) -> NDArray:
        """(n, 4) boxes of the original, in the frame of the input."""
        return boxes_xyxy * self._four(self.scale_xy) + self._four(self.shift_xy)

    def to_original(self, boxes_input: NDArray) -> NDArray:
        """(n, 4) boxes of the input, in the original and cut to it."""
        boxes = (boxes_input - self._four(self.shift_xy)) / self._four(self.scale_xy)
        return clip(boxes, size_hw=self.original_hw)

    @staticmethod
    def _four(pair: tuple[float, float]) -> NDArray[np.float64]:
        return np.array(pair * 2, np.float64)
