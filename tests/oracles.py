"""Slow, obvious loops: the referees of the fast forms. Plain Python numbers, one idea each, nothing clever."""

from __future__ import annotations

from collections.abc import Sequence

Box = Sequence[float]


def area_of(box: Box) -> float:
    """Width times height, 0 for a box turned inside out."""
    return max(box[2] - box[0], 0) * max(box[3] - box[1], 0)


def iou_of(a: Box, b: Box) -> float:
    """Intersection over union of two boxes; 0 where the union is empty."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    union = area_of(a) + area_of(b) - both
    return both / union if union > 0 else 0.0


def suppress_loop(
    boxes: Sequence[Box], score: Sequence[float], class_id: Sequence[int], *, iou_threshold: float, across_classes: bool
) -> list[int]:
    """Greedy NMS as it is told: take the best, drop what overlaps it too much, again."""
    waiting = sorted(range(len(boxes)), key=lambda i: (-score[i], i))
    kept: list[int] = []
    while waiting:
        best = waiting.pop(0)
        kept.append(best)
        waiting = [
            i
            for i in waiting
            if (class_id[i] != class_id[best] and not across_classes) or iou_of(boxes[i], boxes[best]) <= iou_threshold
        ]
    return kept


def match_loop(iou: Sequence[Sequence[float]], score: Sequence[float], *, iou_threshold: float) -> list[int]:
    """Annotation taken by each detection, best scored first, each the free one it overlaps most; -1 for none."""
    match = [-1] * len(score)
    for i in sorted(range(len(score)), key=lambda i: (-score[i], i)):
        free = [j for j in range(len(iou[i])) if j not in match and iou[i][j] >= iou_threshold]
        if free:
            match[i] = max(free, key=lambda j: (iou[i][j], -j))
    return match


def ks_loop(a: Sequence[float], b: Sequence[float]) -> float:
    """Largest distance of the two empirical distribution functions, looked at in every point of either sample."""
    return max(abs(sum(v <= x for v in a) / len(a) - sum(v <= x for v in b) / len(b)) for x in [*a, *b])


def holm_loop(p_values: Sequence[float]) -> list[float]:
    """Holm: the k-th smallest of n times n - k + 1, never below one before it, at most 1."""
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        highest = max(highest, (len(p_values) - rank) * p_values[i])
        corrected[i] = min(highest, 1.0)
    return corrected
