"""Where a guideline's examples come from: a dataset of the store, or annotation files of any format ingestion reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Dataset
from boxwright.errors import BoxwrightError, InputError
from boxwright.images import read_picture
from boxwright.ingestion.reading import Reading
from boxwright.labels.examples import MARKS, Drawn
from boxwright.lifecycle.annotators import is_marked
from boxwright.spec import Spec
from boxwright.store import Store

Pictures = Callable[[int], NDArray[np.uint8] | None]


def drawn_of_dataset(dataset: Dataset, store: Store | None, spec: Spec) -> tuple[Drawn, Pictures]:
    """The annotations of a dataset with the spec's class_ids, and its pictures by position, as far as a store holds them."""
    columns = dataset.annotations
    attributes = [
        json.loads(text) if text else {} for row in dataset.rows.column("attributes").to_pylist() for text in row
    ]
    drawn = _drawn(
        spec, list(dataset.class_names), dataset.file_names, dataset.sizes_hw.astype(np.float64), columns.image_index,
        columns.class_id, columns.boxes_xyxy, columns.crowd, attributes,
    )  # fmt: skip

    def read(position: int) -> NDArray[np.uint8] | None:
        digest = dataset.picture_digests[position]
        if store is None:
            return None
        if digest not in store.pictures:
            return None
        return read_picture(store.pictures.read(digest), name=digest[:12], bit_depth=dataset.bit_depth)

    return drawn, read


def drawn_of_reading(reading: Reading, spec: Spec) -> tuple[Drawn, Pictures]:
    """The same of files that were read."""
    boxes = [record.boxes for record in reading.pictures]
    counts = [len(b) for b in boxes]
    sizes = [record.size_hw or (np.nan, np.nan) for record in reading.pictures]
    drawn = _drawn(
        spec, list(reading.class_names), [record.file_name for record in reading.pictures],
        np.array(sizes, np.float64).reshape(-1, 2), np.repeat(np.arange(len(boxes)), counts),
        np.concatenate([np.zeros(0, np.int32), *(b.class_id for b in boxes)]),
        np.concatenate([np.zeros((0, 4)), *(b.boxes_xyxy for b in boxes)]),
        np.concatenate([np.zeros(0, np.bool_), *(b.crowd for b in boxes)]),
        [a for b in boxes for a in (b.attributes or [{}] * len(b))],
    )  # fmt: skip
    paths: list[Path] = [record.path for record in reading.pictures]

    def read(position: int) -> NDArray[np.uint8] | None:
        try:
            return (
                read_picture(paths[position].read_bytes(), name=paths[position].name)
                if paths[position].is_file()
                else None
            )
        except (BoxwrightError, OSError):
            return None

    return drawn, read


def _drawn(
    spec: Spec, class_names: list[str], file_names: list[str], sizes_hw: NDArray, picture: NDArray, class_id: NDArray,
    boxes_xyxy: NDArray, crowd: NDArray, attributes: list[dict],
) -> Drawn:  # fmt: skip
    if not set(class_names) & set(spec.class_names):
        raise InputError(
            f"The annotations have none of the classes of spec '{spec.name}' ({', '.join(spec.class_names)}); "
            f"they have {', '.join(class_names[:20]) or 'none'}."
        )
    at = {name: i for i, name in enumerate(spec.class_names)}
    ours = np.array([at.get(name, -1) for name in class_names], np.int32)[class_id]
    keep = (ours >= 0) & ~crowd
    marks = {
        name: np.fromiter((is_marked(a.get(name)) if a else False for a in attributes), np.bool_, len(attributes))[keep]
        for name in MARKS
    }
    return Drawn(spec.class_names, file_names, sizes_hw, picture[keep], ours[keep], boxes_xyxy[keep], marks)
