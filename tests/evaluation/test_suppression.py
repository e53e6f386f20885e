"""Crowding: what took a missed object from the answer, and what thinning once more would do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from boxwright.artifacts.report import MissedBy, OverlapBin
from boxwright.boxes import suppress
from boxwright.evaluation.diagnose import diagnose
from boxwright.evaluation.operating import answered, least_scores
from boxwright.evaluation.suppression import OVERLAPS, suppression
from tests.evaluation.random_worlds import World, random_world
from tests.oracles import Thing, iou_of, match_coco_loop

AT = 0.4


def causes(world: World, *, iou_threshold: float | None = 0.6) -> dict[str, Any]:
    matches = world.matches()
    passes = answered(matches, least_scores(matches, dict.fromkeys(world.names, AT)))
    return suppression(matches, passes, diagnose(matches, passes), iou_threshold=iou_threshold)


def pair(shift: float) -> tuple[Thing, Thing]:
    """Two cats of 100 x 40; their IoU is (100 - shift) / (100 + shift)."""
    return Thing(0, 0, (0, 0, 100, 40)), Thing(0, 0, (shift, 0, 100 + shift, 40))


def test_a_neighbour_over_the_threshold_is_put_down_to_suppression() -> None:
    near, hidden = pair(20)  # IoU 2/3
    found = causes(World([near, hidden], [replace(near, score=0.9)], ["c"]))
    assert found.missed == MissedBy(threshold=0, suppression=1, model=0)
    assert found.lost_by_rule == 2
    by = {(r.low, r.high): r for r in found.by_overlap}
    assert by[0.5, 0.7] == OverlapBin(
        low=0.5, high=0.7, objects=2, found=1, threshold=0, suppression=1, model=0,
    )  # fmt: skip


def test_objects_not_asked_for_shift_no_rows() -> None:
    near, hidden = pair(20)
    ignored = Thing(0, 0, (500, 500, 540, 540), ignore=True)
    found = causes(World([ignored, near, hidden], [replace(near, score=0.9)], ["c"]))
    assert found.missed == MissedBy(threshold=0, suppression=1, model=0)


def test_a_neighbour_under_the_threshold_is_not() -> None:
    near, hidden = pair(30)  # IoU 7/13
    found = causes(World([near, hidden], [replace(near, score=0.9)], ["c"]))
    assert found.missed == MissedBy(threshold=0, suppression=0, model=1)
    assert found.lost_by_rule == 0
    assert causes(World([near, hidden], [replace(near, score=0.9)], ["c"]), iou_threshold=0.5).missed.suppression == 1


def test_an_unanswered_box_on_it_is_put_down_to_the_threshold() -> None:
    near, hidden = pair(20)
    faint = replace(hidden, score=0.1)
    found = causes(World([near, hidden], [replace(near, score=0.9), faint], ["c"]))
    assert found.missed == MissedBy(threshold=1, suppression=0, model=0)


@pytest.mark.parametrize("what", ["nothing", "other class", "too far", "false alarm"])
def test_everything_else_is_put_down_to_the_model(what: str) -> None:
    near, hidden = pair(20)
    said = {
        "nothing": [],
        "other class": [replace(hidden, class_id=1, score=0.9)],
        "too far": [Thing(0, 0, (60, 0, 160, 40), score=0.1)],
        "false alarm": [Thing(0, 0, (62, 0, 162, 40), score=0.9)],  # IoU 0.41, over the 0.4 in use
    }[what]
    objects = [hidden] if what == "false alarm" else [near, hidden]
    found = causes(World(objects, said, ["c"]), iou_threshold=0.4).missed
    assert found == MissedBy(threshold=0, suppression=0, model=len(objects))


def test_an_unknown_threshold_blames_no_suppression() -> None:
    near, hidden = pair(5)
    found = causes(World([near, hidden], [replace(near, score=0.9)], ["c"]), iou_threshold=None)
    assert found.missed == MissedBy(threshold=0, suppression=0, model=1)
    assert found.lost_by_rule is None and found.iou_threshold is None
    assert [r.iou_threshold for r in found.sweep] == [0.3, 0.4, 0.5, 0.6, 0.7, 0.8]


@pytest.mark.parametrize("seed", range(40))
def test_causes_follow_a_slow_loop(seed: int) -> None:
    world = random_world(seed, most=8)
    limit = 0.5
    passing = [t.score >= AT for t in world.detections]
    fates = match_coco_loop(world.objects, world.detections)
    found = {f.took for f, ok in zip(fates, passing, strict=True) if ok}
    table = np.zeros((len(OVERLAPS) - 1, 4), int)
    lost = 0
    for o, thing in enumerate(world.objects):
        if thing.ignore:
            continue
        overlap = max(
            (iou_of(thing.box, t.box) for i, t in enumerate(world.objects)
             if i != o and not t.ignore and (t.image, t.class_id) == (thing.image, thing.class_id)),
            default=0.0,
        )  # fmt: skip
        lost += overlap > limit
        bin_ = min(sum(overlap >= edge for edge in OVERLAPS) - 1, len(OVERLAPS) - 2)
        mine = [
            (iou_of(thing.box, t.box), ok, f) for t, ok, f in zip(world.detections, passing, fates, strict=True)
            if (t.image, t.class_id) == (thing.image, thing.class_id)
        ]  # fmt: skip
        if o in found:
            cause = 0
        elif any(v >= 0.5 and not ok for v, ok, _ in mine):
            cause = 1
        elif any(v > limit and ok and f.took not in (-1, o) and not f.ignored for v, ok, f in mine):
            cause = 2
        else:
            cause = 3
        table[bin_, cause] += 1
    of = causes(world, iou_threshold=limit)
    names = ("found", "threshold", "suppression", "model")
    assert [[getattr(r, n) for n in names] for r in of.by_overlap] == table.tolist()
    assert [r.objects for r in of.by_overlap] == table.sum(axis=1).tolist()
    assert of.missed == MissedBy(**dict(zip(names[1:], table.sum(axis=0)[1:].tolist(), strict=True)))
    assert of.lost_by_rule == lost


@pytest.mark.parametrize("seed", range(40))
def test_the_sweep_is_suppression_once_more(seed: int) -> None:
    world = random_world(seed, most=8)
    matches = world.matches()
    passes = answered(matches, least_scores(matches, dict.fromkeys(world.names, AT)))
    point = diagnose(matches, passes)
    found = suppression(matches, passes, point, iou_threshold=0.75)
    assert [r.iou_threshold for r in found.sweep] == [0.3, 0.4, 0.5, 0.6, 0.7]
    table = matches.detections.to_pydict()
    boxes = np.stack([table[name] for name in ("x1", "y1", "x2", "y2")], axis=1).reshape(-1, 4)
    for record in found.sweep:
        gone: list[int] = []
        for image in range(len(matches.images)):
            rows = [d for d in range(len(passes)) if table["image"][d] == image and passes[d] and point.counts[d]]
            score, class_id = [table["score"][d] for d in rows], [table["class_id"][d] for d in rows]
            kept = suppress(boxes[rows], np.array(score), np.array(class_id, int), iou_threshold=record.iou_threshold)
            gone += [d for i, d in enumerate(rows) if i not in set(kept.tolist())]
        kinds = [int(point.kind[d]) for d in gone]
        assert record.duplicates_removed == kinds.count(3)
        assert record.true_removed == sum(bool(point.true[d]) for d in gone) == kinds.count(-1)
        assert record.other_false_removed == len(kinds) - kinds.count(3) - kinds.count(-1)
    assert found.duplicates == int(((point.kind == 3) & point.counts).sum())


def test_nothing_in_nothing_out() -> None:
    found = causes(World([], [], ["c"]))
    assert found.missed == MissedBy(threshold=0, suppression=0, model=0)
    assert all(r.objects == 0 for r in found.by_overlap)
    assert all(r.duplicates_removed == r.true_removed == r.other_false_removed == 0 for r in found.sweep)
