"""Average precision and recall as reductions of the match tables, exact as pycocotools gives them.

Every reduction takes a weight per picture: ones for the plain figure, 0/1 for a slice, multiplicities for a bootstrap
replicate. Precision at 101 recall points under its right-hand envelope; a class without objects is undefined (-1).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Matches

RECALL_POINTS = np.linspace(0.0, 1.0, 101)
_EPS = float(np.spacing(1))
UNDEFINED = -1.0


@dataclass(frozen=True)
class Curves:
    """Precision and recall of every class.

    Attributes:
        precision: (T, 101, K) at RECALL_POINTS, -1 for classes without objects.
        recall: (T, K) largest recall reached, -1 likewise.
    """

    precision: NDArray
    recall: NDArray


class Reducer:
    """Holds a match table's columns in the order in which curves walk them.

    Args:
        matches: the tables.
    """

    def __init__(self, matches: Matches) -> None:
        self.thresholds = matches.iou_thresholds
        self.classes = len(matches.class_names)
        self.images = len(matches.images)
        self._matches = matches
        detections = matches.detections
        score, class_id = detections.column("score").to_numpy(), detections.column("class_id").to_numpy()
        image, rank = detections.column("image").to_numpy(), detections.column("rank").to_numpy()
        self.order = np.lexsort((np.arange(len(score)), -score, class_id))  # stable: pictures keep their order
        self.score = score[self.order]
        self.class_id = class_id[self.order]
        self.image = image[self.order]
        self.rank = rank[self.order]
        self.hit = detections.column("hit").to_numpy()[self.order]
        self.ignored = detections.column("ignored").to_numpy()[self.order]
        self.starts = np.searchsorted(self.class_id, np.arange(self.classes + 1))

    @cached_property
    def _object_columns(self) -> tuple[NDArray, NDArray, NDArray]:
        objects = self._matches.objects
        return tuple(objects.column(name).to_numpy() for name in ("image", "class_id", "left_out"))

    def objects(self, *, area: int, weights: NDArray, mask: NDArray | None = None) -> NDArray[np.float64]:
        """(K,) weighted number of objects asked for in an area range."""
        image, class_id, left_out = self._object_columns
        asked = (left_out >> np.uint64(area)) & np.uint64(1) == 0
        if mask is not None:
            asked = asked & mask
        return np.bincount(class_id[asked], weights[image[asked]], self.classes).astype(np.float64)

    def curves(
        self,
        *,
        area: int = 0,
        ious: tuple[int, ...] | None = None,
        max_detections: int = 100,
        weights: NDArray | None = None,
        extra_ignored: NDArray | None = None,
        object_mask: NDArray | None = None,
    ) -> Curves:
        """Precision and recall curves of every class.

        Args:
            area: which area range.
            ious: which IoU thresholds, by position; all when None.
            max_detections: per picture and class.
            weights: (images,) weight of each picture; ones when None.
            extra_ignored: (detections in table order,) bool, detections not held against the model in this slice.
            object_mask: (objects,) bool, objects asked for in this slice.
        """
        weights = np.ones(self.images) if weights is None else weights.astype(np.float64)
        ious = tuple(range(len(self.thresholds))) if ious is None else ious
        positives = self.objects(area=area, weights=weights, mask=object_mask)
        bits = np.array([t + len(self.thresholds) * area for t in ious], np.uint64)
        skip = np.zeros(len(self.image), np.bool_) if extra_ignored is None else extra_ignored[self.order]
        precision, recall = _curves(
            self.starts, self.image, self.rank, self.hit, self.ignored, skip, weights, positives, bits,
            max_detections, RECALL_POINTS, _EPS,
        )  # fmt: skip
        return Curves(precision, recall)


def mean_defined(values: NDArray) -> float:
    """Mean over entries above -1; -1 when there is none."""
    defined = values[values > -1]
    return float(np.mean(defined)) if defined.size else UNDEFINED


def coco_metrics(reducer: Reducer, *, weights: NDArray | None = None) -> dict[str, float]:
    """COCO's twelve figures of a match made with COCO's thresholds and areas, -1 where undefined."""
    by_area = [reducer.curves(area=a, weights=weights) for a in range(4)]
    few = {n: reducer.curves(max_detections=n, weights=weights) for n in (1, 10)}
    return {
        "ap": mean_defined(by_area[0].precision),
        "ap50": mean_defined(by_area[0].precision[0]),
        "ap75": mean_defined(by_area[0].precision[5]),
        "ap_small": mean_defined(by_area[1].precision),
        "ap_medium": mean_defined(by_area[2].precision),
        "ap_large": mean_defined(by_area[3].precision),
        "ar1": mean_defined(few[1].recall),
        "ar10": mean_defined(few[10].recall),
        "ar100": mean_defined(by_area[0].recall),
        "ar_small": mean_defined(by_area[1].recall),
        "ar_medium": mean_defined(by_area[2].recall),
        "ar_large": mean_defined(by_area[3].recall),
    }


@numba.njit(cache=True, nogil=True)
def _curves(starts, image, rank, hit, ignored, skip, weights, positives, bits, most, points, eps):
    """Walk each class in descending score; then the envelope from the right, read off at the recall points."""
    classes = len(starts) - 1
    precision = np.full((len(bits), len(points), classes), -1.0)
    recall = np.full((len(bits), classes), -1.0)
    longest = 1
    for c in range(classes):
        longest = max(longest, starts[c + 1] - starts[c])
    at_recall, at_precision = np.empty(longest), np.empty(longest)
    for c in range(classes):
        if positives[c] <= 0:
            continue
        for b in range(len(bits)):
            bit = np.uint64(1) << bits[b]
            true, false, n = 0.0, 0.0, 0
            for i in range(starts[c], starts[c + 1]):
                weight = weights[image[i]]
                if weight == 0.0 or rank[i] >= most or skip[i] or ignored[i] & bit:
                    continue
                if hit[i] & bit:
                    true += weight
                else:
                    false += weight
                at_recall[n] = true / positives[c]
                at_precision[n] = true / (false + true + eps)
                n += 1
            recall[b, c] = at_recall[n - 1] if n else 0.0
            for i in range(n - 2, -1, -1):
                at_precision[i] = max(at_precision[i], at_precision[i + 1])
            i = 0
            for r in range(len(points)):
                while i < n and at_recall[i] < points[r]:
                    i += 1
                precision[b, r, c] = at_precision[i] if i < n else 0.0
    return precision, recall
