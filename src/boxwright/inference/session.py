"""One ONNX model, loaded safely, run with modest threads.

Only plain single-file models are loaded: a graph that points to data outside of itself is refused by giving the runtime
bytes, not a path. Threads do not spin while waiting: on a shared machine spinning costs more than it gains.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from boxwright.errors import StoreError

MAX_MODEL_BYTES = 2_000_000_000


class Session:
    """A loaded model: pictures in, boxes and scores of every cell out.

    Args:
        model: path of the ONNX file.
        threads: CPU threads of one run.
    """

    def __init__(self, model: Path, *, threads: int = 1) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            data = model.read_bytes()
            if len(data) > MAX_MODEL_BYTES:
                raise StoreError(f"'{model}' has {len(data)} bytes; at most {MAX_MODEL_BYTES} are loaded.")
            self._session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except (OSError, RuntimeError, ValueError) as error:
            raise StoreError(f"'{model}' cannot be loaded as an ONNX model: {error}") from error
        except Exception as error:  # onnxruntime's own exceptions share no public root
            if type(error).__module__.startswith("onnxruntime"):
                raise StoreError(f"'{model}' cannot be loaded as an ONNX model: {error}") from error
            raise
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or inputs[0].type != "tensor(uint8)" or len(outputs) != 2:
            raise StoreError(
                f"'{model}' is no Boxwright model: expected one uint8 input and two outputs (boxes, scores), "
                f"found {[i.type for i in inputs]} and {len(outputs)} outputs."
            )
        self._input, self._outputs = inputs[0].name, [o.name for o in outputs]

    def run(self, pictures: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Boxes and scores of every cell.

        Args:
            pictures: (n, h, w, 3) uint8 RGB, letterboxed.

        Returns:
            boxes (n, cells, 4) xyxy in input pixels, scores (n, cells, classes) in [0, 1].
        """
        boxes, scores = self._session.run(self._outputs, {self._input: pictures})
        return np.asarray(boxes), np.asarray(scores)
