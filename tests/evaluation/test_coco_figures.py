"""Figures equal the official ones: on third-party cases, and on random cases against pycocotools itself."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from boxwright.cli.main import run
from boxwright.evaluation import GroundTruth, Reducer, Scored, coco_metrics, match

CASES = ("coco_val2014_100", "pcb_rule_detector", "tm_no_detection")


@pytest.mark.parametrize("case", CASES)
def test_official_figures_from_the_command_line(case: str, shared, capsys: pytest.CaptureFixture[str]) -> None:
    folder: Path = shared(f"cases/metrics/{case}")
    expected = json.loads((folder / "expected.json").read_text())
    assert run(["evaluate", str(folder / "gt.json"), str(folder / "dt.json"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    official = list(expected["stats"].values())
    assert list(found["metrics"].values()) == pytest.approx(official, abs=1e-9)
    by_id = {str(c["id"]): c["name"] for c in json.loads((folder / "gt.json").read_text())["categories"]}
    for category, figures in expected["per_class"].items():
        mine = found["per_class"][by_id[category]]
        assert (mine["ap"], mine["ap50"]) == pytest.approx((figures["AP"], figures["AP_first_iou"]), abs=1e-9)


@pytest.mark.parametrize("case", CASES[1:])
def test_lower_thresholds(case: str, shared) -> None:
    from boxwright.ingestion import read_results, read_truth

    folder: Path = shared(f"cases/metrics/{case}")
    expected = json.loads((folder / "expected.json").read_text())["AP_at_iou"]
    t = read_truth(folder / "gt.json")
    r = read_results(folder / "dt.json", t)
    truth = GroundTruth(t.image, t.class_id, t.boxes_xywh, t.area, t.crowd, t.crowd, t.annotation_id)
    scored = Scored(r.image, r.class_id, r.boxes_xywh, r.score)
    for iou, value in expected.items():
        matches = match(
            truth,
            scored,
            class_names=t.class_names,
            images=pa.table({"image_id": t.image_ids}),
            iou_thresholds=(float(iou),),
        )
        precision = Reducer(matches).curves().precision
        assert float(np.mean(precision[precision > -1])) == pytest.approx(value, abs=1e-9)


def random_case(rng: np.random.Generator) -> tuple[dict, list[dict]]:
    """Few pictures and classes, many ties, crowds, empty sides, and areas on the edges of the ranges."""
    images, classes = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    sides = np.array([4.0, 16.0, 32.0, 96.0, 40.5, 100.25])
    annotations, results = [], []
    for number in range(int(rng.integers(0, 14))):
        w, h = rng.choice(sides, 2)
        x, y = np.round(rng.uniform(0, 60, 2), int(rng.integers(0, 3)))
        box = [float(x), float(y), float(w), float(h)]
        area = float(rng.choice([w * h, w * h / 2, 1024.0, 9216.0]))
        annotations.append(
            {"id": number + 1, "image_id": int(rng.integers(images)), "category_id": int(rng.integers(classes)),
             "bbox": box, "area": area, "iscrowd": int(rng.random() < 0.2)}
        )  # fmt: skip
    for _ in range(int(rng.integers(1, 40))):
        if annotations and rng.random() < 0.7:
            near = annotations[int(rng.integers(len(annotations)))]
            box = [v + float(rng.choice([0, 0, 1, -2, 0.5, 6])) for v in near["bbox"]]
            image, category = near["image_id"], near["category_id"]
        else:
            box = [float(v) for v in rng.uniform(1, 80, 4)]
            image, category = int(rng.integers(images)), int(rng.integers(classes))
        box = [box[0], box[1], max(box[2], 1.0), max(box[3], 1.0)]
        score = float(rng.choice([0.5, 0.9, round(float(rng.random()), 1)]))
        results.append({"image_id": image, "category_id": category, "bbox": box, "score": score})
    truth = {
        "images": [{"id": i} for i in range(images)],
        "categories": [{"id": c, "name": str(c)} for c in range(classes)],
        "annotations": annotations,
    }
    return truth, results


def official(truth: dict, results: list[dict]) -> tuple[np.ndarray, np.ndarray]:
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = json.loads(json.dumps(truth))
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(json.loads(json.dumps(results))), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats, evaluation.eval["precision"][:, :, :, 0, 2]


@pytest.mark.parametrize("seed", range(10))
def test_random_cases_equal_pycocotools_to_the_last_bit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(30):
        truth, results = random_case(rng)
        stats, precision = official(truth, results)
        a, d = truth["annotations"], results
        crowd = np.array([bool(x["iscrowd"]) for x in a], bool)
        sides = (
            GroundTruth(
                np.array([x["image_id"] for x in a], np.int64),
                np.array([x["category_id"] for x in a], np.int32),
                np.array([x["bbox"] for x in a], np.float64).reshape(-1, 4),
                np.array([x["area"] for x in a], np.float64),
                crowd,
                crowd,
                np.array([x["id"] for x in a], np.int64),
            ),
            Scored(
                np.array([x["image_id"] for x in d], np.int64),
                np.array([x["category_id"] for x in d], np.int32),
                np.array([x["bbox"] for x in d], np.float64),
                np.array([x["score"] for x in d], np.float64),
            ),
        )
        names = [c["name"] for c in truth["categories"]]
        reducer = Reducer(match(*sides, class_names=names, images=pa.table({"image_id": range(len(truth["images"]))})))
        assert list(coco_metrics(reducer).values()) == stats.tolist()
        assert np.array_equal(reducer.curves().precision, precision)
