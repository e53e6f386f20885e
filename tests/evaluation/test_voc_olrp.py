"""Pascal VOC's AP and optimal LRP against their definitions, by hand, by slow loops, and by brute force."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest

from boxwright.artifacts.report import LrpError, OptimalLrp, VocMetrics
from boxwright.evaluation import Reducer, coco_metrics
from boxwright.evaluation.average_precision import mean_defined
from boxwright.evaluation.olrp import olrp
from boxwright.evaluation.operating import answered, count, figures
from boxwright.evaluation.voc import voc_ap
from tests.evaluation.random_worlds import World, random_world
from tests.oracles import Thing, iou_of, lrp_loop, match_coco_loop, voc_loop

CAT, FAR = (0.0, 0.0, 20.0, 20.0), (100.0, 100.0, 120.0, 120.0)


def voc_of(world: World) -> VocMetrics:
    matches = world.matches()
    return voc_ap(matches, Reducer(matches))


def lrp_of(world: World) -> OptimalLrp:
    matches = world.matches()
    return olrp(matches, Reducer(matches))


def voc_by_definition(told: list[bool], objects: int) -> tuple[float, float]:
    """11 points: the best precision at recall 0, 0.1, ... 1; all points: the area under the envelope."""
    hits = [sum(told[: n + 1]) for n in range(len(told))]
    points = [(h / objects, h / (n + 1), h) for n, h in enumerate(hits)]
    eleven = [max((p for _, p, h in points if 10 * h >= k * objects), default=0.0) for k in range(11)]
    area, before = 0.0, 0.0
    for i, (recall, _, _) in enumerate(points):
        area += (recall - before) * max(p for _, p, _ in points[i:])
        before = recall
    return sum(eleven) / 11, area


def test_voc_by_hand() -> None:
    three = [Thing(0, 0, (x, 0, x + 20, 20)) for x in (0.0, 40.0, 80.0)]
    said = [replace(three[0], score=0.9), Thing(0, 0, FAR, score=0.8), replace(three[1], score=0.7)]
    found = voc_of(World(three, said, ["c"], ("cat",)))
    # precision 1, 1/2, 2/3 at recall 1/3, 1/3, 2/3: 1 at 0 to 0.3, 2/3 at 0.4 to 0.6
    assert found.ap_11_points == pytest.approx((4 * 1 + 3 * 2 / 3) / 11, abs=1e-12)
    assert found.ap_all_points == pytest.approx(1 / 3 + 1 / 3 * 2 / 3, abs=1e-12)


@pytest.mark.parametrize("objects", [10, 20, 7])
def test_recall_exactly_on_a_point_counts(objects: int) -> None:
    truth = [Thing(0, 0, (40.0 * i, 0, 40.0 * i + 20, 20)) for i in range(objects)]
    for found in range(objects + 1):
        said = [replace(t, score=0.9 - i / 100) for i, t in enumerate(truth[:found])]
        reached = sum(10 * found >= k * objects for k in range(11)) if found else 0
        of = voc_of(World(truth, said, ["c"], ("cat",)))
        assert of.ap_11_points == pytest.approx(reached / 11, abs=1e-12)
        assert of.ap_all_points == pytest.approx(found / objects, abs=1e-12)


@pytest.mark.parametrize("seed", range(60))
def test_voc_equals_its_definition(seed: int) -> None:
    world = random_world(seed, images=5)
    found = voc_of(world)
    expected = {}
    for class_id, name in enumerate(world.names):
        told, objects = voc_loop(world.objects, world.detections, class_id=class_id)
        expected[name] = dict.fromkeys(("ap_11_points", "ap_all_points"))
        if objects:
            expected[name] = dict(zip(expected[name], voc_by_definition(told, objects), strict=True))
    assert found.per_class.keys() == expected.keys()
    for name, record in expected.items():
        assert asdict(found.per_class[name]) == pytest.approx(record, abs=1e-12)
    for key in ("ap_11_points", "ap_all_points"):
        defined = [r[key] for r in expected.values() if r[key] is not None]
        mean = np.mean(defined) if defined else None
        assert getattr(found, key) == (None if mean is None else pytest.approx(mean, abs=1e-12))


def test_voc_looks_only_at_the_object_overlapped_most() -> None:
    """Two objects that overlap: the second detection overlaps the taken one most; COCO gives it the other, VOC none."""
    objects = [Thing(0, 0, (0, 0, 100, 100)), Thing(0, 0, (20, 0, 120, 100))]
    said = [Thing(0, 0, (0, 0, 100, 100), score=0.9), Thing(0, 0, (5, 0, 105, 100), score=0.8)]
    world = World(objects, said, ["c"], ("cat",))
    assert coco_metrics(Reducer(world.matches()))["ap50"] == pytest.approx(1)
    assert voc_of(world).ap_all_points == pytest.approx(0.5)


def test_voc_asks_for_more_than_the_threshold() -> None:
    world = World([Thing(0, 0, (0, 0, 20, 10))], [Thing(0, 0, (0, 0, 10, 10), score=0.9)], ["c"], ("cat",))  # IoU 1/2
    assert coco_metrics(Reducer(world.matches()))["ap50"] == pytest.approx(1)
    assert voc_of(world).ap_all_points == 0


def test_difficult_objects_count_neither_way() -> None:
    objects = [Thing(0, 0, CAT), Thing(0, 0, FAR, ignore=True)]
    said = [replace(objects[0], score=0.5), Thing(0, 0, FAR, score=0.9), Thing(0, 0, FAR, score=0.8)]
    assert voc_of(World(objects, said, ["c"], ("cat",))).ap_all_points == 1  # twice on it, never false


def lrp_by_force(world: World, class_id: int) -> dict[str, float | None] | None:
    """LRP at every threshold, the least of it and its parts."""
    fates = match_coco_loop(world.objects, world.detections)
    objects = sum(t.class_id == class_id and not t.ignore for t in world.objects)
    if not objects:
        return None
    best = {"olrp": 1.0, "localisation": None, "false_positive": None, "false_negative": 1.0, "threshold": None}
    for least in sorted({t.score for t in world.detections if t.class_id == class_id}, reverse=True):
        value, parts = lrp_at(world, fates, class_id, least)
        if value < best["olrp"] - 1e-12:
            best = {"olrp": value, **parts, "threshold": least}
    return best


def lrp_at(world: World, fates: list, class_id: int, least: float) -> tuple[float, dict]:
    shown = [
        (f, t) for f, t in zip(fates, world.detections, strict=True)
        if t.class_id == class_id and t.score >= least and not f.ignored
    ]  # fmt: skip
    ious = [iou_of(t.box, world.objects[f.took].box) for f, t in shown if f.took >= 0]
    objects = sum(t.class_id == class_id and not t.ignore for t in world.objects)
    false, missed = len(shown) - len(ious), objects - len(ious)
    parts = {
        "localisation": 1 - sum(ious) / len(ious) if ious else None,
        "false_positive": false / len(shown) if shown else None,
        "false_negative": missed / objects,
    }
    return lrp_loop(ious, false, missed), parts


@pytest.mark.parametrize("seed", range(60))
def test_olrp_equals_brute_force(seed: int) -> None:
    world = random_world(seed, images=5)
    found = lrp_of(world)
    expected = {name: lrp_by_force(world, c) for c, name in enumerate(world.names)}
    for name, record in expected.items():
        mine = found.per_class[name]
        if record is None:
            assert mine == LrpError()
            continue
        assert mine.olrp == pytest.approx(record["olrp"], abs=1e-9)
        if record["threshold"] == mine.threshold:  # else two thresholds are equally good
            assert asdict(mine) == pytest.approx(record, abs=1e-9)
        elif mine.threshold is not None:
            at = lrp_at(
                world, match_coco_loop(world.objects, world.detections), world.names.index(name), mine.threshold
            )
            assert asdict(mine) == pytest.approx({"olrp": at[0], **at[1], "threshold": mine.threshold}, abs=1e-9)
    defined = [r["olrp"] for r in expected.values() if r is not None]
    assert found.all.olrp == (pytest.approx(np.mean(defined), abs=1e-9) if defined else None)


def test_olrp_by_hand() -> None:
    objects = [Thing(0, 0, CAT), Thing(0, 0, FAR)]
    said = [Thing(0, 0, (0, 0, 20, 16), score=0.9), Thing(0, 0, (200, 200, 220, 220), score=0.5)]  # IoU 0.8, and junk
    found = lrp_of(World(objects, said, ["c"], ("cat",))).per_class["cat"]
    assert asdict(found) == pytest.approx(
        {
            "olrp": (0.2 / 0.5 + 0 + 1) / 2,
            "localisation": 0.2,
            "false_positive": 0,
            "false_negative": 0.5,
            "threshold": 0.9,
        }
    )


def test_perfect_is_0_and_nothing_right_is_1() -> None:
    cat = Thing(0, 0, CAT)
    assert lrp_of(World([cat], [replace(cat, score=0.5)], ["c"], ("cat",))).all.olrp == 0
    for said in ([], [Thing(0, 0, FAR, score=0.9)]):
        found = lrp_of(World([cat], said, ["c"], ("cat",))).per_class["cat"]
        assert (found.olrp, found.false_negative, found.threshold) == (1, 1, None)
    assert lrp_of(World([], [replace(cat, score=0.5)], ["c"], ("cat",))).all.olrp is None


@pytest.mark.parametrize("seed", range(10))
def test_junk_under_every_score_moves_no_ap_but_precision_and_lrp(seed: int) -> None:
    clean = random_world(seed, images=12, ignored=0)
    clean = replace(clean, detections=[replace(t, score=t.score + 0.1) for t in clean.detections])
    junk = [Thing(i % 12, i % 3, (500.0, 20.0 * i, 515.0, 20.0 * i + 15), score=0.05) for i in range(60)]
    noisy = replace(clean, detections=[*clean.detections, *junk])
    before, after = (Reducer(w.matches()) for w in (clean, noisy))
    for name, value in coco_metrics(before).items():
        if name.startswith("ap"):
            assert coco_metrics(after)[name] == pytest.approx(value, abs=1e-12)
    assert mean_defined(after.curves().precision) == pytest.approx(mean_defined(before.curves().precision), abs=1e-12)
    precision, lrp = [], []
    for world in (clean, noisy):
        matches = world.matches()
        totals = [
            p.sum(axis=0)[-1] for p in count(matches, answered(matches, np.zeros(len(matches.detections)))).with_total()
        ]
        precision.append(float(figures(*totals, np.float64(12))["precision"]))
        lrp.append(lrp_at(world, match_coco_loop(world.objects, world.detections), 0, 0.0)[0])
    assert precision[1] < precision[0] - 0.05
    assert lrp[1] > lrp[0] + 0.01 or lrp[0] == 1  # nothing right cannot get worse
    assert lrp_of(noisy).all.olrp == pytest.approx(lrp_of(clean).all.olrp, abs=1e-12)  # it chooses its threshold
