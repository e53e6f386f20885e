"""Evaluation against its fastest peers, on the same files, turn by turn.

    benchmarks/peers.sh
    python benchmarks/coco_files.py build/coco_val
    python benchmarks/evaluation.py build/coco_val --peers build/peers/bin/python --rounds 5

DATA holds gt.json and dt.json (COCO's formats); what they hold as arrays is laid beside them once. Every measurement is
a process of its own, and in every round each side has its turn, so that a busy minute hits all alike. Counted are CPU
seconds of all threads (`time.process_time`), because the machine may be shared; wall seconds are told too.

Before the clock starts each process does the same work on a tiny pair of files: imports, Numba's compiled code coming out
of its cache and thread pools are there by then, for us as for the peers. The column `start` is the CPU that took, from
the start of the interpreter; the very first run, which compiles, is made beforehand and thrown away.

    arrays     detections as an array (the peers' ground truth still comes from JSON: they take it no other way)
    files      both JSON files to the twelve figures
    errors     files to the twelve figures, error types and the confusion matrix above a score of 0.3
    bootstrap  replicates of AP over pictures, after one evaluation

`compute` begins when the inputs are in memory in each one's own form, `load` is what came before.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

METRICS = (
    "ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar1", "ar10", "ar100", "ar_small", "ar_medium", "ar_large",
)  # fmt: skip
REPLICATES = 1000
LEAST_SCORE = 0.3


@dataclass(frozen=True)
class Work:
    """What one side does in one section.

    Attributes:
        load: folder to inputs.
        compute: inputs to a result that JSON can hold.
    """

    load: Callable[[Path], Any]
    compute: Callable[[Any], dict[str, Any]]


@dataclass(frozen=True)
class Clock:
    """CPU seconds of all threads, and seconds, at one moment."""

    cpu_s: float
    wall_s: float

    @staticmethod
    def now() -> Clock:
        return Clock(time.process_time(), time.perf_counter())

    def since(self, earlier: Clock) -> dict[str, float]:
        return {"cpu_s": self.cpu_s - earlier.cpu_s, "wall_s": self.wall_s - earlier.wall_s}


# Boxwright. Imports stay inside: this file also runs in the peers' environment.


def our_arrays(folder: Path) -> tuple:
    """Both sides from the .npy files."""
    from boxwright.evaluation import GroundTruth, Scored

    images, categories = np.load(folder / "images.npy"), np.load(folder / "categories.npy")
    t, d = np.load(folder / "gt.npy"), np.load(folder / "dt.npy")
    crowd = t[:, 7] > 0
    truth = GroundTruth(
        image=np.searchsorted(images, t[:, 0]),
        class_id=np.searchsorted(categories, t[:, 6]),
        boxes_xywh=t[:, 1:5],
        area=t[:, 5],
        crowd=crowd,
        ignore=crowd,
        annotation_id=np.arange(len(t)),
    )
    scored = Scored(
        image=np.searchsorted(images, d[:, 0]),
        class_id=np.searchsorted(categories, d[:, 6]),
        boxes_xywh=d[:, 1:5],
        score=d[:, 5],
    )
    return truth, scored, [str(c) for c in categories], images


def our_files(folder: Path) -> tuple:
    """Both sides from the JSON files."""
    from boxwright.evaluation import GroundTruth, Scored
    from boxwright.ingestion import read_results, read_truth

    t = read_truth(folder / "gt.json")
    r = read_results(folder / "dt.json", t)
    truth = GroundTruth(t.image, t.class_id, t.boxes_xywh, t.area, t.crowd, t.crowd, t.annotation_id)
    return truth, Scored(r.image, r.class_id, r.boxes_xywh, r.score), t.class_names, t.image_ids


def our_matches(sides: tuple) -> tuple:
    """The match tables and their reducer."""
    import pyarrow as pa

    from boxwright.evaluation import Reducer, match

    truth, scored, names, image_ids = sides
    matches = match(truth, scored, class_names=names, images=pa.table({"image_id": image_ids}))
    return matches, Reducer(matches)


def our_figures(sides: tuple) -> dict[str, Any]:
    from boxwright.evaluation import coco_metrics

    return {"figures": list(coco_metrics(our_matches(sides)[1]).values())}


def our_errors(sides: tuple) -> dict[str, Any]:
    """Figures, error types and confusion from one match."""
    from boxwright.evaluation import coco_metrics

    matches, reducer = our_matches(sides)
    return {
        "figures": list(coco_metrics(reducer).values()),
        "errors": our_error_types(matches),
        **our_confusion(matches),
    }


def our_error_types(matches: Any) -> dict[str, float]:
    """AP50 and what mending each kind would add to it, in points; Boxwright tells Shapley shares besides."""
    from boxwright.evaluation import error_types

    found = error_types(matches)
    gains = {code: cost.dap for code, cost in found.kinds.items()}
    return {"AP50": found.ap50, **gains, "FP": found.false_positives, "FN": found.false_negatives}


def our_confusion(matches: Any) -> dict[str, int]:
    from boxwright.evaluation import confusion

    counts = confusion(matches, matches.detections.column("score").to_numpy() >= LEAST_SCORE)
    return {"confused": int(counts.sum()), "right": int(np.trace(counts[:-1, :-1]))}


def our_bootstrap(areas: int) -> Callable[[tuple], dict[str, Any]]:
    """REPLICATES weightings of the pictures; `areas` area ranges each."""

    def compute(reducer_and_images: tuple) -> dict[str, Any]:
        reducer, images = reducer_and_images
        rng = np.random.default_rng(0)
        began = Clock.now()
        weights = rng.multinomial(images, np.full(images, 1 / images), size=REPLICATES)
        means = [np.nanmean(reducer.replicates(weights, area=a)[0], axis=(1, 2)) for a in range(areas)]
        spent = Clock.now().since(began)
        whole = reducer.replicates(np.ones((1, images)))[0]
        return {
            "replicate": {name: seconds / REPLICATES for name, seconds in spent.items()},
            "ap": float(np.nanmean(whole)),
            "interval": np.quantile(means[0], [0.025, 0.975]).tolist(),
        }

    return compute


def our_reducer(folder: Path) -> tuple:
    sides = our_arrays(folder)
    return our_matches(sides)[1], len(sides[3])


# The peers.


def peer_of(module: str, *, arrays: bool) -> Callable[[Path], Any]:
    """A loader of the peer's own evaluation object; all three take pycocotools' calls."""

    def load(folder: Path) -> Any:
        if module == "pycocotools":
            from pycocotools.coco import COCO
            from pycocotools.cocoeval import COCOeval
        elif module == "hotcoco":
            from hotcoco import COCO, COCOeval
        else:
            from ultrafast_pycocotools import COCO, COCOeval
        truth = COCO(str(folder / "gt.json"))
        results = truth.loadRes(np.load(folder / "dt.npy") if arrays else str(folder / "dt.json"))
        return COCOeval(truth, results, "bbox")

    return load


def peer_figures(evaluation: Any) -> dict[str, Any]:
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return {"figures": [float(value) for value in evaluation.stats[:12]]}


def hotcoco_errors(evaluation: Any) -> dict[str, Any]:
    figures = peer_figures(evaluation)
    types = evaluation.tide_errors()
    counts = evaluation.confusion_matrix(iou_thr=0.5, min_score=LEAST_SCORE)["matrix"]
    return {
        **figures,
        "errors": {name: 100 * value for name, value in {"AP50": types["ap_base"], **types["delta_ap"]}.items()},
        "confused": int(counts.sum()),
        "right": int(np.trace(counts[:-1, :-1])),
    }


def hotcoco_bootstrap(evaluation: Any) -> dict[str, Any]:
    """Its comparison of two models, here one with itself: the cost of 100 more replicates, halved for one model."""
    from hotcoco import COCOeval, compare

    both = [evaluation, COCOeval(evaluation.coco_gt, evaluation.coco_dt, "bbox")]
    for one in both:
        one.evaluate()
    moments = [Clock.now()]
    for replicates in (100, 200):
        compare(*both, n_bootstrap=replicates)
        moments.append(Clock.now())
    fewer, more = moments[1].since(moments[0]), moments[2].since(moments[1])
    return {"replicate": {name: (more[name] - fewer[name]) / 100 / 2 for name in more}}


WORK: dict[str, dict[str, Work]] = {
    "arrays": {
        "Boxwright": Work(our_arrays, our_figures),
        "hotcoco": Work(peer_of("hotcoco", arrays=True), peer_figures),
        "ultrafast": Work(peer_of("ultrafast", arrays=True), peer_figures),
    },
    "files": {
        "Boxwright": Work(our_files, our_figures),
        "hotcoco": Work(peer_of("hotcoco", arrays=False), peer_figures),
        "ultrafast": Work(peer_of("ultrafast", arrays=False), peer_figures),
    },
    "errors": {
        "Boxwright": Work(our_files, our_errors),
        "hotcoco": Work(peer_of("hotcoco", arrays=False), hotcoco_errors),
    },
    "bootstrap": {
        "Boxwright": Work(our_reducer, our_bootstrap(areas=1)),
        "Boxwright, 4 areas": Work(our_reducer, our_bootstrap(areas=4)),
        "hotcoco": Work(peer_of("hotcoco", arrays=True), hotcoco_bootstrap),
    },
    "official": {"pycocotools": Work(peer_of("pycocotools", arrays=False), peer_figures)},
}
SECTIONS = ("arrays", "files", "errors", "bootstrap")


# One measurement: this file again, in a process of its own.


def measure(section: str, side: str, folder: Path, tiny: Path) -> dict[str, Any]:
    """Warm up on the tiny files, then load and compute under the clock."""
    work = WORK[section][side]
    work.compute(work.load(tiny))
    started, before_mb = Clock.now(), memory_mb("VmRSS")
    inputs = work.load(folder)
    loaded = Clock.now()
    result = work.compute(inputs)
    done = Clock.now()
    return {
        "start_cpu_s": started.cpu_s,
        "load": loaded.since(started),
        "compute": done.since(loaded),
        "total": done.since(started),
        "before_mb": before_mb,
        "peak_mb": memory_mb("VmHWM"),
        "result": result,
    }


def memory_mb(field: str) -> float:
    """A line of /proc/self/status: VmRSS now, VmHWM the most so far."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    return float("nan")


