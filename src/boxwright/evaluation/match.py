"""Detections meet annotations, once, by COCO's rule.

Within a picture and class, detections choose in descending score (ties keep their order, at most `max_detections`);
each takes the free annotation it overlaps most, at least the IoU threshold; of equals the later one; one that counts is
never given up for one to be ignored; a crowd region can be taken many times and is measured by the share of the
detection inside it. This is done for every IoU threshold and area range, and the answers are packed into bits.
Equals pycocotools' evaluateImg (cocodataset/cocoapi, PythonAPI/pycocotools/cocoeval.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numba
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from boxwright.artifacts import Matches
from boxwright.boxes import xyxy_from_xywh
from boxwright.errors import InputError
from boxwright.evaluation.sides import GroundTruth, Scored

COCO_IOUS = tuple(np.linspace(0.5, 0.95, 10).tolist())
COCO_AREAS = {"all": (0.0, 1e10), "small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
MAX_DETECTIONS = 100
OPERATING_IOU = 0.5

S = TypeVar("S", GroundTruth, Scored)


def match(
    truth: GroundTruth,
    scored: Scored,
    *,
    class_names: Sequence[str],
    images: pa.Table,
    iou_thresholds: Sequence[float] = COCO_IOUS,
    areas: Mapping[str, tuple[float, float]] = COCO_AREAS,
    max_detections: int = MAX_DETECTIONS,
    made_from: Mapping[str, str] | None = None,
) -> Matches:
    """The match tables of one set of detections.

    Args:
        truth: annotations, pictures numbered as in `images`.
        scored: detections, likewise.
        class_names: by class_id.
        images: one row per picture evaluated; kept as the table `images`.
        iou_thresholds: rising, in (0, 1]; times areas at most 64.
        areas: name to least and largest area in square pixels, inclusive; the first should be everything.
        max_detections: kept per picture and class, the best scored.
        made_from: for lineage.

    Raises:
        InputError: more than 64 combinations, or a class_id outside of `class_names`.
    """
    if len(iou_thresholds) * len(areas) > 64:
        raise InputError(
            f"{len(iou_thresholds)} IoU thresholds times {len(areas)} areas exceed the 64 that are packed."
        )
    for side in (truth, scored):
        if len(side.class_id) and not (side.class_id.min() >= 0 and side.class_id.max() < len(class_names)):
            raise InputError(f"class_id must lie in 0 to {len(class_names) - 1}.")
    truth = _grouped(truth, np.lexsort((np.arange(len(truth.image)), truth.image, truth.class_id)))
    order = np.lexsort((np.arange(len(scored.image)), -scored.score, scored.image, scored.class_id))
    scored = _grouped(scored, order)
    key_t, key_d = _keys(truth, len(images)), _keys(scored, len(images))
    rank = np.arange(len(key_d)) - np.searchsorted(key_d, key_d)  # within picture and class
    keep = rank < max_detections
    scored, key_d, rank = _grouped(scored, np.flatnonzero(keep)), key_d[keep], rank[keep]
    groups = np.unique(np.concatenate([key_t, key_d]))
    thresholds = np.asarray(iou_thresholds, np.float64)
    bit = int(np.argmin(np.abs(thresholds - OPERATING_IOU)))
    hit, ignored, taken, iou, left_out, taker = _match_groups(
        np.stack([np.searchsorted(key_t, groups), np.searchsorted(key_t, groups, "right")], 1),
        np.stack([np.searchsorted(key_d, groups), np.searchsorted(key_d, groups, "right")], 1),
        truth.boxes_xywh, truth.area, truth.crowd, truth.ignore, scored.boxes_xywh,
        thresholds, np.array(list(areas.values()), np.float64), bit,
    )  # fmt: skip
    return Matches(
        class_names=tuple(class_names),
        iou_thresholds=tuple(iou_thresholds),
        area_names=tuple(areas),
        images=images,
        detections=_table(scored, score=scored.score, rank=rank.astype(np.int32), hit=hit, ignored=ignored,
                          annotation=taken, iou=iou),
        objects=_table(truth, annotation_id=truth.annotation_id, area=truth.area, left_out=left_out,
                       ignore=truth.ignore, crowd=truth.crowd, detection=taker),
        made_from=made_from or {},
    )  # fmt: skip


def _grouped(side: S, order: NDArray) -> S:
    return type(side)(**{name: np.ascontiguousarray(column[order]) for name, column in vars(side).items()})


def _keys(side: GroundTruth | Scored, images: int) -> NDArray[np.int64]:
    return side.class_id.astype(np.int64) * max(images, 1) + side.image


def _table(side: GroundTruth | Scored, **columns: NDArray) -> pa.Table:
    boxes = xyxy_from_xywh(side.boxes_xywh)
    named = {name: boxes[:, i] for i, name in enumerate(("x1", "y1", "x2", "y2"))}
    return pa.table(
        {"image": side.image.astype(np.int32), "class_id": side.class_id.astype(np.int32), **named, **columns}
    )


@numba.njit(cache=True, nogil=True)
def _overlaps(truth: NDArray, crowd: NDArray, detection: NDArray, out: NDArray) -> None:
    """IoU of each detection (rows) with each annotation (columns); a crowd's union is the detection alone."""
    for d in range(len(detection)):
        x, y, w, h = detection[d]
        for g in range(len(truth)):
            out[d, g] = 0.0
            wide = min(x + w, truth[g, 0] + truth[g, 2]) - max(x, truth[g, 0])
            if wide <= 0:
                continue
            high = min(y + h, truth[g, 1] + truth[g, 3]) - max(y, truth[g, 1])
            if high <= 0:
                continue
            both = wide * high
            union = w * h if crowd[g] else w * h + truth[g, 2] * truth[g, 3] - both
            out[d, g] = both / union


