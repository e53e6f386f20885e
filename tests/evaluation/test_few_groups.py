"""Six boards of which one contains most images: intervals of use, in range, for new groups and for these."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxwright.artifacts import Matches
from boxwright.evaluation import Contender, compare, evaluate
from boxwright.statistics import wilson
from tests.evaluation.random_worlds import World
from tests.oracles import Thing

SIZES = (146, 20, 20, 20, 20, 20)
OBJECTS = 6  # an image


def boards(found: tuple[float, ...], *, seed: int = 0, sizes: tuple[int, ...] = SIZES) -> Matches:
    """Boards whose objects are found with these chances; one false alarm on every fourth image."""
    rng = np.random.default_rng(seed)
    objects, detections = [], []
    groups = [g for g, size in enumerate(sizes) for _ in range(size)]
    for image, group in enumerate(groups):
        for slot in range(OBJECTS):
            box = (60.0 * slot, 0.0, 60.0 * slot + 40, 40.0)
            objects.append(Thing(image, slot % 2, box))
            if rng.random() < found[group]:
                detections.append(Thing(image, slot % 2, box, score=rng.uniform(0.5, 1)))
        if image % 4 == 0:
            detections.append(Thing(image, image % 2, (0.0, 100.0, 40.0, 140.0), score=rng.uniform(0.3, 0.7)))
    names = tuple(f"board {g}" for g in groups)
    return World(objects, detections, ["c"] * len(groups), ("a", "b"), names).matches()


def figures(matches: Matches, at: float = 0.0):
    return evaluate(matches, title="t", score_thresholds={"a": at, "b": at})


def test_six_unequal_boards_give_an_interval_of_use() -> None:
    report = figures(boards((0.99, 0.97, 0.96, 0.98, 0.95, 0.97)))
    recall = report.observed["recall"]
    assert recall.low <= 0.97 <= recall.high
    assert recall.high - recall.low < 0.06  # the pooled figure's, with t of 1.6 degrees of freedom, is above 0.1
    assert recall.groups == 6 and recall.effective_groups > 5.5
    assert recall.centre < recall.value  # the large board is the best
    assert report.resampling.largest_share == pytest.approx(146 / 246)
    assert report.resampling.weighed == "alike"


def test_these_groups_have_an_interval_of_their_own_that_is_narrower() -> None:
    recall = figures(boards((0.99, 0.9, 0.8, 0.95, 0.85, 0.97))).observed["recall"]
    assert recall.low < recall.these_low <= recall.value <= recall.these_high < recall.high


def test_of_one_board_only_these_groups_have_an_interval() -> None:
    recall = figures(boards((0.9,), sizes=(60,))).observed["recall"]
    assert recall.low is None and "1 group contains" in recall.note
    assert recall.these_low < 0.9 < recall.these_high


def test_even_groups_are_weighed_as_they_are() -> None:
    report = figures(boards((0.9,) * 25, sizes=(4,) * 25))
    assert report.resampling.weighed == "as they are"
    assert report.observed["recall"].centre == pytest.approx(report.observed["recall"].value)


def test_images_that_are_groups_of_their_own_have_one_interval() -> None:
    recall = figures(boards((0.9,) * 30, sizes=(1,) * 30)).observed["recall"]
    assert (recall.these_low, recall.these_high) == (recall.low, recall.high)


def with_small(groups: tuple[int, ...]) -> tuple[Matches, Matches]:
    """Twelve boards with large objects; some also with one small object that A never finds, and B always."""
    objects = [Thing(image, 0, (0.0, 0.0, 200.0, 200.0)) for image in range(12)]
    small = [Thing(image, 0, (300.0, 300.0, 310.0, 310.0)) for image in groups]
    found = [replace(thing, score=0.9) for thing in objects]
    names = tuple(f"board {image}" for image in range(12))
    more = [replace(thing, score=0.8) for thing in small]
    return tuple(
        World([*objects, *small], said, ["c"] * 12, ("a",), names).matches() for said in (found, [*found, *more])
    )  # type: ignore[return-value]


def test_a_range_of_areas_rests_on_the_groups_that_have_such_objects() -> None:
    """It was given the groups of all objects: 14 small objects on 154 images had an interval as if each image had one."""
    few, several = (
        evaluate(with_small(groups)[0], title="t", score_thresholds={"a": 0.0}) for groups in ((3, 7), tuple(range(6)))
    )
    assert few.observed["ap_large"].groups == 12 and few.observed["ap_large"].high is not None
    small = few.observed["ap_small"]
    assert (small.value, small.low, small.high, small.groups) == (
        0.0,
        None,
        None,
        2,
    ) and "2 groups contain" in small.note
    small = several.observed["ap_small"]
    assert (small.groups, small.effective_groups) == (6, 6.0)
    assert small.high == pytest.approx(wilson(0.0, 6, confidence=0.95)[1])


def test_a_difference_of_a_range_of_areas_rests_on_them_too() -> None:
    for groups, verdict in (((3, 7), "no significant difference"), (tuple(range(6)), "better")):
        a, b = (Contender(t, m, np.zeros(len(m.detections))) for t, m in zip("AB", with_small(groups), strict=True))
        found = next(record for record in compare(a, b).metrics if record.key == "ap_small")
        assert (found.difference, found.support, found.verdict) == (pytest.approx(1.0), len(groups), verdict)
        assert (found.low is None) == (len(groups) < 4)


chance = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1))
worlds = st.lists(st.tuples(chance, st.integers(1, 8)), min_size=2, max_size=7)


@settings(max_examples=25, deadline=None)
@given(worlds, st.integers(0, 9), st.sampled_from([0.0, 0.6]))
def test_no_interval_of_a_report_leaves_its_range(world: list[tuple[float, int]], seed: int, at: float) -> None:
    report = figures(boards(tuple(f for f, _ in world), seed=seed, sizes=tuple(n for _, n in world)), at)
    for key, found in report.observed.items():
        most = np.inf if key.startswith("false_alarms") else 1.0
        for name in ("low", "high", "these_low", "these_high"):
            assert getattr(found, name) is None or 0 <= getattr(found, name) <= most, (key, name)
        for low, high in (("low", "high"), ("these_low", "these_high")):
            assert getattr(found, low) is None or getattr(found, low) <= found.value <= getattr(found, high), key
    for kind, record in report.errors.kinds.items():
        assert record.low is None or 0 <= record.low <= record.dap <= record.high <= 100, kind
    for metric in ("d_ece", "laece0", "laace0"):
        record = getattr(report.calibration, metric)
        assert record.low is None or 0 <= record.low <= record.high <= 1, metric


@settings(max_examples=15, deadline=None)
@given(worlds, chance, st.integers(0, 9))
def test_no_difference_leaves_its_range(world: list[tuple[float, int]], other: float, seed: int) -> None:
    sizes = tuple(n for _, n in world)
    a = boards(tuple(f for f, _ in world), seed=seed, sizes=sizes)
    sides = [Contender(t, a, np.full(len(a.detections), at)) for t, at in (("A", 0.0), ("B", other))]
    for record in compare(sides[0], sides[1]).metrics:
        if record.difference is None:
            continue
        for low, high in (("low", "high"), ("these_low", "these_high")):
            if getattr(record, low) is None:
                continue
            assert getattr(record, low) <= record.difference <= getattr(record, high), record.key
            if record.metric != "false_alarms_per_image":
                assert getattr(record, low) >= -1 and getattr(record, high) <= 1, record.key
