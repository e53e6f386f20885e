"""Agreement of KSCGR's two annotators: the join by box id, KaLOS and the krippendorff package on the same boxes.

    python benchmarks/agreement_of_people.py KSCGR [--peers build/peers_agree/bin/python]

KSCGR: the folder with annotator_1.txt and annotator_2.txt. Peers live in an environment of their own
(`python3 -m venv build/peers_agree && build/peers_agree/bin/pip install kalos==0.8.0 krippendorff==0.9.0`). CPU seconds and
peak memory are those of whole processes, imports included; ours with kernels already compiled. One JSON line.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from itertools import permutations
from pathlib import Path

import numpy as np

from boxwright.labels.agreement.krippendorff import coincidences
from boxwright.labels.agreement.ratings import NOT_ASKED, NOTHING, units_of
from boxwright.lifecycle.annotators import read_annotators

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "examples" / "kitchen"))

from from_kscgr import boxes_of

_KALOS = """
import sys, json, logging, time
from pathlib import Path
from kalos.utils.data_loading import load_and_preprocess_data
from kalos.iaa.core import calculate_iaa
data = load_and_preprocess_data(Path(sys.argv[1]), "coco-json")
begun = time.process_time()
found = calculate_iaa(data["processed_data"], data["categories"], "shm", "bbox_iou_similarity", "category_lenient",
                      float(sys.argv[2]), False, False, False, data["all_raters"])
print(json.dumps({"alpha": found[1], "alpha_cpu_s": time.process_time() - begun}))
"""
_KRIPPENDORFF = """
import sys, json
import numpy as np, krippendorff
print(json.dumps({"alpha": krippendorff.alpha(reliability_data=np.load(sys.argv[1]), level_of_measurement="nominal")}))
"""


def joined(folder: Path, *, more: int) -> dict[str, float]:
    """The reference: frame, label and box id say which boxes belong together; IoU of each pair, `more` px added to each side."""
    sides = []
    for name in ("annotator_1", "annotator_2"):
        of_key = defaultdict(list)
        for frame, label, (x, y, w, h), number in boxes_of(folder / f"{name}.txt"):
            of_key[frame, label, number].append((x, y, x + w + more, y + h + more))
        sides.append(of_key)
    a, b = sides
    overlaps = []
    for key in a.keys() & b.keys():
        few, many = sorted((a[key], b[key]), key=len)
        overlaps += max(
            ([_iou(p, q) for p, q in zip(few, order, strict=True)] for order in permutations(many, len(few))), key=sum
        )
    iou, total = np.array(overlaps), [sum(map(len, side.values())) for side in sides]
    return {
        "both": len(iou), "only_1": total[0] - len(iou), "only_2": total[1] - len(iou), "mean_iou": float(iou.mean()),
        "std_iou": float(iou.std()), "at_0.5": int((iou >= 0.5).sum()), "at_0.7": int((iou >= 0.7).sum()),
    }  # fmt: skip


def _iou(p: tuple, q: tuple) -> float:
    w, h = min(p[2], q[2]) - max(p[0], q[0]), min(p[3], q[3]) - max(p[1], q[1])
    both = max(w, 0) * max(h, 0)
    return both / ((p[2] - p[0]) * (p[3] - p[1]) + (q[2] - q[0]) * (q[3] - q[1]) - both)


def process(*command: str) -> tuple[dict, float, float]:
    """The last line of JSON, CPU seconds and peak memory in MB of a process."""
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, *command], capture_output=True, text=True, check=False, cwd=ROOT
    )
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    measured = json.loads(done.stdout.splitlines()[-1])
    return json.loads(measured["out"].splitlines()[-1]), measured["cpu"], measured["mb"]


_MEASURED = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
if done.returncode not in (0, 1):
    sys.exit(done.stderr)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"out": done.stdout, "cpu": used.ru_utime + used.ru_stime, "mb": used.ru_maxrss / 1024}))
"""


def merged(folder: Path, out: Path) -> None:
    """Both annotators as the one file KaLOS takes."""
    trees = [json.loads((folder / f"annotator_{i}.json").read_text()) for i in (1, 2)]
    whole = {**trees[0], "annotations": []}
    whole["images"] = [{**image, "rater_list": ["1", "2"]} for image in trees[0]["images"]]
    for rater, tree in enumerate(trees):
        whole["annotations"] += [
            {**entry, "id": len(whole["annotations"]) + i + 1, "rater_id": str(rater + 1)}
            for i, entry in enumerate(tree["annotations"])
        ]
    out.write_text(json.dumps(whole))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--peers", type=Path, default=ROOT / "build" / "peers_agree" / "bin" / "python")
    arguments = parser.parse_args()
    found: dict = {"join": {more: joined(arguments.folder, more=more) for more in (0, 1)}}
    with tempfile.TemporaryDirectory() as place:
        out = Path(place)
        convert = [sys.executable, str(ROOT / "examples/kitchen/from_kscgr.py"), str(arguments.folder)]
        for name, more in (("plain", []), ("inclusive", ["--inclusive"])):
            subprocess.run([*convert, str(out / name), *more], check=True, capture_output=True)
        files = [str(out / "plain" / f"annotator_{i}.json") for i in (1, 2)]
        command = [sys.executable, "-m", "boxwright.cli.main", "agree", *files, "--block", "100", "--json"]
        process(*command)  # compiles
        ours, cpu, memory = process(*command)
        found["ours"] = {
            "alpha": ours["figures"]["alpha"]["value"], "mean_iou": ours["figures"]["mean_iou"]["value"],
            "pairs": [{k: p[k] for k in ("both", "only_a", "only_b", "same_class")} for p in ours["pairs"]],
            "cpu_s": cpu, "peak_mb": memory,
        }  # fmt: skip
        found["at"] = {}
        for name in ("plain", "inclusive"):
            ratings = read_annotators([out / name / f"annotator_{i}.json" for i in (1, 2)]).ratings
            for threshold in (1e-9, 0.5, 0.7):
                units = units_of(ratings, iou_threshold=threshold)
                found["at"][f"{name} {threshold:g}"] = int((units.drew == 2).sum())
        units = units_of(read_annotators([Path(f) for f in files]).ratings, iou_threshold=0.5)
        begun = time.process_time()
        again = float(coincidences(units_of(units.ratings, iou_threshold=0.5)).alpha())
        found["ours"] |= {"alpha_cpu_s": time.process_time() - begun, "alpha_again": again}
        matrix = np.where(units.label == NOTHING, -1.0, np.where(units.label == NOT_ASKED, np.nan, units.label)).T
        np.save(out / "matrix.npy", matrix)
        merged(out / "plain", out / "merged.json")
        python = str(arguments.peers)
        kalos, cpu_kalos, memory_kalos = process(python, "-c", _KALOS, str(out / "merged.json"), "0.5")
        package, _, _ = process(python, "-c", _KRIPPENDORFF, str(out / "matrix.npy"))
        found["kalos"] = {**kalos, "cpu_s": cpu_kalos, "peak_mb": memory_kalos}
        found["krippendorff"] = package
        found["apart"] = {
            "kalos": abs(kalos["alpha"] - found["ours"]["alpha"]),
            "krippendorff": abs(package["alpha"] - found["ours"]["alpha"]),
        }
        found["kalos_to_ours"] = {
            "whole_run_cpu": cpu_kalos / cpu,
            "one_alpha_cpu": kalos["alpha_cpu_s"] / found["ours"]["alpha_cpu_s"],
        }
    found["this_process_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found))


if __name__ == "__main__":
    main()
