"""Errors like people's, planted into given labels, so that what finds them can be learnt from the labels themselves.

Five in a hundred of each kind: boxes left out (small ones more often), given another class (half along what the detector
confuses, half any), drawn in a wrong place (edges moved by heavy-tailed steps to an IoU of 0.15 to 0.62), and invented (a box
of another place on an empty one; some are a second copy of a box). No box gets two errors. Learning from errors one
makes oneself is the idea of Chachula et al. (CLOD, 2022) and of "Learning to detect label errors by making them"
(2025, arXiv 2508.17930); boxes of no class-wise structure stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from boxwright.boxes import iou_of_two
from boxwright.detections import AnnotationColumns, offsets_from_counts

SHARE = 0.05
RIGHT, SPURIOUS, CLASS, LOCATION = 0, 1, 2, 3
_TRIES = 24
_COPIES = 0.15  # of invented boxes
_LEAST_IOU, _MOST_IOU = 0.15, 0.62


@dataclass(frozen=True)
class Planted:
    """Labels with errors.

    Attributes:
        annotations: the labels.
        kind: (n,) RIGHT, SPURIOUS, CLASS or LOCATION of each of them.
        left_out: rows of the given annotations that are no longer there.
    """

    annotations: AnnotationColumns
    kind: NDArray
    left_out: NDArray


def plant(
    given: AnnotationColumns, confusion: NDArray, *, sizes_hw: NDArray, rng: np.random.Generator, share: float = SHARE
) -> Planted:
    """Labels with planted errors.

    Args:
        given: the labels as they are; ignored ones are left alone.
        confusion: (classes, classes) how often a label of the row's class lies under detections of the column's.
        sizes_hw: (pictures, 2) height and width.
        rng: where chance comes from.
        share: of the labels, per kind.
    """
    image, box = given.image_index, given.boxes_xyxy.copy()
    class_id, kind = given.class_id.copy(), np.zeros(len(image), np.int64)
    free = rng.permutation(np.flatnonzero(~given.ignore))
    count = max(1, round(share * len(free))) if len(free) >= 8 else 0
    left_out, free = _small_first(free, box, count, rng)
    swapped, moved = free[:count], free[count : 2 * count]
    if (np.bincount(class_id, minlength=len(confusion)) > 0).sum() > 1:
        class_id[swapped] = _other_class(class_id[swapped], confusion, rng)
        kind[swapped] = CLASS
    box[moved], done = _moved(given.boxes_xyxy[moved], sizes_hw[image[moved]], rng)
    kind[moved[done]] = LOCATION
    more = _invented(given, count, sizes_hw, rng)
    keep = np.setdiff1d(np.arange(len(image)), left_out)
    return Planted(*_together(given, image, box, class_id, kind, keep, more), left_out=left_out)


def _small_first(free: NDArray, box: NDArray, count: int, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    """Boxes to leave out, smaller ones up to one and a half times as often, and the rest."""
    size = np.argsort(np.argsort((box[free, 2] - box[free, 0]) * (box[free, 3] - box[free, 1])))
    weight = 1.5 - 0.5 * size / max(len(free) - 1, 1)
    order = np.argsort(-(np.log(np.maximum(rng.random(len(free)), 1e-12)) / weight), kind="stable")
    return free[order[:count]], rng.permutation(free[order[count:]])


def _other_class(class_id: NDArray, confusion: NDArray, rng: np.random.Generator) -> NDArray:
    classes = len(confusion)
    weight = confusion[class_id] + 0.0
    weight[np.arange(len(class_id)), class_id] = 0
    weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)
    weight = 0.5 * weight + 0.5 / (classes - 1)
    weight[np.arange(len(class_id)), class_id] = 0
    at = np.cumsum(weight, axis=1)
    return (rng.random((len(class_id), 1)) * at[:, -1:] > at).sum(axis=1).astype(class_id.dtype)


def _moved(box: NDArray, size_hw: NDArray, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    """(n, 4) the boxes with their edges moved, and which of them could be."""
    side = np.tile(np.maximum(box[:, 2:] - box[:, :2], 1.0), 2)[:, None]
    edges = rng.standard_t(3, (len(box), _TRIES, 4)) * 0.12
    whole = np.tile(rng.standard_t(3, (len(box), _TRIES, 2)) * 0.2, (1, 1, 2))
    tries = box[:, None] + side * (edges + whole)
    limit = np.stack([size_hw[:, 1], size_hw[:, 0]] * 2, axis=1)[:, None]
    tries = np.clip(tries, np.minimum(0, box[:, None]), np.maximum(limit, box[:, None]))
    chosen, done = _first_between(box, tries, rng.uniform(_LEAST_IOU, _MOST_IOU, len(box)))
    return np.where(done[:, None], tries[np.arange(len(box)), chosen], box), done


def _invented(given: AnnotationColumns, count: int, sizes_hw: NDArray, rng: np.random.Generator) -> tuple:
    """(image, box, class_id) of boxes that stand for nothing."""
    usable = np.flatnonzero(~given.ignore)
    if not count or not len(usable):
        return np.zeros(0, np.int64), np.zeros((0, 4)), np.zeros(0, given.class_id.dtype)
    model = rng.choice(usable, count)
    size = given.boxes_xyxy[model, 2:] - given.boxes_xyxy[model, :2]
    image = rng.integers(0, len(given), count)
    copies = rng.random(count) < _COPIES
    image[copies] = given.image_index[model[copies]]
    room = np.maximum(sizes_hw[image][:, None, ::-1] - size[:, None], 0)
    corner = rng.random((count, _TRIES, 2)) * room
    place = np.concatenate([corner, corner + size[:, None]], axis=2)
    jitter = rng.standard_t(3, (count, 4)) * 0.05 * np.tile(size, 2)
    box, done = _emptiest(given.offsets, given.boxes_xyxy, image, place)
    box[copies] = given.boxes_xyxy[model[copies]] + jitter[copies]
    box[:, 2:] = np.maximum(box[:, 2:], box[:, :2] + 1)
    done |= copies
    return image[done], box[done], given.class_id[model[done]]


def _together(given, image, box, class_id, kind, keep, more) -> tuple[AnnotationColumns, NDArray]:
    """The kept and the new boxes as columns, pictures in order."""
    n = len(more[0])
    image = np.concatenate([image[keep], more[0]])
    order = np.argsort(image, kind="stable")
    none = np.zeros(n, np.bool_)
    box = np.concatenate([box[keep], more[1]])
    columns = {
        "boxes_xyxy": box,
        "class_id": np.concatenate([class_id[keep], more[2]]),
        "area": (box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]),
        "crowd": np.concatenate([given.crowd[keep], none]),
        "ignore": np.concatenate([given.ignore[keep], none]),
        "annotation_id": np.concatenate([given.annotation_id[keep], np.full(n, -1)]),
    }
    offsets = offsets_from_counts(np.bincount(image, minlength=len(given)))
    kinds = np.concatenate([kind[keep], np.full(n, SPURIOUS)])
    return AnnotationColumns(offsets=offsets, **{k: v[order] for k, v in columns.items()}), kinds[order]


@numba.njit(cache=True, nogil=True)
def _first_between(box, tries, wanted):
    """Of each box's tries, the one whose IoU with it is nearest to what is wanted, and whether one is in range."""
    n, most = tries.shape[:2]
    chosen, done = np.zeros(n, np.int64), np.zeros(n, np.bool_)
    for i in range(n):
        best = 2.0
        for k in range(most):
            t = tries[i, k]
            if t[2] - t[0] < 1 or t[3] - t[1] < 1:
                continue
            iou = iou_of_two(box[i], t)
            if _LEAST_IOU <= iou <= _MOST_IOU and abs(iou - wanted[i]) < best:
                best, chosen[i], done[i] = abs(iou - wanted[i]), k, True
    return chosen, done


@numba.njit(cache=True, nogil=True)
def _emptiest(offsets, boxes, image, place):
    """The first place of each row that touches no label, and whether there was one."""
    n, most = place.shape[:2]
    out, done = np.zeros((n, 4)), np.zeros(n, np.bool_)
    for i in range(n):
        for k in range(most):
            clear = True
            for a in range(offsets[image[i]], offsets[image[i] + 1]):
                if iou_of_two(boxes[a], place[i, k]) > 0.05:
                    clear = False
                    break
            if clear:
                out[i], done[i] = place[i, k], True
                break
    return out, done
