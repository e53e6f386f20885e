"""The child process that opens a model nobody has opened yet; `opening.py` starts it and reads its one line of answer.

It gives itself limits first: memory, CPU seconds, no core file, no byte written to a file, no life beyond its parent's. Once everything it needs is
imported it may open no file at all, so that a model which slipped through the check of its bytes still reads nothing. Then the
model is checked, loaded, and run on the test images, each twice: the same image must get the same answer.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from math import prod
from random import Random
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from boxwright.errors import ModelError, OutputError
from boxwright.graphs.check import check_graph
from boxwright.graphs.outputs import Expected, check_outputs
from boxwright.graphs.runtime import check_signature, model_error, one_line, open_session

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Read the request (argument), images and model (standard input, a file), answer in one line of JSON."""
    request = json.loads(sys.argv[1])
    answer = os.dup(1)
    os.dup2(2, 1)  # whatever the runtime prints is not the answer
    confine(memory_bytes=request["memory_bytes"], seconds=request["seconds"])
    try:
        said = _prove(request)
    except ModelError as error:
        said = {"reason": error.reason, "message": one_line(str(error))}
    except OutputError as error:
        said = {"reason": "output", "kind": error.kind, "message": f"its output is wrong: {error}"}
    except MemoryError:
        said = {"reason": "memory", "message": "it needs more memory than it may have"}
    except Exception as error:
        said = {"reason": "runtime", "message": one_line(f"{type(error).__name__}: {error}")}
    os.write(answer, json.dumps(said).encode())
    os._exit(0)  # no destructors: what a hostile model left behind is not run


def confine(*, memory_bytes: int, seconds: float) -> None:
    """Limit this process for good.

    Args:
        memory_bytes: address space beyond what is in use now.
        seconds: of CPU time.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # Linux; elsewhere the CPU seconds end it
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")  # when the machine runs out of memory, this process goes first
    with contextlib.suppress(OSError, ValueError):
        _limit(resource.RLIMIT_AS, _address_space() + memory_bytes)
    _limit(resource.RLIMIT_CPU, int(seconds) + 1, more=4)  # a signal that says why, and seconds later the end
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)


def close_files() -> None:
    """Open no file from now on; those that are open stay."""
    _limit(resource.RLIMIT_NOFILE, 0)


def _limit(which: int, value: int, *, more: int = 0) -> None:
    """Set the soft limit to `value` and the hard one to `more` above it, unless they are lower already."""
    hard = resource.getrlimit(which)[1]
    hard = value + more if hard == resource.RLIM_INFINITY else min(value + more, hard)
    resource.setrlimit(which, (min(value, hard), hard))


def _address_space() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _prove(request: dict[str, Any]) -> dict[str, Any]:
    begin = time.perf_counter()
    given = sys.stdin.buffer
    given.seek(request["images_bytes"])
    data = given.read(request["model_bytes"])
    given.seek(0)
    expected = Expected(request["classes"], tuple(request["input_hw"]), request["score_floor"])
    close_files()
    check_graph(data)
    checked = time.perf_counter()
    session = open_session(data)
    check_signature(session)
    loaded = time.perf_counter()
    for image in _test_images(expected.input_hw, given, request["images_bytes"]):
        first, again = (_run(session, image, expected) for _ in range(2))
        if not all(np.array_equal(a, b) for a, b in zip(first, again, strict=True)):
            raise ModelError("it gives two answers to one image; one bundle must mean one answer", reason="output")
    ran = time.perf_counter()
    return {"seconds": {"check": checked - begin, "load": loaded - checked, "run": ran - loaded}}


def _test_images(input_hw: tuple[int, int], given: IO[bytes], sent_bytes: int) -> Iterator[NDArray[np.uint8]]:
    """A black one, one of noise, and those that were sent, read one after another; each (1, h, w, 3)."""
    shape = (1, *input_hw, 3)
    yield np.zeros(shape, np.uint8)
    yield np.frombuffer(Random(0).randbytes(prod(shape)), np.uint8).reshape(shape)
    for _ in range(sent_bytes // prod(shape)):
        yield np.frombuffer(given.read(prod(shape)), np.uint8).reshape(shape)


def _run(session: Any, image: NDArray[np.uint8], expected: Expected) -> tuple[NDArray, NDArray]:
    try:
        boxes, scores = session.run(None, {session.get_inputs()[0].name: image})
    except Exception as error:
        raise model_error(error, "it cannot answer a test image") from error
    return check_outputs(boxes, scores, images=1, expected=expected, every_cell=True)
