"""Slow, obvious loops of training: the referees of the fast forms. One picture, one cell, one number at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.oracles import Box, area_of, iou_of

Row = Sequence[float]
LEAST_ALIGNMENT = 1e-9  # a candidate whose box does not overlap its annotation is the last to be chosen, not left out


def giou_of(a: Box, b: Box) -> float:
    """IoU, less the share of the smallest box around both that neither covers."""
    hull = (max(a[2], b[2]) - min(a[0], b[0])) * (max(a[3], b[3]) - min(a[1], b[1]))
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    union = area_of(a) + area_of(b) - max(width, 0) * max(height, 0)
    return iou_of(a, b) - (hull - union) / hull


def is_candidate(box: Box, x: float, y: float, stride: float) -> bool:
    """A cell may answer for an annotation that its centre lies in, or whose middle is at most half a cell away."""
    inside = box[0] < x < box[2] and box[1] < y < box[3]
    return inside or (abs(x - (box[0] + box[2]) / 2) <= stride / 2 and abs(y - (box[1] + box[3]) / 2) <= stride / 2)


def assign_loop(
    scores: Sequence[Row], boxes: Sequence[Box], centres: Sequence[Row], strides: Row, truth: Sequence[Box],
    class_id: Sequence[int], *, top_k: int = 10,
) -> tuple[list[int], list[float]]:  # fmt: skip
    """Annotation each cell of one picture answers for, -1 for none; and the score it should have."""
    cells = range(len(centres))
    claims: dict[int, dict[int, float]] = {cell: {} for cell in cells}  # cell to annotation to alignment
    for j, box in enumerate(truth):
        if class_id[j] < 0:
            continue
        alignment = {
            cell: max(scores[cell][class_id[j]] * iou_of(boxes[cell], box) ** 4, LEAST_ALIGNMENT)
            for cell in cells
            if is_candidate(box, *centres[cell], strides[cell])
        }
        for cell in sorted(alignment, key=lambda cell: -alignment[cell])[:top_k]:
            claims[cell][j] = alignment[cell]
    owner = [max(claims[c], key=lambda j: iou_of(boxes[c], truth[j]), default=-1) for c in cells]
    quality = [0.0] * len(owner)
    for cell, j in enumerate(owner):
        if j >= 0:
            mine = [other for other in cells if owner[other] == j]
            best_alignment = max(claims[other][j] for other in mine)
            best_iou = max(iou_of(boxes[other], truth[j]) for other in mine)
            quality[cell] = claims[cell][j] / best_alignment * best_iou
    return owner, quality


@dataclass(frozen=True)
class Asked:
    """What the losses ask of one cell.

    Attributes:
        box: of its annotation; None for background.
        quality: of its box, in [0, 1].
        targets, weights: of each class: the score it should have and how much that counts.
    """

    box: Box | None
    quality: float
    targets: Row
    weights: Row


def asked_loop(
    logits: Sequence[Row], boxes: Sequence[Box], centres: Sequence[Row], strides: Row, truth: Sequence[Box],
    class_id: Sequence[int], ignore: Sequence[bool],
) -> list[Asked]:  # fmt: skip
    """What is asked of every cell of one picture (varifocal weights: VarifocalNet, equation 2, with 0.75 and 2)."""
    scores = [[_sigmoid(v) for v in row] for row in logits]
    wanted = [-1 if skip else c for c, skip in zip(class_id, ignore, strict=True)]
    owner, quality = assign_loop(scores, boxes, centres, strides, truth, wanted)
    asked = []
    for cell, j in enumerate(owner):
        excused = j < 0 and any(
            skip and is_candidate(box, *centres[cell], strides[cell]) for box, skip in zip(truth, ignore, strict=True)
        )
        targets = [quality[cell] if j >= 0 and c == class_id[j] else 0.0 for c in range(len(scores[cell]))]
        weights = [
            0.0 if excused else target if target > 0 else 0.75 * score**2
            for target, score in zip(targets, scores[cell], strict=True)
        ]
        asked.append(Asked(truth[j] if j >= 0 else None, quality[cell], targets, weights))
    return asked


def losses_loop(
    logits: Sequence[Sequence[Row]], boxes: Sequence[Sequence[Box]], asked: Sequence[Sequence[Asked]]
) -> tuple[float, float]:
    """Score loss and box loss of a batch, given what is asked of each cell of each picture."""
    score_loss, box_loss, total = 0.0, 0.0, 0.0
    for picture_logits, picture_boxes, picture_asked in zip(logits, boxes, asked, strict=True):
        for row, box, cell in zip(picture_logits, picture_boxes, picture_asked, strict=True):
            total += cell.quality
            for value, target, weight in zip(row, cell.targets, cell.weights, strict=True):
                score = _sigmoid(value)
                score_loss -= weight * (target * math.log(score) + (1 - target) * math.log(1 - score))
            if cell.box is not None:
                box_loss += cell.quality * (1 - giou_of(box, cell.box))
    return score_loss / max(total, 1.0), 2.0 * box_loss / max(total, 1.0)


def orthogonal_by_singular_values(matrix: NDArray) -> NDArray:
    """Four Newton-Schulz steps, done where they are easy: the singular vectors stay, each singular value follows a polynomial."""
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    values = values / np.sqrt((values**2).sum())
    for _ in range(4):
        values = 3.4445 * values - 4.7750 * values**3 + 2.0315 * values**5
    return left @ np.diag(values) @ right


def muon_loop(weights: NDArray, gradients: Sequence[NDArray], *, rate: float) -> NDArray:
    """(outputs, inputs) weights after one Muon step per gradient: Nesterov momentum 0.95, decay 0.1, a step's size as Adam's."""
    weights, momentum = weights.astype(float), np.zeros(weights.shape)
    for gradient in gradients:
        momentum = 0.95 * momentum + 0.05 * gradient
        ahead = 0.05 * gradient + 0.95 * momentum
        size = 0.2 * math.sqrt(max(weights.shape))
        weights = weights * (1 - rate * 0.1) - rate * size * orthogonal_by_singular_values(ahead)
    return weights


def adamw_loop(weights: NDArray, gradients: Sequence[NDArray], *, rate: float, decay: float) -> NDArray:
    """Weights after one AdamW step per gradient, with betas 0.9 and 0.99."""
    weights = weights.astype(float)
    first, second = np.zeros(weights.shape), np.zeros(weights.shape)
    for step, gradient in enumerate(gradients, 1):
        first, second = 0.9 * first + 0.1 * gradient, 0.99 * second + 0.01 * gradient**2
        weights = weights * (1 - rate * decay)
        weights = weights - rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.99**step)) + 1e-8)
    return weights


def average_loop(start: NDArray, values: Sequence[NDArray], *, first_step: int = 0) -> NDArray:
    """The running average after each of these: 0.999 of it is kept, less while it is young."""
    average = start
    for step, value in enumerate(values, first_step):
        keep = min(0.999, 1 - 1 / (0.1 * step + 1))
        average = keep * average + (1 - keep) * value
    return average


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))
