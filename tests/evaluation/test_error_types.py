"""Error types: planted errors are counted, shares make 100, and every gain is what a slow loop and tidecv say it is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from boxwright.evaluation import GroundTruth, Reducer, Scored, coco_metrics, error_types, match
from boxwright.evaluation.diagnose import KINDS, diagnose, tally
from boxwright.evaluation.error_types import gains
from boxwright.evaluation.slices import axis, standard_conditions
from boxwright.ingestion import read_results, read_truth
from boxwright.spec.spec import ConditionClause
from tests.evaluation.random_worlds import World, random_world
from tests.oracles import Thing, mended_ap_loop, shapley_loop, tide_loop

CAMERA = ConditionClause(name="camera")
SEEDS = range(50)


def planted(plan: list[str]) -> World:
    """One cell of 200 pixels per entry of the plan, eight a picture: an object found, or one error of a kind."""
    objects, detections = [], []
    for number, what in enumerate(plan):
        image, x = number // 8, 200.0 * (number % 8)
        box, class_id, score = (x, 0.0, x + 40, 40.0), number % 2, 0.5 + 0.001 * (number % 300)

        def said(box: tuple, class_id: int, score: float, image: int = image) -> None:
            detections.append(Thing(image, class_id, box, score=score))

        if what != "Bkg":
            objects.append(Thing(image, class_id, box))
        if what in ("found", "Dupe", "Both"):
            said(box, class_id, score)
        if what == "Cls":
            said(box, 1 - class_id, score)
        if what == "Loc":
            said((x + 20, 0, x + 60, 40), class_id, score)  # IoU 1/3
        if what == "Both":
            said((x + 20, 0, x + 60, 40), 1 - class_id, 0.95)  # above every true one
        if what == "Dupe":
            said(box, class_id, score - 0.0005)  # under its own, above others
        if what == "Bkg":
            said(box, class_id, 0.9)
    return World(objects, detections, ["c0"] * (len(plan) // 8 + 1), ("cat", "dog"))


@pytest.mark.parametrize("seed", range(5))
def test_a_planted_mix_is_counted_exactly(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = dict(zip(KINDS, rng.integers(0, 9, 6).tolist(), strict=True))
    plan = ["found"] * 20 + [kind for kind, n in counts.items() for _ in range(n)]
    matches = planted([plan[i] for i in rng.permutation(len(plan))]).matches()
    found = error_types(matches)
    assert {kind: record.count for kind, record in found.kinds.items()} == counts
    assert tally(diagnose(matches), matches) == counts


def test_only_planted_kinds_cost_anything() -> None:
    for kind in KINDS:
        types = error_types(planted(["found"] * 12 + [kind] * 6).matches()).kinds
        assert {k for k, record in types.items() if record.dap > 1e-9} == {kind}
        assert {k for k, record in types.items() if abs(record.share) > 1e-9} == {kind}
        assert types[kind].share == pytest.approx(types[kind].dap, abs=1e-9)  # alone it costs all there is to gain


@pytest.mark.parametrize(
    "tenths, same, kind",
    [
        (5, False, "Cls"),
        (4, False, "Both"),
        (1, False, "Bkg"),
        (2, False, "Both"),
        (4, True, "Loc"),
        (1, True, "Loc"),
        (0, True, "Bkg"),
    ],
)
def test_overlaps_exactly_on_an_edge(tenths: int, same: bool, kind: str) -> None:
    cat = Thing(0, 0, (0, 0, 100, 10))
    said = Thing(0, 0 if same else 1, (0, 0, 10 * tenths or 1, 10), score=0.9)  # IoU tenths / 10, or 0.01
    types = error_types(World([cat], [said], ["c0"]).matches()).kinds
    claimed = kind in ("Loc", "Cls")
    assert {k for k, r in types.items() if r.count} == ({kind} if claimed else {kind, "Miss"})


@pytest.mark.parametrize("seed", SEEDS)
def test_shares_and_ap50_make_100(seed: int) -> None:
    matches = random_world(seed, images=6).matches()
    clauses = (CAMERA, *standard_conditions(matches, ()))
    cameras = axis(matches, clauses[0])
    for part in (None, *(cameras.slice(label) for label in cameras.labels)):
        found = error_types(matches, part=part)
        if found.ap50 is None:
            continue
        assert sum(r.share for r in found.kinds.values()) + found.ap50 == pytest.approx(100, abs=1e-9)
        for kind in KINDS:
            assert found.kinds[kind].share == pytest.approx(
                np.mean([shares[kind] for shares in found.per_class.values()]), abs=1e-9
            )
    for name, shares in error_types(matches).per_class.items():
        ap50 = Reducer(matches).curves(ious=(0,)).precision[0, :, matches.class_names.index(name)].mean()
        assert sum(shares.values()) + 100 * ap50 == pytest.approx(100, abs=1e-9)
    assert error_types(matches).ap50 in (None, pytest.approx(100 * coco_metrics(Reducer(matches))["ap50"], abs=1e-9))


def test_shares_and_ap50_make_100_in_slices_of_objects() -> None:
    for seed in SEEDS:
        matches = random_world(seed, images=6).matches()
        for clause in standard_conditions(matches, ()):
            of_objects = axis(matches, clause)
            for label in of_objects.labels:
                found = error_types(matches, part=of_objects.slice(label))
                if found.ap50 is not None:
                    total = sum(r.share for r in found.kinds.values()) + found.ap50
                    assert total == pytest.approx(100, abs=1e-9), f"seed {seed}, {clause.name}={label}"


@pytest.mark.parametrize("seed", range(100))
def test_every_gain_equals_the_slow_loop(seed: int) -> None:
    world = random_world(seed, images=3)
    matches = world.matches()
    found = error_types(matches)
    sides = world.objects, world.detections
    before = mended_ap_loop(*sides, set(), errors_first=False)
    fates, states = tide_loop(*sides)
    if not before:
        assert found.ap50 is None and found.kinds == {}
        return
    base = np.mean(list(before.values()))
    assert found.ap50 == pytest.approx(100 * base, abs=1e-9)
    for kind, record in found.kinds.items():
        mended = np.mean(list(mended_ap_loop(*sides, {kind}).values()))
        assert record.dap == pytest.approx(100 * max(mended - base, 0), abs=1e-9), kind
        seen = sum(f.kind == kind and not f.ignored for f in fates) if kind != "Miss" else states.count("missed")
        assert record.count == seen, kind
    everything = np.mean(list(mended_ap_loop(*sides, {"Miss"}, forgive={"missed", "claimed"}).values()))
    assert found.false_negatives == pytest.approx(100 * max(everything - base, 0), abs=1e-9)
    all_found = [
        sum(f.took >= 0 and not f.ignored and d.class_id == c for f, d in zip(fates, world.detections, strict=True))
        for c in before
    ]
    objects = [sum(t.class_id == c and not t.ignore for t in world.objects) for c in before]
    alone = np.mean(
        [
            np.mean([hits > 0 and hits / n >= p * 0.01 for p in range(101)])
            for hits, n in zip(all_found, objects, strict=True)
        ]
    )
    assert found.false_positives == pytest.approx(100 * max(alone - base, 0), abs=1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_shares_are_shapley_values_by_their_definition(seed: int) -> None:
    world = random_world(seed, images=2)
    found = error_types(world.matches())
    if not found.kinds:
        return

    def worth(mended: frozenset[str]) -> float:
        of_class = mended_ap_loop(
            world.objects, world.detections, mended, rivals=mended & {"Cls", "Loc"}, errors_first=False
        )
        return 100 * float(np.mean(list(of_class.values())))

    expected = shapley_loop(KINDS, worth)
    assert {k: r.share for k, r in found.kinds.items()} == pytest.approx(expected, abs=1e-9)


def test_tidecv_on_a_real_detector(shared) -> None:
    """tidecv 1.0.1's own answer. Its counts include errors on ignored regions (none here) and take at most 100 detections
    of a picture over all classes, not of each; the case has neither, so counts must be equal."""
    folder: Path = shared("cases/metrics/pcb_rule_detector")
    official = json.loads((folder / "expected.json").read_text())["tide"]
    t = read_truth(folder / "gt.json")
    r = read_results(folder / "dt.json", t)
    truth = GroundTruth(t.image, t.class_id, t.boxes_xywh, t.area, t.crowd, t.crowd, t.annotation_id)
    scored = Scored(r.image, r.class_id, r.boxes_xywh, r.score)
    found = error_types(match(truth, scored, class_names=t.class_names, images=pa.table({"image_id": t.image_ids})))
    assert found.ap50 == pytest.approx(official["ap50"], abs=0.01)
    assert {k: v.dap for k, v in found.kinds.items()} == pytest.approx(official["main"], abs=0.01)
    assert {k: v.count for k, v in found.kinds.items()} == official["counts"]
    assert found.false_positives == pytest.approx(official["special"]["FalsePos"], abs=0.01)
    assert found.false_negatives == pytest.approx(official["special"]["FalseNeg"], abs=0.01)


def test_nothing_in_nothing_out() -> None:
    cat = Thing(0, 0, (0, 0, 10, 10), score=0.5)
    nothing = error_types(World([], [], ["c0"]).matches())
    assert nothing.kinds == {} and nothing.ap50 is None
    assert error_types(World([], [cat], ["c0"]).matches()).ap50 is None  # no class has objects
    missed = error_types(World([cat], [], ["c0"]).matches())
    assert missed.ap50 == 0
    assert missed.kinds["Miss"].count == 1 and missed.kinds["Miss"].low is None
    assert (missed.kinds["Miss"].dap, missed.kinds["Miss"].share) == pytest.approx((100, 100), abs=1e-9)
    assert all(record.dap == record.share == 0 for kind, record in missed.kinds.items() if kind != "Miss")
    crowd = Thing(0, 0, (0, 0, 10, 10), ignore=True, crowd=True)
    assert error_types(World([crowd], [cat], ["c0"]).matches()).ap50 is None


def test_classes_without_objects_are_left_out_of_the_mean() -> None:
    cat = Thing(0, 0, (0, 0, 10, 10), score=0.5)
    found = error_types(World([cat], [cat, Thing(0, 1, (50, 50, 60, 60), score=0.9)], ["c0"]).matches())
    assert found.ap50 == pytest.approx(100, abs=1e-9)
    assert list(found.per_class) == ["cat"]
    assert found.kinds["Bkg"].count == 1  # counted all the same
    assert found.kinds["Bkg"].dap == 0


def test_intervals_do_not_move_the_gain() -> None:
    matches = random_world(3, images=40).matches()
    weights = np.random.default_rng(0).multinomial(40, np.full(40, 1 / 40), size=200).astype(np.float32)
    plain, drawn = error_types(matches), error_types(matches, weights=weights, groups=40)
    for kind in KINDS:
        a, b = plain.kinds[kind], drawn.kinds[kind]
        assert (a.dap, a.share, a.count) == (b.dap, b.share, b.count)
        assert 0 <= b.low <= b.high and a.low is None
        assert b.low <= b.dap <= b.high


@pytest.mark.parametrize("seed", range(4))
def test_a_replicate_is_the_world_with_its_pictures_repeated(seed: int) -> None:
    world = random_world(seed, images=20, decimals=7)  # no ties: copies would come between
    times = np.random.default_rng(seed).multinomial(20, np.full(20, 1 / 20))
    repeated = _repeated(world, [i for i, n in enumerate(times.tolist()) for _ in range(n)])
    found = [gains(of.matches(), row[None])[0] for of, row in ((world, times), (repeated, np.ones(20)))]
    assert np.allclose(*found, atol=1e-9, equal_nan=True)


def _repeated(world: World, copies: list[int]) -> World:
    parts = [world.only([image]) for image in copies]
    moved = [
        [
            Thing(i, t.class_id, t.box, t.score, t.ignore, t.crowd)
            for i, part in enumerate(parts)
            for t in getattr(part, side)
        ]
        for side in ("objects", "detections")
    ]
    return World(moved[0], moved[1], ["c0"] * len(parts), world.names)
