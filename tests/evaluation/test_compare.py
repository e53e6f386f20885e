"""Laws of a comparison: nothing differs from itself, what was planted is found, and the two sides can be swapped."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from boxwright.artifacts import Comparison
from boxwright.artifacts.comparison import AlarmChanges, CostPair, ObjectChanges
from boxwright.errors import InputError
from boxwright.evaluation import Contender, compare
from boxwright.evaluation.operating import least_scores
from boxwright.spec.spec import ConditionClause
from tests.evaluation.random_worlds import World, random_world
from tests.oracles import Thing, iou_of, match_coco_loop

CAMERA = ConditionClause(name="camera")
AT = 0.3


def contender(world: World, title: str = "A", *, at: float = AT) -> Contender:
    matches = world.matches()
    return Contender(title, matches, least_scores(matches, dict.fromkeys(world.names, at)))


def compared(a: World, b: World, **settings) -> Comparison:
    return compare(contender(a, "A"), contender(b, "B"), conditions=(CAMERA,), **settings)


def board(*, images: int = 12, found: set[int] = frozenset(), alarms: tuple[int, ...] = ()) -> World:
    """Six objects a picture, far apart; those in `found` are detected, and a false alarm lies in each slot of `alarms`."""
    objects, detections = [], []
    for slot in range(6 * images):
        image, x = slot // 6, 60.0 * (slot % 6)
        objects.append(Thing(image, slot % 2, (x, 0, x + 40, 40)))
        if slot in found:
            detections.append(Thing(image, slot % 2, (x, 0, x + 40, 40), score=0.5 + slot / 1000))
        if slot in alarms:
            detections.append(Thing(image, slot % 2, (x, 100, x + 40, 140), score=0.4 + slot / 1000))
    return World(objects, detections, [f"c{i % 3}" for i in range(images)], ("cat", "dog"))


@pytest.mark.parametrize("seed", range(3))
def test_nothing_differs_from_itself(seed: int) -> None:
    world = random_world(seed, images=10)
    comparison = compared(world, world)
    assert comparison.metrics and comparison.slices
    for record in comparison.metrics:
        assert record.difference in (None, 0) and record.a == record.b
        assert record.low in (None, 0) and record.high in (None, 0)
        assert record.verdict == ("undefined" if record.difference is None else "no significant difference")
    for record in comparison.slices:
        assert (record.fixed, record.broken, record.gone, record.new) == (0, 0, 0, 0)
    assert set(comparison.changed.column("change").to_pylist()) <= {"still missed", "still there"}
    assert all(pair.a == pair.b for pair in comparison.error_types.values())


def test_planted_changes_are_recovered_exactly() -> None:
    rng = np.random.default_rng(0)
    slots = rng.permutation(72).tolist()
    both, fixed, broken = set(slots[:40]), set(slots[40:47]), set(slots[47:50])
    alarms = rng.permutation(72).tolist()
    kept, gone, new = alarms[:5], alarms[5:9], alarms[9:15]
    a = board(found=both | broken, alarms=(*kept, *gone))
    b = board(found=both | fixed, alarms=(*kept, *new))
    comparison = compared(a, b)
    assert comparison.objects["all"] == ObjectChanges(fixed=7, broken=3, still_missed=22, both_found=40)
    assert comparison.false_alarms["all"] == AlarmChanges(gone=4, new=6, still_there=5)
    for c, name in enumerate(("cat", "dog")):
        assert comparison.objects[name].fixed == sum(s % 2 == c for s in fixed)
        assert comparison.false_alarms[name].new == sum(s % 2 == c for s in new)
    rows = comparison.changed.to_pylist()
    by_change = {change: [r for r in rows if r["change"] == change] for change in {r["change"] for r in rows}}
    assert {r["annotation_id"] - 1000 for r in by_change["fixed"]} == fixed
    assert {r["annotation_id"] - 1000 for r in by_change["broken"]} == broken
    assert {r["image_id"] * 6 + r["x1"] / 60 for r in by_change["new"]} == set(new)
    assert {r["image_id"] * 6 + r["x1"] / 60 for r in by_change["gone"]} == set(gone)
    assert all(
        r["score_a"] == 0 and r["score_b"] == 0.5 + (r["annotation_id"] - 1000) / 1000 for r in by_change["fixed"]
    )
    assert all(r["score_b"] == 0 and r["score_a"] > 0 for r in by_change["broken"] + by_change["gone"])
    assert all(r["score_a"] == r["score_b"] > 0 for r in by_change["still there"])
    recall = next(r for r in comparison.metrics if r.key == "recall")
    assert recall.difference == pytest.approx(4 / 72, abs=1e-9)
    assert recall.support == 72


@pytest.mark.parametrize("seed", range(6))
def test_swapping_the_sides_flips_signs_and_counts(seed: int) -> None:
    a = random_world(seed, images=8)
    b = replace(a, detections=_jittered(a, seed))
    one, other = compared(a, b), compared(b, a)
    for left, right in zip(one.metrics, other.metrics, strict=True):
        assert (left.a, left.b) == (right.b, right.a)
        if left.difference is not None:
            assert left.difference == -right.difference
        if left.low is not None:
            assert (left.low, left.high) == pytest.approx((-right.high, -right.low), abs=1e-12)
        flipped = {"better": "worse", "worse": "better"}.get(left.verdict, left.verdict)
        assert flipped == right.verdict
    for name, counts in one.objects.items():
        assert counts.fixed == other.objects[name].broken
        assert counts.broken == other.objects[name].fixed
        assert counts.still_missed == other.objects[name].still_missed
    for name, counts in one.false_alarms.items():
        back = other.false_alarms[name]
        assert (counts.gone, counts.new, counts.still_there) == (
            back.new,
            back.gone,
            back.still_there,
        )
    assert one.error_types == {k: CostPair(a=v.b, b=v.a) for k, v in other.error_types.items()}


def _jittered(world: World, seed: int) -> list[Thing]:
    rng = np.random.default_rng(1000 + seed)
    kept = [t for t in world.detections if rng.random() < 0.8]
    moved = []
    for t in kept:
        x, y = t.box[0] + int(rng.integers(0, 3)), t.box[1] + int(rng.integers(0, 3))
        box = (x, y, max(t.box[2], x + 1), max(t.box[3], y + 1))
        moved.append(replace(t, score=float(np.clip(t.score + rng.normal(0, 0.2), 0, 1)), box=box))
    return moved


def test_swapping_the_sides_flips_false_alarms() -> None:
    def alarms(*boxes: tuple[tuple[float, float], float]) -> World:
        there = [Thing(0, 0, (x1, 0, x2, 100), score=score) for (x1, x2), score in boxes]
        return World([Thing(0, 0, (500, 500, 520, 520))], there, ["c0"], ("cat",))

    a = alarms(((0, 100), 0.8), ((30, 130), 0.9))
    b = alarms(((10, 110), 0.9), ((-25, 75), 0.8))
    one, other = compared(a, b).false_alarms["all"], compared(b, a).false_alarms["all"]
    assert (one.gone, one.new, one.still_there) == (other.new, other.gone, other.still_there)


@pytest.mark.parametrize("seed", range(10))
def test_objects_follow_a_slow_loop(seed: int) -> None:
    a = random_world(seed, images=5)
    b = replace(a, detections=_jittered(a, seed))
    found = [
        {f.took for f, t in zip(match_coco_loop(w.objects, w.detections), w.detections, strict=True)
         if f.took >= 0 and not f.ignored and t.score >= AT}
        for w in (a, b)
    ]  # fmt: skip
    asked = {o for o, t in enumerate(a.objects) if not t.ignore}
    assert compared(a, b).objects["all"] == ObjectChanges(
        fixed=len(found[1] - found[0]), broken=len(found[0] - found[1]),
        still_missed=len(asked - found[0] - found[1]), both_found=len(found[0] & found[1]),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(10))
def test_a_false_alarm_is_still_there_only_over_one_of_its_class(seed: int) -> None:
    a = random_world(seed, images=5)
    b = replace(a, detections=_jittered(a, seed))
    false = [
        [
            t
            for f, t in zip(match_coco_loop(w.objects, w.detections), w.detections, strict=True)
            if f.took < 0 and t.score >= AT
        ]
        for w in (a, b)
    ]
    comparison = compared(a, b)
    totals = comparison.false_alarms["all"]
    assert totals.new + totals.still_there == len(false[1])
    assert totals.gone + totals.still_there == len(false[0])
    alone = [
        t for t in false[1]
        if not any((t.image, t.class_id) == (o.image, o.class_id) and iou_of(t.box, o.box) >= 0.5 for o in false[0])
    ]  # fmt: skip
    new = [r for r in comparison.changed.to_pylist() if r["change"] == "new"]
    seen = Counter((r["image_id"], r["class_id"], r["x1"], r["y1"], r["x2"], r["y2"], r["score_b"]) for r in new)
    assert Counter((t.image, t.class_id, *t.box, t.score) for t in alone) <= seen


@pytest.mark.parametrize("change", ["fewer pictures", "moved box", "class", "ignored", "names"])
def test_other_pictures_annotations_or_classes_are_refused(change: str) -> None:
    a = board(found={1, 2})
    b = {
        "fewer pictures": lambda: a.only(range(11)),
        "moved box": lambda: replace(a, objects=[replace(a.objects[0], box=(0, 0, 41, 40)), *a.objects[1:]]),
        "class": lambda: replace(a, objects=[replace(a.objects[0], class_id=1), *a.objects[1:]]),
        "ignored": lambda: replace(a, objects=[replace(a.objects[0], ignore=True), *a.objects[1:]]),
        "names": lambda: replace(a, names=("cat", "cow")),
    }[change]()
    with pytest.raises(InputError, match="'A' and 'B' were judged on different"):
        compared(a, b)


def test_fewer_false_alarms_are_better() -> None:
    noisy = board(images=30, found=set(range(180)), alarms=tuple(range(0, 180, 2)))
    quiet = board(images=30, found=set(range(180)))
    by_key = {r.key: r for r in compared(noisy, quiet).metrics}
    assert by_key["false_alarms_per_image"].difference == pytest.approx(-3, abs=1e-9)
    assert by_key["false_alarms_per_image"].verdict == "better"
    assert by_key["precision"].verdict == "better"
    assert by_key["recall"].verdict == "no significant difference"
    back = {r.key: r for r in compared(quiet, noisy).metrics}
    assert back["false_alarms_per_image"].verdict == "worse"


@pytest.mark.parametrize("change", ["class", "picture", "place"])
def test_a_false_alarm_elsewhere_is_another_one(change: str) -> None:
    alarm = Thing(0, 0, (0, 100, 40, 140), score=0.9)
    there = {"class": {"class_id": 1}, "picture": {"image": 1}, "place": {"box": (14, 100, 54, 140)}}[
        change
    ]  # IoU 13/27
    empty = board(images=2)
    a, b = (replace(empty, detections=[said]) for said in (alarm, replace(alarm, **there)))
    assert compared(a, b).false_alarms["all"] == AlarmChanges(gone=1, new=1, still_there=0)
    assert compared(a, replace(empty, detections=[replace(alarm, box=(10, 100, 50, 140))])).false_alarms[
        "all"
    ] == AlarmChanges(gone=0, new=0, still_there=1)


def test_too_few_groups_tell_nothing_apart() -> None:
    a, b = board(images=3), board(images=3, found=set(range(18)))
    figures = compared(a, b).metrics
    assert all(r.low is None and r.verdict in ("no significant difference", "undefined") for r in figures)
    assert next(r for r in figures if r.key == "recall").difference == 1


@pytest.mark.parametrize("seed", range(5))
def test_changes_of_the_cameras_add_up_to_the_whole(seed: int) -> None:
    a = random_world(seed, images=12, ignored=0.1)
    b = replace(a, detections=_jittered(a, seed))
    comparison = compared(a, b)
    cameras = [r for r in comparison.slices if r.condition == "camera"]
    assert {r.value for r in cameras} == {"c0", "c1"}
    for name in ("fixed", "broken"):
        assert sum(getattr(r, name) for r in cameras) == getattr(comparison.objects["all"], name)
    for name in ("gone", "new"):
        assert sum(getattr(r, name) for r in cameras) == getattr(comparison.false_alarms["all"], name)
    assert sum(r.objects for r in cameras) == sum(not t.ignore for t in a.objects)


def test_new_false_alarms_on_pictures_without_objects_are_in_their_slice() -> None:
    a = World([Thing(0, 0, (0, 0, 40, 40))], [], ["day", "night"], ("cat",))
    b = replace(a, detections=[Thing(1, 0, (0, 0, 40, 40), score=0.9)])
    comparison = compared(a, b)
    assert sum(r.new for r in comparison.slices if r.condition == "camera") == 1


def test_what_the_threshold_hides_is_not_compared() -> None:
    a, b = board(found=set(range(0, 72, 2))), board(found=set(range(72)))
    quiet = compare(contender(a, "A", at=0.3), contender(b, "B", at=2.0))
    assert quiet.objects["all"] == ObjectChanges(fixed=0, broken=36, still_missed=36, both_found=0)
