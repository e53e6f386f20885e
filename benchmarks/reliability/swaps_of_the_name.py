"""Many processes promote, roll back and end a turn at once: how many ignored the move before theirs, and what deciding again costs.

    python -m benchmarks.reliability.swaps_of_the_name build/swaps [--processes N] [--rounds N] [--seed N] [--store PATH] [--name NAME]

A store with six judged bundles; each round forks N processes that move the name `rollout` at the same moment (a third promotes, a third
ends a turn, a third rolls back; tests/lifecycle/movers.py). Counted over all rounds: entries of the history that were not made from
the entry before (goal: 0), moves that were reported as done and do not stand in the history (goal: 0), writers that lost and were not
told who won (goal: 0). Then, on a store that a demo or a project made (--store), CPU seconds of each step of deciding again on the
verdict in service, beside the seconds of the first decision in the store's ledger.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from boxwright import __version__
from boxwright.artifacts import Bundle, Rollout, Verdict
from boxwright.inference import Detector
from boxwright.lifecycle import ROLLOUT, current_rollout
from boxwright.lifecycle.evidence import answer_again, gather, measure_again
from boxwright.store import Store
from tests.tiny_bundles import keep_verdict, tiny_bundle

RESULTS = Path(__file__).parent / "results"
ROOT = Path(__file__).resolve().parents[2]
GOAL = {"not_made_from_the_entry_before": 0, "done_and_not_in_the_history": 0, "lost_and_not_told": 0}


def main() -> None:
    """Run the rounds, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--processes", type=int, default=190)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--store", type=Path, help="a store with a rollout, whose verdict is decided again")
    parser.add_argument("--name", default="swaps_of_the_name")
    given = parser.parse_args()
    box = _box(given.seed)
    swaps = _swaps(given.out, given.processes, given.rounds, given.seed)
    cost = _cost(Store(given.store)) if given.store else None
    result = {"goal": GOAL, "swaps": swaps, "deciding_again": cost, "box": {**box, "load_after": os.getloadavg()}}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{given.name}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({**result, "swaps": {k: v for k, v in swaps.items() if k != "told"}}, indent=1))
    sys.exit(0 if all(swaps[name] == goal for name, goal in GOAL.items()) else 1)


def _swaps(out: Path, processes: int, rounds: int, seed: int) -> dict[str, Any]:
    """All rounds on one store; what became of every process."""
    store = Store(out / f"store-{time.time_ns()}")
    bundles = [tiny_bundle(out / f"bundle-{k}", scores=(0.9 - 0.02 * k, 0.6)) for k in range(6)]
    verdicts = [keep_verdict(store, bundle).digest for bundle in bundles]
    found: list[dict[str, Any]] = []
    seconds = []
    for number in range(rounds):
        begin = time.perf_counter()
        done = subprocess.run(
            [sys.executable, str(ROOT / "tests" / "lifecycle" / "movers.py"), str(store.place.local("")), str(processes),
             str(10 * seed + number), *verdicts],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        seconds.append(round(time.perf_counter() - begin, 1))
        found += [json.loads(line) for line in done.stdout.splitlines()]
    chain = [store.get(event.digest, Rollout) for event in store.history(ROLLOUT)]
    known = {rollout.digest for rollout in chain}
    broken = sum(
        after.made_from.get("rollout") != (before.digest if before else None)
        for before, after in zip([None, *chain], chain, strict=False)
    )
    return {
        "processes": processes, "rounds": rounds, "seconds": seconds, "entries": len(chain),
        "outcomes": dict(Counter(f"{one['what']}: {one['outcome']}" for one in found)),
        "not_made_from_the_entry_before": broken,
        "done_and_not_in_the_history": sum(one["outcome"] == "done" and one["rollout"] not in known for one in found),
        "lost_and_not_told": sum(one["outcome"] == "lost" and "someone else was faster: " not in one["told"] for one in found),
        "told": sorted({one["told"] for one in found if "told" in one})[:20],
    }  # fmt: skip


def _cost(store: Store) -> dict[str, Any]:
    """CPU seconds of deciding again, the first time (kernels are loaded) and the second, beside the ledger's seconds."""
    rollout = current_rollout(store)
    if rollout is None:
        raise SystemExit("nothing is promoted in that store")
    runs = []
    for _ in range(2):
        verdict = store.get(rollout.verdict, Verdict)
        marks = [time.process_time()]
        evidence = gather(store, verdict)
        marks.append(time.process_time())
        measure_again(store, evidence)
        marks.append(time.process_time())
        detector = Detector(store.get(verdict.bundle, Bundle), check_golden=True)
        marks.append(time.process_time())
        images = answer_again(store, evidence, detector)
        marks.append(time.process_time())
        steps = ("gather", "measure_again", "load_and_golden", "answer_again")
        spent = {name: round(b - a, 3) for name, a, b in zip(steps, marks[:-1], marks[1:], strict=True)}
        runs.append({**spent, "all": round(marks[-1] - marks[0], 3), "images_answered": images})
    ledger = [json.loads(line) for line in store.place.lines("ledger.jsonl")]
    deciding = ("predict test", "match test", "evaluate test", "decide", "compare test", "predict test, baseline",
                "match test, baseline", "evaluate test, baseline")  # fmt: skip
    first = [{"step": e["step"], "seconds": e["seconds"]} for e in ledger if e["step"] in deciding and "seconds" in e]
    judged = [
        {"role": one.role, "images": len(one.matches.images), "detections": len(one.matches.detections)}
        for one in evidence.judged
    ]
    return {"again_cpu_s": runs, "first_wall_s": first, "judged": judged}


def _box(seed: int) -> dict[str, Any]:
    """Where it ran."""
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "unknown")
    return {
        "cpu": model, "cores": len(os.sched_getaffinity(0)), "load_before": os.getloadavg(), "python": platform.python_version(),
        "platform": platform.platform(), "boxwright": __version__, "seed": seed,
    }  # fmt: skip


if __name__ == "__main__":
    main()
