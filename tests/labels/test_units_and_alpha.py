"""Units of several annotators and Krippendorff's alpha, against slow obvious loops and laws."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxwright.boxes import best_pairs, pairwise_iou
from boxwright.labels.agreement.krippendorff import alpha_of, coincidences
from boxwright.labels.agreement.ratings import NOT_ASKED, NOTHING, Ratings, units_of
from tests.labels.people import Person, drawn, world


def slow_alpha(matrix: np.ndarray) -> float:
    """The coincidence matrix, pair by pair (Krippendorff 2011); matrix (raters, units), NaN where not rated."""
    values = sorted({v for v in matrix.ravel().tolist() if v == v})
    coincidence = np.zeros((len(values), len(values)))
    for unit in matrix.T:
        rated = [v for v in unit.tolist() if v == v]
        for a, b in itertools.permutations(range(len(rated)), 2):
            coincidence[values.index(rated[a]), values.index(rated[b])] += 1 / (len(rated) - 1)
    n_c = coincidence.sum(axis=1)
    n = n_c.sum()
    observed = coincidence.sum() - np.trace(coincidence)
    expected = (n * n - np.square(n_c).sum()) / (n - 1)
    return 1 - observed / expected


def matrix_of(units) -> np.ndarray:
    label = units.label.astype(float)
    return np.where(units.label == NOT_ASKED, np.nan, np.where(units.label == NOTHING, -1.0, label)).T


@given(st.integers(0, 10_000))
def test_pairs_have_the_largest_total_gain(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, m = (int(v) for v in rng.integers(0, 6, 2))
    gain = rng.random((n, m)) * (rng.random((n, m)) < rng.choice([0.3, 0.6, 1.0]))
    taken = best_pairs(gain)
    used = [j for j in taken.tolist() if j >= 0]
    assert len(set(used)) == len(used)
    assert all(gain[i, j] > 0 for i, j in enumerate(taken.tolist()) if j >= 0)
    padded = np.concatenate([gain, np.zeros((n, n))], axis=1)
    best = (
        max((sum(padded[i, p[i]] for i in range(n)) for p in itertools.permutations(range(m + n), n)), default=0.0)
        if n * m < 13
        else None
    )
    total = sum(gain[i, j] for i, j in enumerate(taken.tolist()) if j >= 0)
    assert best is None or total == pytest.approx(best, abs=1e-12)


@given(st.integers(0, 500), st.integers(2, 5), st.sampled_from([0.3, 0.5, 0.8]))
def test_units_hold_every_box_once_and_no_annotator_twice(seed: int, people: int, threshold: float) -> None:
    ratings = drawn(
        world(seed, pictures=4), [Person(recall=0.8, spread=0.1, right=0.8) for _ in range(people)], seed=seed
    )
    units = units_of(ratings, iou_threshold=threshold)
    rows = units.member[units.member >= 0]
    assert sorted(rows.tolist()) == list(range(len(ratings.class_id)))
    for u, r in zip(*np.nonzero(units.member >= 0), strict=True):
        assert ratings.annotator[units.member[u, r]] == r
        assert ratings.picture[units.member[u, r]] == units.picture[u]
    for members in units.member:  # everyone who joined overlaps somebody who was there
        mine = [m for m in members.tolist() if m >= 0]
        if len(mine) > 1:
            iou = pairwise_iou(ratings.boxes_xyxy[mine], ratings.boxes_xyxy[mine]) - np.eye(len(mine))
            assert (iou.max(axis=1) >= threshold).all()


def test_same_class_is_preferred_and_another_class_is_seen() -> None:
    def of(classes: list[int], boxes: list[list[float]]) -> Ratings:
        return Ratings(
            ("a", "b"), ("pan", "lid"), ["1.jpg"], np.full((1, 2), 100.0), np.ones((1, 2), bool), np.array([0, 2, 4]),
            np.array(boxes, float), np.array(classes, np.int32),
        )  # fmt: skip

    pan, lid = [10.0, 10, 50, 50], [10.0, 12, 50, 50]
    nested = units_of(of([0, 1, 1, 0], [pan, lid, pan, lid]), iou_threshold=0.5)
    assert nested.label.tolist() == [[0, 0], [1, 1]]  # IoU alone would have crossed them
    quarrel = units_of(of([0, 1, 0, 0], [pan, [60, 60, 80, 80], pan, [60, 60, 80, 81]]), iou_threshold=0.5)
    assert quarrel.label.tolist() == [[0, 0], [1, 0]]
    assert not quarrel.one_class[1]


@given(st.integers(0, 2000), st.integers(2, 5))
def test_alpha_is_that_of_the_coincidence_matrix(seed: int, people: int) -> None:
    rng = np.random.default_rng(seed)
    truth = world(seed, pictures=6)
    them = [Person(recall=0.85, right=0.8, seen=rng.random(6) < 0.8) for _ in range(people)]
    ratings = drawn(truth, them, seed=seed)
    units = units_of(ratings, iou_threshold=0.5)
    parts = coincidences(units)
    matrix = matrix_of(units)
    seen = ratings.saw.sum(axis=1)
    empty = [p for p in range(6) if seen[p] > 1 and not (units.picture == p).any()]
    for p in empty:  # a picture nobody drew on is one unit of "nothing"
        matrix = np.concatenate([matrix, np.where(ratings.saw[p], -1.0, np.nan)[:, None]], axis=1)
    matrix = matrix[:, (~np.isnan(matrix)).sum(axis=0) > 1]
    if len(set(matrix[~np.isnan(matrix)].tolist())) < 2:
        assert np.isnan(parts.alpha())
    else:
        assert float(parts.alpha()) == pytest.approx(slow_alpha(matrix), abs=1e-9)


def test_alpha_of_the_published_example() -> None:
    """Krippendorff 2011, example C: 4 observers, 12 units, missing data; nominal alpha is 0.743."""
    nan = np.nan
    matrix = np.array(
        [
            [1, 2, 3, 3, 2, 1, 4, 1, 2, nan, nan, nan],
            [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nan, 3],
            [nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nan],
            [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nan],
        ]
    )
    counts = np.stack([(matrix == v).sum(axis=0) for v in range(1, 6)], axis=1).astype(float)
    rated = counts.sum(axis=1)
    counts, rated = counts[rated > 1], rated[rated > 1]
    observed = ((counts * (counts - 1)).sum(axis=1) / (rated - 1)).sum()
    assert float(alpha_of(observed, counts.sum(axis=0))) == pytest.approx(0.743, abs=5e-4)
    assert slow_alpha(matrix) == pytest.approx(0.743, abs=5e-4)


def test_everybody_alike_is_one_and_one_value_is_undefined() -> None:
    truth = world(3, pictures=5)
    same = drawn(truth, [Person(recall=1, phantoms=0, right=1, spread=0)] * 2)
    assert float(coincidences(units_of(same, iou_threshold=0.5)).alpha()) == 1.0
    one = replace(same, class_id=np.zeros_like(same.class_id))
    assert np.isnan(coincidences(units_of(one, iou_threshold=0.5)).alpha())


def test_alpha_of_people_with_known_error_rates() -> None:
    """K even classes, each right with chance a, errors even, nothing missed: alpha is ((K a - 1) / (K - 1))^2."""
    right, classes = 0.9, 4
    expected = ((classes * right - 1) / (classes - 1)) ** 2
    truth = world(5, pictures=1500, classes=classes)
    ratings = drawn(truth, [Person(recall=1, phantoms=0, right=right)] * 3, seed=5)
    found = float(coincidences(units_of(ratings, iou_threshold=0.5)).alpha())
    assert found == pytest.approx(expected, abs=0.02)


def test_no_boxes_and_no_pictures() -> None:
    empty = Ratings(("a", "b"), ("x",), [], np.zeros((0, 2)), np.zeros((0, 2), bool), np.zeros(1, int), np.zeros((0, 4)), np.zeros(0, np.int32))  # fmt: skip
    assert units_of(empty, iou_threshold=0.5).member.shape == (0, 2)
    silent = replace(
        empty, file_names=["1"], sizes_hw=np.ones((1, 2)), saw=np.ones((1, 2), bool), offsets=np.zeros(3, int)
    )
    assert np.isnan(coincidences(units_of(silent, iou_threshold=0.5)).alpha())
