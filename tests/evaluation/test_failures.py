"""Failures, one by one: every miss and false alarm once, with the reason, the rivals and the verdict it deserves."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from boxwright.artifacts.report.slices import WeakSlice, WeakSlices
from boxwright.evaluation import evaluate
from boxwright.evaluation.diagnose import KINDS, diagnose, tally
from boxwright.evaluation.failures import GAP, LIMIT, SCHEMA, SUSPECT, failures
from boxwright.evaluation.operating import answered, least_scores
from boxwright.evaluation.slices import axis, standard_conditions
from boxwright.spec.spec import ConditionClause
from tests.evaluation.random_worlds import World, random_world
from tests.oracles import Thing, iou_of, tide_loop

AT = 0.4
CAMERA = ConditionClause(name="camera")
SEEDS = range(40)
FALSE = {
    "Cls": "annotated as another class",
    "Loc": "box badly placed",
    "Both": "badly placed, and another class",
    "Dupe": "second box on one object",
    "Bkg": "nothing annotated here",
}
SEVERITY = {
    "nothing found here": 0.9,
    "taken for another class": 0.7,
    "another class, under its threshold": 0.6,
    "box badly placed": 0.5,
    "score under the threshold": 0.3,
}


def listed(world: World, *, at: float = AT, weak: WeakSlices | None = None) -> list[dict]:
    matches = world.matches()
    passes = answered(matches, least_scores(matches, dict.fromkeys(world.names, at)))
    clauses = (CAMERA, *standard_conditions(matches, ()))
    point = diagnose(matches, passes)
    table = failures(matches, passes, point, axes=[axis(matches, c) for c in clauses], weak=weak)
    assert table.schema == SCHEMA
    return table.to_pylist()


def weak_in(what: Literal["missed", "false"], **where: str) -> WeakSlices:
    return WeakSlices((WeakSlice(what, where, support=1, groups=1, rate=1.0, elsewhere=0.0, excess=1.0, p=0.0),))


def shown(world: World) -> World:
    return replace(world, detections=[t for t in world.detections if t.score >= AT])


def of_kind(rows: list[dict], kind: str) -> list[dict]:
    return [row for row in rows if row["kind"] == kind]


def box_of(row: dict) -> tuple[float, ...]:
    return tuple(row[name] for name in ("x1", "y1", "x2", "y2"))


@pytest.mark.parametrize("seed", SEEDS)
def test_every_miss_and_every_false_alarm_is_listed_once(seed: int) -> None:
    world = random_world(seed)
    answered_world = shown(world)
    fates, states = tide_loop(answered_world.objects, answered_world.detections)
    rows = listed(world)
    missed = [o + 1000 for o, state in enumerate(states) if state in ("claimed", "missed")]
    assert sorted(row["annotation_id"] for row in of_kind(rows, "miss")) == missed
    false = Counter(
        (t.image, t.class_id, t.box, t.score, f.kind)
        for f, t in zip(fates, answered_world.detections, strict=True)
        if f.kind and not f.ignored
    )
    alarms = of_kind(rows, "false alarm")
    assert Counter((r["image_id"], r["class_id"], box_of(r), r["score"], r["type"]) for r in alarms) == false
    assert len(rows) == len(missed) + sum(false.values())
    for row in of_kind(rows, "miss"):
        thing = world.objects[row["annotation_id"] - 1000]
        assert (row["image_id"], row["class_id"], box_of(row)) == (thing.image, thing.class_id, thing.box)
        assert row["file_name"] == f"{thing.image}.jpg"
        assert (row["type"] == "Miss") == (states[row["annotation_id"] - 1000] == "missed")


@pytest.mark.parametrize("seed", SEEDS)
def test_reasons_follow_a_slow_loop(seed: int) -> None:
    world = random_world(seed)
    for row in listed(world):
        if row["kind"] == "false alarm":
            assert row["reason"] == FALSE[row["type"]]
            assert row["severity"] == min(row["score"], 1)
        else:
            thing = world.objects[row["annotation_id"] - 1000]
            assert row["reason"] == reason_of(thing, world.detections), thing
            assert row["severity"] == SEVERITY[row["reason"]]


def reason_of(thing: Thing, detections: list[Thing]) -> str:
    near = [(iou_of(thing.box, t.box), t) for t in detections if t.image == thing.image]
    on = [t for overlap, t in near if overlap >= 0.5]
    same = [t for t in on if t.class_id == thing.class_id]
    if any(t.score < AT for t in same):
        return "score under the threshold"
    if any(t.class_id != thing.class_id and t.score >= AT for t in on):
        return "taken for another class"
    if any(overlap >= 0.1 and t.class_id == thing.class_id and t.score >= AT for overlap, t in near):
        return "box badly placed"
    return "another class, under its threshold" if on else "nothing found here"


@pytest.mark.parametrize("seed", SEEDS)
def test_rivals_are_the_nearest_boxes_of_the_other_side(seed: int) -> None:
    world = random_world(seed, most=8)
    for row in listed(world):
        theirs = world.detections if row["kind"] == "miss" else world.objects
        overlaps = [iou_of(box_of(row), t.box) for t in theirs if t.image == row["image_id"]]
        nearest = sorted((v for v in overlaps if v > 0), reverse=True)[:3]
        assert [r["iou"] for r in row["rivals"]] == pytest.approx(nearest, abs=1e-12)
        for rival in row["rivals"]:
            assert rival["side"] == ("detection" if row["kind"] == "miss" else "annotation")
            assert any(
                t.image == row["image_id"] and t.class_id == rival["class_id"]
                and iou_of(box_of(row), t.box) == pytest.approx(rival["iou"])
                and (rival["score"] is None or rival["score"] == t.score)
                for t in theirs
            )  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_the_worst_come_first_and_name_their_slices(seed: int) -> None:
    world = random_world(seed)
    rows = listed(world)
    severities = [row["severity"] for row in rows]
    assert severities == sorted(severities, reverse=True)
    for row in rows:
        assert f"camera={world.cameras[row['image_id']]}" in row["slices"]
        names = [text.split("=")[0] for text in row["slices"]]
        assert names == ["camera", "box_size", "crowding", "border"]
        side = np.sqrt((row["x2"] - row["x1"]) * (row["y2"] - row["y1"]))
        assert ("box_size=0-32" in row["slices"]) == (side < 32)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_count_of_each_type_is_that_of_the_tally(seed: int) -> None:
    matches = random_world(seed).matches()
    passes = answered(matches, least_scores(matches, dict.fromkeys(matches.class_names, AT)))
    point = diagnose(matches, passes)
    rows = failures(matches, passes, point).to_pylist()
    counted = Counter(row["type"] for row in of_kind(rows, "false alarm"))
    assert {kind: counted[kind] for kind in KINDS[:5]} == {
        k: v for k, v in tally(point, matches).items() if k != "Miss"
    }
    assert sum(row["type"] == "Miss" for row in of_kind(rows, "miss")) == tally(point, matches)["Miss"]


def test_a_claimed_miss_has_the_type_of_its_claimant() -> None:
    cat = Thing(0, 0, (0, 0, 40, 40))
    claimant = replace(cat, class_id=1, score=0.9)  # wrong class, answered
    faint = replace(cat, score=0.1)  # right class, not answered
    row = of_kind(listed(World([cat], [claimant, faint], ["c"])), "miss")[0]
    assert row["reason"] == "score under the threshold"
    assert row["type"] == "Cls"


def test_a_false_alarm_knows_its_annotation_however_many_others_overlap() -> None:
    said = Thing(0, 0, (0, 0, 100, 40), score=0.9)
    own = Thing(0, 0, (0, 0, 30, 40))  # IoU 0.3: badly placed
    others = [Thing(0, 1, (i, 0, 40 + i, 40)) for i in range(4)]  # IoU 0.4 each
    row = of_kind(listed(World([own, *others], [said], ["c"])), "false alarm")[0]
    assert row["type"] == "Loc"
    assert (row["annotation_id"], row["other_class_id"], row["iou"]) == (1000, 0, pytest.approx(0.3))


def trained(*, true: int = 20) -> tuple[list[Thing], list[Thing]]:
    """Objects found at 0.50, 0.51, ...: their surest tenth lies over the 0.9 quantile."""
    objects = [Thing(i % 4, 0, (60.0 * (i // 4), 0, 60.0 * (i // 4) + 40, 40)) for i in range(true)]
    return objects, [replace(t, score=0.5 + i / 100) for i, t in enumerate(objects)]


@pytest.mark.parametrize("score, verdict", [(0.95, SUSPECT), (0.45, LIMIT)])
@pytest.mark.parametrize("kind", ["Bkg", "Cls", "Loc", "Both", "Dupe"])
def test_a_sure_false_alarm_makes_the_annotation_suspect(kind: str, score: float, verdict: str) -> None:
    objects, said = trained()
    box = (600.0, 600.0, 640.0, 640.0)
    other = replace(objects[0], image=0, box=box, class_id=1)
    near = (600.0, 616.0, 640.0, 656.0)  # IoU 3/7
    added = {
        "Bkg": ([], Thing(0, 0, box, score=score)),
        "Cls": ([other], Thing(0, 0, box, score=score)),
        "Loc": ([replace(other, class_id=0)], Thing(0, 0, near, score=score)),
        "Both": ([other], Thing(0, 0, near, score=score)),
        "Dupe": ([], replace(said[0], score=min(score, 0.4999))),
    }[kind]
    rows = listed(World(objects + added[0], [*said, added[1]], ["c"] * 4))
    row = of_kind(rows, "false alarm")[0]
    assert row["type"] == kind
    assert row["verdict"] == (verdict if kind in ("Bkg", "Cls", "Loc") else LIMIT)
    assert (verdict == SUSPECT and kind in ("Bkg", "Cls", "Loc")) == ("surest" in row["why"])


def test_with_few_true_detections_nothing_is_as_sure_as_they_are() -> None:
    objects, said = trained(true=9)
    row = of_kind(
        listed(World(objects, [*said, Thing(0, 0, (600, 600, 640, 640), score=1.0)], ["c"] * 4)), "false alarm"
    )[0]
    assert row["verdict"] == LIMIT


@pytest.mark.parametrize("side, verdict", [(40, SUSPECT), (12, LIMIT)])
def test_a_miss_without_the_faintest_detection_makes_the_annotation_suspect(side: int, verdict: str) -> None:
    objects, said = trained()
    silent = Thing(0, 0, (600, 600, 600 + side, 600 + side))
    row = of_kind(listed(World([*objects, silent], said, ["c"] * 4)), "miss")[0]
    assert (row["reason"], row["verdict"]) == ("nothing found here", verdict)
    faint = replace(silent, class_id=1, score=0.01)
    row = of_kind(listed(World([*objects, silent], [*said, faint], ["c"] * 4)), "miss")[0]
    assert row["verdict"] == LIMIT


def test_failures_in_a_weak_slice_are_gaps_in_the_data() -> None:
    """Camera c2 misses 70 % and the others 10 %; every miss has a faint box, so that none is suspect."""
    rng = np.random.default_rng(0)
    objects, said = [], []
    for image in range(120):
        for slot in range(6):
            thing = Thing(image, slot % 2, (60.0 * slot, 0, 60.0 * slot + 40, 40))
            objects.append(thing)
            miss = rng.random() < (0.7 if image % 4 == 2 else 0.1)
            said.append(replace(thing, score=float(rng.uniform(0.01, 0.1) if miss else rng.uniform(0.6, 1))))
    world = World(objects, said, [f"c{i % 4}" for i in range(120)], ("cat", "dog"))
    report = evaluate(world.matches(), title="t", score_thresholds={"cat": 0.4, "dog": 0.4}, conditions=(CAMERA,))
    assert report.weak_slices.found[0].slice == {"camera": "c2"}
    rows = of_kind(report.failures.to_pylist(), "miss")
    assert len(rows) == sum(t.score < 0.4 for t in said)
    for row in rows:
        assert row["verdict"] == (GAP if "camera=c2" in row["slices"] else LIMIT)
        assert ("camera=c2" in row["why"]) == ("camera=c2" in row["slices"])


def test_a_suspect_annotation_comes_before_a_gap() -> None:
    objects, said = trained()
    rows = listed(
        World(objects, [*said, Thing(0, 0, (600, 600, 640, 640), score=0.95)], ["c0"] * 4),
        weak=weak_in("false", camera="c0"),
    )
    assert [row["verdict"] for row in rows] == [SUSPECT]


def test_a_weak_slice_of_false_alarms_explains_no_miss() -> None:
    cat, dog = Thing(0, 0, (0, 0, 40, 40)), Thing(0, 1, (100, 0, 140, 40))
    said = [replace(cat, score=0.1), replace(dog, score=0.1), Thing(0, 0, (0, 100, 40, 140), score=0.5)]
    world = World([cat, dog], said, ["c0"])
    weak = weak_in("false", camera="c0")
    assert [r["verdict"] for r in of_kind(listed(world, weak=weak), "miss")] == [LIMIT] * 2
    assert [r["verdict"] for r in of_kind(listed(world, weak=weak), "false alarm")] == [GAP]
    crossed = weak_in("missed", **{"class": "dog", "camera": "c0"})
    verdicts = {r["class_id"]: r["verdict"] for r in of_kind(listed(world, weak=crossed), "miss")}
    assert verdicts == {0: LIMIT, 1: GAP}


def test_silence_of_a_model_that_finds_nothing_tells_nothing_of_the_annotations() -> None:
    """A file without detections once had every annotation listed as doubtful."""
    objects = [Thing(image, image % 2, (0, 0, 40, 40)) for image in range(8)]
    rows = of_kind(listed(World(objects, [], ["c0"] * 8)), "miss")
    assert [row["verdict"] for row in rows] == [LIMIT] * 8
    said = [replace(thing, score=0.9) for thing in objects if thing.class_id == 0][
        :3
    ]  # of the first class, three of four
    rows = of_kind(listed(World(objects, said, ["c0"] * 8)), "miss")
    assert sorted((row["class_id"], row["verdict"]) for row in rows) == [(0, SUSPECT), *[(1, LIMIT)] * 4]


def test_nothing_in_nothing_out() -> None:
    assert listed(World([], [], ["c"])) == []
    cat = Thing(0, 0, (0, 0, 40, 40))
    assert listed(World([cat], [replace(cat, score=0.9)], ["c"])) == []
    assert [r["kind"] for r in listed(World([cat], [], ["c"]))] == ["miss"]
    assert [r["kind"] for r in listed(World([], [replace(cat, score=0.9)], ["c"]))] == ["false alarm"]
