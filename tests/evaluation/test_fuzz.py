"""Thousands of small random cases against pycocotools: not close, the same bits.

A case is drawn from a seed alone, so a failure names all one needs: `check(random_case(seed))`. The rules of COCO hide in
the corners, so the cases are made of corners: crowds that are taken twice, scores that tie (all of them, or the two
zeros, or but for the last bit), pictures and classes with one side empty, areas exactly on 32^2 and 96^2 and other than
the box's, boxes without size, overlaps exactly on a threshold, more detections than are allowed, and thresholds, areas
and limits that are not COCO's. Compared are precision and recall in full and, where the settings are COCO's, the twelve
figures.
"""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from pycocotools import mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from boxwright.evaluation import GroundTruth, Reducer, Scored, coco_metrics, match
from boxwright.evaluation.match import COCO_AREAS, COCO_IOUS
from boxwright.ingestion import read_results, read_truth

ALWAYS, FROM_FILES, EVERY = 1500, 100, 10_000
COCO_MOST = (1, 10, 100)
IOUS = (
    (0.5,),
    (0.75,),
    (1.0,),
    (0.05, 0.3, 0.5),
    (1 / 3, 2 / 3),
    (0.5, 0.55, 1.0),
    tuple(np.linspace(0.1, 0.9, 9).tolist()),
)
EVERYTHING = (0.0, 1e10)
AREAS: tuple[dict[str, tuple[float, float]], ...] = (
    {"all": EVERYTHING},
    {"all": EVERYTHING, "tiny": (0.0, 256.0), "rest": (256.0, 1e10)},
    {"all": EVERYTHING, "nothing": (5.0, 5.0), "overlapping": (100.0, 5000.0), "exact": (1024.0, 1024.0)},
    {**COCO_AREAS, "huge": (1e6, 1e10), "all again": EVERYTHING},
)
MOST = ((1,), (2, 3, 5), (1, 100), (3, 300), (100,), (1, 2, 10, 20))
SIDES = (0.0, 1.0, 4.0, 16.0, 32.0, 40.5, 96.0, 100.25)  # 32 x 32 and 96 x 96 lie on the edges of the areas
SHIFTS = (0.0, 0.0, 0.0, 1.0, -2.0, 0.5, 6.0, 1e-9)


@dataclass(frozen=True)
class Case:
    """One ground truth, one set of results, and how to judge.

    Attributes:
        truth: a COCO document.
        results: a COCO results list.
        ious: thresholds.
        areas: name to least and largest.
        most: detections per picture and class, rising.
    """

    truth: dict
    results: list[dict]
    ious: tuple[float, ...] = COCO_IOUS
    areas: dict[str, tuple[float, float]] = field(default_factory=lambda: dict(COCO_AREAS))
    most: tuple[int, ...] = COCO_MOST

    @property
    def is_coco(self) -> bool:
        return self.ious == COCO_IOUS and self.areas == dict(COCO_AREAS) and self.most == COCO_MOST


def random_case(seed: int) -> Case:
    """The case of a seed; about every third is judged otherwise than COCO does."""
    rng = np.random.default_rng(seed)
    images, classes = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    annotations = [_annotation(n, images, classes, rng) for n in range(1, 1 + _how_many(14, rng))]
    results = _results(annotations, images, classes, rng)
    truth = {
        "images": [{"id": i} for i in range(images)],
        "categories": [{"id": c, "name": str(c)} for c in range(classes)],
        "annotations": annotations,
    }
    if rng.random() < 0.65:
        return Case(truth, results)
    return Case(
        truth,
        results,
        ious=IOUS[rng.integers(len(IOUS))] if rng.random() < 0.6 else COCO_IOUS,
        areas=AREAS[rng.integers(len(AREAS))] if rng.random() < 0.6 else dict(COCO_AREAS),
        most=MOST[rng.integers(len(MOST))] if rng.random() < 0.6 else COCO_MOST,
    )


def _how_many(most: int, rng: np.random.Generator) -> int:
    """Nothing every eighth time."""
    return 0 if rng.random() < 0.125 else int(rng.integers(1, most))


def _annotation(number: int, images: int, classes: int, rng: np.random.Generator) -> dict:
    if rng.random() < 0.25:
        box = [*rng.integers(0, 3, 2).astype(float).tolist(), 20.0, 20.0]  # overlaps of results hit thresholds exactly
    else:
        corner = np.round(rng.uniform(0, 60, 2), int(rng.integers(0, 3)))
        box = [*corner.tolist(), *rng.choice(SIDES, 2).tolist()]
    own = box[2] * box[3]
    area = float(
        rng.choice([own, own, own / 2, 32.0**2, 96.0**2, np.nextafter(32.0**2, 0), np.nextafter(96.0**2, 1e9)])
    )
    crowd = int(rng.random() < 0.2)
    image, category = int(rng.integers(images)), int(rng.integers(classes))
    return {"id": number, "image_id": image, "category_id": category, "bbox": box, "area": area, "iscrowd": crowd}


