"""onnxruntime, always with the same options: the child that tests a model and the process that answers open it alike.

Threads do not spin while waiting: on a shared machine spinning costs more than it gains. The format is fixed to ONNX,
because onnxruntime would otherwise guess it from four bytes that a hostile file can choose. What the runtime has to say comes as
exceptions; it writes no log lines of its own.
"""

from __future__ import annotations

import re

import onnxruntime as ort

from boxwright.errors import ModelError
from boxwright.plain_text import printable

_OUT_OF_MEMORY = re.compile(
    r"bad.?alloc|Failed to allocate memory|Integer overflow|SafeInt|vector::|length_error|MemoryError"
)
_MESSAGE_CHARACTERS = 400


def open_session(data: bytes, *, threads: int = 1) -> ort.InferenceSession:
    """A session on the CPU.

    Args:
        data: an ONNX file that `check_graph` let pass.
        threads: CPU threads of one run.

    Raises:
        ModelError: onnxruntime refuses it.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise model_error(error, "onnxruntime cannot load it") from error


def check_signature(session: ort.InferenceSession) -> None:
    """Refuse a model that does not take one uint8 input and give two outputs.

    Raises:
        ModelError: with what was found.
    """
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(uint8)" or len(outputs) != 2:
        raise ModelError(
            "it is not a Boxwright model: expected one uint8 input and two outputs (boxes, scores), "
            f"found {', '.join(i.type for i in inputs) or 'no input'} and {len(outputs)} outputs",
            reason="signature",
        )


def model_error(error: Exception, what: str) -> ModelError:
    """An exception of onnxruntime as a ModelError; its classes share no public root, so any is taken."""
    said = one_line(str(error))
    if isinstance(error, MemoryError) or _OUT_OF_MEMORY.search(said):
        return ModelError(f"{what}: it needs more memory than it may have", reason="memory")
    return ModelError(f"{what} ({type(error).__name__}: {said})", reason="runtime")


def one_line(text: str) -> str:
    """One short line of printable characters; names in a hostile file may be long, and hold what a terminal obeys."""
    shown = printable(" ".join(text[: 4 * _MESSAGE_CHARACTERS].split()))
    return shown if len(shown) <= _MESSAGE_CHARACTERS else shown[:_MESSAGE_CHARACTERS] + " ..."
