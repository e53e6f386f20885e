"""Graphs: whether an ONNX file may be opened, and what it answers when it is.

Takes the bytes of a model, which may come from anyone. Guarantees that what passes is self-contained (no data outside
the file, no operator outside a list), and that a process of its own, with limits of time and memory, has opened it, run
it on test images and found its outputs in order. Knows nothing of bundles; needs numpy and onnxruntime alone, because the
child process that opens a model must start quickly.
"""

from boxwright.graphs.opening import Limits, prove_model
from boxwright.graphs.outputs import Expected, check_outputs
from boxwright.graphs.runtime import check_signature, open_session

__all__ = ["Expected", "Limits", "check_outputs", "check_signature", "open_session", "prove_model"]
