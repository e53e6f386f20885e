"""What the detections say about each label, and the labels about each detection: one row of figures per box.

A detection is owned by the annotation it overlaps most (one of another class counts 0.8 of its overlap), from IoU 0.1; it
is free where none does. Each row compares a box with what is around it: the surest detection of its class and of others,
how well it lies, whether another label explains the same detection, and how unusual its size, shape and place are for its
class. Boxes are compared within a picture, by one compiled pass.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from boxwright.boxes import grouped, iou_of_two
from boxwright.detections import AnnotationColumns, DetectionColumns

NEAR, TAKES, OTHER_CLASS = 0.1, 0.5, 0.8
_LABEL_FIGURES, _DETECTION_FIGURES = 22, 13
_SHRINK = 20.0


@dataclass(frozen=True)
class Evidence:
    """Figures per box.

    Attributes:
        labels: (n, figures) float64 of the annotations.
        detections: (m, figures) of the detections.
        spurious, swapped, shifted: (n,) in [0, 1], the plain formulas of each kind.
        missing: (m,) likewise, of the detections.
        proposed: (n, 3) detection that says another class, that lies better, that lies best; -1 for none.
        owner: (m,) annotation that owns each detection, or -1.
        candidate: (m,) bool, detections that may be what a label misses.
    """

    labels: NDArray
    detections: NDArray
    spurious: NDArray
    swapped: NDArray
    shifted: NDArray
    missing: NDArray
    proposed: NDArray
    owner: NDArray
    candidate: NDArray


def agreeing(annotations: AnnotationColumns, detections: DetectionColumns) -> NDArray[np.bool_]:
    """(m,) whether each detection, the surest first, takes a free annotation of its class at IoU 0.5 or more."""
    order, _ = grouped(detections.image_index, len(detections), order=np.argsort(-detections.score, kind="stable"))
    return _agreeing(
        annotations.offsets, annotations.boxes_xyxy, annotations.class_id, annotations.crowd,
        detections.offsets, detections.boxes_xyxy, detections.class_id, order.astype(np.int64),
    )  # fmt: skip


def evidence(
    annotations: AnnotationColumns, detections: DetectionColumns, sure: NDArray, *, sizes_hw: NDArray, classes: int
) -> Evidence:
    """Figures of all boxes.

    Args:
        annotations, detections: of the same pictures.
        sure: (m,) how often detections like this agree with a label, see common_scale.py.
        sizes_hw: (pictures, 2) height and width, finite.
        classes: how many classes there are.
    """
    a, d = annotations, detections
    shape = _shape(a.boxes_xyxy)
    middle, spread = _typical_shapes(shape, a.class_id, classes)
    labels = np.zeros((len(a.class_id), _LABEL_FIGURES))
    figures = np.zeros((len(d.class_id), _DETECTION_FIGURES))
    formulas, proposed, owner, candidate = _look(
        a.offsets, a.boxes_xyxy, a.class_id, a.ignore, a.crowd, d.offsets, d.boxes_xyxy, d.class_id, sure,
        sizes_hw, labels, figures,
    )  # fmt: skip
    labels[:, 14:16] = np.clip((shape - middle[a.class_id]) / spread[a.class_id], -6, 6)
    _against_typical(labels, a.class_id, shape[:, 0], classes)
    return Evidence(
        labels=labels,
        detections=figures,
        spurious=formulas[0],
        swapped=formulas[1],
        shifted=formulas[2],
        missing=figures[:, 10],
        proposed=proposed,
        owner=owner,
        candidate=candidate,
    )


def _shape(boxes: NDArray) -> NDArray:
    """(n, 2) logarithms of side and of aspect."""
    size = np.maximum(boxes[:, 2:] - boxes[:, :2], 0.5)
    return np.stack([0.5 * np.log(size[:, 0] * size[:, 1]), np.log(size[:, 0] / size[:, 1])], axis=1)


def _typical_shapes(shape: NDArray, class_id: NDArray, classes: int) -> tuple[NDArray, NDArray]:
    """(classes, 2) middle and spread, drawn towards those of all classes where a class has few boxes."""
    if not len(shape):
        return np.zeros((classes, 2)), np.ones((classes, 2))
    whole, order_starts = _middle_and_spread(shape), grouped(class_id, classes)
    middle, spread = np.tile(whole[0], (classes, 1)), np.tile(whole[1], (classes, 1))
    for c in range(classes):
        mine = shape[order_starts[0][order_starts[1][c] : order_starts[1][c + 1]]]
        if len(mine):
            share = len(mine) / (len(mine) + _SHRINK)
            own = _middle_and_spread(mine)
            middle[c], spread[c] = share * own[0] + (1 - share) * whole[0], share * own[1] + (1 - share) * whole[1]
    return middle, spread


def _middle_and_spread(x: NDArray) -> tuple[NDArray, NDArray]:
    middle = np.median(x, axis=0)
    return middle, 1.4826 * np.median(np.abs(x - middle), axis=0) + 0.05


def _against_typical(labels: NDArray, class_id: NDArray, side: NDArray, classes: int) -> None:
    """Fill in how a label's support and place compare with those of its class and size (thirds)."""
    if not len(labels):
        return
    thirds = np.searchsorted(np.quantile(side, [1 / 3, 2 / 3]), side)
    cell = class_id * 3 + thirds
    found, residual = labels[:, 0], -np.log(1.001 - labels[:, 4])
    placed = labels[:, 4] > 0.3
    count = np.bincount(cell, minlength=3 * classes)
    share = (np.bincount(cell, found, 3 * classes) + _SHRINK * found.mean()) / (count + _SHRINK)
    labels[:, 18] = share[cell]
    whole = _middle_and_spread(residual[placed, None]) if placed.any() else (np.zeros(1), np.ones(1))
    middle, spread = np.full(3 * classes, whole[0][0]), np.full(3 * classes, whole[1][0])
    rows = np.flatnonzero(placed)
    order, starts = grouped(cell[rows], 3 * classes)
    for c in np.flatnonzero(np.diff(starts) > 0):
        mine = residual[rows[order[starts[c] : starts[c + 1]]], None]
        weight = len(mine) / (len(mine) + _SHRINK)
        own = _middle_and_spread(mine)
        middle[c] = weight * own[0][0] + (1 - weight) * whole[0][0]
        spread[c] = weight * own[1][0] + (1 - weight) * whole[1][0]
    labels[:, 19] = np.clip((residual - middle[cell]) / spread[cell], -8, 8)


