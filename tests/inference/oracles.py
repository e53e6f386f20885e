"""Decoding as it is told: one cell, one class, one box at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from boxwright.images import Placement
from boxwright.spec.spec import OutputClause
from tests.oracles import Box, suppress_loop


@dataclass(frozen=True)
class Found:
    """One detection: box in the original's pixels, score, class."""

    box: tuple[float, ...]
    score: float
    class_id: int


def decode_loop(
    boxes: Sequence[Box], scores: Sequence[Sequence[float]], placement: Placement, output: OutputClause
) -> list[Found]:
    """Detections in descending score; equal ones in the order of cells, then of classes."""
    height, width = placement.original_hw
    found = []
    for box, row in zip(boxes, scores, strict=True):
        original = []
        for value, scale, shift, side in zip(
            box, placement.scale_xy * 2, placement.shift_xy * 2, (width, height) * 2, strict=True
        ):
            original.append(min(max((value - shift) / scale, 0.0), float(side)))
        for class_id, score in enumerate(row):
            if score >= output.score_floor and original[0] < original[2] and original[1] < original[3]:
                found.append(Found(tuple(original), score, class_id))
    rule = output.suppression
    if rule.method == "none":
        order = sorted(range(len(found)), key=lambda i: -found[i].score)
    else:
        order = suppress_loop(
            [f.box for f in found], [f.score for f in found], [f.class_id for f in found],
            iou_threshold=rule.iou_threshold, across_classes=rule.across_classes,
        )  # fmt: skip
    return [found[i] for i in order[: output.max_detections]]