def spawn(python: str, section: str, side: str, folder: Path, tiny: Path) -> dict[str, Any]:
    """One measurement by another process; its last line is the record."""
    command = [python, __file__, str(folder), "--measure", section, side, str(tiny)]
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["no message"])[-1]}
    return json.loads(done.stdout.strip().splitlines()[-1])


# The comparison.


def lay_arrays(folder: Path) -> None:
    """images, categories, gt and dt as .npy beside the JSON files; rows sorted as COCO's tools see them."""
    if (folder / "dt.npy").exists() and (folder / "dt.npy").stat().st_mtime >= (folder / "dt.json").stat().st_mtime:
        return
    truth, results = (json.loads((folder / name).read_text()) for name in ("gt.json", "dt.json"))
    for name in ("images", "categories"):
        np.save(folder / f"{name}.npy", np.sort([entry["id"] for entry in truth[name]]))
    rows = [[a["image_id"], *a["bbox"], a["area"], a["category_id"], a.get("iscrowd", 0)] for a in truth["annotations"]]
    np.save(folder / "gt.npy", np.array(rows, np.float64).reshape(-1, 8))
    rows = [[d["image_id"], *d["bbox"], d["score"], d["category_id"]] for d in results]
    np.save(folder / "dt.npy", np.array(rows, np.float64).reshape(-1, 7))