@numba.njit(cache=True, nogil=True)
def _agreeing(a_at, a_box, a_class, crowd, d_at, d_box, d_class, order):
    taken = np.zeros(len(a_box), np.bool_)
    out = np.zeros(len(d_box), np.bool_)
    for image in range(len(d_at) - 1):
        for k in range(d_at[image], d_at[image + 1]):
            d = order[k]
            best, most = -1, 0.5
            for a in range(a_at[image], a_at[image + 1]):
                if a_class[a] == d_class[d] and not taken[a]:
                    iou = iou_of_two(a_box[a], d_box[d])
                    if iou >= most:
                        best, most = a, iou
            if best >= 0:
                taken[best] = not crowd[best]
                out[d] = True
    return out


@numba.njit(cache=True, nogil=True)
def _shared(a, b):
    """Area two boxes share."""
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    return w * h if w > 0 and h > 0 else 0.0


@numba.njit(cache=True, nogil=True)
def _area(a):
    return max((a[2] - a[0]) * (a[3] - a[1]), 1e-6)


@numba.njit(cache=True, nogil=True)
def _border(a, height, width):
    """Distance to the nearest border of the picture in sides of the box, at most 3."""
    side = np.sqrt(_area(a))
    return min(max(min(min(a[0], a[1]), min(width - a[2], height - a[3])) / side, -1.0), 3.0)


