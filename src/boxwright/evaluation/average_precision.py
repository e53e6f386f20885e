"""Average precision and recall as reductions of the match tables, exact as pycocotools gives them.

Every reduction takes a weight per picture: ones for the plain figure, 0/1 for a slice, multiplicities for a bootstrap
replicate. Precision at 101 recall points under its right-hand envelope; a class without objects is undefined (-1).

Precision can only peak where a true detection has just been counted, so curves are kept at true detections alone; false
ones only raise a counter. A replicate is then a sum over the detections above each class's last true one.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Matches
from boxwright.boxes import falling, grouped

RECALL_POINTS = np.linspace(0.0, 1.0, 101)
_EPS = float(np.spacing(1))
UNDEFINED = -1.0
_THREADS = 2


@dataclass(frozen=True)
class Curves:
    """Precision and recall of every class.

    Attributes:
        precision: (T, 101, K) at RECALL_POINTS, -1 for classes without objects.
        recall: (T, K) largest recall reached, -1 likewise.
    """

    precision: NDArray
    recall: NDArray


@dataclass(frozen=True)
class _Walk:
    """Detections of one area range that count somewhere, class by class in falling score.

    Attributes:
        starts: (K + 1,) where each class begins.
        image: (n,) row of its picture.
        true, ignored: (n,) bit b of the thresholds asked for: it took an annotation; it counts for nothing.
    """

    starts: NDArray
    image: NDArray
    true: NDArray
    ignored: NDArray


class Reducer:
    """Holds a match table's columns in the order in which curves walk them.

    Args:
        matches: the tables.
    """

    def __init__(self, matches: Matches) -> None:
        matches.check_rows()
        self.thresholds = matches.iou_thresholds
        self.classes = len(matches.class_names)
        self.images = len(matches.images)
        self._matches = matches
        detections = matches.detections
        class_id = detections.column("class_id").to_numpy()
        by_picture, _ = grouped(detections.column("image").to_numpy(), self.images)
        by_score = falling(detections.column("score").to_numpy(), order=by_picture)
        self.order, self.starts = grouped(class_id, self.classes, order=by_score)
        self.image = detections.column("image").to_numpy()[self.order]
        self.rank = detections.column("rank").to_numpy()[self.order]
        self.hit = detections.column("hit").to_numpy()[self.order]
        self.ignored = detections.column("ignored").to_numpy()[self.order]

    @cached_property
    def _object_columns(self) -> tuple[NDArray, NDArray, NDArray]:
        objects = self._matches.objects
        return tuple(objects.column(name).to_numpy() for name in ("image", "class_id", "left_out"))

    def asked(self, area: int, mask: NDArray | None = None) -> NDArray[np.bool_]:
        """(objects,) which are asked for in an area range."""
        asked = (self._object_columns[2] >> np.uint64(area)) & np.uint64(1) == 0
        return asked if mask is None else asked & mask

    def objects(self, *, area: int, weights: NDArray, mask: NDArray | None = None) -> NDArray[np.float64]:
        """(K,) weighted number of objects asked for in an area range."""
        image, class_id, _ = self._object_columns
        asked = self.asked(area, mask)
        return np.bincount(class_id[asked], weights[image[asked]], self.classes).astype(np.float64)

    def objects_of_classes(self, *, area: int, mask: NDArray | None = None) -> NDArray[np.float32]:
        """(images, K) objects asked for in an area range."""
        image, class_id, _ = self._object_columns
        asked = self.asked(area, mask)
        flat = np.bincount(
            image[asked].astype(np.int64) * self.classes + class_id[asked], minlength=self.images * self.classes
        )
        return flat.reshape(self.images, self.classes).astype(np.float32)

    def objects_of_images(self) -> NDArray[np.float64]:
        """(images,) objects asked for in each image, of any area."""
        image, _, _ = self._object_columns
        return np.bincount(image[self.asked(0)], minlength=self.images).astype(np.float64)

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
        walk = self._walk(area, ious, max_detections, extra_ignored)
        precision, recall = _curves(
            walk.starts,
            walk.image,
            walk.true,
            walk.ignored,
            weights.astype(np.float32),
            positives,
            len(ious),
            RECALL_POINTS,
            _EPS,
        )
        return Curves(precision, recall)

    def replicates(
        self,
        weights: NDArray,
        *,
        area: int = 0,
        ious: tuple[int, ...] | None = None,
        max_detections: int = 100,
        extra_ignored: NDArray | None = None,
        object_mask: NDArray | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Average precision, and largest recall, under many weightings; arguments as for `curves`.

        Args:
            weights: (r, images).

        Returns:
            (r, T, K) mean precision over the recall points, and (r, T, K) recall; NaN for classes without objects.
        """
        ious = tuple(range(len(self.thresholds))) if ious is None else ious
        walk = self._walk(area, ious, max_detections, extra_ignored)
        image, class_id, _ = self._object_columns
        asked = np.flatnonzero(self.asked(area, object_mask))
        weights = np.asarray(weights, np.float32)

        def some(rows: NDArray) -> tuple[NDArray, NDArray]:
            return _replicates(
                walk.starts, walk.image, walk.true, walk.ignored, np.ascontiguousarray(rows), image[asked],
                class_id[asked], len(ious), RECALL_POINTS, _EPS,
            )  # fmt: skip

        parts = [part for part in np.array_split(weights, _THREADS) if len(part)]
        with ThreadPoolExecutor(_THREADS) as threads:
            found = list(threads.map(some, parts))
        return np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])

    def _walk(self, area: int, ious: tuple[int, ...], max_detections: int, skip: NDArray | None) -> _Walk:
        bits = np.array([t + len(self.thresholds) * area for t in ious], np.uint64)
        skipped = np.zeros(0, np.bool_) if skip is None else skip[self.order]
        return _Walk(
            *_gather(self.starts, self.image, self.rank, self.hit, self.ignored, skipped, bits, max_detections)
        )


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
def _gather(starts, image, rank, hit, ignored, skip, bits, most):
    """Drop what counts nowhere, and pack the bits asked for side by side."""
    classes, everywhere = len(starts) - 1, np.uint64(0)
    for b in range(len(bits)):
        everywhere |= np.uint64(1) << bits[b]
    adjacent = True
    for b in range(1, len(bits)):
        adjacent = adjacent and bits[b] == bits[b - 1] + np.uint64(1)
    kept_starts = np.zeros(classes + 1, np.int64)
    kept_image = np.empty(len(image), np.int32)
    true, aside = np.empty(len(image), np.uint64), np.empty(len(image), np.uint64)
    n = 0
    for c in range(classes):
        for i in range(starts[c], starts[c + 1]):
            if rank[i] >= most or ignored[i] & everywhere == everywhere or (len(skip) and skip[i]):
                continue
            of_hit, of_ignored = (hit[i] & ~ignored[i]) & everywhere, ignored[i] & everywhere
            if adjacent:
                true[n], aside[n] = of_hit >> bits[0], of_ignored >> bits[0]
            else:
                true[n], aside[n] = 0, 0
                for b in range(len(bits)):
                    true[n] |= ((of_hit >> bits[b]) & np.uint64(1)) << np.uint64(b)
                    aside[n] |= ((of_ignored >> bits[b]) & np.uint64(1)) << np.uint64(b)
            kept_image[n] = image[i]
            n += 1
        kept_starts[c + 1] = n
    return kept_starts, kept_image[:n].copy(), true[:n].copy(), aside[:n].copy()