def _results(annotations: list[dict], images: int, classes: int, rng: np.random.Generator) -> list[dict]:
    many = rng.random() < 0.02  # more than 100 of one picture and class
    count = int(rng.integers(120, 260)) if many else _how_many(40, rng)
    if many:
        images = classes = 1
    scores = _scores(count, rng)
    results = []
    for score in scores:
        if annotations and rng.random() < 0.7:
            near = annotations[int(rng.integers(len(annotations)))]
            image, category, box = near["image_id"], near["category_id"], _beside(near["bbox"], rng)
        else:
            image, category = int(rng.integers(images)), int(rng.integers(classes))
            box = [*rng.uniform(1, 80, 2).tolist(), *rng.choice([*SIDES, rng.uniform(1, 120)], 2).tolist()]
        results.append({"image_id": image, "category_id": category, "bbox": box, "score": score})
    return results


def _beside(box: list[float], rng: np.random.Generator) -> list[float]:
    """A box that overlaps another: displaced, the same, or cut to a whole number of twentieths of it."""
    x, y, w, h = box
    style = rng.random()
    if style < 0.2:
        return list(box)
    if style < 0.45:
        return [x, y, w * int(rng.integers(1, 21)) / 20, h]
    dx, dy, dw, dh = rng.choice(SHIFTS, 4).tolist()
    return [x + dx, y + dy, max(w + dw, 0.0), max(h + dh, 0.0)]


def _scores(count: int, rng: np.random.Generator) -> list[float]:
    style = int(rng.integers(6))
    if style == 0:
        return [0.5] * count
    if style == 1:
        return rng.choice([0.0, -0.0, 1.0, 0.5], count).tolist()
    if style == 2:  # equal but for the last bits, also in single precision
        return rng.choice([0.3, 0.1 + 0.2, np.nextafter(0.3, 0), 0.3 + 1e-9], count).tolist()
    if style == 3:
        return rng.normal(0, 3, count).tolist()  # not probabilities
    return np.round(rng.random(count), int(rng.integers(1, 6))).tolist()


def official(case: Case) -> COCOeval:
    """pycocotools' evaluation of a case."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = _indexed(case.truth)
        empty = {**case.truth, "annotations": []}
        results = truth.loadRes(json.loads(json.dumps(case.results))) if case.results else _indexed(empty)
        evaluation = COCOeval(truth, results, "bbox")
        evaluation.params.iouThrs = np.array(case.ious)
        evaluation.params.areaRng = [list(area) for area in case.areas.values()]
        evaluation.params.areaRngLbl = list(case.areas)
        evaluation.params.maxDets = list(case.most)
        evaluation.evaluate()
        evaluation.accumulate()
        if case.is_coco:
            evaluation.summarize()
    return evaluation


def _indexed(document: dict) -> COCO:
    coco = COCO()
    coco.dataset = json.loads(json.dumps(document))
    coco.createIndex()
    return coco


def sides(case: Case) -> tuple[GroundTruth, Scored]:
    """The case as columns."""
    a, d = case.truth["annotations"], case.results

    def column(entries: list[dict], name: str, kind: type, *shape: int) -> NDArray:
        return np.array([entry[name] for entry in entries], kind).reshape(-1, *shape)

    crowd = column(a, "iscrowd", np.bool_)
    truth = GroundTruth(
        image=column(a, "image_id", np.int64),
        class_id=column(a, "category_id", np.int32),
        boxes_xywh=column(a, "bbox", np.float64, 4),
        area=column(a, "area", np.float64),
        crowd=crowd,
        ignore=crowd,
        annotation_id=column(a, "id", np.int64),
    )
    scored = Scored(
        image=column(d, "image_id", np.int64),
        class_id=column(d, "category_id", np.int32),
        boxes_xywh=column(d, "bbox", np.float64, 4),
        score=column(d, "score", np.float64),
    )
    return truth, scored


def reducer_of(case: Case, truth: GroundTruth, scored: Scored) -> Reducer:
    return Reducer(
        match(
            truth,
            scored,
            class_names=[category["name"] for category in case.truth["categories"]],
            images=pa.table({"image_id": [image["id"] for image in case.truth["images"]]}),
            iou_thresholds=case.ious,
            areas=case.areas,
            max_detections=case.most[-1],
        )
    )


def assert_same_bits(case: Case, reducer: Reducer) -> None:
    """Every number of pycocotools' answer, its sign and last bit included."""
    evaluation = official(case)
    precision, recall = evaluation.eval["precision"], evaluation.eval["recall"]  # (T, R, K, A, M), (T, K, A, M)
    for a, name in enumerate(case.areas):
        for m, most in enumerate(case.most):
            found = reducer.curves(area=a, max_detections=most)
            where = f"area {name} {case.areas[name]}, at most {most} detections"
            assert found.precision.tobytes() == precision[..., a, m].tobytes(), f"precision, {where}"
            assert found.recall.tobytes() == recall[..., a, m].tobytes(), f"recall, {where}"
    if case.is_coco:
        assert list(coco_metrics(reducer).values()) == evaluation.stats.tolist()


