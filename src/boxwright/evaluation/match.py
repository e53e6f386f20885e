"""Detections meet annotations, once, by COCO's rule.

Within a picture and class, detections choose in descending score (ties keep their order, at most `max_detections`);
each takes the free annotation it overlaps most, at least the IoU threshold; of equals the later one; one that counts is
never given up for one to be ignored; a crowd region can be taken many times and is measured by the share of the
detection inside it. Equals pycocotools' evaluateImg (cocodataset/cocoapi, PythonAPI/pycocotools/cocoeval.py).

One pass over the pictures does this for every IoU threshold T and area range A at once: bit t + T * a of a 64-bit number
stands for one of them, so that "free at these thresholds" is an AND, not a loop. The same pass notes what each detection
lies on, whatever became of it: the nearest annotation of its class, and the nearest of any other. That is what error
types are told from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TypeVar

import numba
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from boxwright.artifacts import Matches
from boxwright.boxes import falling, grouped
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
        InputError: more than 64 combinations, thresholds that do not rise, or sides that do not fit each other.
    """
    thresholds = np.asarray(iou_thresholds, np.float64)
    _check(truth, scored, thresholds, len(areas), len(class_names), len(images))
    by_image, starts_t = grouped(truth.image, len(images))
    truth = _taken(truth, by_image)
    by_image, starts_d = grouped(scored.image, len(images), order=falling(scored.score))
    scored = _taken(scored, by_image)
    rank = _ranks(starts_d, scored.class_id, len(class_names))
    if len(rank) and rank.max() >= max_detections:
        keep = np.flatnonzero(rank < max_detections)
        scored, rank = _taken(scored, keep), rank[keep]
        starts_d = np.searchsorted(scored.image, np.arange(len(images) + 1))
    bit = int(np.argmin(np.abs(thresholds - OPERATING_IOU)))
    found, left_out, taker = _match(
        starts_t, truth.boxes_xywh, truth.class_id, truth.area, truth.crowd, truth.ignore,
        starts_d, scored.boxes_xywh, scored.class_id, thresholds, np.array(list(areas.values()), np.float64), bit,
    )  # fmt: skip
    hit, ignored, annotation, iou, nearest, nearest_iou, other, other_iou = found
    return Matches(
        class_names=tuple(class_names),
        iou_thresholds=tuple(iou_thresholds),
        area_names=tuple(areas),
        images=images,
        detections=_table(scored, score=scored.score, rank=rank, hit=hit, ignored=ignored, annotation=annotation,
                          iou=iou, nearest=nearest, nearest_iou=nearest_iou, other=other, other_iou=other_iou),
        objects=_table(truth, annotation_id=truth.annotation_id, area=truth.area, left_out=left_out,
                       ignore=truth.ignore, crowd=truth.crowd, detection=taker),
        made_from=made_from or {},
    )  # fmt: skip


def _check(truth: GroundTruth, scored: Scored, thresholds: NDArray, areas: int, classes: int, images: int) -> None:
    """InputError unless the two sides, the pictures and the thresholds fit each other: the kernel trusts them."""
    if len(thresholds) * areas > 64:
        raise InputError(f"{len(thresholds)} IoU thresholds times {areas} areas exceed the 64 that are packed.")
    if not len(thresholds) or (np.diff(thresholds) <= 0).any() or thresholds[0] <= 0 or thresholds[-1] > 1:
        raise InputError(f"IoU thresholds must rise within (0, 1]; found {thresholds.tolist()}.")
    for side in (truth, scored):
        for what, column, most in (("class_id", side.class_id, classes), ("image", side.image, images)):
            if len(column) and not (column.min() >= 0 and column.max() < most):
                raise InputError(f"{what} must lie in 0 to {most - 1}.")
    if not np.isfinite(scored.score).all():
        raise InputError("A score is not finite.")


def _taken(side: S, rows: NDArray) -> S:
    """Some rows of a side, in their order; columns in the types the kernel is compiled for."""
    types = {"boxes_xywh": np.float64, "area": np.float64, "score": np.float64, "class_id": np.int32, "image": np.int32}
    columns = {f.name: getattr(side, f.name) for f in fields(side)}
    return type(side)(**{n: np.asarray(c)[rows].astype(types.get(n, c.dtype), copy=False) for n, c in columns.items()})


def _table(side: GroundTruth | Scored, **columns: NDArray) -> pa.Table:
    x, y, w, h = side.boxes_xywh.T
    corners = {"x1": x.copy(), "y1": y.copy(), "x2": x + w, "y2": y + h}
    return pa.table({"image": side.image, "class_id": side.class_id, **corners, **columns})