@numba.njit(cache=True, nogil=True)
def _trace(first, last, image, true, ignored, weights, positives, steps, eps, at_recall, at_precision, ends):
    """Recall and precision of one class at its true detections, per threshold; precision under its envelope."""
    seen = 0.0
    counted, aside = np.zeros(steps), np.zeros(steps)
    ends[:] = 0
    for i in range(first, last):
        weight = np.float64(weights[image[i]])
        seen += weight
        if (true[i] | ignored[i]) == np.uint64(0) or weight == 0.0:
            continue
        for b in range(steps):
            bit = np.uint64(1) << np.uint64(b)
            if true[i] & bit:
                counted[b] += weight
                false = seen - aside[b] - counted[b]
                at_recall[b, ends[b]] = counted[b] / positives
                at_precision[b, ends[b]] = counted[b] / (false + counted[b] + eps)
                ends[b] += 1
            elif ignored[i] & bit:
                aside[b] += weight
    for b in range(steps):
        for i in range(ends[b] - 2, -1, -1):
            at_precision[b, i] = max(at_precision[b, i], at_precision[b, i + 1])


@numba.njit(cache=True, nogil=True)
def _room(starts, true):
    """Most true detections a class has at any threshold, and per class where its last one is."""
    most, ends = 1, starts[1:].copy()
    for c in range(len(starts) - 1):
        n, last = 0, starts[c]
        for i in range(starts[c], starts[c + 1]):
            if true[i] != np.uint64(0):
                n, last = n + 1, i + 1
        most, ends[c] = max(most, n), last
    return most, ends


@numba.njit(cache=True, nogil=True)
def _curves(starts, image, true, ignored, weights, positives, steps, points, eps):
    """Curves of every class, read off at the recall points."""
    classes = len(starts) - 1
    precision = np.full((steps, len(points), classes), -1.0)
    recall = np.full((steps, classes), -1.0)
    most, lasts = _room(starts, true)
    at_recall, at_precision = np.empty((steps, most)), np.empty((steps, most))
    ends = np.zeros(steps, np.int64)
    for c in range(classes):
        if positives[c] <= 0:
            continue
        _trace(
            starts[c], lasts[c], image, true, ignored, weights, positives[c], steps, eps, at_recall, at_precision, ends
        )
        for b in range(steps):
            n, i = ends[b], 0
            recall[b, c] = at_recall[b, n - 1] if n else 0.0
            for r in range(len(points)):
                while i < n and at_recall[b, i] < points[r]:
                    i += 1
                precision[b, r, c] = at_precision[b, i] if i < n else 0.0
    return precision, recall


@numba.njit(cache=True, nogil=True)
def _replicates(starts, image, true, ignored, weights, object_image, object_class, steps, points, eps):
    """Mean precision and largest recall of every class under each row of weights."""
    classes = len(starts) - 1
    precision = np.full((len(weights), steps, classes), np.nan)
    recall = np.full((len(weights), steps, classes), np.nan)
    most, lasts = _room(starts, true)
    at_recall, at_precision = np.empty((steps, most)), np.empty((steps, most))
    ends, positives = np.zeros(steps, np.int64), np.zeros(classes)
    for row in range(len(weights)):
        drawn = weights[row]
        positives[:] = 0
        for o in range(len(object_image)):
            positives[object_class[o]] += drawn[object_image[o]]
        for c in range(classes):
            if positives[c] <= 0:
                continue
            _trace(
                starts[c],
                lasts[c],
                image,
                true,
                ignored,
                drawn,
                positives[c],
                steps,
                eps,
                at_recall,
                at_precision,
                ends,
            )
            for b in range(steps):
                n, i, total = ends[b], 0, 0.0
                for r in range(len(points)):
                    while i < n and at_recall[b, i] < points[r]:
                        i += 1
                    if i == n:
                        break
                    total += at_precision[b, i]
                precision[row, b, c] = total / len(points)
                recall[row, b, c] = at_recall[b, n - 1] if n else 0.0
    return precision, recall