@numba.njit(cache=True, nogil=True)
def _choose(iou: NDArray, order: NDArray, skip: NDArray, crowd: NDArray, taken: NDArray, least: float) -> int:
    """Annotation a detection takes, or -1; `order` lists those that count first."""
    best, found = min(least, 1 - 1e-10), -1
    for g in order:
        if taken[g] and not crowd[g]:
            continue
        if found >= 0 and not skip[found] and skip[g]:
            break
        if iou[g] < best:
            continue
        best, found = iou[g], g
    return found


@numba.njit(cache=True, nogil=True)
def _match_groups(spans_t, spans_d, truth, area, crowd, ignore, detection, thresholds, ranges, operating_bit):
    """One pass over all (picture, class) groups; see the file's opening for the rule."""
    steps = len(thresholds)
    hit = np.zeros(len(detection), np.uint64)
    ignored = np.zeros(len(detection), np.uint64)
    taken_by_detection = np.full(len(detection), -1, np.int32)
    best_iou = np.zeros(len(detection))
    left_out = np.zeros(len(truth), np.uint64)
    taker = np.full(len(truth), -1, np.int32)
    one = np.uint64(1)
    most_t, most_d = 1, 1
    for k in range(len(spans_t)):
        most_t = max(most_t, spans_t[k, 1] - spans_t[k, 0])
        most_d = max(most_d, spans_d[k, 1] - spans_d[k, 0])
    all_iou = np.empty((most_d, most_t))
    order = np.empty(most_t, np.int64)
    taken = np.empty(most_t, np.bool_)
    skip = np.empty(most_t, np.bool_)
    for k in range(len(spans_t)):
        t0, t1 = spans_t[k]
        d0, d1 = spans_d[k]
        m, n = t1 - t0, d1 - d0
        iou = all_iou[:n, :m]
        _overlaps(truth[t0:t1], crowd[t0:t1], detection[d0:d1], iou)
        for d in range(n):
            for g in range(m):
                best_iou[d0 + d] = max(best_iou[d0 + d], iou[d, g])
        for a in range(len(ranges)):
            low, high = ranges[a]
            count = 0
            for g in range(m):
                skip[g] = ignore[t0 + g] or area[t0 + g] < low or area[t0 + g] > high
                if not skip[g]:
                    order[count] = g
                    count += 1
                else:
                    left_out[t0 + g] |= one << np.uint64(a)
            for g in range(m):
                if skip[g]:
                    order[count] = g
                    count += 1
            for t in range(steps):
                bit = one << np.uint64(t + steps * a)
                taken[:m] = False
                for d in range(n):
                    g = _choose(iou[d], order[:m], skip, crowd[t0:t1], taken, thresholds[t])
                    if g >= 0:
                        taken[g] = True
                        hit[d0 + d] |= bit
                        if skip[g]:
                            ignored[d0 + d] |= bit
                        if a == 0 and t == operating_bit:
                            taken_by_detection[d0 + d] = t0 + g
                            best_iou[d0 + d] = iou[d, g]
                            taker[t0 + g] = d0 + d
                    else:
                        size = detection[d0 + d, 2] * detection[d0 + d, 3]
                        if size < low or size > high:
                            ignored[d0 + d] |= bit
    return hit, ignored, taken_by_detection, best_iou, left_out, taker
