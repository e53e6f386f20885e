"""What training asks of val between its steps: mAP of the network's answers, decoded by the code that serves.

Images of val are read and letterboxed once, and kept while they fit into memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
from numpy.typing import NDArray

from boxwright.artifacts import Dataset
from boxwright.boxes import xywh_from_xyxy
from boxwright.detections import DetectionColumns, Detections
from boxwright.evaluation import GroundTruth, Reducer, Scored, coco_metrics, match
from boxwright.evaluation.sides import truth_of
from boxwright.images import letterbox, read_picture
from boxwright.inference import decode
from boxwright.spec.spec import OutputClause
from boxwright.store import Store

Forward = Callable[[NDArray], tuple[NDArray, NDArray]]
Validate = Callable[[Forward], float]
_SCORE_FLOOR = 0.01  # mAP needs fainter detections than the server answers


def validation(
    store: Store, dataset: Dataset, ids: NDArray, *, input_hw: tuple[int, int], output: OutputClause
) -> Validate:
    """A function from a network's forward, a batch of one letterboxed image to boxes and scores, to its mAP on some images.

    Args:
        store: with the images.
        dataset: their annotations.
        ids: of the images, as `judged_ids` gives them.
        input_hw: of the network.
        output: the spec's, with its suppression.
    """
    rows = dataset.positions(ids)
    truth = truth_of(dataset, rows)
    pictures = _Placed(store, [dataset.picture_digests[row] for row in rows], input_hw, dataset.bit_depth)
    output = output.model_copy(update={"score_floor": min(_SCORE_FLOOR, output.score_floor)})

    def validate(forward: Forward) -> float:
        found: list[Detections] = []
        for position in range(len(rows)):
            picture, placement = pictures[position]
            boxes, scores = forward(picture[None])
            found.append(decode(boxes[0], scores[0], placement, output))
        return _mean_ap(truth, DetectionColumns.from_list(found), dataset.class_names, ids)

    return validate


class _Placed:
    """Letterboxed pictures of val, read once and kept while they fit."""

    _MOST_BYTES = 1_500_000_000

    def __init__(self, store: Store, digests: list[str], input_hw: tuple[int, int], bit_depth: int | None) -> None:
        self._store, self._digests, self._input_hw, self._bit_depth = store, digests, input_hw, bit_depth
        self._kept: dict[int, tuple[NDArray, Any]] = {}

    def __getitem__(self, position: int) -> tuple[NDArray, Any]:
        if position in self._kept:
            return self._kept[position]
        digest = self._digests[position]
        picture = read_picture(self._store.pictures.read(digest), name=digest[:12], bit_depth=self._bit_depth)
        placed = letterbox(picture, input_hw=self._input_hw)
        if (len(self._kept) + 1) * placed[0].nbytes < self._MOST_BYTES:
            self._kept[position] = placed
        return placed


def _mean_ap(truth: GroundTruth, columns: DetectionColumns, class_names: tuple[str, ...], ids: NDArray) -> float:
    scored = Scored(columns.image_index, columns.class_id, xywh_from_xyxy(columns.boxes_xyxy), columns.score)
    matches = match(truth, scored, class_names=class_names, images=pa.table({"image_id": ids}))
    return coco_metrics(Reducer(matches))["ap"]