@numba.njit(cache=True, nogil=True)
def _ranks(starts, class_id, classes):
    """(n,) how many detections of the same picture and class come before each."""
    rank = np.empty(len(class_id), np.int32)
    seen = np.zeros(classes, np.int32)
    for image in range(len(starts) - 1):
        for d in range(starts[image], starts[image + 1]):
            rank[d] = seen[class_id[d]]
            seen[class_id[d]] += 1
        for d in range(starts[image], starts[image + 1]):
            seen[class_id[d]] = 0
    return rank


@numba.njit(cache=True, nogil=True)
def _match(starts_t, truth, class_t, area, crowd, ignore, starts_d, detection, class_d, thresholds, ranges, operating):
    """One pass over the pictures; see the file's opening for the rule. Detections fall in score within a picture."""
    n, steps, areas = len(detection), len(thresholds), len(ranges)
    one, zero = np.uint64(1), np.uint64(0)
    of_area = (one << np.uint64(steps)) - one if steps < 64 else ~zero  # all thresholds of one area range
    everywhere = zero
    for a in range(areas):
        everywhere |= of_area << np.uint64(steps * a)
    bit = one << np.uint64(operating)
    hit, ignored = np.zeros(n, np.uint64), np.zeros(n, np.uint64)
    annotation, nearest, other = np.full(n, -1, np.int32), np.full(n, -1, np.int32), np.full(n, -1, np.int32)
    iou, nearest_iou, other_iou = np.zeros(n), np.zeros(n, np.float32), np.zeros(n, np.float32)
    left_out = np.zeros(len(truth), np.uint64)
    taker = np.full(len(truth), -1, np.int32)
    skip, taken = np.zeros(len(truth), np.uint64), np.zeros(len(truth), np.uint64)  # at which bits
    for g in range(len(truth)):
        for a in range(areas):
            if ignore[g] or area[g] < ranges[a, 0] or area[g] > ranges[a, 1]:
                skip[g] |= of_area << np.uint64(steps * a)
                left_out[g] |= one << np.uint64(a)
    most = 1
    for image in range(len(starts_t) - 1):
        most = max(most, starts_t[image + 1] - starts_t[image])
    near, near_iou = np.empty(most, np.int64), np.empty(most)
    least = min(thresholds[0], 1 - 1e-10)
    for image in range(len(starts_d) - 1):
        first, last = starts_t[image], starts_t[image + 1]
        for d in range(starts_d[image], starts_d[image + 1]):
            x, y, w, h = detection[d, 0], detection[d, 1], detection[d, 2], detection[d, 3]
            size = w * h
            count, most_same, most_other, largest = 0, 0.0, 0.0, 0.0
            for g in range(first, last):
                wide = min(x + w, truth[g, 0] + truth[g, 2]) - max(x, truth[g, 0])
                if wide <= 0:
                    continue
                high = min(y + h, truth[g, 1] + truth[g, 3]) - max(y, truth[g, 1])
                if high <= 0:
                    continue
                both = wide * high
                overlap = both / (size if crowd[g] else size + truth[g, 2] * truth[g, 3] - both)
                if class_t[g] != class_d[d]:
                    if not ignore[g] and overlap > most_other:
                        most_other, other[d] = overlap, g
                    continue
                largest = max(largest, overlap)
                if not ignore[g] and overlap > most_same:
                    most_same, nearest[d] = overlap, g
                if overlap >= least:
                    i = count  # kept in falling overlap; of equals the later annotation comes first
                    while i > 0 and near_iou[i - 1] <= overlap:
                        near[i], near_iou[i] = near[i - 1], near_iou[i - 1]
                        i -= 1
                    near[i], near_iou[i] = g, overlap
                    count += 1
            nearest_iou[d], other_iou[d], iou[d] = most_same, most_other, largest
            took = zero
            for counting in range(2):  # annotations that count, then those to be ignored
                for i in range(count):
                    g = near[i]
                    reached = 0
                    while reached < steps and near_iou[i] >= min(thresholds[reached], 1 - 1e-10):
                        reached += 1
                    reach = (one << np.uint64(reached)) - one if reached < 64 else ~zero
                    free = zero
                    for a in range(areas):
                        free |= reach << np.uint64(steps * a)
                    if not crowd[g]:
                        free &= ~taken[g]
                    free &= ~took & (~skip[g] if counting == 0 else skip[g])
                    if free == zero:
                        continue
                    took |= free
                    taken[g] |= free
                    if counting == 1:
                        ignored[d] |= free
                    if free & bit:
                        annotation[d], iou[d], taker[g] = g, near_iou[i], d
            hit[d] = took
            for a in range(areas):
                if size < ranges[a, 0] or size > ranges[a, 1]:
                    ignored[d] |= (of_area << np.uint64(steps * a)) & ~took
    return (hit, ignored, annotation, iou, nearest, nearest_iou, other, other_iou), left_out, taker
