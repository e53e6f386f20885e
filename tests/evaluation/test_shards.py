"""Tables of shards concatenate: every figure is that of matching everything at once."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from boxwright.artifacts import Matches
from boxwright.errors import InputError
from boxwright.evaluation import Contender, Reducer, coco_metrics, compare, confusion, error_types
from boxwright.evaluation.diagnose import diagnose
from boxwright.evaluation.failures import failures
from boxwright.evaluation.olrp import olrp
from boxwright.evaluation.operating import answered, least_scores
from boxwright.evaluation.slices import axis, standard_conditions
from boxwright.evaluation.suppression import suppression
from boxwright.evaluation.voc import voc_ap
from boxwright.spec.spec import ConditionClause
from tests.evaluation.random_worlds import World, random_world

CUTS = ((4,), (0,), (9,), (1, 2, 3, 7))


def sharded(world: World, cuts: tuple[int, ...]) -> Matches:
    return Matches.concatenated(shards_of(world, cuts))


def shards_of(world: World, cuts: tuple[int, ...]) -> list[Matches]:
    ends = [0, *cuts, len(world.cameras)]
    parts = [world.only(range(a, b)).matches() for a, b in pairwise(ends)]
    renumbered, first = [], 0
    for part in parts:  # pictures keep the ids and names they have in the whole
        ids = range(first, first + len(part.images))
        images = part.images.set_column(0, "image_id", pa.array(ids, pa.int64()))
        images = images.set_column(1, "file_name", pa.array([f"{i}.jpg" for i in ids], pa.string()))
        renumbered.append(_with_images(part, images, world, ids))
        first += len(part.images)
    return renumbered


def _with_images(part: Matches, images: pa.Table, world: World, ids: range) -> Matches:
    numbers = [i + 1000 for i, t in enumerate(world.objects) if t.image in ids]  # annotation ids, likewise
    at = part.objects.column_names.index("annotation_id")
    own = part.objects.column("annotation_id").to_numpy() - 1000
    objects = part.objects.set_column(at, "annotation_id", pa.array(np.array(numbers, np.int64)[own]))
    return Matches(
        class_names=part.class_names,
        iou_thresholds=part.iou_thresholds,
        area_names=part.area_names,
        images=images,
        detections=part.detections,
        objects=objects,
    )


def passing(matches: Matches) -> np.ndarray:
    return answered(matches, least_scores(matches, dict.fromkeys(matches.class_names, 0.4)))


@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize("seed", range(4))
def test_figures_of_shards_are_those_of_the_whole(seed: int, cuts: tuple[int, ...]) -> None:
    world = random_world(seed, images=9)
    whole, parts = world.matches(), sharded(world, cuts)
    for name in ("images", "detections", "objects"):
        assert getattr(parts, name).to_pydict() == getattr(whole, name).to_pydict(), name
    passes = passing(whole)
    assert np.array_equal(passing(parts), passes)
    assert coco_metrics(Reducer(parts)) == coco_metrics(Reducer(whole))
    assert error_types(parts) == error_types(whole)
    assert np.array_equal(confusion(parts, passes), confusion(whole, passes))
    assert olrp(parts, Reducer(parts)) == olrp(whole, Reducer(whole))
    assert voc_ap(parts, Reducer(parts)) == voc_ap(whole, Reducer(whole))
    tables, crowding = [], []
    for matches in (whole, parts):
        point = diagnose(matches, passes)
        clauses = (ConditionClause(name="camera"), *standard_conditions(matches, ()))
        tables.append(failures(matches, passes, point, axes=[axis(matches, c) for c in clauses]).to_pylist())
        crowding.append(suppression(matches, passes, point, iou_threshold=0.6))
    assert tables[0] == tables[1]
    assert crowding[0] == crowding[1]


def test_a_comparison_of_shards_is_that_of_the_whole() -> None:
    a, b = random_world(1, images=9), random_world(1, images=9)
    b = World(b.objects, b.detections[::2], b.cameras, b.names, b.groups)
    found = []
    for make in (lambda w: w.matches(), lambda w: sharded(w, (4,))):
        sides = [make(w) for w in (a, b)]
        found.append(
            compare(*(Contender(t, m, np.full(len(m.detections), 0.4)) for t, m in zip("AB", sides, strict=True)))
        )
    one, other = found
    assert (one.metrics, one.objects, one.false_alarms, one.slices) == (
        other.metrics, other.objects, other.false_alarms, other.slices,
    )  # fmt: skip
    assert one.changed.to_pylist() == other.changed.to_pylist()
    assert one.judged_on == other.judged_on


def test_shards_may_be_concatenated_again_and_in_one() -> None:
    world = random_world(2, images=9)
    thirds = shards_of(world, (3, 6))
    at_once = Matches.concatenated(thirds)
    in_turn = Matches.concatenated([Matches.concatenated(thirds[:2]), thirds[2]])
    alone = Matches.concatenated([world.matches()])
    for name in ("detections", "objects"):
        assert getattr(at_once, name).to_pydict() == getattr(in_turn, name).to_pydict()
        assert getattr(alone, name).to_pydict() == getattr(world.matches(), name).to_pydict()


def test_row_numbers_point_into_the_whole() -> None:
    matches = sharded(random_world(3, images=9), (4,))
    objects, detections = matches.objects.to_pydict(), matches.detections.to_pydict()
    pairs = 0
    for d in range(len(matches.detections)):
        for name in ("annotation", "nearest", "other"):
            o = detections[name][d]
            if o >= 0:
                pairs += 1
                assert objects["image"][o] == detections["image"][d]
                same = objects["class_id"][o] == detections["class_id"][d]
                assert same == (name != "other")
    assert pairs > 20
    for o, d in enumerate(objects["detection"]):
        assert d < 0 or objects["image"][o] == detections["image"][d]


def test_shards_of_other_classes_are_refused() -> None:
    a = random_world(1)
    b = World(a.objects, a.detections, a.cameras, ("cat", "dog", "cow"))
    with pytest.raises(InputError, match="different classes"):
        Matches.concatenated([a.matches(), b.matches()])


def test_the_same_picture_twice_and_no_shards_are_refused() -> None:
    shard = random_world(2, images=3).matches()
    with pytest.raises(InputError, match="two shards"):
        Matches.concatenated([shard, shard])
    with pytest.raises(InputError, match="no shards"):
        Matches.concatenated([])


def test_a_row_number_that_points_outside_is_refused() -> None:
    matches = random_world(2, images=9).matches()
    at = matches.detections.column_names.index("class_id")
    wild = matches.detections.column("class_id").to_numpy().copy()
    wild[0] = 50_000_000
    damaged = replace(matches, detections=matches.detections.set_column(at, "class_id", pa.array(wild)))
    with pytest.raises(InputError, match="damaged"):
        Reducer(damaged)
