"""Run as a program: many processes at once move the name that servers follow.

    python movers.py STORE MANY SEED VERDICT...

Every third one rolls back, every third one releases as `turn` does at its end, the others promote. Each is a process of its own,
forked before Lance and the runtime start their threads; all begin at the same moment. A JSON object per process goes to stdout: what
it tried, the rollout it made or found, or what it was told.
"""

from __future__ import annotations

import faulthandler
import json
import os
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pyarrow as pa

from boxwright.artifacts import Predictions, Verdict, detection_table
from boxwright.detections import DetectionColumns, Detections
from boxwright.errors import NameMoved, NotReleasable
from boxwright.evaluation import evaluate, match_dataset
from boxwright.inference import compare_detections
from boxwright.lifecycle import current_rollout, release, take_back
from boxwright.lifecycle.turn import release_if_passing
from boxwright.store import Store
from tests.worlds import NAMES, dataset, row

HANGS_S = 240  # then it says where, and ends


def move(store: Store, number: int, verdicts: list[str], rng: random.Random) -> dict[str, object]:
    """One process: what it tried and what came of it."""
    what = ("promote", "turn", "rollback")[number % 3]
    time.sleep(rng.uniform(0, 0.2))
    verdict = store.get(rng.choice(verdicts), Verdict)
    set_out = current_rollout(store)
    try:
        if what == "rollback":
            made = take_back(store, reason=f"process {number}")
        elif what == "turn":
            made = release_if_passing(store, verdict, lambda _: None, set_out)
            assert made is not None
        else:
            made = release(store, verdict, reason=f"process {number}")
    except NameMoved as error:
        return {"what": what, "outcome": "lost", "told": str(error)}
    except NotReleasable as error:
        return {"what": what, "outcome": "refused", "told": str(error)}
    return {"what": what, "outcome": "done", "rollout": made.digest}


def load_kernels() -> None:
    """Have the compiled kernels of an evaluation in memory before there are many processes that would each load them."""
    boxes = [(4.0, 4.0, 20.0, 20.0), (30.0, 10.0, 60.0, 40.0)]
    data = dataset([row(k, boxes, classes=[0, 1]) for k in range(1, 9)])
    answer = Detections(np.array(boxes), np.array([0.9, 0.6]), np.array([0, 1]))
    found = Predictions(
        class_names=NAMES, measured_on={},
        images=pa.table({"image_id": data.image_ids, "detections": pa.array([2] * 8, pa.int32()), "latency_ms": [1.0] * 8}),
        detections=detection_table(DetectionColumns.from_list([answer] * 8)),
    )  # fmt: skip
    matches = match_dataset(found, data, image_ids=data.image_ids, groups=data.file_names)
    evaluate(matches, title="", score_thresholds=dict.fromkeys(NAMES, 0.5), predictions=found)
    compare_detections(answer, answer, above=0.1, least_iou=0.9, most_score_difference=0.1)


def main(folder: str, many: int, seed: int, verdicts: list[str]) -> None:
    """Fork them all, let them go at once, wait for them all."""
    load_kernels()
    reading, writing = os.pipe()
    children = []
    for number in range(many):
        child = os.fork()
        if child == 0:
            faulthandler.dump_traceback_later(HANGS_S, exit=True)
            os.close(writing)
            os.read(reading, 1)  # returns when the parent closes its end
            found = move(Store(folder), number, verdicts, random.Random(1000 * seed + number))
            os.write(1, (json.dumps(found) + "\n").encode())
            os._exit(0)
        children.append(child)
    os.close(writing)
    failed = sum(os.waitpid(child, 0)[1] != 0 for child in children)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
