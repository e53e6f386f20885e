"""Over 500 curated and 10,000 mutated images through the reader that the server uses: no crash, no hang, no untyped error.

    python -m benchmarks.reliability.broken_images [--mutated N] [--seed N] [--name NAME]

Images are decoded in a child process, so that a crash is seen and its image named; the parent goes on with the next one. A finding is a
crash, an exception that is no PictureError, more than 5 CPU seconds for one image, or memory more than 256 MiB above what the largest
sound image needs. `over_limit_ms` is how long a refusal from the header alone takes, `refusal_ms` any refusal.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.reliability.curated_images import curated
from benchmarks.reliability.measured_on import box
from benchmarks.reliability.mutate import of_bytes

RESULTS = Path(__file__).parent / "results"
HANG_S, GROWN_MIB = 5.0, 256.0


class Hang(BaseException):
    """One image took more than HANG_S CPU seconds."""


def main() -> int:
    """Read all images; exit code 1 where something was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutated", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--name", default="broken_images", help="of the file with the results; empty: none is written")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child is not None:
        return child(given.child, given.mutated, given.seed)
    found = read_all(given.mutated, given.seed)
    print(json.dumps({**found, "findings": found["findings"][:5]}, indent=1))
    if given.name:
        RESULTS.mkdir(exist_ok=True)
        document = {"box": box(), "seed": given.seed, "hang_cpu_s": HANG_S, "goal_grown_mib": GROWN_MIB, **found}
        (RESULTS / f"{given.name}.json").write_text(json.dumps(document, indent=1) + "\n")
    return int(bool(found["findings"]))


def read_all(mutated: int, seed: int) -> dict[str, Any]:
    """What became of all images; after a crash a new child goes on behind the image that crashed."""
    first, lines, findings, grown = 0, [], [], 0.0
    total = len(list(curated())) + mutated
    while first < total:
        command = [sys.executable, "-X", "faulthandler", "-m", "benchmarks.reliability.broken_images"]
        command += ["--mutated", str(mutated), "--seed", str(seed), "--child", str(first)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        here = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        results = [one for one in here if "ended" in one]
        lines += results
        grown = max([grown, *(one["grown_mib"] for one in here if "grown_mib" in one)])
        if done.returncode == 0:
            break
        begun = max((one["begun"] for one in here if "begun" in one), default=first)
        findings.append({"image": begun, "kind": "crash", "code": done.returncode, "said": done.stderr[-1_500:]})
        first = begun + 1
    findings += [one for one in lines if one["ended"] == "untyped"]
    if grown > GROWN_MIB:
        findings.append({"kind": "memory", "grown_mib": grown})
    ended = {how: sum(one["ended"] == how for one in lines) for how in ("read", "refused", "untyped")}
    refusals = sorted(one["cpu_ms"] for one in lines if one["ended"] == "refused")
    over = sorted(one["cpu_ms"] for one in lines if one.get("reason") == "pixels")
    return {
        "curated": total - mutated, "mutated": mutated, **ended, "grown_mib": round(grown, 1), "refusal_cpu_ms": _percentiles(refusals),
        "over_limit_cpu_ms": _percentiles(over), "reasons": _counted(lines), "findings": findings,
    }  # fmt: skip


def child(first: int, mutated: int, seed: int) -> int:
    """Read the images from number `first` on, one line before and one after each."""
    from boxwright.errors import PictureError
    from boxwright.images import read_picture

    made = list(curated())
    seeds = [data for _, data in made if 0 < len(data) < 20_000]
    signal.signal(signal.SIGPROF, _hang)
    read_picture(dict(made)["jpeg rgb"])
    quiet = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for number in range(first, len(made) + mutated):
        rng = random.Random(f"{seed} {number}")  # of its own, so that a child that begins later makes the same image
        name, data = made[number] if number < len(made) else ("mutated", of_bytes(rng.choice(seeds), seeds, rng))
        print(json.dumps({"begun": number}), flush=True)
        told: dict[str, Any] = {"image": number, "name": name}
        begin = time.process_time()
        try:
            signal.setitimer(signal.ITIMER_PROF, HANG_S)
            try:
                read_picture(data, one_frame=True)
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
            told["ended"] = "read"
        except PictureError as error:
            told |= {"ended": "refused", "reason": error.reason}
        except (Exception, Hang) as error:
            told |= {
                "ended": "untyped",
                "kind": type(error).__name__,
                "said": str(error)[:500],
                "input": data.hex()[:4_000],
            }
        print(json.dumps({**told, "cpu_ms": round((time.process_time() - begin) * 1e3, 2)}))
    print(json.dumps({"grown_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - quiet}))
    return 0


def _hang(_signal: int, _frame: Any) -> None:
    raise Hang(f"more than {HANG_S:g} CPU seconds")


def _percentiles(values: list[float]) -> dict[str, float]:
    return {f"p{p}": values[min(len(values) - 1, len(values) * p // 100)] for p in (50, 99, 100)} if values else {}


def _counted(lines: list[dict[str, Any]]) -> dict[str, int]:
    reasons = [one["reason"] for one in lines if "reason" in one]
    return {reason: reasons.count(reason) for reason in sorted(set(reasons))}


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
