"""Boxes drawn on a picture, with what they are, readable at any size of picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

COLOURS = (
    (230, 25, 75), (60, 180, 75), (0, 130, 200), (245, 130, 48), (145, 30, 180), (0, 150, 150), (240, 50, 230),
    (170, 110, 40), (128, 0, 0), (0, 0, 128),
)  # fmt: skip
_LEAST_TEXT_PX = 11


def draw_boxes(
    picture: NDArray[np.uint8], boxes_xyxy: NDArray, class_id: NDArray, texts: Sequence[str]
) -> NDArray[np.uint8]:
    """The (h, w, 3) uint8 RGB picture with boxes; lines and letters grow with the picture.

    Args:
        picture: is left as it is.
        boxes_xyxy: (n, 4) pixels of the picture; drawn from last to first, so that the best scored is on top.
        class_id: (n,) gives the colours.
        texts: (n,) beside the boxes.
    """
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    side = max(picture.shape[:2])
    line, size = max(1, round(side / 500)), max(_LEAST_TEXT_PX, round(side / 60))
    font = ImageFont.load_default(size)
    for row in reversed(range(len(boxes_xyxy))):
        colour = COLOURS[int(class_id[row]) % len(COLOURS)]
        x1, y1, x2, y2 = (float(v) for v in boxes_xyxy[row])
        draw.rectangle((x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)), outline=colour, width=line)
        _write(draw, texts[row], (x1, y1), font, colour, (image.width, image.height))
    return np.asarray(image)


def _write(draw, text, at, font, colour, size_wh) -> None:
    """A line of text on a ground of the class's colour: above the box where there is room, else in it; never off the picture."""
    try:
        left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    except UnicodeEncodeError:  # the plain font of a Pillow without FreeType
        text = text.encode("ascii", "replace").decode()
        left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    width, height = right - left + 4, bottom - top + 4
    x = min(max(0.0, at[0]), max(0.0, size_wh[0] - width))
    y = at[1] - height if at[1] >= height else at[1]
    y = min(max(0.0, y), max(0.0, size_wh[1] - height))
    draw.rectangle((x, y, x + width, y + height), fill=colour)
    draw.text((x + 2 - left, y + 2 - top), text, font=font, fill=(255, 255, 255))
