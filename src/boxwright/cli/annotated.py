"""Images with a bundle's boxes drawn on them, as a folder that is made whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts.bundle import Contract
from boxwright.detections import Detections
from boxwright.errors import InputError
from boxwright.images import draw_boxes, write_jpeg
from boxwright.inference import Thresholds
from boxwright.store.atomic import new_folder, write_bytes


class AnnotatedImages:
    """A folder that fills with JPEG files named after their images."""

    def __init__(self, folder: Path, contract: Contract, thresholds: Thresholds | None) -> None:
        self._folder, self._contract, self._thresholds = folder, contract, thresholds
        self._taken: set[str] = set()
        self._numbers: dict[str, Iterator[int]] = {}  # of images that are called alike

    @classmethod
    @contextmanager
    def into(
        cls, target: Path | None, contract: Contract, thresholds: Thresholds | None
    ) -> Iterator[AnnotatedImages | None]:
        """The folder, while the block runs; None where none is asked for.

        Args:
            target: a folder to make; it must be new or empty.
            contract: the bundle's, for names of classes.
            thresholds: what is drawn; everything where None.
        """
        if target is None:
            yield None
            return
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise InputError(
                f"'{target}' exists and is not an empty folder; nothing is written over it. Name another folder."
            )
        with new_folder(target.resolve()) as folder:
            yield cls(folder, contract, thresholds)

    def add(self, name: str, picture: NDArray[np.uint8], detections: Detections, conditions: Mapping[str, Any]) -> None:
        """Draw the detections of one image and write it."""
        if self._thresholds is not None:
            detections = detections[np.flatnonzero(self._thresholds.answered(detections, conditions))]
        names = self._contract.class_names
        texts = [f"{names[c]} {s:.2f}" for c, s in zip(detections.class_id, detections.score, strict=True)]
        drawn = draw_boxes(picture, detections.boxes_xyxy, detections.class_id, texts)
        write_bytes(self._folder / self._path(name), write_jpeg(drawn))

    def _path(self, name: str) -> str:
        """`a/b.png` as `a/b.jpg`, or as `a/b.png.jpg` where another image has taken that; never outside of the folder."""
        parts = [
            part for part in PurePosixPath(name.replace("\\", "/")).parts if part not in ("/", "..") and ":" not in part
        ]
        path = PurePosixPath(*parts or ["image"])
        chosen, options = str(path.with_suffix(".jpg")), self._numbers.setdefault(str(path).lower(), count(1))
        while chosen.lower() in self._taken:
            number = next(options)
            chosen = f"{path}.{number}.jpg" if number > 1 else f"{path}.jpg"
        self._taken.add(chosen.lower())
        return chosen
