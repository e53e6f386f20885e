"""Arithmetic on boxes: arrays in, arrays out, nothing of ours imported but errors.

Takes float arrays of boxes in any one frame, returns arrays; zero boxes is `(0, 4)` and works everywhere.
"""

from boxwright.boxes.assignment import best_pairs, pair_up
from boxwright.boxes.coords import (
    area,
    as_boxes,
    clip,
    cxcywh_from_xyxy,
    xywh_from_xyxy,
    xyxy_from_cxcywh,
    xyxy_from_xywh,
)
from boxwright.boxes.match import match_greedy
from boxwright.boxes.order import falling, grouped
from boxwright.boxes.overlap import iou_of_two, paired_iou, pairwise_iou
from boxwright.boxes.recognise import recognised
from boxwright.boxes.suppress import suppress

__all__ = [
    "area",
    "as_boxes",
    "best_pairs",
    "clip",
    "cxcywh_from_xyxy",
    "falling",
    "grouped",
    "iou_of_two",
    "match_greedy",
    "pair_up",
    "paired_iou",
    "pairwise_iou",
    "recognised",
    "suppress",
    "xywh_from_xyxy",
    "xyxy_from_cxcywh",
    "xyxy_from_xywh",
]
