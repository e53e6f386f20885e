"""Run as a program: copyings that are killed without warning, and writers that go on while a store is copied.

    python killed_copy.py FOLDER HOW MANY

HOW is `steps` or `times`, as in killed.py, or `write`: write to FOLDER/store until the standard input ends, as writer MANY.
Each copying and each look at what it left is a process of its own, forked before Lance starts its threads.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from boxwright.artifacts import KINDS
from boxwright.errors import StoreError
from boxwright.serving.journal import Journal
from boxwright.store import Store, digest_of_bytes
from boxwright.store.check import check
from boxwright.store.copy import copy
from tests.serving.journals import answer
from tests.store.filled import contents, fill, picture, quiet, version
from tests.store.killed import STORE_CODE, in_a_process, killed_at

os.fsync = lambda handle: None  # no power is cut here: a killed process loses nothing that the system has


def copying(folder: Path, target: str) -> None:
    copy(folder / "store", folder / target, KINDS, tell=quiet)


def steps_of(folder: Path) -> int:
    """How many steps of the store's code a copying takes."""
    reading, writing = os.pipe()

    def measured() -> None:
        taken = [0]

        def count(frame: Any, event: str, _: Any) -> None:
            taken[0] += STORE_CODE in frame.f_code.co_filename

        sys.setprofile(count)
        copying(folder, "whole")
        sys.setprofile(None)
        os.write(writing, str(taken[0]).encode())

    assert in_a_process(measured) == 0
    return int(os.read(reading, 100))


def killed_by_step(folder: Path, target: str, step: int) -> bool:
    def copier() -> None:
        sys.setprofile(killed_at(step))
        copying(folder, target)

    return os.WIFSIGNALED(in_a_process(copier))


def killed_by_time(folder: Path, target: str, after: float) -> bool:
    child = os.fork()
    if child == 0:
        copying(folder, target)
        os._exit(0)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def look(folder: Path, target: str) -> None:
    """A copy that was begun and stopped is refused, what its names stand for is whole, and the next run finishes it."""
    root = folder / target
    if (root / "copy.json").exists() and json.loads((root / "copy.json").read_text())["finished"] is None:
        try:
            Store(root)
        except StoreError:
            pass
        else:
            raise AssertionError("an unfinished copy was opened")
        (root / "copy.json").rename(folder / "aside")  # as where the store is lost
        found = check(root, KINDS, tell=quiet)
        assert not [fault for fault in found.faults if "stands for" in fault.found], found.faults
        (folder / "aside").rename(root / "copy.json")
    copying(folder, target)
    assert contents(root) == contents(folder / "whole")


def kill(folder: Path, how: str, many: int) -> None:
    assert in_a_process(lambda: fill(folder / "store")) == 0
    steps = steps_of(folder)
    begin = time.perf_counter()
    assert in_a_process(lambda: copying(folder, "measured")) == 0
    usual = time.perf_counter() - begin
    killed = 0
    for number in range(1, many + 1):
        target, part = f"copy-{number}", number / (many + 1)
        if how == "steps":
            killed += killed_by_step(folder, target, 1 + round(part * steps))
        else:
            killed += killed_by_time(folder, target, part * usual)
        assert in_a_process(lambda target=target: look(folder, target)) == 0, f"after copying {number} by {how}"
    print(json.dumps({"killed": killed, "steps": steps}))


def write(folder: Path, writer: int) -> None:
    """Pictures, versions, names and journaled answers, until the standard input ends."""
    store, journal, number = Store(folder / "store"), Journal(folder / "store" / "journal"), 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        number += 1
        data = f"seen by {writer}: {number}".encode() * 20
        store.pictures.add([data, *(picture(k) for k in range(100))])
        store.put(version(3 + number % 9, name=f"line-{writer}"), name=f"dataset/line-{writer}", reason=str(number))
        store.put(version(20 + number % 7 + 10 * writer), name=f"shared/{writer}")
        journal.keep_picture(data, digest_of_bytes(data))
        journal.append(answer(number, picture=digest_of_bytes(data)))
    journal.close()


if __name__ == "__main__":
    if sys.argv[2] == "write":
        write(Path(sys.argv[1]), int(sys.argv[3]))
    else:
        kill(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
