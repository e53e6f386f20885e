"""One ONNX model in this process: images in, boxes and scores of every cell out, checked and within a time limit.

The model was opened in a child process before (`graphs.prove_model`); here the same bytes are loaded to answer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from boxwright.errors import OutputError, TimeExceeded
from boxwright.graphs import Expected, check_outputs, check_signature, open_session
from boxwright.inference.watchdog import WATCHDOG


class Session:
    """A loaded model.

    Args:
        data: the ONNX file, as it was proven.
        expected: what every output is held against.
        threads: CPU threads of one run.

    Raises:
        ModelError: onnxruntime refuses it, or it does not take one uint8 input and give two outputs.
    """

    def __init__(self, data: bytes, expected: Expected, *, threads: int = 1) -> None:
        self._session = open_session(data, threads=threads)
        check_signature(self._session)
        self._expected = expected
        self._input = self._session.get_inputs()[0].name
        self._outputs = [output.name for output in self._session.get_outputs()]

    def run(self, pictures: NDArray[np.uint8], *, seconds: float) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Boxes and scores of every cell.

        Args:
            pictures: (n, h, w, 3) uint8 RGB, letterboxed.
            seconds: time limit of the run.

        Returns:
            boxes (n, cells, 4) xyxy in input pixels, scores (n, cells, classes) in [0, 1].

        Raises:
            OutputError: an output breaks the contract, or onnxruntime fails on these images.
            TimeExceeded: the run was stopped, or there was no time left to begin it.
        """
        if seconds <= 0:
            raise TimeExceeded("No time was left to run the model.", seconds=seconds)
        with WATCHDOG.within(seconds) as watched:
            try:
                boxes, scores = self._session.run(self._outputs, {self._input: pictures}, watched.options)
            except Exception as error:  # onnxruntime's own exceptions share no public root
                if watched.expired:
                    raise TimeExceeded(
                        f"The model had not answered after {seconds:g} s and was stopped.", seconds=seconds
                    ) from error
                raise OutputError(
                    f"The model failed on this image: {type(error).__name__}: {' '.join(str(error).split())[:400]}",
                    kind="failed",
                ) from error
        return check_outputs(boxes, scores, images=len(pictures), expected=self._expected)
