"""A bundle on many pictures: detections, the time each took, and on what it was measured."""

from __future__ import annotations

import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from boxwright.artifacts import Bundle, Predictions, detection_table
from boxwright.detections import DetectionColumns, Detections
from boxwright.errors import InputError, OutputError, TimeExceeded
from boxwright.images import MEASURES, measure
from boxwright.inference.detector import Detector

_WARM_UP = 3


def predict(
    bundle: Bundle,
    *,
    image_ids: Sequence[int],
    file_names: Sequence[str],
    read: Callable[[int], bytes],
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
    on_answer: Callable[[int, NDArray[np.uint8], Detections], None] | None = None,
    on_refusal: Callable[[int, InputError], None] | None = None,
    made_from: dict[str, str] | None = None,
) -> Predictions:
    """Predictions of a bundle, one picture at a time, as a server would.

    Args:
        bundle: what to load; its golden pictures are answered first.
        image_ids: (n,) ids the predictions are kept under.
        file_names: (n,) names.
        read: position 0 to n - 1 to the encoded picture.
        threads: CPU threads of one run.
        progress: called with (done, all) after each picture.
        on_answer: called with position, pixels and detections of each picture, after its time was taken.
        on_refusal: called with the position of a picture that cannot be read, or that a server refuses because it has several
            frames; the picture is left out of the predictions. Without it the first such picture ends the run, and of several
            frames the first is answered: what a dataset's annotations are of.
        made_from: for lineage, beside the bundle.

    Raises:
        PictureError: a picture cannot be read.
        OutputError, TimeExceeded: the model gave no valid answer to a picture.
    """
    detector = Detector(bundle, threads=threads, check_golden=True)
    answers = _Answers()
    for position, name in enumerate(file_names):
        try:
            data = read(position)
            if not answers.positions:
                for _ in range(_WARM_UP):
                    detector.detect(detector.read(data, name=name))
            begin = time.perf_counter()
            picture = detector.read(data, name=name, one_frame=on_refusal is not None)
        except InputError as error:
            if on_refusal is None:
                raise
            on_refusal(position, error)
        else:
            found = _detect(detector, picture, name)
            answers.add(position, picture, found, latency_ms=(time.perf_counter() - begin) * 1e3)
            if on_answer:
                on_answer(position, picture, found)
        if progress:
            progress(position + 1, len(file_names))
    return Predictions(
        class_names=bundle.contract.class_names,
        images=answers.table(image_ids, file_names),
        detections=detection_table(DetectionColumns.from_list(answers.detections)),
        measured_on=measured_on(threads),
        made_from={"bundle": bundle.digest, **(made_from or {})},
    )


class _Answers:
    """The pictures that were answered, in their order: positions, detections, times, and what their pixels measure."""

    def __init__(self) -> None:
        self.positions: list[int] = []
        self.detections: list[Detections] = []
        self._latency_ms: list[float] = []
        self._measures: dict[str, list[float]] = {name: [] for name in MEASURES}

    def add(self, position: int, picture: NDArray[np.uint8], detections: Detections, *, latency_ms: float) -> None:
        """Note one."""
        self.positions.append(position)
        self.detections.append(detections)
        self._latency_ms.append(latency_ms)
        for name, value in measure(picture).items():
            self._measures[name].append(value)

    def table(self, image_ids: Sequence[int], file_names: Sequence[str]) -> pa.Table:
        """A row for each, as `Predictions.images`."""
        return pa.table(
            {
                "image_id": pa.array([int(image_ids[i]) for i in self.positions], pa.int64()),
                "file_name": pa.array([file_names[i] for i in self.positions], pa.string()),
                "detections": pa.array([len(d) for d in self.detections], pa.int32()),
                "latency_ms": pa.array(self._latency_ms, pa.float64()),
                **{name: pa.array(values, pa.float64()) for name, values in self._measures.items()},
            }
        )


def _detect(detector: Detector, picture: NDArray[np.uint8], name: str) -> Detections:
    """The detections, or an error that says of which picture."""
    try:
        return detector.detect(picture)
    except OutputError as error:
        raise OutputError(f"'{name}' has no answer: {error}", kind=error.kind) from error
    except TimeExceeded as error:
        raise TimeExceeded(f"'{name}' has no answer: {error}", seconds=error.seconds) from error


def measured_on(threads: int) -> dict[str, Any]:
    """The hardware, threads used, and this process's peak memory, unless it also trained (torch is much larger)."""
    found: dict[str, Any] = {"hardware": hardware(), "threads": threads}
    if "torch" not in sys.modules:
        found["memory_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
    return found


def hardware() -> str:
    """The processor's name and how many of its cores this process may use."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as file:
            name = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), name)
    except OSError:
        pass
    return f"{name}, {len(os.sched_getaffinity(0))} cores"
