"""Boxes that are probably not x, y, width and height: corners (x1 y1 x2 y2), or fractions of the image.

Nothing is changed, for a box that means something else than it says cannot be told from one that is wrong. The suspicion is one
sentence with the number of boxes that speak for it. It goes by the file's own areas, by its image sizes, and by the range of the
numbers; right files with cut, tiny or single boxes must not raise it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MOST = 0.5  # share of the boxes that must agree
_NEARLY_ALL = 0.95
_LEAVING = 1 / 3
_MARGIN_PX, _MARGIN = 2.0, 0.05  # a box leaves its image by more than this


def suspicion(boxes_xywh: NDArray, area: NDArray, sizes_hw: NDArray) -> tuple[str, str] | None:
    """A code and a sentence where the boxes of a file look like something else; None where they do not.

    Args:
        boxes_xywh: (n, 4) as the file gives them.
        area: (n,) as the file gives it, NaN where it does not.
        sizes_hw: (n, 2) of each box's image, NaN where it is not known.
    """
    if not len(boxes_xywh):
        return None
    with np.errstate(invalid="ignore", over="ignore"):
        return _fractions(boxes_xywh, sizes_hw) or _corners(boxes_xywh, area, sizes_hw)


def _fractions(boxes: NDArray, sizes_hw: NDArray) -> tuple[str, str] | None:
    inside = (boxes >= 0).all(axis=1) & (boxes <= 1).all(axis=1) & (boxes != np.round(boxes)).any(axis=1)
    agree = int((inside & ~(sizes_hw <= 2).any(axis=1)).sum())
    if agree <= _MOST * len(boxes):
        return None
    return (
        "suspected-fractions",
        f"{agree} of {len(boxes)} boxes lie inside one pixel: they look like fractions of the image, but COCO's bbox is x, y, "
        f"width and height in pixels. They were read as pixels; multiply them by the image's width and height.",
    )


def _corners(boxes: NDArray, area: NDArray, sizes_hw: NDArray) -> tuple[str, str] | None:
    x, y, w, h = boxes.T
    ordered = (w > x) & (h > y)
    told = np.isfinite(area) & (area > 0)
    by_area = told & ordered & (_near(area, (w - x) * (h - y)) | _near(area, (w - x + 1) * (h - y + 1)))
    by_area &= ~_near(area, w * h)
    agree = int(by_area.sum())
    if told.any() and agree > _MOST * told.sum():
        return _corners_told(f"the areas of {agree} of {len(boxes)} boxes are (x2 - x1) * (y2 - y1)")
    height, width = sizes_hw.T
    fits = ordered & (x >= 0) & (y >= 0) & (w <= width + 1) & (h <= height + 1)
    leaves = (x + w > width + np.maximum(_MARGIN_PX, _MARGIN * width)) | (
        y + h > height + np.maximum(_MARGIN_PX, _MARGIN * height)
    )
    if fits.mean() >= _NEARLY_ALL and (agree := int((fits & leaves).sum())) >= _LEAVING * len(boxes):
        return _corners_told(
            f"{agree} of {len(boxes)} boxes leave their image as x, y, width, height but fit as corners"
        )
    return None


def _near(one: NDArray, other: NDArray) -> NDArray[np.bool_]:
    return np.abs(one - other) <= 0.01 + 1e-3 * np.abs(other)


def _corners_told(reason: str) -> tuple[str, str]:
    return (
        "suspected-corners",
        f"{reason}: they look like corners x1, y1, x2, y2, but COCO's bbox is x, y, width, height. They were read as COCO's; "
        f"subtract x1 and y1 from the last two numbers.",
    )
