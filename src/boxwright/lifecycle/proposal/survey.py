"""What a first look at the data finds: images with sizes, boxes as columns, conditions, subsets, and how to read the bytes.

Only headers are read here; pixels are decoded later, for groups. Where no image file is found (an annotation file alone), the
sizes that the annotations declare are believed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxwright.ingestion import Reading, look
from boxwright.ingestion.reading import PictureRecord

Fetch = Callable[[str], bytes]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Survey:
    """Images and their boxes.

    Attributes:
        class_names: in the order of the source.
        file_names, sides, conditions: of the (n,) images.
        labelled: (n,) whether anybody has looked at the image.
        sizes_hw: (n, 2) upright, NaN where unknown.
        image: (m,) position of each box's image.
        class_id: (m,).
        boxes_xyxy: (m, 4) pixels of the upright image.
        read: (n,) how to get the bytes; empty where there are no image files.
        stored: whether this is a dataset of the store, whose conditions cannot be read off names any more.
    """

    class_names: tuple[str, ...]
    file_names: list[str]
    sides: list[str]
    conditions: list[Mapping[str, Any]]
    labelled: NDArray[np.bool_]
    sizes_hw: NDArray[np.float64]
    image: NDArray[np.int64]
    class_id: NDArray[np.int64]
    boxes_xyxy: NDArray[np.float64]
    read: list[Callable[[], bytes]]
    stored: bool

    def __len__(self) -> int:
        return len(self.file_names)

    @property
    def per_class(self) -> NDArray[np.int64]:
        """(classes,) boxes of each."""
        return np.bincount(self.class_id, minlength=len(self.class_names))

    @property
    def per_image(self) -> NDArray[np.int64]:
        """(n,) boxes on each."""
        return np.bincount(self.image, minlength=len(self))

    @property
    def side_px(self) -> NDArray[np.float64]:
        """(m,) square root of each box's area, pixels."""
        width, height = (self.boxes_xyxy[:, 2:] - self.boxes_xyxy[:, :2]).T
        return np.sqrt(np.maximum(width * height, 0.0))


def survey(reading: Reading, *, fetch: Fetch | None = None, progress: Progress = lambda *_: None) -> Survey:
    """The usable images of a reading.

    Args:
        reading: of files, or of a dataset of the store.
        fetch: the bytes of a digest, for a dataset of the store.
        progress: told what is done, how many, of how many.
    """
    told = partial(progress, "look")
    records = [seen.record for seen in look(reading, depth="header", fetch=fetch, progress=told)]
    read = [_reader(record, fetch) for record in records]
    if not records and reading.pictures:
        records = [seen.record for seen in look(reading, depth="nothing")]
    boxes = [record.boxes for record in records]
    counts = [len(b) for b in boxes]
    unknown = (np.nan, np.nan)
    return Survey(
        class_names=tuple(reading.class_names),
        file_names=[record.file_name for record in records],
        sides=[record.side for record in records],
        conditions=[record.conditions for record in records],
        labelled=np.array([record.labelled for record in records], np.bool_),
        sizes_hw=np.array([record.size_hw or unknown for record in records], np.float64).reshape(-1, 2),
        image=np.repeat(np.arange(len(records)), counts).astype(np.int64),
        class_id=np.concatenate([np.zeros(0, np.int64), *(b.class_id for b in boxes)]).astype(np.int64),
        boxes_xyxy=np.concatenate([np.zeros((0, 4)), *(b.boxes_xyxy for b in boxes)]),
        read=read,
        stored=fetch is not None,
    )


def _reader(record: PictureRecord, fetch: Fetch | None) -> Callable[[], bytes]:
    return record.path.read_bytes if fetch is None else partial(fetch, record.digest)
