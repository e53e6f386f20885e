"""A model is opened in a process of its own before it is opened in this one.

A graph can loop for ever, ask for all memory, or crash the runtime; none of it can be seen in its bytes, and none may happen in
a server. A child with limits does it first (confined.py). Its environment is empty but for what libraries need, its working
folder is an empty one, it is reached through no shell, and it is killed with everything it may have started.

What passed is remembered in this process, by the digests of the model and the images and by what was expected.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from boxwright.errors import ModelError
from boxwright.graphs.outputs import Expected

_ANSWER_BYTES = 1 << 16
_REMEMBERED = 512
_KEPT_ENVIRONMENT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_START = "import sys; sys.path.extend(sys.argv.pop(1).split({separator!r})); from boxwright.graphs.confined import main; main()"


@dataclass(frozen=True)
class Limits:
    """What a model may take to be opened and to answer the test images.

    Attributes:
        seconds: of wall clock, and of CPU.
        memory_bytes: address space beyond the runtime's own; four times the model's size comes on top.
    """

    seconds: float = 60.0
    memory_bytes: int = 4 << 30


LIMITS = Limits()
_passed: dict[str, dict[str, float]] = {}
_lock = threading.Lock()


def prove_model(
    data: bytes, expected: Expected, *, images: Iterable[NDArray[np.uint8]] = (), limits: Limits | None = None
) -> dict[str, float]:
    """Check a model's bytes, then load and run it in a child process; the seconds that took there.

    Args:
        data: the ONNX file.
        expected: what its outputs are held against.
        images: (h, w, 3) uint8 of the input's size, to be run beside a black image and one of noise; taken one at a time,
            and none is kept in memory.
        limits: None: LIMITS.

    Raises:
        ModelError: the model must not be loaded; `reason` is `format`, `external`, `operator`, `size`, `nesting`, `signature`,
            `runtime`, `output`, `time`, `memory` or `crash`.
    """
    limits = limits or LIMITS
    request = {**asdict(expected), **asdict(limits), "model_bytes": len(data)}
    hasher = hashlib.sha256(json.dumps(request, sort_keys=True).encode())
    hasher.update(hashlib.sha256(data).digest())
    with _temporary() as (folder, given):
        largest = 0
        for image in images:
            pixels = image.tobytes()
            hasher.update(hashlib.sha256(pixels).digest())
            with _no_child_without_a_file():
                given.write(pixels)
            largest = max(largest, len(pixels))
        key = hasher.hexdigest()
        with _lock:
            if key in _passed:
                return _passed[key]
        request["memory_bytes"] += 4 * len(data) + 2 * largest
        with _no_child_without_a_file():
            request["images_bytes"] = given.tell()
            given.write(data)
            given.seek(0)
            said = _heard(request, given, folder, limits)
    if "reason" in said:
        raise ModelError(said["message"], reason=said["reason"], kind=said.get("kind", ""))
    with _lock:
        if len(_passed) >= _REMEMBERED:
            _passed.clear()
        _passed[key] = said["seconds"]
    return said["seconds"]


@contextlib.contextmanager
def _temporary() -> Iterator[tuple[str, IO[bytes]]]:
    """An empty folder for the child to stand in, and the file that it is given: images, then the model."""
    with contextlib.ExitStack() as kept:
        with _no_child_without_a_file():
            folder = kept.enter_context(tempfile.TemporaryDirectory(prefix="boxwright-model-"))
            given = kept.enter_context(tempfile.TemporaryFile())
        yield folder, given


@contextlib.contextmanager
def _no_child_without_a_file() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ModelError(
            f"no child process could be started to test it ({error}); it needs a temporary folder that can be written to, "
            "see TMPDIR",
            reason="child",
        ) from error


def _heard(request: dict[str, Any], given: IO[bytes], folder: str, limits: Limits) -> dict[str, Any]:
    """Run the child to its end, and its answer."""
    child = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _START.format(separator=os.pathsep), os.pathsep.join(_roots()), json.dumps(request)],
        stdin=given, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=folder, env=_environment(), start_new_session=True,
    )  # fmt: skip
    assert child.stdout is not None
    ended = False
    try:
        answer = _read(child.stdout, time.monotonic() + limits.seconds)
        if answer is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=5)
                ended = True
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
    if answer is None or child.returncode == -signal.SIGXCPU:
        raise ModelError(
            f"it had not answered the test images after {limits.seconds:g} s (an endless loop?)", reason="time"
        )
    try:
        said = json.loads(answer)
    except ValueError:
        raise _crashed(child.returncode, ended=ended) from None
    if said.get("reason") == "memory":
        said["message"] += f" ({request['memory_bytes'] / (1 << 30):.1f} GiB)"
    return said


def _read(pipe: IO[bytes], deadline: float) -> bytes | None:
    """What the child writes until it closes the pipe; None when the deadline comes first."""
    found = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while len(found) <= _ANSWER_BYTES:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                return None
            part = os.read(pipe.fileno(), _ANSWER_BYTES)
            if not part:
                break
            found += part
    return found


def _crashed(returncode: int, *, ended: bool) -> ModelError:
    if returncode == -signal.SIGKILL and ended:
        return ModelError("the process that tested it was killed, most likely because memory ran out", reason="memory")
    how = signal.Signals(-returncode).name if returncode < 0 else f"exit code {returncode}"
    return ModelError(f"it crashed the process that tested it ({how})", reason="crash")


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    return {**kept, "PATH": os.defpath, "LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def _roots() -> list[str]:
    """Where this process found the packages the child imports; it looks nowhere else, and runs no site hooks."""
    roots: dict[str, None] = {}
    for name in ("boxwright", "numpy", "onnxruntime"):
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None:
            roots[str(Path(spec.origin).absolute().parents[1])] = None
    return list(roots)