def turn_by_turn(
    folder: Path, tiny: Path, sections: list[str], *, rounds: int, peers: str | None
) -> dict[str, dict[str, list[dict]]]:
    """section to side to its records, one per round."""
    records: dict[str, dict[str, list[dict]]] = {}
    for section in sections:
        sides = {s: sys.executable if s.startswith("Boxwright") else peers for s in WORK[section]}
        records[section] = {side: [] for side, python in sides.items() if python}
        for side, python in sides.items():
            if python == sys.executable:
                spawn(python, section, side, tiny, tiny)  # compiles, is thrown away
        for number in range(min(rounds, 3) if section == "bootstrap" else rounds):
            for side in records[section]:
                record = spawn(sides[side] or "", section, side, folder, tiny)
                records[section][side].append(record)
                told = record.get("failed") or f"{record['total']['cpu_s']:.3f} CPU s"
                print(f"{section}, round {number + 1}, {side}: {told}", file=sys.stderr)
    return records


def table(records: dict[str, dict[str, list[dict]]]) -> list[str]:
    """The comparison as lines of markdown."""
    lines = [
        "| work | side | compute, CPU s | load + compute, CPU s | load + compute, wall s | peak MB (before) | start, CPU s "
        "| CPU against Boxwright |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for section, sides in records.items():
        for side, all_rounds in sides.items():
            rounds = [r for r in all_rounds if "failed" not in r]
            if not rounds:
                lines.append(f"| {section} | {side} | failed: {all_rounds[0]['failed']} |" + " |" * 5)
                continue
            cost = [cost_of(section, r) for r in rounds]
            ours = [cost_of(section, r) for r in sides["Boxwright"] if "failed" not in r]
            ratio = spread([a / b for a, b in zip(cost, ours)]) + " x" if ours else "-"
            compute = [r["compute"]["cpu_s"] for r in rounds]
            if section == "bootstrap":
                ms = [1000 * c for c in cost]
                lines.append(
                    f"| {REPLICATES} replicates | {side} | {spread(cost, REPLICATES)} | {spread(ms)} ms each | "
                    f"{spread([1000 * r['result']['replicate']['wall_s'] for r in rounds])} ms each | {memory(rounds)} | "
                    f"{spread([r['start_cpu_s'] for r in rounds])} | {ratio} |"
                )
                continue
            lines.append(
                f"| {section} | {side} | {spread(compute)} | {spread([r['total']['cpu_s'] for r in rounds])} | "
                f"{spread([r['total']['wall_s'] for r in rounds])} | {memory(rounds)} | "
                f"{spread([r['start_cpu_s'] for r in rounds])} | {ratio} |"
            )
    return lines


def cost_of(section: str, record: dict) -> float:
    """What sides are compared by: compute where inputs are arrays, else everything; a replicate for the bootstrap."""
    if section == "bootstrap":
        return record["result"]["replicate"]["cpu_s"]
    return record["compute" if section == "arrays" else "total"]["cpu_s"]


def spread(values: list[float], times: float = 1) -> str:
    """Median [least..most] in three digits."""
    values = [times * value for value in values]
    return f"{statistics.median(values):.3g} [{min(values):.3g}..{max(values):.3g}]"


def memory(rounds: list[dict]) -> str:
    peak, before = (statistics.median(r[name] for r in rounds) for name in ("peak_mb", "before_mb"))
    return f"{peak:.0f} ({before:.0f})"


def agreements(records: dict[str, dict[str, list[dict]]], official: dict) -> list[str]:
    """How far each side's answers are from the official ones, and from each other."""
    lines = []
    for section, sides in records.items():
        for side, rounds in sides.items():
            result = rounds[0].get("result", {})
            if "figures" in result and "result" in official:
                off = np.abs(np.subtract(result["figures"], official["result"]["figures"])).max()
                lines.append(f"{section}, {side}: largest difference of the twelve figures to pycocotools {off:.3g}")
            for name in ("errors", "confused", "right", "ap", "interval"):
                if name in result:
                    lines.append(f"{section}, {side}: {name} {json.dumps(result[name])}")
    if "result" in official:
        lines.append(f"pycocotools: {official['total']['cpu_s']:.1f} CPU s, {official['peak_mb']:.0f} MB")
        lines.append(json.dumps(dict(zip(METRICS, official["result"]["figures"]))))
    elif official:
        lines.append(f"pycocotools failed: {official['failed']}")
    return lines


def compare(given: argparse.Namespace) -> None:
    """All measurements, the table, and the records in a JSON file beside the data."""
    from coco_files import write

    lay_arrays(given.data)
    with tempfile.TemporaryDirectory() as folder:
        tiny = Path(folder)
        write(tiny, images=4, detections_per_image=8, seed=0)
        lay_arrays(tiny)
        records = turn_by_turn(given.data, tiny, given.sections, rounds=given.rounds, peers=given.peers)
        official = {}
        if not given.without_official:
            official = spawn(given.peers or sys.executable, "official", "pycocotools", given.data, tiny)
    print("\n".join([*table(records), "", *agreements(records, official)]))
    out = given.data / "evaluation.json"
    out.write_text(json.dumps({"records": records, "official": official}, indent=1))
    print(f"\nEvery record is in {out}.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with gt.json and dt.json")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", help="the peers' Python, see peers.sh; Boxwright alone without it")
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--without-official", action="store_true", help="leave out pycocotools, which takes a minute")
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure is None:
        compare(given)
        return
    section, side, tiny = given.measure
    print(json.dumps(measure(section, side, given.data, Path(tiny))))


if __name__ == "__main__":
    main()
