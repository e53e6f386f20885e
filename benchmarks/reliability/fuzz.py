"""Twelve readers of input from outside, fuzzed: no crash, no hang, no error that is not one of ours.

    python -m benchmarks.reliability.fuzz --target all --seconds 60 [--seed N] [--name NAME]

Each target (`fuzz_targets.py`) runs in a process of its own, so that a crash is seen and its input kept. A finding is an exception that
is no BoxwrightError, one input that takes more than 5 CPU seconds, or memory beyond 1 GiB over what the seeds needed. The input of each
finding is written beside the results.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.reliability.fuzz_targets import TARGETS
from benchmarks.reliability.measured_on import box

RESULTS = Path(__file__).parent / "results"
HANG_S, GROWN_MIB, PATIENCE_S = 5.0, 1024.0, 120.0
_MOST_FINDINGS = 20


class Hang(BaseException):
    """One input took more than HANG_S CPU seconds; no `except Exception` may swallow it."""


def main() -> int:
    """Fuzz what was asked for; exit code 1 where something was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", default="all", choices=["all", *TARGETS])
    parser.add_argument("--seconds", type=float, default=60, help="CPU seconds a target")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--name", default="fuzz", help="of the file with the results; empty: none is written")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print("\n" + json.dumps(fuzz(given.target, given.seconds, given.seed, given.child)))
        return 0
    runs = []
    for name in TARGETS if given.target == "all" else [given.target]:
        runs.append(watched(name, given.seconds, given.seed))
        print(json.dumps({**runs[-1], "findings": len(runs[-1]["findings"])}), flush=True)
        for one in runs[-1]["findings"][:3]:
            print(json.dumps(one)[:2_000], flush=True)
    if given.name:
        RESULTS.mkdir(exist_ok=True)
        document = {"box": box(), "seed": given.seed, "seconds": given.seconds, "hang_cpu_s": HANG_S, "runs": runs}
        (RESULTS / f"{given.name}.json").write_text(json.dumps(document, indent=1) + "\n")
    return int(any(run["findings"] for run in runs))


def watched(name: str, seconds: float, seed: int) -> dict[str, Any]:
    """What a target's process reports; a crash, or no end, is a finding like any other."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["--target", name, "--seconds", str(seconds), "--seed", str(seed), "--child", folder]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
        command = [sys.executable, "-X", "faulthandler", "-m", "benchmarks.reliability.fuzz", *words]
        began = time.perf_counter()
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                env=environment,
                timeout=seconds * 40 + PATIENCE_S * 5,
                check=False,
            )
            code, out, said = done.returncode, done.stdout, done.stderr[-2_000:]
        except subprocess.TimeoutExpired:
            code, out, said = None, "", "no end"
        found: dict[str, Any]
        if code == 0:
            found = json.loads(out.strip().splitlines()[-1])
        else:
            last = Path(folder) / "input"
            data = last.read_bytes() if last.exists() else b""
            found = {
                "target": name,
                "findings": [
                    {
                        "kind": "crash" if code is not None else "hang",
                        "code": code,
                        "said": said,
                        "input": data.hex()[:4_000],
                    }
                ],
            }
        return {**found, "wall_s": round(time.perf_counter() - began, 1)}


def fuzz(name: str, seconds: float, seed: int, folder: Path) -> dict[str, Any]:
    """Fuzz one target in this process."""
    from boxwright.errors import BoxwrightError
    from boxwright.serving.request.asked import Refusal

    rng = random.Random(f"{name} {seed}")
    place = folder / "files"
    place.mkdir()
    target = TARGETS[name](place)
    current = (folder / "input").open("wb", buffering=0)
    signal.signal(signal.SIGPROF, _hang)
    counts, findings, known = {"read": 0, "refused": 0}, [], set()

    def one(data: bytes) -> None:
        os.pwrite(current.fileno(), data, 0)
        os.ftruncate(current.fileno(), len(data))
        try:
            signal.setitimer(signal.ITIMER_PROF, HANG_S)
            try:
                target.read(data)
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
            counts["read"] += 1
        except (BoxwrightError, Refusal):
            counts["refused"] += 1
        except (Exception, Hang) as error:
            if isinstance(error, Hang) and _compiles(
                error
            ):  # the first use of a kernel is no hang: once to the end, then again
                with suppress(Exception):
                    target.read(data)
                one(data)
                return
            where = traceback.extract_tb(error.__traceback__)[-1]
            key = (type(error).__name__, where.filename, where.lineno)
            if key not in known and len(findings) < _MOST_FINDINGS:
                known.add(key)
                told = "".join(traceback.format_exception(error)[-6:])[-1_500:]
                findings.append(
                    {"kind": type(error).__name__, "said": told, "input": data.hex()[:4_000], "bytes": len(data)}
                )

    for seed_input in target.seeds:
        one(seed_input)
    of_seeds, peak = dict(counts), _peak_mib()
    begin = time.process_time()
    while time.process_time() - begin < seconds:
        one(target.mutate(rng.choice(target.seeds), target.seeds, rng))
    gc.collect()
    grown = _peak_mib() - peak
    if grown > GROWN_MIB:
        findings.append({"kind": "memory", "said": f"{grown:.0f} MiB more than the seeds needed", "input": ""})
    return {
        "target": name,
        "seeds": of_seeds,
        "inputs": sum(counts.values()) + len(findings),
        **counts,
        "grown_mib": round(grown, 1),
        "findings": findings,
    }


def _compiles(error: BaseException) -> bool:
    """Whether numba was at work."""
    return any(f"{os.sep}numba{os.sep}" in frame.filename for frame in traceback.extract_tb(error.__traceback__))


def _hang(_signal: int, _frame: Any) -> None:
    raise Hang(f"more than {HANG_S:g} CPU seconds")


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main())
