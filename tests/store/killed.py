"""Run as a program: writers of a store that are killed without warning, and what is found afterwards.

    python killed.py FOLDER HOW MANY

HOW is `steps` (the writer is killed at evenly spread steps of its code in the store) or `times` (after as many different times).
Each writer and each look at what it left is a process of its own, forked before Lance starts its threads.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from boxwright.artifacts import Dataset
from boxwright.store import Steps, Store
from tests.worlds import dataset, row

STORE_CODE = f"{os.sep}boxwright{os.sep}store{os.sep}"
HANGS_S = 120  # then it says where, and ends
BOX = (1.0, 2.0, 30.0, 40.0)


def version(number: int) -> Dataset:
    """The versions differ in a few rows of many."""
    rows = [row(k, [BOX], lighting="dim") for k in range(1, 60)]
    changed = 1 + number % 20
    rows[:changed] = [row(k + 1, [BOX, (5.0, 5.0, 9.0 + number, 9.0)]) for k in range(changed)]
    return dataset(rows[: 59 - changed])


def write(folder: Path, number: int) -> None:
    """Everything a stage writes: pictures, rows, an artifact, a name, the ledger."""
    store = Store(folder)
    store.pictures.add([f"picture {number} {k}".encode() for k in range(3)])
    store.put(version(number), name="dataset/line", reason=f"version {number}")
    Steps(store, lambda _: None)(Dataset, "step", lambda n: version(n + 100), number)


def look(folder: Path, number: int) -> None:
    """What a writer of version `number` left behind must be whole, and the write must succeed when it is repeated."""
    store = Store(folder)
    history = [event.digest for event in store.history("dataset/line")]
    expected = [version(n).digest for n in range(number)]
    assert history[: len(expected)] == expected, "a name lost what it pointed to"
    assert set(history[len(expected) :]) <= {version(number).digest}, "a name points to what was never written"
    for digest in store.digests("dataset"):
        store.get(digest, Dataset)  # checks the content against the digest
    assert all(json.loads(line)["output"] in store.digests("dataset") for line in store.place.lines("ledger.jsonl"))
    write(folder, number)
    assert store.get("dataset/line", Dataset) == version(number)
    assert Store(folder).pictures.read(Store(folder).pictures.add([b"picture 0 0"])[0]) == b"picture 0 0"


def in_a_process(do: Callable[[], None]) -> int:
    """The wait status of a fork that does it."""
    child = os.fork()
    if child == 0:
        faulthandler.dump_traceback_later(HANGS_S, exit=True)
        try:
            do()
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def killed_at(step: int) -> Callable[[FrameType, str, Any], None]:
    """A profile function that kills its process at a step of the store's code."""
    left = [step]

    def count(frame: FrameType, event: str, _: Any) -> None:
        if STORE_CODE in frame.f_code.co_filename:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return count


def steps_of(folder: Path) -> int:
    """How many steps of the store's code a write takes."""
    reading, writing = os.pipe()

    def measured() -> None:
        taken = [0]

        def count(frame: FrameType, event: str, _: Any) -> None:
            taken[0] += STORE_CODE in frame.f_code.co_filename

        sys.setprofile(count)
        write(folder, 0)
        sys.setprofile(None)
        os.write(writing, str(taken[0]).encode())

    assert in_a_process(measured) == 0
    return int(os.read(reading, 100))


def killed_by_step(folder: Path, number: int, step: int) -> bool:
    """Whether the writer was killed before it was done."""

    def writer() -> None:
        sys.setprofile(killed_at(step))
        write(folder, number)

    return os.WIFSIGNALED(in_a_process(writer))


def killed_by_time(folder: Path, number: int, after: float) -> bool:
    """The same after some seconds."""
    child = os.fork()
    if child == 0:
        write(folder, number)
        os._exit(0)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def main(folder: Path, how: str, many: int) -> None:
    steps = steps_of(folder)
    begin = time.perf_counter()
    assert in_a_process(lambda: write(folder, 1)) == 0
    usual = time.perf_counter() - begin
    killed = 0
    for number in range(2, many + 2):
        part = (number - 1) / (many + 1)
        if how == "steps":
            killed += killed_by_step(folder, number, 1 + round(part * steps))
        else:
            killed += killed_by_time(folder, number, part * usual)
        assert in_a_process(lambda number=number: look(folder, number)) == 0, f"after writer {number} of {how}"
    print(json.dumps({"killed": killed, "steps": steps}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