def check(seed: int) -> None:
    case = random_case(seed)
    try:
        assert_same_bits(case, reducer_of(case, *sides(case)))
    except Exception as error:
        error.add_note(f"The case is random_case({seed}).")
        raise


@pytest.fixture
def asked_for(request: pytest.FixtureRequest) -> None:
    """Slow tests wait until they are asked for by their mark."""
    if "slow" not in (request.config.option.markexpr or ""):
        pytest.skip("takes minutes; run with `pytest -m slow`")


@pytest.mark.parametrize("first", range(0, ALWAYS, 100))
def test_random_cases_equal_pycocotools_to_the_last_bit(first: int) -> None:
    for seed in range(first, first + 100):
        check(seed)


@pytest.mark.slow
@pytest.mark.usefixtures("asked_for")
@pytest.mark.parametrize("first", range(0, EVERY, 500))
def test_ten_thousand_cases_equal_pycocotools_to_the_last_bit(first: int) -> None:
    for seed in range(first, first + 500):
        check(seed)


def test_the_same_through_files_with_any_numbers_in_any_order(tmp_path: Path) -> None:
    for seed in range(FROM_FILES):
        case = renumbered(random_case(seed), np.random.default_rng(seed))
        (tmp_path / "gt.json").write_text(json.dumps(case.truth))
        (tmp_path / "dt.json").write_text(json.dumps(case.results))
        t = read_truth(tmp_path / "gt.json")
        r = read_results(tmp_path / "dt.json", t)
        truth = GroundTruth(t.image, t.class_id, t.boxes_xywh, t.area, t.crowd, t.crowd, t.annotation_id)
        assert_same_bits(case, reducer_of(case, truth, Scored(r.image, r.class_id, r.boxes_xywh, r.score)))


def renumbered(case: Case, rng: np.random.Generator) -> Case:
    """The same case under sparse ids, its pictures and categories listed in any order."""
    truth = case.truth
    image = dict(enumerate(rng.choice(10**6, len(truth["images"]), replace=False).tolist()))
    category = dict(enumerate(rng.choice(10**4, len(truth["categories"]), replace=False).tolist()))

    def moved(entries: list[dict]) -> list[dict]:
        return [{**e, "image_id": image[e["image_id"]], "category_id": category[e["category_id"]]} for e in entries]

    document = {
        "images": [{"id": image[i]} for i in rng.permutation(len(image)).tolist()],
        "categories": [{"id": category[c], "name": str(c)} for c in rng.permutation(len(category)).tolist()],
        "annotations": moved(truth["annotations"]),
    }
    return Case(document, moved(case.results), ious=case.ious, areas=case.areas, most=case.most)


def test_the_cases_reach_every_corner() -> None:
    cases = [random_case(seed) for seed in range(ALWAYS)]
    seen = {corner for case in cases for corner in _corners(case)}
    assert seen == {
        "no annotations", "no results", "crowd", "all scores equal", "on an edge of the areas", "area unlike the box",
        "no size", "on a threshold", "class without annotations", "picture without results", "over 100", "iou", "areas",
        "most",
    }  # fmt: skip


def _corners(case: Case) -> set[str]:
    a, d = case.truth["annotations"], case.results
    pairs = [(e["image_id"], e["category_id"]) for e in d]
    present = {
        "no annotations": not a,
        "no results": not d,
        "crowd": any(e["iscrowd"] for e in a),
        "all scores equal": len(d) > 1 and len({e["score"] for e in d}) == 1,
        "on an edge of the areas": any(e["area"] in (32.0**2, 96.0**2) for e in a),
        "area unlike the box": any(e["area"] != e["bbox"][2] * e["bbox"][3] for e in a),
        "no size": any(0 in e["bbox"][2:] for e in [*a, *d]),
        "on a threshold": _on_a_threshold(case),
        "class without annotations": {e["category_id"] for e in a} < {e["category_id"] for e in d},
        "picture without results": {e["image_id"] for e in d} < {e["id"] for e in case.truth["images"]},
        "over 100": any(pairs.count(pair) > 100 for pair in set(pairs)),
        "iou": case.ious != COCO_IOUS,
        "areas": case.areas != dict(COCO_AREAS),
        "most": case.most != COCO_MOST,
    }
    return {name for name, here in present.items() if here}


def _on_a_threshold(case: Case) -> bool:
    """Whether any overlap equals a threshold to the last bit."""
    a, d = case.truth["annotations"], case.results
    if not a or not d:
        return False
    overlap = mask.iou([e["bbox"] for e in d], [e["bbox"] for e in a], [e["iscrowd"] for e in a])
    return bool(np.isin(overlap, case.ious).any())
