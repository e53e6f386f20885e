"""Pascal VOC's average precision, by 11 points (VOC2007) and over all points (VOC2010 on).

VOC's rule differs from COCO's: a detection looks only at the object of its class it overlaps most, and is false when that
one is taken; difficult objects (here: ignored ones) count neither way; the overlap must exceed the threshold. Boxes are
continuous, without the development kit's one pixel added (Everingham et al., IJCV 88, 2010; VOCdevkit VOCevaldet.m).
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Matches
from boxwright.artifacts.report import VocClass, VocMetrics
from boxwright.boxes import iou_of_two
from boxwright.evaluation.average_precision import Reducer


def voc_ap(matches: Matches, reducer: Reducer, *, iou_threshold: float = 0.5) -> VocMetrics:
    """VOC's average precision at an IoU threshold."""
    state = _voc_states(matches, reducer, iou_threshold)
    objects = np.bincount(
        matches.objects.column("class_id").to_numpy()[reducer.asked(0)], minlength=len(matches.class_names)
    )
    per_class: dict[str, VocClass] = {}
    for c, name in enumerate(matches.class_names):
        of_class = state[reducer.starts[c] : reducer.starts[c + 1]]
        per_class[name] = _of_class(of_class[of_class >= 0] == 1, int(objects[c]))
    eleven = [of.ap_11_points for of in per_class.values() if of.ap_11_points is not None]
    every = [of.ap_all_points for of in per_class.values() if of.ap_all_points is not None]
    return VocMetrics(*(float(np.mean(known)) if known else None for known in (eleven, every)), per_class=per_class)


def _of_class(true: NDArray, objects: int) -> VocClass:
    if not objects:
        return VocClass()
    hits = np.cumsum(true)
    recall, precision = hits / objects, hits / np.arange(1, len(true) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    steps = np.diff(np.concatenate([[0.0], recall]))
    at = np.searchsorted(recall, _ELEVEN)
    eleven = np.append(envelope, 0.0)[np.minimum(at, len(envelope))]  # beyond the last recall precision is 0
    return VocClass(float(np.mean(eleven)), float((steps * envelope).sum()))


_ELEVEN = np.arange(11) / 10 - 1e-12


def _voc_states(matches: Matches, reducer: Reducer, least: float) -> NDArray[np.int8]:
    """(detections in the reducer's order,) 1 true, 0 false, -1 on a difficult object."""
    objects = matches.objects
    image = objects.column("image").to_numpy()
    order = np.argsort(image, kind="stable")
    starts = np.searchsorted(image[order], np.arange(len(matches.images) + 1))
    boxes = [
        np.stack([t.column(n).to_numpy() for n in ("x1", "y1", "x2", "y2")], 1) for t in (matches.detections, objects)
    ]
    class_d = matches.detections.column("class_id").to_numpy()[reducer.order]
    return _states(
        reducer.image, class_d, boxes[0][reducer.order], starts, objects.column("class_id").to_numpy()[order],
        boxes[1][order], ~reducer.asked(0)[order], least,
    )  # fmt: skip


@numba.njit(cache=True, nogil=True)
def _states(image, class_d, boxes_d, starts, class_o, boxes_o, difficult, least):
    state = np.zeros(len(image), np.int8)
    taken = np.zeros(len(class_o), np.bool_)
    for d in range(len(image)):
        best, found = 0.0, -1
        for o in range(starts[image[d]], starts[image[d] + 1]):
            if class_o[o] != class_d[d]:
                continue
            iou = iou_of_two(boxes_d[d], boxes_o[o])
            if iou > best:
                best, found = iou, o
        if best <= least:
            continue
        if difficult[found]:
            state[d] = -1
        elif not taken[found]:
            taken[found], state[d] = True, 1
    return state
