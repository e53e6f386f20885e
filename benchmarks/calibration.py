"""What calibration does to a real detector: fitted on val, measured on test, before and after.

    python benchmarks/calibration.py STORE CANDIDATE [--out calibration.json]

The exported bundle the candidate was made from is run on val and test, so that scores are the model's own; maps and
thresholds come from val. A second line of figures counts only what is answered at the best F1.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from boxwright.artifacts import Bundle, Checkpoint, Dataset, Matches, Split
from boxwright.artifacts.codec import plain
from boxwright.evaluation import Reducer, choose, coco_metrics, match_dataset
from boxwright.evaluation.calibrate import calibrated_scores, fit_calibration
from boxwright.evaluation.calibration import METRICS, calibration_figures
from boxwright.evaluation.certificate import certificates
from boxwright.evaluation.operating import least_scores
from boxwright.lifecycle import judged_ids, predict_dataset
from boxwright.spec.spec import OperatingPointClause
from boxwright.statistics import group_weights
from boxwright.store import Store

CONFIDENCE = 0.95


def with_scores(matches: Matches, score: np.ndarray) -> Matches:
    """The same matches with other scores of the same order within each class."""
    columns = matches.detections
    return replace(matches, detections=columns.set_column(columns.column_names.index("score"), "score", [score]))


def only(matches: Matches, rows: np.ndarray) -> Matches:
    """The same matches with only some detections; for figures that look at detections alone."""
    return replace(matches, detections=matches.detections.filter(rows))


def measured(store: Store, name: str) -> dict[str, Any]:
    """Figures on test with the model's own and with calibrated scores."""
    candidate = store.get(name, Bundle)
    exported = store.get(candidate.made_from["bundle"], Bundle)
    made_from = store.get(exported.made_from["checkpoint"], Checkpoint).made_from
    dataset, parts = store.get(made_from["dataset"], Dataset), store.get(made_from["split"], Split)

    def matched(side: str) -> Matches:
        ids = judged_ids(dataset, parts, side)
        found = predict_dataset(store, exported, dataset, ids)
        return match_dataset(found, dataset, image_ids=ids, groups=parts.groups_of(ids))

    val, test = matched("val"), matched("test")
    maps = fit_calibration(val)
    chosen = choose(val, exported, OperatingPointClause(), calibration=maps)
    calibrated = with_scores(test, calibrated_scores(test, maps))
    passes = calibrated_scores(test, maps) >= least_scores(test, chosen.score_thresholds)
    weights = group_weights(test.images.column("group").to_pylist())
    figures = {
        f"{what}, {which}": {
            m: plain(calibration_figures(part, weights, confidence=CONFIDENCE).of_metric(m)) for m in METRICS
        }
        for what, side in (("raw", test), ("calibrated", calibrated))
        for which, part in (("all", side), ("answered", only(side, passes)))
    }
    groups = test.images.column("group").to_pylist()
    return {
        "val": {"images": len(val.images), "detections": len(val.detections), "objects": len(val.objects)},
        "test": {"images": len(test.images), "detections": len(test.detections), "groups": len(set(groups))},
        "maps": {name: f"{m.method}, {m.detections} detections, {m.true} true" for name, m in maps.items()},
        "figures": figures,
        "ap": {what: coco_metrics(Reducer(m))["ap"] for what, m in (("raw", test), ("calibrated", calibrated))},
        "certificates": {
            unit: plain(certificates(calibrated, passes, of, confidence=CONFIDENCE, caps=chosen.most_answered)[0])
            for unit, of in (("group", groups), ("picture", [str(i) for i in range(len(groups))]))
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("candidate")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    text = json.dumps(measured(Store(arguments.store), arguments.candidate), indent=1)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
