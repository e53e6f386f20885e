"""Every n-th call to the disk fails, for every n until nothing fails any more, in journal, names, rollout and review queue.

    python -m benchmarks.reliability.failing_disk [--seconds 600] [--seed 0]

For each scenario of tests/failing_scenarios.py, in several ways of failing (one call, or all from it on; whole writes, or half of one; no
space or an I/O error; all calls, or two kinds of them), each position is tried, and at each the invariants are asserted: acknowledged
records readable, names with the old or the new value, artifacts and files whole or absent, no bare OSError. Then power cuts on a disk that
forgets what was not flushed. Goal: 0 positions at which an invariant breaks. Raw counts: results/failing_disk.json.
"""

from __future__ import annotations

import argparse
import errno
import itertools
import json
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.reliability.measured_on import box, keep
from boxwright.artifacts import OperatingPoint
from boxwright.serving.journal import Journal
from boxwright.store import Store, using
from tests.disks import CALLS, Unsynced
from tests.failing_scenarios import (
    journal_scenario,
    names_scenario,
    point,
    queue_scenario,
    review_log_scenario,
    rollout_scenario,
)
from tests.serving.journals import answer, numbers

Scenario = Callable[..., int]
KINDS = (CALLS, ("write", "truncate"), ("write", "open"), ("fsync", "fdatasync", "truncate"), ("rename", "replace"))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seconds", type=float, default=600.0, help="No new way of failing is begun after this long.")
    options.add_argument("--seed", type=int, default=0, help="Noted only: every position is tried.")
    asked = options.parse_args()
    until = time.monotonic() + asked.seconds
    result: dict[str, Any] = {
        "box": box(asked.seed),
        "goal": {"broken": 0},
        "scenarios": {},
        "broken": [],
        "not_tried": 0,
    }
    for name, scenario, way in _turn_by_turn(_all()):
        counts = result["scenarios"].setdefault(name, {"ways": 0, "positions": 0, "not_tried": 0})
        if time.monotonic() > until:
            counts["not_tried"] += 1
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                counts["positions"] += scenario(Path(folder) / "here", **way)
                counts["ways"] += 1
            except Exception:
                result["broken"].append({"scenario": name, **way, "error": traceback.format_exc(limit=-3)})
    result["power cuts"] = {"journal": _journal_cuts(50), "names": _name_cuts(20)}
    lost = sum(part["lost"] for part in result["power cuts"].values())
    result["positions"] = sum(counts["positions"] for counts in result["scenarios"].values())
    result["not_tried"] = sum(counts["not_tried"] for counts in result["scenarios"].values())
    result["reached"] = not result["broken"] and lost == 0 and not result["not_tried"]
    print(json.dumps(result, indent=1), f"-> {keep('failing_disk', result)}", sep="\n")
    sys.exit(0 if result["reached"] else 1)


def _ways(kinds: tuple[tuple[str, ...], ...] = KINDS) -> Iterator[dict[str, Any]]:
    for calls, code, half, then in itertools.product(kinds, (errno.ENOSPC, errno.EIO), (False, True), (False, True)):
        if not half or "write" in calls:
            yield {"calls": calls, "code": code, "half": half, "from_then_on": then}


def _all() -> Iterator[tuple[str, Scenario, list[dict[str, Any]]]]:
    yield "journal", journal_scenario, [{**way, "flush": flush} for way in _ways() for flush in (False, True)]
    yield "names", names_scenario, list(_ways())
    yield "review log", review_log_scenario, list(_ways())
    yield (
        "queue",
        queue_scenario,
        [{**way, "form": form} for way in _ways(KINDS[:1]) for form in ("coco", "cvat", "labelstudio")],
    )
    yield "rollout", rollout_scenario, list(_ways(KINDS[:1]))


def _turn_by_turn(
    scenarios: Iterator[tuple[str, Scenario, list[dict[str, Any]]]],
) -> Iterator[tuple[str, Scenario, dict[str, Any]]]:
    """One way of each scenario, then the next of each, so that a short run tries all of them."""
    rest = list(scenarios)
    for number in range(max(len(ways) for _, _, ways in rest)):
        yield from ((name, scenario, ways[number]) for name, scenario, ways in rest if number < len(ways))


def _journal_cuts(cuts: int) -> dict[str, int]:
    """Power cuts after every acknowledged record of a journal that waits for the disk."""
    lost = 0
    with tempfile.TemporaryDirectory() as parent:
        root = Path(parent) / "world"
        root.mkdir()
        disk = Unsynced()
        journal = Journal(root / "journal", fs=disk, flush_to_disk=True, segment_bytes=3000)
        for number in range(cuts):
            journal.append(answer(number))
            left = disk.cut_power(root, Path(parent) / f"cut-{number}")
            lost += len(set(range(number + 1)) - set(numbers(left / "journal")))
    return {"cuts": cuts, "lost": lost}


def _name_cuts(cuts: int) -> dict[str, int]:
    """The same after every move of a name."""
    lost = 0
    with tempfile.TemporaryDirectory() as parent:
        root = Path(parent) / "world"
        root.mkdir()
        disk = Unsynced()
        for number in range(cuts):
            with using(disk):
                Store(root / "store").put(point(number / 100), name="line/point")
            left = Store(disk.cut_power(root, Path(parent) / f"cut-{number}") / "store")
            lost += left.get("line/point", OperatingPoint) != point(number / 100)
            lost += len(left.history("line/point")) != number + 1
    return {"cuts": cuts, "lost": lost}


if __name__ == "__main__":
    main()
