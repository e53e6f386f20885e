"""Where crowding costs recall, and what did it: suppression, the score threshold, or the model.

Objects are sorted by how much they overlap their nearest neighbour of the same class. A missed object is put down to

    threshold    a detection of its class lies on it (IoU 0.5 or more) and was not answered
    suppression  an answered detection on a neighbour overlaps the object by more than the suppression's IoU threshold: even
                 a perfect box here would have been removed, unless it had scored higher
    model        neither: no detection that could have been answered

`sweep` thins the answered detections once more at lower IoU thresholds and counts what that would cost and gain; what a
higher one would bring back cannot be seen from detections that are already thinned, but `lost_by_rule` can: how many
objects overlap a neighbour of their class by more than the threshold, so that of two perfect boxes one must go.
"""

from __future__ import annotations

from collections.abc import Iterator

import numba
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from boxwright.artifacts import Matches
from boxwright.artifacts.report import Crowding, MissedBy, OverlapBin, Thinned
from boxwright.boxes import iou_of_two, suppress
from boxwright.evaluation.diagnose import DUPE, Diagnosis

OVERLAPS = (0.0, 0.1, 0.3, 0.5, 0.7, 1.0)
_SWEEP = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
_MATCH = 0.5
_FOUND, _THRESHOLD, _SUPPRESSED, _MODEL = range(4)


def suppression(matches: Matches, passes: NDArray, point: Diagnosis, *, iou_threshold: float | None) -> Crowding:
    """What became of objects by crowding.

    Args:
        matches: the match tables.
        passes: (detections,) bool, those answered.
        point: diagnosis of the answered detections.
        iou_threshold: of the suppression the detections went through; None where it is not known.
    """
    objects, detections = matches.objects, matches.detections
    asked = np.flatnonzero(point.state >= 0)
    limit = 2.0 if iou_threshold is None else iou_threshold
    neighbour, cause = _causes(
        *_grouped(objects, asked), *_grouped(detections, np.arange(len(detections))), passes, point.true,
        point.state[asked] == 0, detections.column("annotation").to_numpy(), asked, len(matches.images), limit, _MATCH,
    )  # fmt: skip
    bins = np.clip(np.searchsorted(OVERLAPS, neighbour, "right") - 1, 0, len(OVERLAPS) - 2)
    table = np.zeros((len(OVERLAPS) - 1, 4), np.int64)
    np.add.at(table, (bins, cause), 1)
    return Crowding(
        by_overlap=tuple(
            OverlapBin(OVERLAPS[b], OVERLAPS[b + 1], sum(row), *row) for b, row in enumerate(table.tolist())
        ),
        missed=MissedBy(*table.sum(axis=0)[1:].tolist()),
        duplicates=int(((point.kind == DUPE) & point.counts).sum()),
        sweep=tuple(_sweep(matches, passes, point, below=iou_threshold)),
        lost_by_rule=None if iou_threshold is None else int((neighbour > iou_threshold).sum()),
        iou_threshold=iou_threshold,
    )


def _grouped(table: pa.Table, rows: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Boxes, classes and pictures of some rows; both tables are in the order of pictures."""
    boxes = np.stack([table.column(name).to_numpy()[rows] for name in ("x1", "y1", "x2", "y2")], axis=1)
    return boxes, table.column("class_id").to_numpy()[rows], table.column("image").to_numpy()[rows]


def _sweep(matches: Matches, passes: NDArray, point: Diagnosis, *, below: float | None) -> Iterator[Thinned]:
    """What thinning the answered detections again would remove, per IoU threshold lower than the one in use."""
    shown = np.flatnonzero(passes & point.counts)
    boxes, class_id, image = _grouped(matches.detections, shown)
    score = matches.detections.column("score").to_numpy()[shown]
    apart = image.astype(np.int64) * len(matches.class_names) + class_id  # one picture and class at a time
    for threshold in _SWEEP:
        if below is not None and threshold >= below:
            continue
        kept = np.zeros(len(shown), np.bool_)
        kept[suppress(boxes, score, apart, iou_threshold=threshold)] = True
        gone = shown[~kept]
        duplicate = point.kind[gone] == DUPE
        other_false = (point.kind[gone] >= 0) & ~duplicate
        yield Thinned(threshold, int(duplicate.sum()), int(other_false.sum()), int(point.true[gone].sum()))


@numba.njit(cache=True, nogil=True)
def _causes(
    boxes_o, class_o, image_o, boxes_d, class_d, image_d, passes, true, found, annotation, rows, images, limit, match
):
    """(n,) largest IoU with an object of the same class; (n,) 0 found, 1 threshold, 2 suppression, 3 model."""
    neighbour, cause = np.zeros(len(boxes_o)), np.zeros(len(boxes_o), np.int64)
    d_from, o_from = 0, 0
    for image in range(images):
        d_to, o_to = d_from, o_from
        while d_to < len(image_d) and image_d[d_to] == image:
            d_to += 1
        while o_to < len(image_o) and image_o[o_to] == image:
            o_to += 1
        for o in range(o_from, o_to):
            for other in range(o_from, o_to):
                if other != o and class_o[other] == class_o[o]:
                    neighbour[o] = max(neighbour[o], iou_of_two(boxes_o[o], boxes_o[other]))
            if found[o]:
                continue
            cause[o] = 3
            for d in range(d_from, d_to):
                if class_d[d] != class_o[o]:
                    continue
                overlap = iou_of_two(boxes_o[o], boxes_d[d])
                if not passes[d] and overlap >= match:
                    cause[o] = 1
                    break
                if passes[d] and true[d] and annotation[d] != rows[o] and overlap > limit:
                    cause[o] = 2
        d_from, o_from = d_to, o_to
    return neighbour, cause
