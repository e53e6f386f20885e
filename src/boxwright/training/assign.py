"""Which cells answer for which annotation: task-aligned assignment.

A cell inside an annotation is a candidate; its alignment is score^a * IoU^b for the annotation's class. The best k
candidates of each annotation become positives, with a soft score target that grows to the best IoU (Feng et al.,
TOOD, ICCV 2021, section 3.2). A cell wanted by two annotations goes to the one it overlaps most.
"""

from __future__ import annotations

import torch
from torch import Tensor

SCORE_POWER = 1.0
IOU_POWER = 4.0
_FAR = 1e-9


@torch.no_grad()
def assign(
    scores: Tensor, boxes: Tensor, centres: Tensor, strides: Tensor, truth: Tensor, class_id: Tensor, *, top_k: int = 10
) -> tuple[Tensor, Tensor]:
    """Targets for one batch.

    Args:
        scores: (n, cells, classes) in [0, 1].
        boxes: (n, cells, 4) xyxy, input pixels.
        centres: (cells, 2) x, y.
        strides: (cells,) stride of each cell.
        truth: (n, m, 4) annotations, padded with zero boxes.
        class_id: (n, m) their classes, -1 where padded.
        top_k: most cells an annotation may have.

    Returns:
        annotation index of each cell (n, cells), -1 for background; quality target (n, cells) in [0, 1].
    """
    n, cells, _ = scores.shape
    m = truth.shape[1]
    if m == 0:
        return torch.full((n, cells), -1, device=scores.device), scores.new_zeros(n, cells)
    real = class_id >= 0  # (n, m)
    inside = is_candidate(centres, strides, truth) & real[..., None]  # (n, m, cells)
    iou = batched_iou(truth, boxes)  # (n, m, cells)
    index = class_id.clamp(min=0)[..., None].expand(-1, -1, cells)
    score = scores.transpose(1, 2).gather(1, index)  # (n, m, cells)
    aligned = score.pow(SCORE_POWER) * iou.pow(IOU_POWER)
    aligned = torch.where(inside, aligned.clamp(min=_FAR), torch.zeros_like(aligned))
    best = aligned.topk(min(top_k, cells), dim=-1)
    chosen = torch.zeros_like(inside).scatter_(-1, best.indices, best.values > 0)  # (n, m, cells)
    claim = torch.where(chosen, iou + _FAR, torch.zeros_like(iou))
    claimed, owner = claim.max(dim=1)  # (n, cells)
    owner = torch.where(claimed > 0, owner, torch.full_like(owner, -1))
    mine = torch.nn.functional.one_hot(owner.clamp(min=0), m).transpose(1, 2).bool() & (owner >= 0)[:, None]
    aligned = aligned * mine
    top_alignment = aligned.amax(dim=-1, keepdim=True)  # (n, m, 1)
    top_iou = (iou * mine).amax(dim=-1, keepdim=True)
    quality = (aligned / (top_alignment + _FAR) * top_iou).amax(dim=1)  # (n, cells)
    return owner, quality


def batched_iou(a: Tensor, b: Tensor) -> Tensor:
    """(n, m, k) IoU of (n, m, 4) with (n, k, 4)."""
    low = torch.maximum(a[:, :, None, :2], b[:, None, :, :2])
    high = torch.minimum(a[:, :, None, 2:], b[:, None, :, 2:])
    both = (high - low).clamp(min=0).prod(-1)
    area_a = (a[..., 2:] - a[..., :2]).prod(-1)[:, :, None]
    area_b = (b[..., 2:] - b[..., :2]).clamp(min=0).prod(-1)[:, None, :]
    return both / (area_a + area_b - both + _FAR)


def is_candidate(centres: Tensor, strides: Tensor, truth: Tensor) -> Tensor:
    """(n, m, cells): a cell may answer for an annotation: its centre lies in it, or within half a cell of its middle."""
    x, y = centres[:, 0], centres[:, 1]
    x1, y1, x2, y2 = (truth[..., i, None] for i in range(4))
    within = (x > x1) & (x < x2) & (y > y1) & (y < y2)
    near_x = (x - (x1 + x2) / 2).abs() <= strides / 2
    near_y = (y - (y1 + y2) / 2).abs() <= strides / 2
    return within | (near_x & near_y)
