"""Backup of a store: `store copy` beside `cp -a` and a flush of the disk, the second run, `store check`, and what flushing costs ingest.

    python -m benchmarks.reliability.store_copy [--images 2000] [--rounds 3] [--folder build/store_copy] [--seed 0]

A store is made by ingesting JPEG files of noise, 320 x 240, and has 60 small artifacts beside. Each round, in turn: the files copied by
`cp -a` and flushed by `sync -f`; `store copy --no-verify`; `store copy`; `store copy` again with nothing new; again after 20 more images
and a version; `store check`. Each verb runs in a process of its own that has imported what it needs: seconds, CPU seconds, and the peak
memory of the process in MiB, libraries included. Then ingest of the same files into new stores, in turn with and without the flush of
what Lance writes. Medians over the rounds; raw figures in results/store_copy.json.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.reliability.measured_on import box
from boxwright.artifacts import Dataset, OperatingPoint
from boxwright.images import write_jpeg
from boxwright.store import Store

RESULTS = Path(__file__).with_name("results") / "store_copy.json"
VERB = """
import json, sys, time
from contextlib import contextmanager
import lance
import boxwright.cli.ingest, boxwright.cli.store
from boxwright.cli.main import run
from boxwright.store import tables
flushed, *words = sys.argv[1:]
@contextmanager
def without(folder, **_):
    yield lambda: None
if flushed == "no":
    tables.flushing = without
begin, used = time.perf_counter(), time.process_time()
code = run(words)
seconds, cpu = time.perf_counter() - begin, time.process_time() - used
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024
print(json.dumps({"seconds": seconds, "cpu_s": cpu, "peak_mib": peak}), file=sys.stderr)
sys.exit(code)
"""


def verb(*words: str, flushed: bool = True) -> dict[str, float]:
    """Seconds, CPU seconds and peak memory (MiB) of a verb that must succeed, in a process that has imported what it needs."""
    command = [sys.executable, "-c", VERB, "yes" if flushed else "no", *words]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{words}: {done.stderr[-2000:]}"
    return json.loads(done.stderr.splitlines()[-1])


def measured(command: str) -> dict[str, float]:
    """Seconds and CPU seconds of a shell command that must succeed."""
    begin, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(["sh", "-c", command], check=True)
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "seconds": time.perf_counter() - begin,
        "cpu_s": now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime,
    }


def write_files(folder: Path, count: int, rng: np.random.Generator) -> None:
    """A COCO file and JPEG files of noise."""
    (folder / "images").mkdir(parents=True)
    images, boxes = [], []
    for i in range(1, count + 1):
        (folder / "images" / f"{i}.jpg").write_bytes(write_jpeg(rng.integers(0, 256, (240, 320, 3), np.uint8)))
        images.append({"id": i, "file_name": f"{i}.jpg", "width": 320, "height": 240})
        boxes.append({"id": i, "image_id": i, "category_id": 1, "bbox": [4, 5, 20, 10], "area": 200})
    truth = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "bolt"}]}
    (folder / "truth.json").write_text(json.dumps(truth))


def ingest(files: Path, store: Path) -> list[str]:
    return [
        "ingest",
        str(files / "truth.json"),
        "--pictures",
        str(files / "images"),
        "--name",
        "line",
        "--store",
        str(store),
    ]


def grow(store: Path, rng: np.random.Generator) -> None:
    """20 more images, and a version that changes a row."""
    opened = Store(store)
    opened.pictures.add([rng.bytes(60_000) for _ in range(20)])
    before = opened.get("dataset/line", Dataset)
    rows = before.rows.set_column(
        before.rows.column_names.index("file_name"), "file_name",
        [[f"{rng.integers(1 << 40)}.jpg", *before.file_names[1:]]],
    ).cast(before.rows.schema)  # fmt: skip
    opened.put(Dataset(name="line", class_names=before.class_names, rows=rows, provenance={}), name="dataset/line")


def one_round(store: Path, folder: Path, rng: np.random.Generator) -> dict[str, dict[str, float]]:
    """Every command once."""
    for name in ("cp", "unread", "copy"):
        shutil.rmtree(folder / name, ignore_errors=True)
    subprocess.run(["sync", "-f", str(folder)], check=True)
    found = {
        "cp -a; sync -f": measured(f"cp -a '{store}' '{folder}/cp' && sync -f '{folder}/cp'"),
        "copy --no-verify": verb("store", "copy", str(store), str(folder / "unread"), "--no-verify"),
        "copy": verb("store", "copy", str(store), str(folder / "copy")),
        "copy, nothing new": verb("store", "copy", str(store), str(folder / "copy")),
    }
    grow(store, rng)
    found["copy, 20 images more"] = verb("store", "copy", str(store), str(folder / "copy"))
    found["check"] = verb("store", "check", str(folder / "copy"))
    return found


def one_ingest(files: Path, folder: Path) -> dict[str, dict[str, float]]:
    """Ingest into new stores, flushed and not."""
    found = {}
    for name, flushed in (("ingest", True), ("ingest, Lance unflushed", False)):
        shutil.rmtree(folder / "ingested", ignore_errors=True)
        subprocess.run(["sync", "-f", str(folder)], check=True)
        found[name] = verb(*ingest(files, folder / "ingested"), flushed=flushed)
    return found


def medians(rounds: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    return {
        name: {what: round(statistics.median(one[name][what] for one in rounds), 3) for what in rounds[0][name]}
        for name in rounds[0]
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path("build/store_copy"))
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    shutil.rmtree(asked.folder, ignore_errors=True)
    files, store = asked.folder / "files", asked.folder / "store"
    write_files(files, asked.images, rng)
    verb(*ingest(files, store))
    for number in range(60):
        Store(store).put(
            OperatingPoint(score_thresholds={"bolt": number / 100}, rule={}, observed={}), name=f"point/{number}"
        )
    size = sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
    before = box()
    rounds = [one_round(store, asked.folder, rng) | one_ingest(files, asked.folder) for _ in range(asked.rounds)]
    found = medians(rounds)
    beside = found["cp -a; sync -f"]["seconds"]
    summary = {
        "store_mib": round(size / (1 << 20), 1),
        "copy / cp": round(found["copy"]["seconds"] / beside, 2),
        "copy --no-verify / cp": round(found["copy --no-verify"]["seconds"] / beside, 2),
        "copy with nothing new / copy": round(found["copy, nothing new"]["seconds"] / found["copy"]["seconds"], 3),
        "check, images a second": round(asked.images / found["check"]["seconds"]),
        "check, MiB a second": round(size / (1 << 20) / found["check"]["seconds"], 1),
        "ingest / unflushed": round(found["ingest"]["seconds"] / found["ingest, Lance unflushed"]["seconds"], 3),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    result = {"images": asked.images, "seed": asked.seed, "box": before, "load_after": os.getloadavg(), "summary": summary,
              "medians": found, "rounds": rounds}  # fmt: skip
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    for name, values in found.items():
        print(
            f"{name:28} {values['seconds']:8.2f} s  {values['cpu_s']:8.2f} CPU s  {values.get('peak_mib', 0):8.0f} MiB"
        )
    for name, value in summary.items():
        print(f"{name}: {value}")
    shutil.rmtree(asked.folder)


if __name__ == "__main__":
    main()
