"""The confusion matrix, with its rule stated.

Rule: detections at or above their class's score threshold, of all classes together, choose in descending score; each
takes the free annotation of any class it overlaps most, at least IoU 0.5 (Boxwright's rule; others differ). Rows are
what people annotated, columns what the model said; the last row holds detections that took nothing, the last column
annotations nobody took. Ignored annotations take part in neither, and absorb the detections that lie on them.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Matches

RULE = (
    "Detections at or above their class's score threshold choose in descending score, whatever their class; each takes "
    "the free annotation it overlaps most, IoU >= 0.5. Last row: detections that took nothing; last column: "
    "annotations nobody took. Ignored annotations absorb detections and are not counted."
)


def confusion(matches: Matches, passes: NDArray, *, iou_threshold: float = 0.5) -> NDArray[np.int64]:
    """(K + 1, K + 1) counts of the (detections,) bool that are answered; see the file's opening for the rule."""
    detections, objects = matches.detections, matches.objects
    class_d, score = detections.column("class_id").to_numpy(), detections.column("score").to_numpy()
    chosen = np.flatnonzero(passes)
    image_d = detections.column("image").to_numpy()
    chosen = chosen[np.lexsort((chosen, -score[chosen], image_d[chosen]))]
    image_o = objects.column("image").to_numpy()
    order = np.argsort(image_o, kind="stable")
    boxes_d, boxes_o = _boxes(detections)[chosen], _boxes(objects)[order]
    images = np.arange(len(matches.images))
    return _confuse(
        np.searchsorted(image_d[chosen], images), np.searchsorted(image_d[chosen], images, "right"),
        np.searchsorted(image_o[order], images), np.searchsorted(image_o[order], images, "right"),
        boxes_d, class_d[chosen], boxes_o, objects.column("class_id").to_numpy()[order],
        objects.column("ignore").to_numpy(zero_copy_only=False)[order], len(matches.class_names), iou_threshold,
    )  # fmt: skip


def _boxes(table) -> NDArray[np.float64]:
    return np.stack([table.column(name).to_numpy() for name in ("x1", "y1", "x2", "y2")], axis=1)


@numba.njit(cache=True, nogil=True)
def _confuse(d_from, d_to, o_from, o_to, boxes_d, class_d, boxes_o, class_o, ignore, classes, least):
    counts = np.zeros((classes + 1, classes + 1), np.int64)
    taken = np.zeros(len(boxes_o), np.bool_)
    for image in range(len(d_from)):
        for d in range(d_from[image], d_to[image]):
            best, found, absorbed = 0.0, -1, False
            for o in range(o_from[image], o_to[image]):
                if taken[o]:
                    continue
                w = min(boxes_d[d, 2], boxes_o[o, 2]) - max(boxes_d[d, 0], boxes_o[o, 0])
                h = min(boxes_d[d, 3], boxes_o[o, 3]) - max(boxes_d[d, 1], boxes_o[o, 1])
                if w <= 0 or h <= 0:
                    continue
                area_d = (boxes_d[d, 2] - boxes_d[d, 0]) * (boxes_d[d, 3] - boxes_d[d, 1])
                area_o = (boxes_o[o, 2] - boxes_o[o, 0]) * (boxes_o[o, 3] - boxes_o[o, 1])
                if ignore[o]:
                    absorbed = absorbed or w * h / area_d >= least
                    continue
                iou = w * h / (area_d + area_o - w * h)
                if iou >= least and iou > best:
                    best, found = iou, o
            if found >= 0:
                taken[found] = True
                counts[class_o[found], class_d[d]] += 1
            elif not absorbed:
                counts[classes, class_d[d]] += 1
        for o in range(o_from[image], o_to[image]):
            if not taken[o] and not ignore[o]:
                counts[class_o[o], classes] += 1
    return counts
