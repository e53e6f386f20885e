"""100,000 events read from the journal, monitored and selected from: CPU seconds and peak memory, for 200 and 2,000 cameras.

    python -m benchmarks.reliability.many_events build/many_events [--events N] [--cameras 200 2000] [--name NAME]

The store holds a bundle that was judged on 4,000 images and promoted; the journal is written by the server's own `Journal`, with
about 6 detections an event, and one event in ten has a kept image. `watch` and `review select` run as commands, each in a process of
its own, and once more one after the other in a single process. CPU seconds (user and system, imports included) are those the
operating system reports of the finished process, peak memory is its VmHWM (ru_maxrss would count the process it was forked from).
Asked: at most 60 CPU seconds and 1 GiB, together.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reliability.measured_on import box
from boxwright.lifecycle import Stages, release
from boxwright.serving import Journal
from boxwright.spec import parse_spec
from boxwright.store import Steps, Store, digest_of_bytes
from tests.tiny_bundles import BOXES_XYXY, NAMES, tiny_bundle
from tests.worlds import dataset, encoded, picture, row

RESULTS = Path(__file__).parent / "results"
GOAL = {"cpu_s": 60.0, "peak_mib": 1024.0}
JUDGED, KEPT, SEED = 4_000, 0.1, 7
SPEC = """
name: line
classes: [{name: carton}, {name: pouch}]
conditions: [{name: camera}]
split: {group_by: [camera], train: 0.04, val: 0.04, test: 0.92}
acceptance: {judge_on: value, require: [ap50 >= 0.2]}
monitoring: {window: 1000}
review: {budget: 500}
"""
VERBS = {
    "watch": "codes = [run(['watch', *words])]",
    "review select": "codes = [run(['review', 'select', *words])]",
    "both in one process": "codes = [run(['watch', *words]), run(['review', 'select', *words])]",
}
CHILD = r"""
import re, sys
from boxwright.cli.main import run
peak, *words = sys.argv[1:]
{call}
open(peak, "w").write(re.search(r"VmHWM:\s*(\d+) kB", open("/proc/self/status").read())[1])
sys.exit(0 if all(code in (0, 1) for code in codes) else 9)
"""


def main() -> None:
    """Make the store and the journals, run the commands, and write what they took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--cameras", type=int, nargs="+", default=[200, 2_000])
    parser.add_argument("--name", default="many_events", help="of the file with the results")
    parser.add_argument("--seconds", type=float, default=600, help="limit of each command")
    given = parser.parse_args()
    runs = []
    for cameras in given.cameras:
        root = given.folder / f"{given.events}-{cameras}"
        if not (root / "made").is_file():
            make(root, events=given.events, cameras=cameras)
        for verb in VERBS:
            one = {"events": given.events, "cameras": cameras, "verb": verb, **measure(root, verb, given.seconds)}
            print(json.dumps(one), flush=True)
            runs.append(one)
    RESULTS.mkdir(exist_ok=True)
    document = {"goal": GOAL, "box": box(), "seed": SEED, "judged_images": JUDGED, "runs": runs}
    (RESULTS / f"{given.name}.json").write_text(json.dumps(document, indent=1) + "\n")


def make(root: Path, *, events: int, cameras: int) -> None:
    """A store with a released bundle, and a journal of what it answered."""
    root.mkdir(parents=True)
    (root / "spec.yaml").write_text(SPEC)
    store, spec = Store(root / "store"), parse_spec(SPEC)
    bundle = tiny_bundle(root / "bundle")
    store.put(bundle)
    looks = store.pictures.add(encoded(picture(48, 64, seed=k), "JPEG") for k in range(50))
    rows = [
        row(k + 1, BOXES_XYXY, classes=(0, 1), picture=looks[k % len(looks)], camera=f"cam-{k % cameras:04}")
        for k in range(JUDGED)
    ]
    data = dataset([{**one, "width": 64, "height": 48} for one in rows])
    store.put(data)
    stages = Stages(store, spec, None, root / "work", lambda *_: None)
    do = Steps(store, print)
    parts = stages.split(data, None, False)
    store.put(parts)
    report = stages.judge(do, bundle, data, parts, "test")
    verdict = stages.decide(report, None)
    store.put(verdict)
    release(store, verdict, reason="benchmark")
    write_journal(root / "store" / "journal", bundle.digest, events=events, cameras=cameras)
    (root / "made").touch()


def write_journal(folder: Path, bundle: str, *, events: int, cameras: int) -> None:
    """Events in the order of time, each with 0 to 12 detections, one in ten with an image that is kept."""
    rng, journal = np.random.default_rng(SEED), Journal(folder)
    image = encoded(picture(48, 64), "JPEG")
    for k in range(events):
        n = int(rng.integers(0, 13))
        corner = rng.random((n, 2)) * [500, 400]
        boxes = np.concatenate([corner, corner + rng.random((n, 2)) * 100 + 4], axis=1)
        digest = digest_of_bytes(f"{k}".encode())
        if rng.random() < KEPT:
            digest = digest_of_bytes(data := image + f"{k}".encode())  # what follows the end of a JPEG is not looked at
            journal.keep_picture(data, digest)
        look = rng.normal([100, 40, 9], [5, 2, 1])
        journal.append(
            {
                "event_id": f"{k:032x}", "at": 1.7e9 + k, "bundle": bundle, "class_names": list(NAMES), "picture": digest,
                "file_name": f"{k}.jpg", "camera": f"cam-{int(rng.integers(cameras)):04}", "width": 640, "height": 480,
                **dict(zip(("brightness", "contrast", "sharpness"), look.tolist(), strict=True)),
                "latency_ms": float(rng.gamma(4, 3)), "boxes_xyxy": boxes.round(3).tolist(),
                "score": rng.random(n).round(6).tolist(), "class_id": rng.integers(0, len(NAMES), n).tolist(),
            }
        )  # fmt: skip
    journal.close()


def measure(root: Path, verb: str, seconds: float) -> dict[str, Any]:
    """What a command took, as the operating system counted it."""
    words = ["--spec", str(root / "spec.yaml"), "--store", str(root / "store"), "--json"]
    program = CHILD.format(call=VERBS[verb])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    peak = root / "peak"
    peak.unlink(missing_ok=True)
    begin, load = time.perf_counter(), os.getloadavg()[0]
    with subprocess.Popen(
        [sys.executable, "-c", program, str(peak), *words], stdout=subprocess.DEVNULL, env=environment
    ) as process:
        code, used = None, None
        while code is None and time.perf_counter() - begin < seconds:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                code, used = os.waitstatus_to_exitcode(status), usage
                process.returncode = code
            else:
                time.sleep(0.05)
        if used is None:
            process.kill()
            return {"finished": False, "limit_s": seconds, "load": load}
    cpu, peak_mib = used.ru_utime + used.ru_stime, int(peak.read_text()) / 1024 if code == 0 else None
    met = peak_mib is not None and cpu <= GOAL["cpu_s"] and peak_mib <= GOAL["peak_mib"]
    return {
        "finished": code == 0, "cpu_s": round(cpu, 2), "peak_mib": peak_mib and round(peak_mib, 1), "load": load,
        "wall_s": round(time.perf_counter() - begin, 2), "met": met,
    }  # fmt: skip


if __name__ == "__main__":
    main()
