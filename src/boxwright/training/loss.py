"""What training minimises: varifocal loss on scores, GIoU loss on boxes.

Scores learn the box's quality (IoU with its annotation), so that ranking by score is ranking by fit (Zhang et al.,
VarifocalNet, CVPR 2021, eq. 2); boxes learn generalised IoU (Rezatofighi et al., CVPR 2019), weighted by that quality.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from boxwright.training.assign import assign, is_candidate

BOX_WEIGHT = 2.0
_NEGATIVE_WEIGHT = 0.75
_FOCUS = 2.0


def detection_loss(
    raw: tuple[Tensor, Tensor, Tensor, Tensor], truth: Tensor, class_id: Tensor, ignore: Tensor
) -> tuple[Tensor, Tensor]:
    """Score loss and box loss of a batch, each a scalar.

    Args:
        raw: logits, boxes, centres, strides as `Network.raw` gives them.
        truth: (n, m, 4) annotations xyxy in input pixels, padded with zeros.
        class_id: (n, m), -1 where padded.
        ignore: (n, m) bool; cells that could answer for these are neither asked nor blamed.
    """
    logits, boxes, centres, strides = raw
    asked = torch.where(ignore, torch.full_like(class_id, -1), class_id)
    owner, quality = assign(logits.detach().sigmoid(), boxes.detach(), centres, strides, truth, asked)
    positive = owner >= 0  # (n, cells)
    target = torch.zeros_like(logits)
    if truth.shape[1]:
        own_class = class_id.gather(1, owner.clamp(min=0))  # (n, cells)
        target.scatter_(2, own_class.clamp(min=0)[..., None], (quality * positive)[..., None])
    total = quality.sum().clamp(min=1.0)
    weight = _blame(logits, target) * ~_under(centres, strides, truth, ignore, positive)[..., None]
    score_loss = (nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none") * weight).sum()
    if not positive.any():
        return score_loss / total, boxes.sum() * 0.0
    own_box = truth.gather(1, owner.clamp(min=0)[..., None].expand(-1, -1, 4))[positive]
    box_loss = ((1 - giou(boxes[positive], own_box)) * quality[positive]).sum()
    return score_loss / total, BOX_WEIGHT * box_loss / total


def giou(a: Tensor, b: Tensor) -> Tensor:
    """(n,) generalised IoU of row i of `a` with row i of `b`, in [-1, 1]."""
    both = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0).prod(-1)
    union = (a[:, 2:] - a[:, :2]).prod(-1) + (b[:, 2:] - b[:, :2]).prod(-1) - both
    hull = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).prod(-1)
    return both / (union + 1e-7) - (hull - union) / (hull + 1e-7)


def _blame(logits: Tensor, target: Tensor) -> Tensor:
    """(n, cells, classes) varifocal weight: positives by their target, negatives by how wrong they are."""
    with torch.no_grad():
        return torch.where(target > 0, target, _NEGATIVE_WEIGHT * logits.sigmoid().pow(_FOCUS))


def _under(centres: Tensor, strides: Tensor, truth: Tensor, ignore: Tensor, positive: Tensor) -> Tensor:
    """(n, cells) cells that could answer for an ignored annotation and answer for no other."""
    if not ignore.any():
        return torch.zeros_like(positive)
    return (is_candidate(centres, strides, truth) & ignore[..., None]).any(1) & ~positive
