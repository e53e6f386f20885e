"""The figures of an example's run, as one JSON line and figures.json: figures.py OUT [GT.json DT.json].

With two COCO files, also AP at the single IoU of 0.33 that DeepPCB's own script uses (COCO's rule, not that script's).
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa

from boxwright.artifacts import Checkpoint
from boxwright.evaluation import GroundTruth, Reducer, Scored, match
from boxwright.ingestion import read_results, read_truth
from boxwright.store import Store


def ap_at(truth_file: Path, results_file: Path, iou: float) -> dict[str, float]:
    """AP at one IoU threshold: the mean, and per class."""
    t = read_truth(truth_file)
    r = read_results(results_file, t)
    truth = GroundTruth(t.image, t.class_id, t.boxes_xywh, t.area, t.crowd, t.crowd, t.annotation_id)
    scored = Scored(r.image, r.class_id, r.boxes_xywh, r.score)
    matches = match(
        truth, scored, class_names=t.class_names, images=pa.table({"image_id": t.image_ids}), iou_thresholds=(iou,)
    )
    precision = Reducer(matches).curves().precision[0]
    per_class = {name: float(np.mean(precision[:, i])) for i, name in enumerate(t.class_names)}
    return {"mean": float(np.mean(precision[precision > -1])), **per_class}


def main() -> None:
    out = Path(sys.argv[1])
    turn = json.loads((out / "turn.json").read_text())
    history = Store(os.environ["BOXWRIGHT_STORE"]).get(turn["checkpoint"], Checkpoint).history
    report = json.loads((out / "report" / "report.json").read_text())
    found = {
        "verdict": turn["verdict"],
        "metrics": report["metrics"],
        "ap50_per_class": {name: figures["ap50"] for name, figures in report["per_class"].items()},
        "operating": {k: report["operating"]["all"][k] for k in ("precision", "recall", "f1")},
        "measured": report["measured"],
        "support": report["support"],
        "training": {
            k: history[k]
            for k in ("steps", "seconds", "cpu_seconds", "best_step", "best_val_map", "parameters", "pictures")
        },
    }
    if len(sys.argv) > 3:
        found["ap_at_iou_0.33"] = ap_at(Path(sys.argv[2]), Path(sys.argv[3]), 0.33)
    (out / "figures.json").write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