@numba.njit(cache=True, nogil=True)
def _look(a_at, a_box, a_class, ignore, crowd, d_at, d_box, d_class, sure, sizes, fa, fd):
    n, m = len(a_box), len(d_box)
    formulas = np.zeros((3, n))
    proposed = np.full((n, 3), -1, np.int64)
    owner = np.full(m, -1, np.int64)
    candidate = np.zeros(m, np.bool_)
    for image in range(len(a_at) - 1):
        a0, a1, d0, d1 = a_at[image], a_at[image + 1], d_at[image], d_at[image + 1]
        na, nd = a1 - a0, d1 - d0
        iou = np.zeros((na, nd))
        second = np.zeros(nd)  # overlap with the next best label
        for j in range(nd):
            best, runner = 0.0, 0.0
            for i in range(na):
                o = iou_of_two(a_box[a0 + i], d_box[d0 + j])
                iou[i, j] = o
                if ignore[a0 + i]:
                    continue
                worth = o if a_class[a0 + i] == d_class[d0 + j] else OTHER_CLASS * o
                if o > NEAR and worth > best:
                    runner, best = best, worth
                    owner[d0 + j] = a0 + i
                elif worth > runner:
                    runner = worth
            second[j] = runner
        for i in range(na):
            a = a0 + i
            box, c = a_box[a], a_class[a]
            same_place, other_place, same_iou, other_iou = 0.0, 0.0, 0.0, 0.0
            shift, inside = 0.0, 0.0
            for j in range(nd):
                o, d = iou[i, j], d0 + j
                if o <= 0.0:
                    continue
                p, mine = sure[d], owner[d0 + j] == a
                fa[a, 6] = max(fa[a, 6], o)
                if o <= NEAR:
                    continue
                if np.sqrt(p) * o > fa[a, 5]:
                    fa[a, 5], fa[a, 7] = np.sqrt(p) * o, o
                    proposed[a, 2] = d
                if d_class[d] == c:
                    if o >= TAKES:
                        fa[a, 0] = max(fa[a, 0], p)
                    if mine:
                        fa[a, 1] = max(fa[a, 1], p)
                        if p * (1 - o) > shift:
                            shift = p * (1 - o)
                    inside = max(inside, p * _shared(box, d_box[d]) / _area(d_box[d]))
                    fa[a, 20] = max(fa[a, 20], p * o)
                    if p * o > same_place:
                        same_place, same_iou = p * o, o
                        fa[a, 12] = second[j] if mine else -o
                        proposed[a, 1] = d
                else:
                    if o >= TAKES and p > fa[a, 2]:
                        fa[a, 2] = p
                    if mine:
                        fa[a, 3] = max(fa[a, 3], p)
                    if mine and p * o > other_place:
                        other_place, other_iou = p * o, o
                        proposed[a, 0] = d
            fa[a, 4], fa[a, 8], fa[a, 13], fa[a, 21] = same_iou, shift, inside, other_iou
            fa[a, 9] = fa[a, 2] / (fa[a, 2] + fa[a, 0] + 0.02)
            for k in range(na):
                if k != i and not ignore[a0 + k]:
                    o = iou_of_two(box, a_box[a0 + k])
                    fa[a, 11] = max(fa[a, 11], o)
                    if a_class[a0 + k] == c:
                        fa[a, 10] = max(fa[a, 10], o)
            fa[a, 16] = _border(box, sizes[image, 0], sizes[image, 1])
            fa[a, 17] = np.log1p(na)
            near = max(fa[a, 1], 0.7 * fa[a, 3])
            formulas[0, a] = 1 - near
            formulas[1, a] = other_place / (other_place + same_place + 0.05)
            formulas[2, a] = shift * (1 - fa[a, 20])
        for j in range(nd):
            d = d0 + j
            box, c, p = d_box[d], d_class[d], sure[d]
            any_iou, left_out = 0.0, False
            for i in range(na):
                o = iou[i, j]
                if ignore[a0 + i]:
                    both = _shared(box, a_box[a0 + i])
                    left_out = left_out or o >= TAKES or (crowd[a0 + i] and both > 0.5 * _area(box))
                    continue
                any_iou = max(any_iou, o)
                if a_class[a0 + i] == c:
                    fd[d, 2] = max(fd[d, 2], o)
                    if o > NEAR:
                        fd[d, 8] = max(fd[d, 8], o * (1 - fa[a0 + i, 0]))
                elif o > NEAR:
                    fd[d, 11] = max(fd[d, 11], o * (1 - max(fa[a0 + i, 0], fa[a0 + i, 2])))
                both = _shared(box, a_box[a0 + i])
                fd[d, 3] = max(fd[d, 3], both / _area(box))
                fd[d, 4] = max(fd[d, 4], both / _area(a_box[a0 + i]))
            stronger = False
            for k in range(nd):
                if k == j:
                    continue
                e = d0 + k
                above = sure[e] > p or (sure[e] == p and k < j)
                if not above:
                    continue
                o = iou_of_two(box, d_box[e])
                if d_class[e] == c:
                    fd[d, 5] = max(fd[d, 5], o)
                fd[d, 6] = max(fd[d, 6], o)
                if o > 0.3:
                    fd[d, 7] = max(fd[d, 7], sure[e])
                fd[d, 12] = max(fd[d, 12], _shared(box, d_box[e]) / _area(box))
                stronger = stronger or o > 0.6
            fd[d, 0], fd[d, 1] = p, any_iou
            fd[d, 9] = second[j]
            alone = (1 - min(1.0, any_iou / 0.5)) * (1 - min(1.0, fd[d, 6] / 0.6))
            fd[d, 10] = p * alone * (1 - 0.8 * min(1.0, fd[d, 8] / 0.4))
            candidate[d] = not left_out and not stronger and any_iou < 0.6
    return formulas, proposed, owner, candidate
